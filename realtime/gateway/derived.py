"""Derives, from a channel's stream, the one of who sees some documents only: offsets of its own, nothing of the rest.

A document that comes into view is created there, one that leaves it is deleted. A fold: the same events make the same
stream. Pure; reads and writes nothing.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping
from enum import IntEnum
from typing import Final

import msgspec

from realtime.gateway.rights import Sight, redacted
from realtime.protocol.events import CollectionCreated, CollectionDeleted, JsonObject

_TRIM_AT: Final = 256


class Kind(IntEnum):
    """What an event is to who sees some documents only."""

    AS_IT_IS = 0
    CREATED = 1
    DELETED = 2


class Entry(msgspec.Struct, frozen=True):
    """One event of a derived stream: its own offset, and that of the event it is."""

    offset: int
    origin: int
    kind: Kind


class Fold(msgspec.Struct, frozen=True):
    """What a derived stream has to know of one event."""

    origin: int
    id: str
    type: str
    is_seen: bool


class News(msgspec.Struct, frozen=True):
    """What has to be written to keep a stream. `members`: id → version, None where it left. `is_whole`: it is all."""

    nonce: str
    base: int
    upto: int
    entries: list[Entry]
    members: dict[str, int | None]
    is_whole: bool


class Derived:
    """One derived stream. `upto`: the last event of the channel that was folded in."""

    def __init__(
        self,
        *,
        nonce: str = "",
        upto: int = 0,
        base: int = 0,
        members: Mapping[str, int] | None = None,
        entries: Iterable[tuple[int, int]] = (),
        is_kept: bool = False,
    ) -> None:
        """Go on from where it was left. `base`: the own offset before the first of `entries`, (origin, kind) in order.

        `members` are the documents in view with their versions. `nonce` tells streams apart that were begun at
        different times, "" one that was folded from the very beginning. `is_kept`: this is how it was written.
        """
        self.nonce = nonce
        self.upto = upto
        self.base = base
        self._touched: set[str] = set()
        self._kept_top: int | None = None
        self._members = dict(members or {})
        self._ids = sorted(self._members)
        kept = list(entries)
        self._origins = array("q", [origin for origin, _ in kept])
        self._kinds = bytearray(kind for _, kind in kept)
        if is_kept:
            self._kept_top = self.top

    @property
    def top(self) -> int:
        """Return the own offset of the newest event."""
        return self.base + len(self._origins)

    @property
    def count(self) -> int:
        """Return how many documents are in view."""
        return len(self._members)

    def version(self, identifier: str) -> int | None:
        """Return the version of a document, None when it isn't in view."""
        return self._members.get(identifier)

    def ids_after(self, cursor: str, limit: int) -> list[str]:
        """List documents in view by id, from after one."""
        start = bisect_right(self._ids, cursor) if cursor else 0
        return self._ids[start : start + limit]

    def fold(self, event: Fold) -> Entry | None:
        """Take in the next event; one that isn't the next changes nothing. Returns what it is here, if anything."""
        if event.origin != self.upto + 1:
            return None
        self.upto = event.origin
        was_seen = event.id in self._members
        if not (was_seen or event.is_seen):
            return None
        self._touched.add(event.id)
        if not event.is_seen:
            del self._members[event.id]
            del self._ids[bisect_left(self._ids, event.id)]
            return self._append(event.origin, Kind.AS_IT_IS if event.type == CollectionDeleted.TYPE else Kind.DELETED)
        if not was_seen:
            insort(self._ids, event.id)
        self._members[event.id] = self.top + 1
        is_plain = was_seen or event.type == CollectionCreated.TYPE
        return self._append(event.origin, Kind.AS_IT_IS if is_plain else Kind.CREATED)

    def at(self, origin: int) -> Entry | None:
        """Find what an event of the channel is here."""
        place = bisect_left(self._origins, origin)
        if place == len(self._origins) or self._origins[place] != origin:
            return None
        return self._entry(place)

    def entry(self, offset: int) -> Entry | None:
        """Return the event at an own offset, if it is retained."""
        place = offset - self.base - 1
        return self._entry(place) if 0 <= place < len(self._origins) else None

    def entries(self, first: int, last: int) -> list[Entry]:
        """List the retained events from one own offset to another, both included."""
        return [self._entry(offset - self.base - 1) for offset in range(max(first, self.base + 1), last + 1)]

    def forget(self, trimmed_to: int) -> None:
        """Learn that the channel's events up to there are gone; it is done for some at a time."""
        count = bisect_right(self._origins, trimmed_to)
        if count >= _TRIM_AT or (count and count == len(self._origins)):
            del self._origins[:count]
            del self._kinds[:count]
            self.base += count

    def take_news(self) -> News:
        """Return what has to be written, and count it as written; when it couldn't be, say so with `unkept`."""
        is_whole = self._kept_top is None
        members = {each: self._members.get(each) for each in (self._members if is_whole else self._touched)}
        entries = self.entries((self._kept_top or 0) + 1, self.top)
        self._kept_top = self.top
        self._touched = set()
        return News(self.nonce, self.base, self.upto, entries, members, is_whole)

    def unkept(self) -> None:
        """Learn that what was taken couldn't be written: next time it is all."""
        self._kept_top = None

    def _append(self, origin: int, kind: Kind) -> Entry:
        self._origins.append(origin)
        self._kinds.append(kind)
        return self._entry(len(self._origins) - 1)

    def _entry(self, place: int) -> Entry:
        return Entry(self.base + place + 1, self._origins[place], Kind(self._kinds[place]))


def begun(documents: Iterable[tuple[str, int]], *, trimmed_to: int, nonce: str) -> Derived:
    """Begin a stream where the channel's begins now: with the documents in view that were left alone since then.

    `documents` are (id, offset); their versions are numbered anew, since offsets would tell of what isn't seen.
    """
    ordered = sorted(documents, key=lambda each: each[1])
    members = {identifier: number for number, (identifier, _) in enumerate(ordered, 1)}
    return Derived(nonce=nonce, upto=trimmed_to, base=len(members), members=members)


def as_seen(sight: Sight, raw: bytes, kind: Kind) -> bytes:
    """Return an encoded envelope as it stands in a derived stream, with fields kept back as the sight says."""
    if kind is Kind.AS_IT_IS:
        return redacted(sight, raw) or _without_document(raw)
    if kind is Kind.DELETED:
        return _without_document(raw)
    envelope: JsonObject = msgspec.json.decode(raw)
    content = envelope["data"]
    shown = sight.shown(content["document"])
    if shown is None:
        return _without_document(raw)
    data = {"collection": content["collection"], "document": shown}
    return msgspec.json.encode({**envelope, "type": CollectionCreated.TYPE, "data": data})


def _without_document(raw: bytes) -> bytes:
    """Make a deletion of an event. It also stands for one that turns out not to be visible: rather too little."""
    envelope: JsonObject = msgspec.json.decode(raw)
    content = envelope["data"]
    identifier = content.get("id") or content.get("document", {}).get("id")
    data = {"collection": content["collection"], "id": identifier}
    return msgspec.json.encode({**envelope, "type": CollectionDeleted.TYPE, "data": data})
