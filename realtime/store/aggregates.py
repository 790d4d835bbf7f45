"""Counts events per second and per minute, in rings that the caller's clock advances. Pure; the store's lock guards."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping
from typing import Final, Literal

SECONDS_KEPT: Final = 600
MINUTES_KEPT: Final = 1_500
KEYS_KEPT: Final = 2_000
OVERFLOW_KEY: Final = "other"


class Ring:
    """Counts per bucket, the newest `size` buckets only. A bucket's number is its time divided by its length."""

    __slots__ = ("_counts", "_head", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._head = -1
        self._counts = array("I", bytes(array("I").itemsize * size))

    def advance(self, bucket: int) -> None:
        """Make `bucket` the running one; what falls out of the ring is forgotten.

        A clock set back by more than the ring is long starts it anew: else it would swallow every count.
        """
        size = self._size
        steps = bucket - self._head
        if steps == 0:
            return
        if steps >= size or steps <= -size:
            self._counts = array("I", bytes(self._counts.itemsize * size))
            self._head = bucket
            return
        for empty in range(self._head + 1, bucket + 1):
            self._counts[empty % size] = 0
        if steps > 0:
            self._head = bucket

    def add(self, bucket: int, count: int) -> None:
        """Count in a bucket: a later one than the running counts as running, a forgotten one not at all."""
        bucket = min(bucket, self._head)
        if bucket > self._head - self._size:
            self._counts[bucket % self._size] += count

    def read(self, *, last: int, buckets: int) -> tuple[int, ...]:
        """Return the counts of `buckets` buckets up to and including `last`, oldest first."""
        oldest, head, size, counts = self._head - self._size, self._head, self._size, self._counts
        return tuple(
            counts[bucket % size] if oldest < bucket <= head else 0 for bucket in range(last - buckets + 1, last + 1)
        )


class _Tally:
    __slots__ = ("minutes", "seconds", "total")

    def __init__(self) -> None:
        self.total = 0
        self.seconds = Ring(SECONDS_KEPT)
        self.minutes = Ring(MINUTES_KEPT)


class Aggregates:
    """Counts events by key. At most KEYS_KEPT keys; what is beyond counts as `other`."""

    def __init__(self) -> None:
        self._tallies: dict[str, _Tally] = {}

    def add(self, keys: Iterable[str], count: int, *, at: float, now: float) -> None:
        """Count `count` events that happened at `at` under every key. O(keys), but for the seconds since the last."""
        second, minute = int(now), int(now // 60)
        second_at, minute_at = int(at), int(at // 60)
        for key in keys:
            tally = self._tallies.get(key) or self._new(key)
            tally.total += count
            tally.seconds.advance(second)
            tally.seconds.add(second_at, count)
            tally.minutes.advance(minute)
            tally.minutes.add(minute_at, count)

    def _new(self, key: str) -> _Tally:
        return self._tallies.setdefault(key if len(self._tallies) < KEYS_KEPT else OVERFLOW_KEY, _Tally())

    def rates(self, key: str, *, now: float, bucket_s: Literal[1, 60], buckets: int) -> tuple[int, ...]:
        """Return counts per bucket, oldest first, the running one last; zeros for a key never counted.

        Raises ValueError when `bucket_s` isn't 1 or 60, or more buckets are asked for than are kept.
        """
        kept = {1: SECONDS_KEPT, 60: MINUTES_KEPT}.get(bucket_s)
        if kept is None or not 0 < buckets <= kept:
            raise ValueError(f"Ask for 1 to {SECONDS_KEPT} buckets of 1 s, or 1 to {MINUTES_KEPT} of 60 s.")
        tally = self._tallies.get(key)
        if tally is None:
            return (0,) * buckets
        if bucket_s == 1:
            return tally.seconds.read(last=int(now), buckets=buckets)
        return tally.minutes.read(last=int(now // 60), buckets=buckets)

    def totals(self) -> Mapping[str, int]:
        """Return how many events each key has counted since the process began."""
        return {key: tally.total for key, tally in self._tallies.items()}
