"""Ranges of axes hold what is drawn, and hold still."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.views.spans import time_span, value_span

_MOMENTS = st.floats(min_value=0, max_value=4e9, allow_nan=False)
_VALUES = st.floats(min_value=-1e12, max_value=1e12, allow_nan=False)


@given(st.lists(_MOMENTS, min_size=2, max_size=30))
def test_an_axis_of_time_holds_every_moment(moments: list[float]) -> None:
    """No point lies outside, and the axis isn't much longer than what it shows."""
    span = time_span(moments)
    extent = max(moments) - min(moments)
    if extent < 1e-3:  # less than the axis can tell apart
        return
    assert span is not None
    assert span[0] <= min(moments) <= max(moments) <= span[1]
    assert span[1] - span[0] <= max(extent * 2.3, 0.05)


@given(st.lists(_VALUES, min_size=2, max_size=30))
def test_an_axis_of_numbers_holds_every_number(values: list[float]) -> None:
    """No point lies outside, nor does the axis promise negative numbers where there are none."""
    span = value_span(values)
    extent = max(values) - min(values)
    if span is None:
        assert extent <= 1e-12 * max(map(abs, values))
        return
    assert span[0] <= min(values) <= max(values) <= span[1]
    assert span[1] - span[0] <= extent * 2
    assert min(values) < 0 or span[0] > -extent / 8


def test_a_sliding_window_changes_an_end_seldom() -> None:
    """Two hundred points, five a second: an axis gets another end once in 50 points."""
    windows = [[(start + n) / 5 for n in range(200)] for start in range(1000, 1200)]
    assert len({span[1] for window in windows if (span := time_span(window))}) <= 200 // 50 + 1
    numbers = [[float(start + n) for n in range(200)] for start in range(1000, 1200)]
    assert len({span[1] for window in numbers if (span := value_span(window))}) <= 200 // 50 + 1


def test_what_has_no_extent_is_left_to_plotly() -> None:
    """One point, equal points, none at all, or more than a float can span."""
    assert time_span([]) is time_span([5.0]) is time_span([5.0, 5.0]) is None
    assert value_span([]) is value_span([1.0, 1.0]) is value_span([-1e308, 1e308]) is None


def test_ends_are_round() -> None:
    """Twenty minutes get steps of five, numbers up to a hundred steps of twenty."""
    assert time_span([600.0, 1790.0]) == (600.0, 2100.0)
    assert value_span([0.0, 100.0]) == (-4.0, 120.0)
    assert value_span([-10.0, 10.0]) == (-15.0, 15.0)
