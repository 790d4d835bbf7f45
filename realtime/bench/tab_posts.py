"""Posts readings at one pace while tabs look on, and measures the server meanwhile."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Final

from realtime.bench.pace import Pace, pace_for
from realtime.bench.posting import post_readings
from realtime.bench.process import Process
from realtime.bench.tab_crowd import Order

_HEAD_START_S: Final = 0.3


class TabPosts:
    """Readings of one name, numbered on from run to run, from `first` on."""

    def __init__(self, base_url: str, *, rate: float, duration_s: float, first: int) -> None:
        self._base_url = base_url
        self._rate = rate
        self._duration_s = duration_s
        self._next = first
        self._pace = Pace(0.0, rate, 0)
        self.name = uuid.uuid4().hex[:8]

    def order(self) -> Order:
        """Say what the next run will be, so that its readings can be watched for. `run` has to follow at once."""
        pace = self._pace = pace_for(start=time.time() + _HEAD_START_S, rate=self._rate, duration_s=self._duration_s)
        return Order(do="count", run=self.name, first=self._next, start=pace.start, rate=pace.rate, events=pace.count)

    def run(self) -> None:
        """Post the run. Raises PostFailed when any of it wasn't stored."""
        post_readings(self._base_url, self._pace, run=self.name, first=self._next)
        self._next += self._pace.count


def cpu_of(app: Process, do: Callable[[], None]) -> float:
    """Return the share of a core that the app used while something was done."""
    cpu, began = app.cpu_s(), time.monotonic()
    do()
    return (app.cpu_s() - cpu) / (time.monotonic() - began)
