"""Claims about flags: a share of the people that is stable, grows without swapping anybody, and is about as large."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.flags import NOTIFICATIONS, READ_ONLY, REALTIME, UNTOUCHED, USUAL, WEBSOCKET, Flag, Flags

NAMES = st.sampled_from(sorted(USUAL))


@given(name=NAMES, person=st.text(), low=st.integers(0, 100), more=st.integers(0, 100))
def test_who_is_in_stays_in_when_the_share_grows(name: str, person: str, low: int, more: int) -> None:
    """And nobody is in at 0, everybody at 100, whatever they are called."""
    high = min(100, low + more)
    assert Flag(name, high).is_on_for(person) or not Flag(name, low).is_on_for(person)
    assert not Flag(name, 0).is_on_for(person)
    assert Flag(name, 100).is_on_for(person)


@pytest.mark.parametrize("percent", [1, 10, 50, 90])
def test_a_share_is_about_as_large_as_it_says(percent: int) -> None:
    """Of ten thousand people; and two flags don't choose the same ones."""
    people = [f"person-{number}" for number in range(10_000)]
    in_first = {person for person in people if Flag(REALTIME, percent).is_on_for(person)}
    in_second = {person for person in people if Flag(WEBSOCKET, percent).is_on_for(person)}
    assert abs(len(in_first) - 100 * percent) < 200
    assert abs(len(in_first & in_second) - percent * percent) < 200


def test_the_same_person_gets_the_same_answer_for_ever() -> None:
    """The order of people is part of the protocol: other processes and later versions have to agree."""
    chosen = [name for name in ("ann", "bob", "cho", "dee", "eva", "finn") if Flag(REALTIME, 50).is_on_for(name)]
    assert chosen == ["bob", "cho", "eva"]


def test_untouched_flags_leave_everything_as_usual() -> None:
    """Everything is on, and writing is allowed."""
    assert [UNTOUCHED.is_on(name, "ann") for name in (WEBSOCKET, REALTIME, NOTIFICATIONS, READ_ONLY)] == [
        True, True, True, False,
    ]  # fmt: skip
    assert UNTOUCHED.unusual("ann") == ()
    with pytest.raises(KeyError):
        UNTOUCHED.is_on("nonsense")


def test_what_is_unusual_is_told_per_person() -> None:
    """A share concerns only who is in it."""
    flags = Flags(3, (Flag(REALTIME, 50), Flag(READ_ONLY, 100)))
    assert [flag.name for flag in flags.unusual("bob")] == [READ_ONLY]
    assert [flag.name for flag in flags.unusual("ann")] == [REALTIME, READ_ONLY]
    assert not flags.get(REALTIME).is_usual


def test_a_reader_of_another_version_finds_its_own_flags() -> None:
    """Flags it doesn't know are kept but ask nothing of it; those it isn't told of stand where they usually do."""
    told = b'{"revision": 9, "flags": [{"name": "later", "percent": 0}, {"name": "realtime", "percent": 0}]}'
    flags = msgspec.json.decode(told, type=Flags)
    assert [flag.name for flag in flags.unusual("ann")] == [REALTIME]
    assert flags.is_on(WEBSOCKET, "ann")
