"""Keeps what is out in Redis, for all nodes: asked in each node's memory, told to all within milliseconds.

Threads: the event loop's, but for `_keep` and what asks Redis.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from realtime.errors import StorageError
from realtime.gateway.nodes.adopting import run_adopted
from realtime.gateway.nodes.bars import Key, Row, lifted, newer, put_out, row_of
from realtime.gateway.nodes.server import Server
from realtime.gateway.nodes.writer import FEED_BYTES
from realtime.gateway.revocations import MOST_BARS, Bar, Revocations

KIND: Final = "bars"
_PART: Final = 500
_ROW: Final = msgspec.msgpack.Decoder(Row)
_ROWS: Final = msgspec.msgpack.Decoder(list[Row])


def told_rows(body: bytes) -> list[Row]:
    """Read what a node has told."""
    return _ROWS.decode(body)


class SharedRevocations(Revocations):
    """The list of what is out, for all nodes. What this node knows outlives what Redis loses."""

    def __init__(self, server: Server, *, now: Callable[[], float], replicas: int = 0) -> None:
        super().__init__((), now=now)
        self._server = server
        self._replicas = replicas
        self._rows: dict[Key, Row] = {}
        self.on_unkept: Callable[[], None] = lambda: None
        """Called on any thread when something couldn't be kept: `settle` keeps it later."""

    async def settle(self) -> None:
        """Learn what is out, and have Redis know what this node knows. Raises StorageError."""
        kept = await asyncio.to_thread(self._read)
        self.take(kept)
        now = self._now()
        known = {row.key: row for row in kept}
        missing = [row for row in newer(self._rows.values(), than=known) if not row.is_over(now)]
        over = [row.field for row in kept if row.is_over(now)]
        if missing or over:
            await asyncio.to_thread(self._write, missing, over=over)

    def take(self, rows: Sequence[Row]) -> None:
        """Take in what nodes did."""
        now = self._now()
        fresh = [row for row in newer(rows, than=self._rows) if not row.is_over(now)]
        for row in fresh:
            self._remember(row)
            if row.is_lifted:
                self._bars.pop(row.key, None)
            else:
                self._bars[row.key] = row.bar
                self.on_bar(row.bar)
        if fresh:
            self.on_change()

    def close(self) -> None:
        """Do nothing: the way to Redis is the log's."""

    def _made(self, bar: Bar) -> Bar:
        row = put_out(bar, before=self._rows.get((bar.kind, bar.name)))
        self._remember(row)
        return row.bar

    def _remember(self, row: Row) -> None:
        self._rows[row.key] = row
        if len(self._rows) > 2 * MOST_BARS:
            oldest = next((key for key, known in self._rows.items() if known.is_lifted), row.key)
            del self._rows[oldest]

    def _forget_expired(self) -> None:
        super()._forget_expired()
        now = self._now()
        for key, row in list(self._rows.items()):
            if row.is_over(now):
                del self._rows[key]

    def _correct(self, bar: Bar) -> None:
        # Before it is answered: what another node did earlier by a clock that is ahead may be heard only now.
        self.take([row_of(bar)])

    def _keep(self, bar: Bar) -> Bar:
        try:
            taken = self._write([row_of(bar)], is_fresh=True)
            return taken[0].bar if taken else bar
        except StorageError:
            self.on_unkept()
            raise

    async def _let_go(self, bar: Bar) -> None:
        row = lifted(bar, now=self._now())
        self.take(await asyncio.to_thread(self._write, [row], is_fresh=True))

    def _write(self, rows: Sequence[Row], *, over: Sequence[str] = (), is_fresh: bool = False) -> list[Row]:
        """Have Redis know what was done; returns what it didn't know, as it is kept."""
        keys, now = self._server.keys, self._now()
        names = [keys.meta, keys.feed, keys.of("bars")]
        taken: list[Row] = []
        for start in range(0, max(len(rows), len(over), 1), _PART):
            request = [now, rows[start : start + _PART], over[start : start + _PART], FEED_BYTES, is_fresh]
            taken += run_adopted(self._server, "bars", names, request, list[Row], replicas=self._replicas)
        return taken

    def _read(self) -> list[Row]:
        kept: Any = self._server.ask(lambda client: client.hvals(self._server.keys.of("bars")))
        return [_ROW.decode(packed) for packed in kept]
