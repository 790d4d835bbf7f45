"""Of a person's tabs that can be seen, exactly one shows the toasts: the one active last."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from realtime.live.election import Election

STEPS = st.lists(st.tuples(st.sampled_from(["seen", "gone"]), st.sampled_from("ab"), st.integers(0, 4)), max_size=60)


def test_the_tab_active_last_leads() -> None:
    """A second tab takes over from the first, which is told so."""
    election: Election[str] = Election()
    assert election.seen("ann", "one") == [("one", True)]
    assert election.seen("ann", "two") == [("one", False), ("two", True)]
    assert election.seen("ann", "two") == []
    assert election.seen("ann", "one") == [("two", False), ("one", True)]


def test_when_the_leader_goes_the_one_active_before_it_leads() -> None:
    """Hiding or closing hands over; the last to go leaves nobody."""
    election: Election[str] = Election()
    for tab in ("one", "two", "three"):
        election.seen("ann", tab)
    assert election.gone("ann", "two") == []
    assert election.gone("ann", "three") == [("three", False), ("one", True)]
    assert election.gone("ann", "one") == [("one", False)]
    assert election.leader("ann") is None
    assert len(election) == 0


def test_people_dont_take_each_others_lead() -> None:
    """Each person has a leader of their own."""
    election: Election[str] = Election()
    election.seen("ann", "one")
    assert election.seen("bob", "two") == [("two", True)]
    assert (election.leader("ann"), election.leader("bob")) == ("one", "two")


@given(STEPS)
def test_who_was_told_last_that_it_leads_is_the_only_one(steps: list[tuple[str, str, int]]) -> None:
    """Whatever happens, what tabs were told adds up to one leader for everybody who has a visible tab, else none."""
    election: Election[int] = Election()
    told: dict[tuple[str, int], bool] = {}
    visible: dict[str, list[int]] = {"a": [], "b": []}
    for what, person, tab in steps:
        if tab in visible[person]:
            visible[person].remove(tab)
        if what == "seen":
            visible[person].append(tab)
        changes = election.seen(person, tab) if what == "seen" else election.gone(person, tab)
        for changed, is_leader in changes:
            assert told.get((person, changed), False) is not is_leader
            told[person, changed] = is_leader
    for person, tabs in visible.items():
        leading = [tab for (whose, tab), is_leader in told.items() if whose == person and is_leader]
        assert leading == tabs[-1:]
