"""Names the keys of the log in Redis. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Final

from realtime.gateway.nodes.keys import Keys

NOTIFIER: Final = "notifier"
"""The lease of whoever judges events for notices."""


def key_text(duplicate_key: bytes) -> str:
    """Write a duplicate key as text: what goes into a script is UTF-8."""
    return b64encode(duplicate_key).decode().rstrip("=")


class LogKeys:
    """The keys that the log of one prefix has."""

    def __init__(self, keys: Keys) -> None:
        self.of = keys.of
        self.prefix = keys.tag[1:-1]
        self.meta = self.of("meta")
        self.feed = self.of("feed")
        self.dups = self.of("dups")
        self.tops = self.of("tops")
        self.trims = self.of("trims")
        self.counts = self.of("counts")
        self.folds = self.of("folds")
        self.judged = self.of("judged")
        self.notes = self.of("notes")
        self.refusals = self.of("refusals")
        self.dead = self.of("dead")
        self.forks = self.of("forks")

    def stream(self, channel: str) -> str:
        """Name the stream of a channel."""
        return self.of("s", channel)

    def documents(self, channel: str) -> str:
        """Name the documents of a channel: id → offset and document."""
        return self.of("d", channel)

    def ids(self, channel: str) -> str:
        """Name the ids of a channel's documents, in order."""
        return self.of("i", channel)

    def gone(self, channel: str) -> str:
        """Name what is known of deleted documents: id → offset of the deletion."""
        return self.of("g", channel)

    def lease(self, name: str) -> str:
        """Name who may do alone what `name` says."""
        return self.of("lease", name)

    def for_ledger(self) -> list[str]:
        """List what lua/ledger.lua and lua/owed.lua use."""
        return [self.meta, *self._ledger()]

    def for_adoption(self) -> list[str]:
        """List what lua/adopt.lua uses."""
        return [
            self.meta, self.feed, self.tops, self.forks, self.of("offers"), self.of("gathering"), self.of("filler"),
        ]  # fmt: skip

    def for_side(self) -> list[str]:
        """List what lua/side.lua uses."""
        return [self.meta, self.tops, self.judged, self.notes, self.refusals, *self._ledger(), self.forks]

    def for_filling(self, channel: str | None = None) -> list[str]:
        """List what lua/fill.lua uses for a channel."""
        keys = [
            self.meta, self.feed, self.of("filler"), self.tops, self.forks, self.of("offers"), self.dups, self.trims,
            self.counts, self.folds, self.judged, self.notes, self.refusals, *self._ledger(),
        ]  # fmt: skip
        return keys if channel is None else [*keys, *self._of_channel(channel)]

    def for_append(self, channels: Iterable[str]) -> list[str]:
        """List what lua/append.lua uses for these channels."""
        keys = [
            self.meta, self.feed, self.dups, self.tops, self.trims, self.counts, self.folds, self.judged, self.notes,
            self.refusals, *self._ledger(), self.lease(NOTIFIER),
        ]  # fmt: skip
        for channel in channels:
            keys += self._of_channel(channel)
        return keys

    def _of_channel(self, channel: str) -> list[str]:
        return [self.stream(channel), self.documents(channel), self.ids(channel), self.gone(channel)]

    def _ledger(self) -> list[str]:
        return [self.of("consumers"), self.of("criticals"), self.of("places"), self.of("owed"), self.dead]
