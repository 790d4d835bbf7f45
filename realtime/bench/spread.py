"""Condenses measured times to percentiles. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Spread:
    """How times in milliseconds are spread. Percentiles are nearest-rank: each is a time that was measured."""

    count: int
    p50: float
    p95: float
    p99: float
    max: float


def spread_of(times_ms: Iterable[float]) -> Spread | None:
    """Return the spread of some times, or None when there are none."""
    ordered = sorted(times_ms)
    if not ordered:
        return None
    return Spread(
        count=len(ordered),
        p50=percentile(ordered, 50),
        p95=percentile(ordered, 95),
        p99=percentile(ordered, 99),
        max=ordered[-1],
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the smallest member with at least `percent` % of the members at or below it.

    `ordered` is ascending and not empty.
    """
    rank = math.ceil(len(ordered) * percent / 100)
    return ordered[max(rank, 1) - 1]
