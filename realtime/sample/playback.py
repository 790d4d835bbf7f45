"""Says which moments of a timeline are due, at any speed. Pure: the caller brings the time and posts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence


class Playback:
    """A play head over ascending offsets in seconds. `now` is any clock that runs on. Threads: one at a time."""

    def __init__(self, offsets: Sequence[float], *, speed: float, now: float, index: int = 0) -> None:
        self._offsets = offsets
        self._speed = speed
        self.index = min(index, len(offsets))
        self._set_clock(self._next_offset(), now)

    @property
    def speed(self) -> float:
        """Return how many times faster than life it plays."""
        return self._speed

    @property
    def is_over(self) -> bool:
        """Tell whether every moment has been taken."""
        return self.index >= len(self._offsets)

    def clock_s(self, now: float) -> float:
        """Return the offset that is being played, never beyond the last one."""
        end = self._offsets[-1] if self._offsets else 0.0
        return min(self._from_s + (now - self._since) * self._speed, end)

    def due(self, now: float, *, most: int) -> range:
        """Return the indexes that should have been played by now, oldest first, at most `most`. Takes none of them."""
        end = bisect_right(self._offsets, self.clock_s(now), self.index)
        return range(self.index, min(end, self.index + most))

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until something is due, 0 if it is already; None when all is played."""
        if self.is_over:
            return None
        return max(0.0, (self._next_offset() - self.clock_s(now)) / self._speed)

    def take(self, count: int) -> None:
        """Move the play head past `count` moments: they were posted."""
        self.index = min(self.index + count, len(self._offsets))

    def set_speed(self, speed: float, *, now: float) -> None:
        """Play on from here at another speed."""
        self._set_clock(self.clock_s(now), now)
        self._speed = speed

    def hold(self, now: float) -> None:
        """Turn the clock back to the next moment: what was missed meanwhile comes at the usual pace, not in a burst."""
        self._set_clock(min(self._next_offset(), self.clock_s(now)), now)

    def _next_offset(self) -> float:
        return self._offsets[min(self.index, len(self._offsets) - 1)] if self._offsets else 0.0

    def _set_clock(self, offset_s: float, now: float) -> None:
        self._from_s = offset_s
        self._since = now
