"""Claims about the pulse: a minute can be held against another, quantiles are near the truth, memory is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.pulse import KEPT_S, Figures, Pulse


class Clock:
    """A time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return it."""
        return self.now


def test_a_minute_is_counted_and_the_one_before_can_be_asked_for() -> None:
    """What is older than a minute doesn't count as now, but still as then."""
    clock = Clock()
    pulse = Pulse(clock)
    for _ in range(10):
        pulse.note("writes", 0.01, is_error=True)
    clock.now += 90
    for _ in range(30):
        pulse.note("writes", 0.1)
    now, then = pulse.figures("writes"), pulse.figures("writes", until=clock.now - 30)
    assert (now.count, now.errors, now.error_share) == (30, 0, 0.0)
    assert (then.count, then.errors, then.error_share) == (10, 10, 1.0)


def test_what_was_before_a_change_is_left_out() -> None:
    """Else a change would be judged by what it changed."""
    clock = Clock()
    pulse = Pulse(clock)
    pulse.note("writes", 0.01, is_error=True)
    clock.now += 10
    pulse.note("writes", 0.01)
    figures = pulse.figures("writes", since=1005.0)
    assert (figures.count, figures.errors, figures.seconds) == (1, 0, 5.0)


def test_subjects_are_apart_and_an_unknown_one_is_empty() -> None:
    """Nothing was done: nothing failed, and nothing took any time."""
    pulse = Pulse(Clock())
    pulse.note("writes", 0.01)
    assert pulse.figures("sockets") == Figures()
    assert pulse.figures("sockets").error_share is None


def test_what_has_no_time_is_counted_and_moves_no_quantile() -> None:
    """A connection that was closed as slow is a failure, and took no time to answer."""
    pulse = Pulse(Clock())
    pulse.note("x", 0.2)
    for _ in range(9):
        pulse.note("x", None, is_error=True)
    figures = pulse.figures("x")
    assert (figures.count, figures.errors) == (10, 9)
    assert figures.p50_ms == pytest.approx(200, rel=0.25)


@given(st.lists(st.floats(0.0001, 50.0), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_quantiles_are_within_a_quarter_of_the_truth(times: list[float], share: float) -> None:
    """The buckets grow by a quarter, so no answer is further off than one of them."""
    pulse = Pulse(Clock())
    for seconds in times:
        pulse.note("x", seconds)
    figures = pulse.figures("x")
    found = figures.p50_ms if share == 0.5 else figures.p95_ms
    rank = max(0, -(-int(share * 1000) * len(times) // 1000) - 1)
    truth = sorted(times)[rank] * 1000
    assert found is not None
    assert truth / 1.26 <= found <= truth * 1.26


def test_memory_is_bounded() -> None:
    """Only the last five minutes are kept, however long it runs."""
    clock = Clock()
    pulse = Pulse(clock)
    for _ in range(3 * KEPT_S):
        clock.now += 1
        pulse.note("x", 0.001)
    assert len(pulse._subjects["x"]) == KEPT_S
    assert pulse.figures("x").count == pytest.approx(60, abs=1)
