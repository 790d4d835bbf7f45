"""Claims about what is known of flags: of all that was said of one, the newest holds, in whatever order it is heard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.gateway.switchboard import Switched, flags_of, newest
from realtime.protocol.flags import READ_ONLY, UNTOUCHED, USUAL, WEBSOCKET

ROWS = st.builds(
    lambda number, name: Switched(number, name, number % 101, 1.0, "ann", "", "{}"),
    st.integers(1, 9), st.sampled_from([*USUAL, "of a later version"]),
)  # fmt: skip


@given(rows=st.lists(ROWS, max_size=12), data=st.data())
def test_the_newest_of_each_flag_holds_in_whatever_order_it_is_heard(rows: list[Switched], data: st.DataObject) -> None:
    """And however often."""
    found = newest(rows)
    assert found == newest(data.draw(st.permutations(rows)), rows) == newest(found.values(), rows)
    for row in rows:
        assert found[row.name].number >= row.number


def test_flags_nobody_knows_here_raise_the_revision_alone() -> None:
    """As when a node of a later version has switched one of its own."""
    rows = newest([Switched(3, "later", 5, 1.0, "ann", "", "{}"), Switched(2, READ_ONLY, 100, 1.0, "ann", "why", "{}")])
    flags = flags_of(rows)
    assert (flags.revision, flags.get(READ_ONLY).percent) == (3, 100)
    assert flags.get(WEBSOCKET) == UNTOUCHED.get(WEBSOCKET)
    assert [flag.name for flag in flags.flags] == list(USUAL)


def test_of_two_with_one_number_the_one_that_was_known_stays() -> None:
    """So that hearing something twice is no change."""
    first, second = (Switched(1, READ_ONLY, percent, 1.0, "ann", "", "{}") for percent in (0, 100))
    assert newest([first], [second])[READ_ONLY] is first
