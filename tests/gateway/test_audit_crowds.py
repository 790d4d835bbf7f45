"""Claims about crowds: whatever is noted is counted, whoever is loud takes a bounded number of rows."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from realtime.gateway.audit_crowds import MOST_CROWDS, NAMED, SEVERAL, WINDOW_MS, Crowds
from realtime.gateway.audit_words import Note

NOTE = st.builds(
    Note,
    time_ms=st.integers(0, 5),
    actor=st.sampled_from(["ann", "bob"]),
    action=st.just("write"),
    times=st.just(1),
    detail=st.just(""),
    origin=st.integers(0, 20).map(lambda number: f"10.0.0.{number}"),
    outcome=st.sampled_from(["ok", "refused"]),
    target=st.integers(0, 30).map(lambda number: f"collection:orders/{number}"),
)
BATCHES = st.lists(st.tuples(st.integers(0, WINDOW_MS), st.lists(NOTE, max_size=40)), max_size=8)


def write(target: str, time_ms: int = 0, actor: str = "ann", origin: str = "") -> Note:
    """Make a note of a change."""
    return Note(time_ms, actor, "write", "ok", target, origin)


@given(BATCHES)
def test_nothing_is_left_out_and_rows_are_bounded(batches: list[tuple[int, list[Note]]]) -> None:
    """Of each actor's each outcome, in each minute."""
    crowds = Crowds()
    now_ms = 0
    noted = 0
    rows: list[Note] = []
    minutes = 1
    for pause_ms, notes in batches:
        now_ms += pause_ms
        over = crowds.due(now_ms)
        minutes += 1
        rows += over + crowds.take([note._replace(time_ms=now_ms) for note in notes])
        noted += len(notes)
    rows += crowds.all()
    assert crowds.all() == []
    assert sum(row.times for row in rows) == noted
    for count in Counter((row.actor, row.outcome) for row in rows).values():
        assert count <= minutes * (2 * NAMED + 1)


def test_the_first_of_a_minute_are_named_and_the_rest_are_one_row() -> None:
    """Which comes when the minute is over; then names are written again."""
    crowds = Crowds()
    notes = [write(f"collection:orders/{number}", number) for number in range(NAMED + 5)]
    assert crowds.take(notes) == notes[:NAMED]
    assert crowds.next_due_ms == WINDOW_MS
    assert crowds.due(WINDOW_MS - 1) == []
    assert crowds.due(WINDOW_MS) == [write("collection:orders", NAMED)._replace(times=5)]
    again = write("collection:orders/x", WINDOW_MS)
    assert crowds.take([again]) == [again]


def test_others_are_named_beside_a_loud_one() -> None:
    """Each has a minute of their own."""
    crowds = Crowds()
    crowds.take([write(str(number)) for number in range(50)])
    quiet = write("collection:orders/1", actor="bob")
    assert crowds.take([quiet]) == [quiet]


def test_a_crowd_from_everywhere_is_told_as_that() -> None:
    """However many addresses take part."""
    crowds = Crowds()
    crowds.take([write("x", origin=f"10.0.0.{number}") for number in range(200)])
    folded = crowds.all()
    assert len(folded) == NAMED + 1
    assert folded[-1].origin == SEVERAL
    assert sum(note.times for note in folded) == 200 - NAMED


def test_what_repeats_in_one_moment_is_one() -> None:
    """Told by how often."""
    crowds = Crowds()
    assert crowds.take([write("a"), write("a", 1), write("b")]) == [write("a")._replace(times=2), write("b")]


def test_actors_without_number_are_no_burden() -> None:
    """What is remembered of them is bounded."""
    crowds = Crowds()
    for number in range(3 * MOST_CROWDS):
        assert len(crowds.take([write("a", actor=str(number))])) == 1
    assert len(crowds._crowds) <= MOST_CROWDS


def test_a_clock_that_is_set_back_holds_nothing_up() -> None:
    """A minute that can't end is over."""
    crowds = Crowds()
    crowds.take([write(str(number), WINDOW_MS * 5) for number in range(50)])
    assert crowds.due(0)
