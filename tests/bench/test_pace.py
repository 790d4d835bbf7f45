"""The moments at which an open loop posts."""

from __future__ import annotations

import pytest

from realtime.bench.pace import pace_for


def test_events_are_due_at_even_steps_that_never_drift() -> None:
    """The millionth event is due by multiplication, not by adding up a million roundings."""
    pace = pace_for(start=1000.0, rate=5, duration_s=200_000)
    assert pace.due_at(0) == 1000.0
    assert pace.due_at(1) == 1000.2
    assert pace.due_at(999_999) == 1000.0 + 999_999 / 5
    assert pace.end == 201_000.0


def test_a_short_run_has_at_least_one_event() -> None:
    """A run of no events would report a perfect nothing."""
    assert pace_for(start=0, rate=0.1, duration_s=1).count == 1


@pytest.mark.parametrize(("rate", "duration_s"), [(0, 1), (-1, 1), (1, 0)])
def test_a_pace_needs_a_positive_rate_and_duration(rate: float, duration_s: float) -> None:
    """Anything else has no due times at all."""
    with pytest.raises(ValueError, match="positive"):
        pace_for(start=0, rate=rate, duration_s=duration_s)
