"""Percentiles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.bench.spread import percentile, spread_of

TIMES = st.lists(st.floats(min_value=-1e6, max_value=1e6), min_size=1, max_size=200)


def test_percentiles_are_nearest_rank() -> None:
    """Of 1 to 100, p95 is 95 and not something between two measurements."""
    spread = spread_of(float(n) for n in range(100, 0, -1))
    assert spread is not None
    assert (spread.p50, spread.p95, spread.p99, spread.max, spread.count) == (50, 95, 99, 100, 100)


def test_one_time_is_every_percentile() -> None:
    """A single measurement is its own median and maximum."""
    spread = spread_of([7.0])
    assert spread is not None
    assert {spread.p50, spread.p95, spread.p99, spread.max} == {7.0}


def test_no_times_have_no_spread() -> None:
    """Nothing measured is None, not zero: zero would look like a perfect figure."""
    assert spread_of([]) is None


@given(TIMES, st.integers(1, 100))
def test_a_percentile_is_a_member_with_enough_below_it(times: list[float], percent: int) -> None:
    """The definition itself: at least that part of the members is at or below the value."""
    ordered = sorted(times)
    value = percentile(ordered, percent)
    assert value in ordered
    assert sum(each <= value for each in ordered) >= len(ordered) * percent / 100


@given(TIMES)
def test_percentiles_never_fall(times: list[float]) -> None:
    """p50 ≤ p95 ≤ p99 ≤ max, whatever was measured."""
    spread = spread_of(times)
    assert spread is not None
    assert spread.p50 <= spread.p95 <= spread.p99 <= spread.max == pytest.approx(max(times))
