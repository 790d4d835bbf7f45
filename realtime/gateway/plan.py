"""Decides what one group commit writes: offsets, duplicates, conflicts, documents. Pure: no SQL, no threads, no clock.

The writer looks up what the plan has to know, the plan assigns, the writer executes the rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from realtime.errors import ConflictError
from realtime.gateway.records import Accepted, ChannelRow, Stored
from realtime.gateway.schema import channel_and_offset, document_key, place_of
from realtime.protocol.events import CollectionCreated, CollectionDeleted, CollectionEvent, CollectionUpdated
from realtime.protocol.positions import Position

_ENCODER: Final = msgspec.json.Encoder()


def duplicate_key(accepted: Accepted) -> bytes:
    """Return 16 bytes that stand for `source` + `id`."""
    envelope = accepted.envelope
    text = f"{len(envelope.source)}:{envelope.source}{envelope.id}"
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class Draft:
    """A channel as it will be after the commit."""

    __slots__ = ("added", "documents", "epoch", "key", "name", "top", "trimmed_to")

    def __init__(self, row: ChannelRow) -> None:
        self.key = row.key
        self.name = row.name
        self.epoch = row.position.epoch
        self.top = row.position.offset
        self.trimmed_to = row.trimmed_to
        self.documents = row.documents
        self.added = 0

    def row(self) -> ChannelRow:
        """Return it as the log shows it after the commit."""
        position = Position(self.epoch, self.top)
        return ChannelRow(self.key, self.name, position, trimmed_to=self.trimmed_to, documents=self.documents)


class Plan:
    """One group commit in the making. Add appends in order, then read off what to write.

    `known` says where the duplicate keys stand that the log already has: key → (place, time_ms).
    `versions` says at which offset the documents are that some append expects something of, by document key.
    """

    def __init__(
        self,
        channels: Mapping[str, ChannelRow],
        *,
        known: dict[bytes, tuple[int, int]],
        versions: Mapping[str, int],
        epoch_of: Callable[[str], str],
        time_ms: int,
    ) -> None:
        self._channels = channels
        self._known = known
        self._versions = versions
        self._epoch_of = epoch_of
        self.time_ms = time_ms
        self._last_key: int | None = None
        self._names: dict[int, str] = {}
        self.drafts: dict[str, Draft] = {}
        self.stored: list[Stored] = []
        self.events: list[tuple[int, int, str | None, bytes, bytes]] = []
        self.documents: dict[str, tuple[int, int, CollectionEvent]] = {}
        self.criticals: list[tuple[int, int, bytes]] = []

    def add(self, accepted: Sequence[Accepted], keys: Sequence[bytes], *, expected: int | None) -> list[Stored]:
        """Assign positions to one append. Raises ConflictError, changing nothing, when its expectation fails.

        A repeat of what is stored already is answered before its expectation is looked at: a producer that lost the
        answer to a conditional write asks again and hears where it went.
        """
        if expected is not None and accepted and keys[0] not in self._known:
            self._check(accepted[0], expected)
        return [self._assign(one, key) for one, key in zip(accepted, keys, strict=True)]

    def upserts(self) -> list[tuple[str, int, str, int, bytes]]:
        """List the rows of documents that are there after the commit."""
        return [
            (key, channel, event.document["id"], offset, _ENCODER.encode(event.document))
            for key, (channel, offset, event) in self.documents.items()
            if isinstance(event, CollectionCreated | CollectionUpdated)
        ]

    def removals(self) -> list[tuple[str]]:
        """List the keys of documents that aren't there any more after the commit."""
        return [(key,) for key, (_, _, event) in self.documents.items() if isinstance(event, CollectionDeleted)]

    def _check(self, accepted: Accepted, expected: int) -> None:
        identifier = accepted.document_id
        if identifier is None:
            return
        actual = self._version(document_key(self._draft(accepted.channel).key, identifier))
        if actual != (expected or None):
            raise ConflictError(expected=expected, actual=actual)

    def _version(self, key: str) -> int | None:
        staged = self.documents.get(key)
        if staged is None:
            return self._versions.get(key)
        _, offset, event = staged
        return None if isinstance(event, CollectionDeleted) else offset

    def _assign(self, accepted: Accepted, key: bytes) -> Stored:
        first = self._known.get(key)
        if first is not None:
            return self._repeat(accepted, *first)
        draft = self._draft(accepted.channel)
        draft.top = offset = draft.top + 1
        draft.added += 1
        identifier = accepted.document_id
        place = place_of(draft.key, offset)
        self._known[key] = (place, self.time_ms)
        self.events.append((place, self.time_ms, identifier, key, accepted.raw))
        if accepted.is_critical:
            self.criticals.append((place, self.time_ms, accepted.raw))
        event = accepted.event
        if isinstance(event, CollectionCreated | CollectionUpdated | CollectionDeleted) and identifier is not None:
            self.documents[document_key(draft.key, identifier)] = (draft.key, offset, event)
        stored = Stored(accepted.channel, Position(draft.epoch, offset), False, accepted, self.time_ms)
        self.stored.append(stored)
        return stored

    def _repeat(self, accepted: Accepted, place: int, time_ms: int) -> Stored:
        channel, offset = channel_and_offset(place)
        name = self._name(channel)
        return Stored(name, Position(self._draft(name).epoch, offset), True, accepted, time_ms)

    def _name(self, key: int) -> str:
        if not self._names:
            self._names = {row.key: row.name for row in self._channels.values()}
        return self._names.get(key) or next(draft.name for draft in self.drafts.values() if draft.key == key)

    def _draft(self, name: str) -> Draft:
        draft = self.drafts.get(name)
        if draft is None:
            row = self._channels.get(name)
            if row is None:
                row = ChannelRow(self._new_key(), name, Position(self._epoch_of(name), 0))
            self.drafts[name] = draft = Draft(row)
        return draft

    def _new_key(self) -> int:
        if self._last_key is None:
            self._last_key = max((row.key for row in self._channels.values()), default=0)
        self._last_key += 1
        return self._last_key
