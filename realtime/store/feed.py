"""Keeps the newest events. Pure; the store's lock guards it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from realtime.protocol.channels import collection_of
from realtime.protocol.events import PEOPLE_SOURCE, encode_envelope
from realtime.store.model import FeedEntry


class Had(NamedTuple):
    """Which events of a channel a feed has had: these, and whatever happened before `since` (None: nothing else)."""

    known: set[tuple[str, str]]
    since: float | None

    def has(self, source: str, identifier: str, *, at: float) -> bool:
        """Tell whether it has had an event, which was stored `at`."""
        return (source, identifier) in self.known or (self.since is not None and at < self.since)


class Feed:
    """The newest `size` events, and the newest `size` of each channel that isn't a collection's.

    The second is so that a busy collection can't push the last system error out of sight.
    """

    def __init__(self, *, size: int) -> None:
        self._size = size
        self._entries: deque[FeedEntry] = deque(maxlen=size)
        self._aside: dict[str, deque[FeedEntry]] = {}

    def append(self, entry: FeedEntry) -> None:
        """Add the newest event; the oldest falls out. O(1)."""
        self._entries.append(entry)
        if collection_of(entry.channel) is None:
            self._aside_for(entry.channel).append(entry)

    def insert(self, entries: Sequence[FeedEntry]) -> None:
        """Add events that happened before others which are here already: in their place by time. O(size)."""
        self._entries = self._merged(self._entries, entries)
        for channel in {entry.channel for entry in entries if collection_of(entry.channel) is None}:
            own = [entry for entry in entries if entry.channel == channel]
            self._aside[channel] = self._merged(self._aside_for(channel), own)

    def newest_first(self, channels: Collection[str] | None) -> tuple[FeedEntry, ...]:
        """Return what there is of these channels (None: of all), newest first."""
        if channels is None:
            return tuple(reversed(self._entries))
        if all(collection_of(channel) is None for channel in channels):
            found = [entry for channel in channels for entry in self._aside.get(channel, ())]
            return tuple(sorted(found, key=_age, reverse=True))
        return tuple(entry for entry in reversed(self._entries) if entry.channel in channels)

    def had(self, channel: str) -> Had:
        """Return by which events of a channel are known that are here, or were and have fallen out since. O(size)."""
        entries = self._entries if collection_of(channel) is not None else self._aside.get(channel, ())
        known = {(entry.envelope.source, entry.envelope.id) for entry in entries if entry.channel == channel}
        is_full = len(entries) == self._size
        return Had(known, next(iter(entries)).received_at if is_full else None)

    def latest(self, limit: int) -> tuple[FeedEntry, ...]:
        """Return the newest events of all channels, newest first. O(limit)."""
        return tuple(islice(reversed(self._entries), max(limit, 0)))

    def _aside_for(self, channel: str) -> deque[FeedEntry]:
        return self._aside.setdefault(channel, deque(maxlen=self._size))

    def _merged(self, old: Iterable[FeedEntry], new: Iterable[FeedEntry]) -> deque[FeedEntry]:
        return deque(sorted([*old, *new], key=_age), maxlen=self._size)


def _age(entry: FeedEntry) -> tuple[float, int]:
    return (entry.received_at, entry.sequence)


def select(
    entries: Iterable[FeedEntry],
    *,
    limit: int,
    types: Collection[str] | None,
    search: str | None,
    has_own: bool = True,
) -> tuple[FeedEntry, ...]:
    """Return the first `limit` entries of these types whose envelope's text contains `search`, whatever the case."""
    wanted = search.strip().lower() if search else ""
    chosen = (
        entry
        for entry in entries
        if (types is None or entry.envelope.type in types)
        and (has_own or not entry.envelope.source.startswith(PEOPLE_SOURCE))
        and (not wanted or wanted in _text(entry))
    )
    return tuple(islice(chosen, max(limit, 0)))


def _text(entry: FeedEntry) -> str:
    return encode_envelope(entry.envelope).decode().lower()
