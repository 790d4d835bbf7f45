"""Counts what has happened at one airport so far: figures that follow from the flights, nothing of its own. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Any


class Tally:
    """The count of one airport's departures. Threads: one."""

    def __init__(self, code: str, name: str) -> None:
        self._code = code
        self._name = name
        self._waiting = 0
        self._departed = 0
        self._cancelled = 0
        self._delay_minutes = 0
        self._has_changed = False

    def count(self, status: str, departure_delay: int | None) -> None:
        """Count what became of one flight: scheduled, departed or cancelled. A landing is another airport's matter."""
        if status == "landed":
            return
        self._has_changed = True
        if status == "scheduled":
            self._waiting += 1
            return
        self._waiting -= 1
        if status == "cancelled":
            self._cancelled += 1
        else:
            self._departed += 1
            self._delay_minutes += departure_delay or 0

    def take_changed(self) -> bool:
        """Tell whether anything was counted since the last call."""
        had_changed, self._has_changed = self._has_changed, False
        return had_changed

    def document(self, at: datetime) -> dict[str, Any]:
        """Describe the count; the average and the share are None while there is nothing to divide by."""
        gone = self._departed + self._cancelled
        return {
            "id": self._code,
            "name": self._name,
            "waiting": self._waiting,
            "departed": self._departed,
            "cancelled": self._cancelled,
            "averageDepartureDelay": round(self._delay_minutes / self._departed, 1) if self._departed else None,
            "cancelledPercent": round(100 * self._cancelled / gone, 1) if gone else None,
            "asOf": at.isoformat(),
        }
