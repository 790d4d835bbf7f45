"""Claims about who is out: however nodes tell each other what was done, they end up the same, and the last holds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.gateway.nodes.bars import LIFTED_KEPT_S, Key, Row, lifted, newer, put_out, row_of
from realtime.gateway.revocations import Bar

ROWS = st.builds(
    Row, st.sampled_from(["token", "user", "block"]), st.sampled_from("ab"), st.integers(1, 5).map(float),
    st.just(0.0), st.booleans(),
)  # fmt: skip


def merged(rows: list[Row]) -> dict[Key, Row]:
    """Take in rows one after the other."""
    known: dict[Key, Row] = {}
    for row in rows:
        known |= {fresh.key: fresh for fresh in newer([row], than=known)}
    return known


@given(rows=st.lists(ROWS, max_size=20), data=st.data())
def test_the_order_in_which_nodes_hear_changes_nothing(rows: list[Row], data: st.DataObject) -> None:
    """Nor how often they hear it."""
    other = data.draw(st.permutations(rows + rows))
    assert merged(rows) == merged(list(other))


@given(at=st.floats(1, 2e9), before=st.floats(1, 2e9), now=st.floats(1, 2e9))
def test_what_is_done_last_holds_whatever_clocks_say(at: float, before: float, now: float) -> None:
    """A node whose clock is behind can lift what another has put out, and put out what another has lifted."""
    bar = Bar("block", "ann", before)
    gone = lifted(bar, now=now)
    assert gone.overrides(row_of(bar))
    again = put_out(Bar("block", "ann", at), before=gone)
    assert again.overrides(gone)
    assert not gone.overrides(again)


def test_of_two_at_one_moment_the_one_that_bars_holds() -> None:
    """Rather out than in."""
    out, back = Row("block", "ann", 7.0), Row("block", "ann", 7.0, is_lifted=True)
    assert out.overrides(back)
    assert not back.overrides(out)
    assert not out.overrides(out)


def test_what_was_lifted_is_forgotten_after_a_week_and_what_is_out_when_it_says() -> None:
    """Never, if it says nothing."""
    gone = lifted(Bar("block", "ann", 1.0), now=10.0)
    assert not gone.is_over(10.0 + LIFTED_KEPT_S)
    assert gone.is_over(11.0 + LIFTED_KEPT_S)
    assert Row("token", "t", 1.0, 5.0).is_over(6.0)
    assert not Row("token", "t", 1.0).is_over(1e12)
    assert Row("token", "t", 1.0).bar == Bar("token", "t", 1.0, None)
    assert Row("token", "t", 1.0).field == "token:t"
