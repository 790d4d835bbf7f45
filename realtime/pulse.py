"""Counts what was lately done, how often it failed and how long it took, by subject; for judging a change.

No rules, and no meaning of subjects in here. Unlike `metrics` it remembers seconds: minutes can be compared.
Threads: any. One lock, memory work only.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

SOCKETS: Final = "sockets"
WRITES: Final = "writes"
PUSHES: Final = "pushes"
NOTICES: Final = "notices"
KEPT_S: Final = 300
WINDOW_S: Final = 60
_FIRST_MS: Final = 0.05
_FACTOR: Final = 1.25
_BOUNDS_MS: Final = tuple(_FIRST_MS * _FACTOR**step for step in range(64))  # up to 63 s


class Figures(msgspec.Struct, frozen=True, rename="camel"):
    """What was done in `seconds`: how often, how many of it failed, how long the middle and the slow ones took."""

    count: int = 0
    errors: int = 0
    p50_ms: float | None = None
    p95_ms: float | None = None
    seconds: float = float(WINDOW_S)

    @property
    def error_share(self) -> float | None:
        """Return how many of all failed, from 0 to 1; None when nothing was done."""
        return self.errors / self.count if self.count else None


class _Second:
    __slots__ = ("at", "counts", "errors", "untimed")

    def __init__(self, at: int) -> None:
        self.at = at
        self.errors = 0
        self.untimed = 0
        self.counts = [0] * (len(_BOUNDS_MS) + 1)


class Pulse:
    """The last five minutes of each subject, second by second."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """Begin with nothing; `clock` gives Unix seconds."""
        self._clock = clock
        self._lock = threading.Lock()
        self._subjects: dict[str, deque[_Second]] = {}

    def note(self, subject: str, seconds: float | None, *, is_error: bool = False) -> None:
        """Count something that took `seconds` and has just ended; None: how long it took means nothing."""
        now = int(self._clock())
        place = None if seconds is None else bisect_left(_BOUNDS_MS, seconds * 1000)
        with self._lock:
            kept = self._subjects.setdefault(subject, deque(maxlen=KEPT_S))
            if not kept or kept[-1].at < now:
                kept.append(_Second(now))
            if place is None:
                kept[-1].untimed += 1
            else:
                kept[-1].counts[place] += 1
            kept[-1].errors += is_error

    def figures(self, subject: str, *, until: float | None = None, since: float = 0.0) -> Figures:
        """Return what was done in the minute up to `until` (None: now), but not before `since` (Unix seconds)."""
        end = self._clock() if until is None else until
        begin = max(end - WINDOW_S, since)
        with self._lock:
            chosen = [one for one in self._subjects.get(subject, ()) if begin - 1 < one.at <= end]
            counts = [sum(column) for column in zip(*(one.counts for one in chosen), strict=True)]
            errors = sum(one.errors for one in chosen)
            untimed = sum(one.untimed for one in chosen)
        count = sum(counts)
        return Figures(
            count + untimed, errors, p50_ms=_quantile(counts, count, 0.5), p95_ms=_quantile(counts, count, 0.95),
            seconds=round(max(0.0, end - begin), 1),
        )  # fmt: skip

    def all_figures(self) -> dict[str, Figures]:
        """Return the figures of the last minute of every subject there is."""
        with self._lock:
            subjects = list(self._subjects)
        return {subject: self.figures(subject) for subject in subjects}


def _quantile(counts: Iterable[int], count: int, share: float) -> float | None:
    """Return the time that this share stayed below, to within a tenth; None when nothing was done."""
    if not count:
        return None
    wanted, passed = share * count, 0
    for place, here in enumerate(counts):
        if passed + here >= wanted:
            high = _BOUNDS_MS[min(place, len(_BOUNDS_MS) - 1)]
            low = high / _FACTOR if place else 0.0
            return round(low + (high - low) * (wanted - passed) / here, 3)
        passed += here
    return round(_BOUNDS_MS[-1], 3)


PULSE: Final = Pulse()
"""This process's own."""
