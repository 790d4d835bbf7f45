"""Learns how long a source usually pauses. Pure; the store's lock guards it."""

from __future__ import annotations

from math import exp
from typing import Final

_MEMORY_S: Final = 120.0
_SURPRISE: Final = 20.0


class UsualGap:
    """Estimates the pause that someone looking at any moment would find the source in.

    That is the mean of the gaps weighted by their own length (Σg² / Σg), fading over two minutes: a source that
    sends a hundred events within a second once a minute pauses for a minute, whatever a plain mean or median says.
    """

    __slots__ = ("_last_at", "_squares", "_sum")

    def __init__(self) -> None:
        self._last_at: float | None = None
        self._sum = 0.0
        self._squares = 0.0

    def seen(self, at: float) -> None:
        """Take in that something changed at `at`; earlier ones than the last are ignored."""
        last, self._last_at = self._last_at, max(at, self._last_at or at)
        if last is None or at <= last:
            return
        usual = self.value
        gap = at - last
        fade = exp(-gap / _MEMORY_S)
        if usual is not None:
            # One night of silence mustn't count for hours; a source that truly slowed down gets there in a few gaps.
            gap = min(gap, _SURPRISE * max(usual, 1.0))
        self._sum = self._sum * fade + gap
        self._squares = self._squares * fade + gap * gap

    @property
    def value(self) -> float | None:
        """Return the usual gap in seconds, None before there were two changes apart in time."""
        return self._squares / self._sum if self._sum > 0.0 else None
