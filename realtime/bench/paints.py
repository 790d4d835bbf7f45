"""Judges what a page painted against what was posted: late, lost, out of order. Pure.

How it counts. A *paint* is one batch of mutations of a chart's SVG, with the newest number its data held then and the
numbers that were not in any paint before. Event i is on the page with the first paint that holds i itself. If a newer
number got there before it, i counts as *out of order*; if no paint ever holds it, i is *lost*. Several events that
share one paint (the paint rate bounds how often a page draws) are neither: each of them is in that paint's data.
The recorder reads a chart's data from the newest end up to the first number it knows, so a number that slips in late
between two known ones is lost by this count: it errs against the page.
A page whose data only show the newest value *skips* the older ones; what was skipped so is counted as lost too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Paint:
    """One drawing of a chart that reached the DOM. `at_ms` is Unix milliseconds by the page's clock."""

    at_ms: float
    newest: int
    appeared: tuple[int, ...]


@dataclass(frozen=True)
class Posted:
    """One event as posted. All three are Unix milliseconds: due, answered (None: never), sent."""

    due_ms: float
    sent_ms: float
    answered_ms: float | None


@dataclass(frozen=True)
class PageCount:
    """What one page made of the events. Times in milliseconds, one for each event that was seen."""

    from_due_ms: tuple[float, ...]
    from_answer_ms: tuple[float, ...]
    paints: int
    lost: tuple[int, ...]
    out_of_order: tuple[int, ...]
    went_back: int
    """Paints whose newest number was older than that of the paint before."""


def count_page(paints: Sequence[Paint], posted: Mapping[int, Posted]) -> PageCount:
    """Compare one page's paints, in the order they happened, with the events by their number."""
    seen_at: dict[int, float] = {}
    out_of_order: list[int] = []
    went_back = 0
    newest = newest_ever = min(posted, default=1) - 1
    for paint in paints:
        went_back += paint.newest < newest
        newest = paint.newest
        for number in paint.appeared:
            if number not in posted or number in seen_at:
                continue
            seen_at[number] = paint.at_ms
            if number < newest_ever:
                out_of_order.append(number)
        newest_ever = max(newest_ever, newest)
    return PageCount(
        from_due_ms=tuple(at - posted[number].due_ms for number, at in seen_at.items()),
        from_answer_ms=tuple(
            at - answered for number, at in seen_at.items() if (answered := posted[number].answered_ms) is not None
        ),
        paints=sum(1 for paint in paints if paint.newest in posted),
        lost=tuple(sorted(set(posted) - set(seen_at))),
        out_of_order=tuple(sorted(out_of_order)),
        went_back=went_back,
    )
