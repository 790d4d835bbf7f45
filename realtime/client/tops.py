"""Decides when to ask the gateway where its streams end: what got lost silently shows only there. Pure.

Redis pub/sub, for one, drops messages without a word; the next event would tell, but there may be none for hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

TOPS_S: Final = 30.0
_AT_ONCE: Final = 500  # streams asked for in one message


class TopCheck:
    """Asks for all streams every `interval_s` seconds, a part of them sooner when they are many."""

    def __init__(self, *, interval_s: float = TOPS_S, jitter: Callable[[], float]) -> None:
        self.interval_s = interval_s
        self.due_at: float | None = None
        self._jitter = jitter
        self._place = 0

    def begin(self, now: float) -> None:
        """Begin to check, an interval from now."""
        self._place = 0
        self._wait(now, self.interval_s)

    def stop(self) -> None:
        """Stop checking."""
        self.due_at = None

    def take(self, channels: Sequence[str], now: float) -> Sequence[str]:
        """Return the channels to ask for at `now`: none before it is time, each once in an interval."""
        if self.due_at is None or now < self.due_at <= now + 2 * self.interval_s:
            return ()
        asked = channels[self._place : self._place + _AT_ONCE]
        rounds = -(-len(channels) // _AT_ONCE) or 1
        self._place = 0 if self._place + _AT_ONCE >= len(channels) else self._place + _AT_ONCE
        self._wait(now, self.interval_s / rounds)
        return asked

    def _wait(self, now: float, interval_s: float) -> None:
        """Spread the checks, so that a thousand clients let in together don't ask together for ever."""
        self.due_at = now + interval_s * (0.75 + self._jitter() / 2)
