"""Decides what to dial: the socket, or polling over HTTP where the socket can't be had. Pure.

The socket is always tried first; polling comes in when it failed twice in a row, and never for good: it is probed on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

Way: TypeAlias = Literal["websocket", "polling"]
Choice: TypeAlias = Literal["auto", "websocket", "polling"]

SOCKETS_TRIED: Final = 2
FIRST_PROBE_S: Final = 2.0
PROBE_CAP_S: Final = 10.0


class Route:
    """Which way the next dial goes."""

    def __init__(self, choice: Choice = "auto", *, jitter: Callable[[], float]) -> None:
        self.choice = choice
        self.probe_at: float | None = None  # when to look whether the socket can be had again
        self._jitter = jitter
        self._failures = 0  # of the socket in a row
        self._probes = 0

    @property
    def first(self) -> Way:
        """Return what to dial first."""
        return "polling" if self.choice == "polling" else "websocket"

    def allows(self, way: Way) -> bool:
        """Tell whether what is dialed now may stay."""
        return self.choice in ("auto", way)

    def failed(self, way: Way) -> Way | None:
        """Take in that a dial came to nothing; return what to dial at once instead, if anything."""
        if way != "websocket":
            return None
        self._failures += 1
        return "polling" if self.choice == "auto" and self._failures >= SOCKETS_TRIED else None

    def synced(self, way: Way, now: float) -> None:
        """Take in that everything was caught up this way."""
        if way == "websocket":
            self._failures = self._probes = 0
            self.probe_at = None
        elif self.choice != "auto":
            self.probe_at = None
        elif self.probe_at is None:  # a hole that is filled by the way mustn't put the next look off
            self.probed(now)

    def probed(self, now: float) -> None:
        """Look for the socket again after a while: sooner at first, for a gateway that was only being restarted."""
        wait_s = min(FIRST_PROBE_S * 2.0 ** min(self._probes, 8), PROBE_CAP_S)
        self._probes += 1
        self.probe_at = now + wait_s * (0.75 + self._jitter() / 2)

    def hurry(self, now: float) -> None:
        """Look for the socket at once, and soon again if it isn't there yet."""
        if self.probe_at is not None:
            self._probes = 0
            self.probe_at = now

    def is_probe_due(self, now: float) -> bool:
        """Tell whether it is time to look; a clock set back puts nothing off."""
        return self.probe_at is not None and not now < self.probe_at <= now + 2 * PROBE_CAP_S
