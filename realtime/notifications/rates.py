"""Counts in a sliding window of event time, and says when a rate is crossed and when it is over. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final, Literal, TypeAlias

from realtime.notifications.rules import Rate

BUCKETS: Final = 30
_RESTART_WINDOWS: Final = 4
Verdict: TypeAlias = Literal["crossed", "over", "stands", "quiet"]


class Window:
    """Hits and misses of the last `window_s`, in thirty buckets: O(1) an event, whatever their number.

    An event older than the window isn't counted. One from quite another time (a clock set anew, a day played again)
    starts the window anew there: else everything after it would be too old, or it would empty the window for good.
    """

    __slots__ = ("_buckets", "_newest", "_width_s", "hits", "total")

    def __init__(self, window_s: float) -> None:
        self.hits = 0
        self.total = 0
        self._width_s = window_s / BUCKETS
        self._newest: int | None = None
        self._buckets: deque[tuple[int, int, int]] = deque()  # bucket, hits, total; ascending

    def add(self, *, is_hit: bool, at: float) -> bool:
        """Count an event; tell whether it was counted."""
        bucket = int(at // self._width_s)
        if self._newest is not None and abs(bucket - self._newest) > BUCKETS * _RESTART_WINDOWS:
            self._restart()
        self._advance(bucket)
        if self._newest is not None and bucket <= self._newest - BUCKETS:
            return False
        place = len(self._buckets)
        while place and self._buckets[place - 1][0] > bucket:
            place -= 1
        if place and self._buckets[place - 1][0] == bucket:
            _, hits, total = self._buckets[place - 1]
            self._buckets[place - 1] = (bucket, hits + is_hit, total + 1)
        else:
            self._buckets.insert(place, (bucket, int(is_hit), 1))
        self.hits += is_hit
        self.total += 1
        return True

    def advance(self, at: float) -> None:
        """Let time go on to `at`; what falls out of the window is forgotten. It never runs back."""
        self._advance(int(at // self._width_s))

    def restore(self, buckets: Iterable[tuple[int, int, int]], *, newest: int | None) -> None:
        """Take over what a window counted, as `buckets` and `newest` told it."""
        self._buckets = deque(buckets)
        self._newest = newest
        self.hits = sum(hits for _, hits, _ in self._buckets)
        self.total = sum(total for _, _, total in self._buckets)

    @property
    def buckets(self) -> tuple[tuple[int, int, int], ...]:
        """Return what is counted: number, hits and total of each bucket, ascending."""
        return tuple(self._buckets)

    @property
    def newest(self) -> int | None:
        """Return the bucket that time has come to."""
        return self._newest

    def __len__(self) -> int:
        return len(self._buckets)

    def _advance(self, bucket: int) -> None:
        self._newest = bucket if self._newest is None else max(bucket, self._newest)
        while self._buckets and self._buckets[0][0] <= self._newest - BUCKETS:
            _, hits, total = self._buckets.popleft()
            self.hits -= hits
            self.total -= total

    def _restart(self) -> None:
        self._buckets.clear()
        self._newest = None
        self.hits = self.total = 0


class Gauge:
    """One rate of one group: whether it stands crossed. Crossing is told once, and so is its end.

    One that is taken over as crossed (after a restart) with an empty window isn't over before enough was seen.
    """

    __slots__ = ("_rate", "is_crossed", "is_watched", "window")

    def __init__(self, rate: Rate, *, is_crossed: bool = False) -> None:
        self.window = Window(rate.window_s)
        self.is_crossed = is_crossed
        self.is_watched = not is_crossed
        self._rate = rate

    @property
    def value(self) -> float:
        """Return the share (0..1), or the count."""
        if not self._rate.is_share:
            return float(self.window.hits)
        return self.window.hits / self.window.total if self.window.total else 0.0

    def judge(self) -> Verdict:
        """Say what became of the rate. A standing one ends only below the lower bound, or when nothing is left."""
        self.is_watched |= self.window.total >= self._rate.minimum
        if self.is_crossed:
            if not self.is_watched:
                return "stands"
            if self.window.total == 0 or self.value < self._rate.clear_below:
                self.is_crossed = False
                return "over"
            return "stands"
        if self.window.total >= self._rate.minimum and self.value > self._rate.above:
            self.is_crossed = True
            return "crossed"
        return "quiet"
