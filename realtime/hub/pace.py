"""Decides whose turn it is when, at a rate with a burst. Pure: the caller brings the time."""

from __future__ import annotations


class Pace:
    """A rate with a burst: each one's turn, in the order of asking (GCRA). Seconds; the caller brings the time."""

    def __init__(self, *, per_s: float, burst: int) -> None:
        self._gap_s = 1.0 / per_s
        self._ahead_s = (burst - 1) / per_s
        self._next = 0.0

    def turn(self, now: float) -> float:
        """Return when the next one may go: `now`, or later."""
        at = max(now, self._next - self._ahead_s)
        self._next = max(self._next, now) + self._gap_s
        return at
