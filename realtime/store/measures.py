"""Counts and measures over the last hour, in buckets of fixed length. Pure; the store's lock guards it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

BOUNDS_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Upper bounds of the buckets of a delivery's time; one more bucket holds what took longer."""

_MINUTES_KEPT: Final = 60


class Latencies:
    """A histogram per minute, for the newest hour: quantiles of the last minutes, not of a whole life."""

    def __init__(self) -> None:
        self.count = 0
        self._minutes: deque[tuple[int, list[int]]] = deque(maxlen=_MINUTES_KEPT)

    def add(self, seconds: float, *, count: int, now: float) -> None:
        """Count `count` deliveries that took this long. O(buckets)."""
        minute = int(now // 60)
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append((minute, [0] * (len(BOUNDS_S) + 1)))
        place = next((place for place, bound in enumerate(BOUNDS_S) if seconds <= bound), len(BOUNDS_S))
        self._minutes[-1][1][place] += count
        self.count += count

    def read(self, *, now: float, minutes: int) -> tuple[int, ...]:
        """Return the counts per bucket of the last minutes, the running one included."""
        after = int(now // 60) - minutes
        chosen = [counts for minute, counts in self._minutes if minute > after]
        return tuple(map(sum, zip(*chosen, strict=True))) if chosen else (0,) * (len(BOUNDS_S) + 1)


class Buckets:
    """One number per stretch of `bucket_s` seconds, the newest `size`; numbers of one stretch are joined."""

    def __init__(self, *, bucket_s: int, size: int, join: Callable[[float, float], float]) -> None:
        self.bucket_s = bucket_s
        self._join = join
        self._kept: deque[tuple[int, float]] = deque(maxlen=size)

    def add(self, value: float, *, now: float) -> None:
        """Join a number to its stretch. O(1)."""
        bucket = int(now // self.bucket_s)
        if self._kept and self._kept[-1][0] == bucket:
            self._kept[-1] = (bucket, self._join(self._kept[-1][1], value))
        else:
            self._kept.append((bucket, value))

    def read(self, *, now: float, buckets: int) -> tuple[float | None, ...]:
        """Return the newest stretches, oldest first, the running one last; None where nothing was measured."""
        last = int(now // self.bucket_s)
        known = dict(self._kept)
        return tuple(known.get(bucket) for bucket in range(last - buckets + 1, last + 1))


def histogram_quantile(counts: Sequence[int], share: float) -> float | None:
    """Return the time in seconds below which a share (0..1) of deliveries lies, evenly spread within a bucket.

    None when nothing was counted. What lies beyond the last bound counts as the last bound.
    """
    total = sum(counts)
    if not total:
        return None
    wanted, below = share * total, 0
    for place, bound in enumerate(BOUNDS_S):
        count = counts[place]
        if below + count >= wanted:
            low = BOUNDS_S[place - 1] if place else 0.0
            return low + (bound - low) * ((wanted - below) / count if count else 1.0)
        below += count
    return BOUNDS_S[-1]


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value that a share (0..1) of `values` doesn't exceed; None when there are none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]
