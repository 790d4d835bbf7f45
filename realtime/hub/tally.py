"""Counts what a hub takes and gives, in plain numbers that cost nothing; now and then they go to the metrics.

Threads: the event loop's.
"""

from __future__ import annotations

from realtime.metrics import DOOR_WAITING, HUB_BYTES_IN, HUB_BYTES_OUT, QUEUE_DEEPEST


class Tally:
    """The numbers of one hub since they were last told. Sizes in bytes."""

    __slots__ = ("_deepest", "_door", "_in", "_out", "bytes_in", "bytes_out", "deepest_bytes")

    def __init__(self, hub: str) -> None:
        self.bytes_in = 0
        self.bytes_out = 0
        self.deepest_bytes = 0
        self._in = HUB_BYTES_IN.labels(hub)
        self._out = HUB_BYTES_OUT.labels(hub)
        self._deepest = QUEUE_DEEPEST.labels(hub)
        self._door = DOOR_WAITING.labels(hub)

    def tell(self, *, waiting: int) -> None:
        """Bring the metrics up to date; `waiting` connections stand before the door."""
        self._in.inc(self.bytes_in)
        self._out.inc(self.bytes_out)
        self._deepest.set(self.deepest_bytes)
        self._door.set(waiting)
        self.bytes_in = self.bytes_out = self.deepest_bytes = 0
