"""Decides when to poll next: quickly while something happens, at once while there is more, slowly when quiet. Pure."""

from __future__ import annotations

from typing import Final

POLL_S: Final = 2.0
QUIET_POLL_S: Final = 5.0
QUIET_AFTER_S: Final = 60.0


class Pace:
    """The time of the next poll."""

    def __init__(self, now: float) -> None:
        self.interval_s = POLL_S
        self.due_at = now
        self._busy_at = now

    def answered(self, now: float, *, events: int, has_more: bool) -> None:
        """Take in what a poll brought."""
        if events:
            self._busy_at = now
        is_quiet = not 0 <= now - self._busy_at < QUIET_AFTER_S
        self.interval_s = QUIET_POLL_S if is_quiet else POLL_S
        self.due_at = now if has_more else now + self.interval_s

    def is_due(self, now: float) -> bool:
        """Tell whether to poll; a clock set back puts nothing off."""
        return not now < self.due_at <= now + QUIET_POLL_S
