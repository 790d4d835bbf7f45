"""Notices that the machine slept, from two clocks read at every turn of the loop. Pure: told both times.

A suspended machine's wall clock goes on while its monotonic clock stands still (Linux, macOS), or both go on and no
turn of the loop was made (Windows, a stopped process).
"""

from __future__ import annotations

from typing import Final

DRIFT_S: Final = 5.0
LONGEST_TURN_S: Final = 60.0  # a turn dials, loads and waits, each for seconds at most


class Clocks:
    """Both clocks as they were at the last turn."""

    def __init__(self) -> None:
        self._wall: float | None = None
        self._steady = 0.0

    def have_jumped(self, *, wall: float, steady: float) -> bool:
        """Take in both clocks (seconds) and tell whether the machine slept since the last turn.

        A wall clock that is set back isn't sleep; one that is set forward looks like it, and costs one dial.
        """
        before, turn_s = self._wall, steady - self._steady
        self._wall, self._steady = wall, steady
        if before is None:
            return False
        return wall - before - turn_s > DRIFT_S or turn_s > LONGEST_TURN_S
