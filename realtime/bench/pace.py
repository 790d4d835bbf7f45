"""Says when each event of an open loop is due. Pure.

An open loop doesn't wait for answers: a stall of what is measured then counts against every event that was due in it,
where a closed loop would politely stop asking ("coordinated omission").
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pace:
    """A steady pace. `start` is Unix seconds, `rate` events a second."""

    start: float
    rate: float
    count: int

    def due_at(self, index: int) -> float:
        """Return when event `index` (from 0) is due, in Unix seconds; never adds up rounding errors."""
        return self.start + index / self.rate

    @property
    def end(self) -> float:
        """Return when the interval of the last event ends, in Unix seconds."""
        return self.start + self.count / self.rate


def pace_for(*, start: float, rate: float, duration_s: float) -> Pace:
    """Return the pace that fills `duration_s` with `rate` events a second, one event at least.

    Raises ValueError when rate or duration isn't positive.
    """
    if rate <= 0 or duration_s <= 0:
        raise ValueError("rate and duration have to be positive")
    return Pace(start=start, rate=rate, count=max(1, round(rate * duration_s)))
