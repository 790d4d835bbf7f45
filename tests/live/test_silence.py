"""Real-time switched off by an operator: tabs keep their channel, are told, and get nothing until it is on again."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from realtime.protocol.flags import REALTIME, UNTOUCHED, Flag, Flags
from realtime.pulse import PULSE, PUSHES
from tests.live.serving import Serving, Tab
from tests.live.support import one_number, title_number
from tests.support.waiting import until

OFF = Flags(1, (Flag(REALTIME, 0),))
HALF = Flags(2, (Flag(REALTIME, 50),))


@pytest.fixture(scope="module")
def shared() -> Iterator[Serving]:
    """Serve once for the module."""
    with Serving() as running:
        yield running


Switch = Callable[[Flags], None]


@pytest.fixture
def switch(shared: Serving) -> Iterator[Switch]:
    """Switch flags as the app does, on the server's loop; afterwards everything is as usual."""

    def switched(flags: Flags) -> None:
        loop = shared.live.owners._loop
        assert loop is not None
        loop.call_soon_threadsafe(shared.live.backend.switched, flags)

    yield switched
    switched(UNTOUCHED)
    until(lambda: shared.live.backend._flags == UNTOUCHED)


@pytest.fixture
def tab(shared: Serving) -> Iterator[Tab]:
    """Open ann's tab, which shows a number."""
    until(lambda: shared.live.caster.followed == {})
    shared.store.put("a", None)
    made = shared.tab()
    made.show(shared, one_number, person="ann")
    until(lambda: made.next_message() == {"lead": True})
    yield made
    made.close()


def test_a_silenced_tab_is_told_and_sent_nothing_and_then_the_newest(shared: Serving, tab: Tab, switch: Switch) -> None:
    """Nothing is even rendered for it; its channel stays, so it hears at once that it is on again."""
    switch(OFF)
    assert tab.next_message() == {"realtime": False}
    until(lambda: shared.live.caster.followed == {})
    shared.store.put("a", 7)
    assert tab.has_silence()
    switch(UNTOUCHED)
    assert tab.next_message() == {"realtime": True}
    assert tab.next_push()["full"]["number"] == 7
    shared.store.put("a", 8)
    until(lambda: tab.next_push()["full"]["number"] == 8)


def test_a_tab_that_comes_while_it_is_off_is_told_before_its_first_value(
    shared: Serving, tab: Tab, switch: Switch
) -> None:
    """Joining still gives the newest value, which the page has anyway; nothing follows."""
    switch(OFF)
    tab.next_message()
    other = shared.tab()
    assert other.show(shared, one_number, person="bob")["subscribe"]["data"]["full"]["number"] is None
    assert {"realtime": False} in other.messages
    shared.store.put("a", 9)
    assert other.has_silence()
    other.close()


def test_hiding_and_showing_a_silenced_tab_brings_nothing(shared: Serving, tab: Tab, switch: Switch) -> None:
    """It is the operator's word that counts."""
    switch(OFF)
    tab.next_message()
    tab.tell(visible=False)
    tab.tell(visible=True)
    assert tab.has_silence()
    tab.tell(visible=False)
    switch(UNTOUCHED)
    assert tab.has_silence()
    tab.tell(visible=True)
    assert "full" in tab.next_push()


def test_a_share_silences_who_is_not_in_it(shared: Serving, tab: Tab, switch: Switch) -> None:
    """Of two people who look at the same, one is sent what the other isn't."""
    other = shared.tab()
    other.show(shared, one_number, person="bob")
    switch(HALF)
    assert tab.next_message() == {"realtime": False}
    shared.store.put("a", 3)
    assert other.next_push()["full"]["number"] == 3
    assert tab.has_silence()
    other.close()


def test_what_hidden_tabs_are_sent_too_is_sent_to_silenced_ones(shared: Serving, tab: Tab, switch: Switch) -> None:
    """The count of notifications has a flag of its own."""
    tab.show(shared, title_number, person="ann")
    switch(OFF)
    tab.next_message()
    shared.store.put("a", 4)
    assert tab.next_push()["full"] == {"number": 4}


def test_pushes_are_counted_for_judging_a_change(shared: Serving, tab: Tab) -> None:
    """How many, and how long from the rendering to the sending."""
    before = PULSE.figures(PUSHES).count
    shared.store.put("a", 5)
    tab.next_push()
    until(lambda: PULSE.figures(PUSHES).count > before)
    assert PULSE.figures(PUSHES).p95_ms is not None
