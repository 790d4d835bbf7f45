"""Chooses ranges of axes that hold still while what is drawn moves on. Pure.

An axis that follows every point has its ticks and labels drawn anew at every point, which costs more than the points
do, and jitters before the reader's eyes. These ranges end on round values and change once in many points; chart.js goes
on with a range a little too long until it has to change an end anyway. They change a little before the points are
there, so that a page can draw its axes when it has time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_DAY_S: Final = 86_400
_TIME_STEPS_S: Final = (
    *(0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(_MINUTE_S * count for count in (1, 2, 5, 10, 15, 30)),
    *(_HOUR_S * count for count in (1, 2, 3, 6, 12)),
    *(_DAY_S * count for count in (1, 2, 7, 14, 28, 91, 182, 364, 728, 1820, 3640, 7280, 18_200)),
)
_STEPS_ACROSS: Final = 6
_PADDING: Final = 0.04
_NICE: Final = (1.0, 2.0, 2.5, 5.0, 10.0)


def time_span(moments: Sequence[float]) -> tuple[float, float] | None:
    """Return the range of an axis of time over `moments` (Unix seconds); None when there is no extent.

    It ends on a round moment, with a step or less left free for what comes next.
    """
    if not moments:
        return None
    first, last = min(moments), max(moments)
    if first == last:
        return None
    wanted = (last - first) / _STEPS_ACROSS
    step = next((step for step in _TIME_STEPS_S if step >= wanted), _TIME_STEPS_S[-1])
    return math.floor(first / step) * step, (math.floor((last + _PADDING * (last - first)) / step) + 1) * step


def value_span(values: Sequence[float]) -> tuple[float, float] | None:
    """Return the range of an axis of numbers: a little more than the extent of `values`, on round ends.

    None when there is no extent, or one that numbers can't hold: Plotly then chooses.
    """
    if not values:
        return None
    low, high = min(values), max(values)
    extent = high - low
    if not 0 < extent < math.inf or extent < 1e-12 * max(abs(low), abs(high)):
        return None
    step = _nice_at_least(extent / _STEPS_ACROSS)
    padding = extent * _PADDING
    bottom, top = math.floor((low - padding) / step) * step, math.ceil((high + padding) / step) * step
    if low >= 0 > bottom:
        bottom = -step / 5  # room for a line at zero, none for numbers that aren't there
    return bottom, top


def _nice_at_least(wanted: float) -> float:
    power = 10.0 ** math.floor(math.log10(wanted))
    return next(factor * power for factor in _NICE if factor * power >= wanted * (1 - 1e-9))
