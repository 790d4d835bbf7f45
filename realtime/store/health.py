"""Keeps how the app itself is doing: connection, deliveries, traffic, the process. Pure; the store's lock guards it.

What an event costs here is one bucket of a histogram, however much is kept.
"""

from __future__ import annotations

import operator
from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec

from realtime.store.measures import Buckets, Latencies
from realtime.store.model import ConnectionStatus
from realtime.store.timeline import Span, Timeline, Turn

SAMPLE_S: Final = 5.0
TRAFFIC_S: Final = 10
LAG_S: Final = 10
_HOUR_S: Final = 3600
_DELIVERY_MINUTES: Final = 15


class HubSample(msgspec.Struct, frozen=True, gc=False):
    """What one hub of this process had done by a moment.

    Open sockets, and the most that waits for one of them, are of now; the rest since the start.
    """

    name: str
    connections: int = 0
    deliveries: int = 0
    coalesced: int = 0
    slow_closed: int = 0
    queue_bytes: int | None = None
    bytes_in: int = 0
    bytes_out: int = 0


class ProcessSample(msgspec.Struct, frozen=True, kw_only=True):
    """The process at one moment. `cpu_share` is of one core since the sample before: 1.5 is one and a half cores."""

    at: float
    started_at: float
    memory_bytes: int
    cpu_share: float
    threads: int
    open_files: int
    hubs: tuple[HubSample, ...] = ()


class DeadLetter(msgspec.Struct, frozen=True, gc=False):
    """A critical event that some consumer never acknowledged and that isn't redelivered any more."""

    channel: str
    offset: int
    reason: str
    at: float | None = None
    consumer: str = ""


class DeadLetters(msgspec.Struct, frozen=True):
    """The gateway's dead letters when it was last asked: how many in all, and the newest."""

    total: int
    newest: tuple[DeadLetter, ...] = ()


class HealthSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """How the app is doing at one moment. Series are oldest first, the running stretch last, None: not measured.

    `connected_s` and `started_at` are of this process; `spans` reach back into earlier ones. `deliveries` are counts
    by time (measures.BOUNDS_S) of the last quarter of an hour; bytes are per `TRAFFIC_S`, lags the worst per `LAG_S`.
    """

    spans: tuple[Span, ...]
    started_at: float | None
    connected_s: float
    deliveries: tuple[int, ...]
    delivered: int
    resumed: int
    lags: tuple[float | None, ...]
    bytes_in: tuple[float | None, ...]
    bytes_out: tuple[float | None, ...]
    samples: tuple[ProcessSample, ...]
    dead_letters: DeadLetters | None


class Health:
    """The bounded record behind HealthSnapshot."""

    def __init__(self) -> None:
        self.timeline = Timeline()
        self.dead_letters: DeadLetters | None = None
        self._deliveries = Latencies()
        self._resumed = 0
        self._lags = Buckets(bucket_s=LAG_S, size=_HOUR_S // LAG_S, join=max)
        self._bytes = [Buckets(bucket_s=TRAFFIC_S, size=_HOUR_S // TRAFFIC_S, join=operator.add) for _ in range(2)]
        self._bytes_told = [0, 0]
        self._samples: deque[ProcessSample] = deque(maxlen=int(_HOUR_S / SAMPLE_S))

    def connection(self, status: ConnectionStatus, *, now: float) -> tuple[Turn, int, int]:
        """Take in the connection's status; return what it ended, and the bytes in and out since the one before."""
        grown = []
        for place, told in enumerate((status.bytes_in, status.bytes_out)):
            before = self._bytes_told[place]
            fresh = told - before if told >= before else told  # a new client counts from 0
            self._bytes_told[place] = told
            self._bytes[place].add(fresh, now=now)
            grown.append(fresh)
        return self.timeline.take(status, now=now), grown[0], grown[1]

    def delivered(self, count: int, *, lag_s: float | None, now: float) -> None:
        """Count events that were applied: live with the newest one's time from commit to store, else resumed. O(1)."""
        if lag_s is None:
            self._resumed += count
            return
        self._deliveries.add(lag_s, count=count, now=now)
        self._lags.add(lag_s, now=now)

    def process(self, sample: ProcessSample) -> None:
        """Keep a sample of the process."""
        self._samples.append(sample)

    def restore(self, spans: Iterable[Span]) -> None:
        """Put an earlier process's spans before this one's."""
        self.timeline.restore(spans)

    def snapshot(self, *, now: float) -> HealthSnapshot:
        """Return all of it at `now`."""
        bytes_in, bytes_out = (series.read(now=now, buckets=_HOUR_S // TRAFFIC_S) for series in self._bytes)
        return HealthSnapshot(
            spans=self.timeline.spans(now=now),
            started_at=self.timeline.started_at,
            connected_s=self.timeline.connected_s(now=now),
            deliveries=self._deliveries.read(now=now, minutes=_DELIVERY_MINUTES),
            delivered=self._deliveries.count,
            resumed=self._resumed,
            lags=self._lags.read(now=now, buckets=_HOUR_S // LAG_S),
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            samples=tuple(self._samples),
            dead_letters=self.dead_letters,
        )
