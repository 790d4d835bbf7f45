"""What counts as late, lost and out of order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.bench.paints import Paint, Posted, count_page


def posted(*numbers: int) -> dict[int, Posted]:
    """Post each number at number × 100 ms; the answer comes 3 ms later."""
    return {n: Posted(due_ms=n * 100, sent_ms=n * 100 + 1, answered_ms=n * 100 + 3) for n in numbers}


def test_a_time_counts_from_when_the_event_was_due() -> None:
    """A post that was sent late counts against what is measured."""
    counted = count_page([Paint(110.0, 1, (1,))], posted(1))
    assert counted.from_due_ms == (10.0,)
    assert counted.from_answer_ms == (7.0,)
    assert (counted.lost, counted.out_of_order, counted.paints) == ((), (), 1)


def test_two_events_in_one_paint_are_neither_lost_nor_out_of_order() -> None:
    """The paint rate may put several events into one drawing, as long as each is in it."""
    counted = count_page([Paint(250.0, 2, (1, 2))], posted(1, 2))
    assert counted.from_due_ms == (150.0, 50.0)
    assert (counted.lost, counted.out_of_order, counted.paints) == ((), (), 1)


def test_a_number_that_no_paint_holds_is_lost() -> None:
    """A newer number doesn't make up for one that was never drawn."""
    assert count_page([Paint(110.0, 1, (1,)), Paint(310.0, 3, (3,))], posted(1, 2, 3)).lost == (2,)


def test_a_number_drawn_after_a_newer_one_is_out_of_order() -> None:
    """It did arrive, but the page showed a later state before it."""
    counted = count_page([Paint(310.0, 3, (1, 3)), Paint(320.0, 3, (2,))], posted(1, 2, 3))
    assert counted.out_of_order == (2,)
    assert counted.lost == ()


def test_a_paint_of_an_older_state_is_counted() -> None:
    """A page that goes back to an older state is wrong even when nothing new appears in it."""
    assert count_page([Paint(310.0, 3, (1, 2, 3)), Paint(320.0, 2, ())], posted(1, 2, 3)).went_back == 1


def test_numbers_from_before_the_run_count_for_nothing() -> None:
    """What filled the chart is no part of the measurement."""
    counted = count_page([Paint(50.0, 9, (8, 9)), Paint(1010.0, 10, (10,))], posted(10))
    assert (counted.paints, counted.from_due_ms, counted.out_of_order) == (1, (10.0,), ())


def test_an_unanswered_event_has_no_time_from_its_answer() -> None:
    """The page may have seen it all the same."""
    counted = count_page([Paint(110.0, 1, (1,))], {1: Posted(due_ms=100, sent_ms=100, answered_ms=None)})
    assert (counted.from_due_ms, counted.from_answer_ms) == ((10.0,), ())


@given(st.lists(st.integers(1, 5), max_size=20))
def test_every_event_is_drawn_or_lost(sizes: list[int]) -> None:
    """Whatever the batches, in order and complete: nothing is lost, late or counted twice."""
    paints, last = [], 0
    for size in sizes:
        numbers = tuple(range(last + 1, last + 1 + size))
        last += size
        paints.append(Paint(at_ms=last * 100.0, newest=last, appeared=numbers))
    counted = count_page(paints, posted(*range(1, last + 4)))
    assert len(counted.from_due_ms) == last
    assert counted.lost == (last + 1, last + 2, last + 3)
    assert (counted.out_of_order, counted.went_back) == ((), 0)
