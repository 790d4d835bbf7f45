"""Holds what a node knows of all channels without asking: their tops, and the epochs that follow from the seed.

Threads: the follower's writes; any reads.
"""

from __future__ import annotations

from collections.abc import Iterable

from realtime.gateway.nodes.replies import ChannelAt, Overview
from realtime.gateway.records import ChannelRow
from realtime.gateway.schema import epoch_of
from realtime.protocol.positions import Position

_MOST_EPOCHS = 20_000


class Memory:
    """The channels as the feed has told of them so far."""

    def __init__(self) -> None:
        self._seed = ""
        self._rows: dict[str, ChannelRow] = {}
        self._folded: dict[str, int] = {}
        self._epochs: dict[str, str] = {}

    @property
    def seed(self) -> str:
        """Return the seed that epochs follow from."""
        return self._seed

    @property
    def rows(self) -> dict[str, ChannelRow]:
        """Return the channels by name. Don't change it."""
        return self._rows

    def epoch(self, channel: str) -> str:
        """Return the epoch of a channel, whether it exists yet or not."""
        epoch = self._epochs.get(channel)
        if epoch is None:
            if len(self._epochs) >= _MOST_EPOCHS:
                self._epochs = {}
            epoch = self._epochs[channel] = epoch_of(self._seed, channel)
        return epoch

    def position(self, channel: str) -> Position:
        """Return the top of a channel."""
        row = self._rows.get(channel)
        return Position(self.epoch(channel), 0) if row is None else row.position

    def top(self, channel: str) -> int:
        """Return the offset of a channel's newest event, 0 before the first."""
        row = self._rows.get(channel)
        return 0 if row is None else row.position.offset

    def folded_to(self, channel: str) -> int:
        """Return up to where an inbox is folded."""
        return self._folded.get(channel, 0)

    def begin(self, overview: Overview) -> None:
        """Know everything anew."""
        if overview.seed != self._seed:
            self._seed, self._epochs = overview.seed, {}
        self._rows = {one.name: self._row(one) for one in overview.channels}
        self._folded = dict(overview.folded)

    def learn(self, channels: Iterable[ChannelAt], folded: Iterable[tuple[str, int]]) -> None:
        """Take in what a commit has changed."""
        fresh: dict[str, ChannelRow] = {}
        for one in channels:
            if one.name in self._rows:
                self._rows[one.name] = self._row(one)  # whoever is walking through them doesn't mind
            else:
                fresh[one.name] = self._row(one)
        if fresh:
            self._rows = {**self._rows, **fresh}
        self._folded.update(folded)

    def _row(self, one: ChannelAt) -> ChannelRow:
        position = Position(self.epoch(one.name), one.top)
        return ChannelRow(0, one.name, position, trimmed_to=one.trimmed_to, documents=one.documents)
