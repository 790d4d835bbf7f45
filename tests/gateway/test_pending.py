"""When a critical event comes again: told the time, without a gateway."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.gateway.pending import Pending

A1, A2, A3 = ("a", 1), ("a", 2), ("a", 3)


def pending(kept: int = 100) -> Pending:
    """Make one with a connected consumer `app` and ten seconds of patience."""
    made = Pending(again_s=10.0, kept=kept)
    made.connected("app")
    return made


def test_what_goes_out_is_due_again_after_the_patience_and_not_before() -> None:
    """And again, for as long as nobody acknowledges it."""
    one = pending()
    one.stored(A1, now=100.0)
    assert one.next_due == 110.0
    assert one.due("app", now=109.9, at_most=9) == []
    assert one.due("app", now=110.0, at_most=9) == [A1]
    one.given("app", [A1], now=110.0)
    assert one.due("app", now=119.9, at_most=9) == []
    assert one.due("app", now=120.0, at_most=9) == [A1]


def test_what_is_acknowledged_never_comes_again() -> None:
    """Even when it was just about to be given."""
    one = pending()
    one.stored(A1, now=100.0)
    one.settled("app", [A1])
    one.given("app", [A1], now=110.0)
    assert one.next_due is None


def test_what_was_owed_before_the_connection_is_due_at_once_and_first() -> None:
    """But not what is going out over it this very moment."""
    one = pending()
    one.stored(A2, now=100.0)
    one.loaded("app", [A1, A2, A3], now=100.5)
    assert one.due("app", now=100.5, at_most=9) == [A1, A3]
    assert one.due("app", now=100.5, at_most=1) == [A1]
    assert one.due("app", now=110.0, at_most=9) == [A1, A3, A2]


def test_a_new_connection_begins_afresh() -> None:
    """What the old one was sent may have died with it."""
    one = pending()
    one.stored(A1, now=100.0)
    one.connected("app")
    one.loaded("app", [A1], now=101.0)
    assert one.due("app", now=101.0, at_most=9) == [A1]


def test_who_is_gone_is_due_nothing() -> None:
    """Nor noted for; late answers about it change nothing."""
    one = pending()
    one.gone("app")
    one.stored(A1, now=100.0)
    one.loaded("app", [A1], now=100.0)
    one.given("app", [A1], now=100.0)
    one.settled("app", [A1])
    assert one.consumers == ()
    assert one.next_due is None


def test_what_is_noted_is_bounded() -> None:
    """The newest stay."""
    one = pending(kept=2)
    for place in (A1, A2, A3):
        one.stored(place, now=100.0)
    assert one.due("app", now=200.0, at_most=9) == [A2, A3]
    one.loaded("app", [A1], now=100.0)
    assert len(one.due("app", now=200.0, at_most=9)) == 2


@given(st.lists(st.tuples(st.sampled_from(["stored", "given", "settled", "loaded"]), st.integers(1, 6)), max_size=40))
def test_the_next_due_is_the_first_of_all(facts: list[tuple[str, int]]) -> None:
    """Whatever happened: nothing is due before `next_due`, and something is due then."""
    one = pending()
    now = 0.0
    for fact, offset in facts:
        now += 1.0
        place = ("a", offset)
        if fact == "stored":
            one.settled("app", [place])  # an offset is stored once
            one.stored(place, now=now)
        elif fact == "given":
            one.given("app", one.due("app", now=now, at_most=2), now=now)
        elif fact == "settled":
            one.settled("app", [place])
        else:
            one.loaded("app", [place], now=now)
        at = one.next_due
        if at is not None:
            assert one.due("app", now=at - 0.001, at_most=99) == [] or at < now
            assert one.due("app", now=at, at_most=99) != []
