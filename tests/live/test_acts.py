"""What people do in their tabs over real sockets: acts reach the desk in order, refusals come back, one tab leads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from realtime.errors import NoticeError
from realtime.live.owners import MOST_WAITING
from tests.live.serving import Serving, Tab
from tests.live.support import one_number, title_number
from tests.support.waiting import until


class RecordingDesk:
    """Records what it is asked, and refuses what says so."""

    def __init__(self) -> None:
        self.acts: list[tuple[str, dict[str, Any]]] = []
        self.open_for: list[str] = []
        self.led_now: dict[str, bool] = {}
        self.gate = threading.Event()
        self.gate.set()

    def open(self, person: str) -> Callable[[], None]:
        """Keep in mind for whom it is open."""
        self.open_for.append(person)
        return lambda: self.open_for.remove(person)

    def act(self, person: str, value: dict[str, Any]) -> str:
        """Take an act once the gate is open."""
        self.gate.wait(10)
        if value["do"] == "nonsense":
            raise NoticeError("That makes no sense.")
        if value["do"] == "fail":
            raise ZeroDivisionError
        self.acts.append((person, value))
        return str(value.get("id", ""))

    def led(self, person: str, *, is_led: bool) -> None:
        """Keep in mind who is led."""
        self.led_now[person] = is_led


@pytest.fixture(scope="module")
def shared() -> Iterator[Serving]:
    """Serve once for the module."""
    with Serving() as running:
        yield running


@pytest.fixture
def desk(shared: Serving) -> Iterator[RecordingDesk]:
    """Put a desk that records behind the live side."""
    made = RecordingDesk()
    shared.live.owners.set_desk(made)
    yield made
    made.gate.set()
    until(lambda: made.open_for == [])
    shared.live.owners.set_desk(None)


@pytest.fixture
def tabs(shared: Serving, desk: RecordingDesk) -> Iterator[Callable[[str], Tab]]:
    """Open tabs that belong to somebody."""
    opened: list[Tab] = []

    def open_tab(person: str) -> Tab:
        tab = shared.tab()
        opened.append(tab)
        tab.show(shared, one_number, person=person)
        return tab

    yield open_tab
    for tab in opened:
        tab.close()


def test_acts_reach_the_desk_in_order_under_the_tickets_person(desk: RecordingDesk, tabs: Callable[[str], Tab]) -> None:
    """Who acts is who the ticket is for, whatever the act says."""
    tab = tabs("ann")
    for number in range(30):
        tab.tell(act={"do": "set", "id": str(number), "person": "bob"})
    until(lambda: len(desk.acts) == 30)
    assert [value["id"] for _, value in desk.acts] == [str(number) for number in range(30)]
    assert {person for person, _ in desk.acts} == {"ann"}


def test_what_the_desk_refuses_comes_back_with_its_reason(desk: RecordingDesk, tabs: Callable[[str], Tab]) -> None:
    """One sentence for people, and which act it was; a mistake of ours says so and ends nothing."""
    tab = tabs("ann")
    assert tab.next_message() == {"lead": True}
    tab.tell(act={"do": "nonsense", "id": "x1"})
    assert tab.next_message() == {"refused": {"id": "x1", "reason": "That makes no sense."}}
    tab.tell(act={"do": "fail", "id": 7})
    refused = tab.next_message()["refused"]
    assert refused["id"] == ""
    assert "failed in the dashboard" in refused["reason"]
    tab.tell(act={"do": "set", "id": "x2"})
    until(lambda: [value["id"] for _, value in desk.acts] == ["x2"])


def test_a_tab_that_is_nobodys_cant_act(shared: Serving, desk: RecordingDesk) -> None:
    """Without a ticket that names a person nothing is done."""
    tab = shared.tab()
    tab.show(shared, one_number)
    tab.tell(act={"do": "set", "id": "x1"})
    assert "belongs to nobody" in tab.next_message()["refused"]["reason"]
    assert desk.acts == []
    tab.close()


def test_without_a_desk_an_act_is_refused_not_forgotten(shared: Serving) -> None:
    """While the process starts or stops, the tab hears that nothing was done."""
    tab = shared.tab()
    tab.show(shared, one_number, person="ann")
    assert tab.next_message() == {"lead": True}
    tab.tell(act={"do": "set", "id": "x1"})
    assert "starting or stopping" in tab.next_message()["refused"]["reason"]
    tab.close()


def test_only_so_many_acts_wait(desk: RecordingDesk, tabs: Callable[[str], Tab]) -> None:
    """While one takes its time, a bounded number waits behind it; the rest is refused at once."""
    tab = tabs("ann")
    desk.gate.clear()
    assert tab.next_message() == {"lead": True}
    for number in range(MOST_WAITING + 10):
        tab.tell(act={"do": "set", "id": str(number)})
    refused = [tab.next_message()["refused"] for _ in range(9)]
    assert all("too much at once" in each["reason"] for each in refused)
    desk.gate.set()
    until(lambda: len(desk.acts) == MOST_WAITING + 1)
    names = {value["id"] for _, value in desk.acts}
    assert names.isdisjoint(each["id"] for each in refused)


def test_an_act_is_done_even_if_the_tab_is_closed_right_after(desk: RecordingDesk, tabs: Callable[[str], Tab]) -> None:
    """Somebody meant it."""
    tab = tabs("ann")
    desk.gate.clear()
    for number in range(5):
        tab.tell(act={"do": "set", "id": str(number)})
    tab.ask(ping={})
    tab.close()
    desk.gate.set()
    until(lambda: len(desk.acts) == 5)


def test_a_refusal_that_comes_later_reaches_all_tabs_of_the_person(
    shared: Serving, desk: RecordingDesk, tabs: Callable[[str], Tab]
) -> None:
    """The gateway's word comes after the act was taken; another person hears nothing."""
    one, two, other = tabs("ann"), tabs("ann"), tabs("bob")
    shared.live.owners.refuse("ann", "x1", "It was refused.")
    for tab in (one, two):
        messages = [tab.next_message()]
        while "refused" not in messages[-1]:
            messages.append(tab.next_message())
        assert messages[-1] == {"refused": {"id": "x1", "reason": "It was refused."}}
    other.ask(ping={})
    assert other.messages == [{"lead": True}]


def test_one_tab_of_a_person_leads_the_one_active_last(desk: RecordingDesk, tabs: Callable[[str], Tab]) -> None:
    """The newest tab takes over; doing something in the other gives the lead back to it."""
    one = tabs("ann")
    assert one.next_message() == {"lead": True}
    two = tabs("ann")
    assert (one.next_message(), two.next_message()) == ({"lead": False}, {"lead": True})
    one.tell(active=True)
    assert (two.next_message(), one.next_message()) == ({"lead": False}, {"lead": True})
    assert desk.led_now == {"ann": True}


def test_hiding_or_closing_the_leader_hands_over_and_the_last_leaves_nobody(
    desk: RecordingDesk, tabs: Callable[[str], Tab]
) -> None:
    """The desk hears when nobody can see toasts, and when somebody can again."""
    one, two, three = tabs("ann"), tabs("ann"), tabs("ann")
    three.close()
    messages = [two.next_message() for _ in range(3)]
    assert messages == [{"lead": True}, {"lead": False}, {"lead": True}]
    two.tell(visible=False)
    assert two.next_message() == {"lead": False}
    assert [one.next_message() for _ in range(3)][-1] == {"lead": True}
    two.tell(active=True)  # a hidden tab can't lead, whatever it says
    one.tell(visible=False)
    assert one.next_message() == {"lead": False}
    until(lambda: desk.led_now == {"ann": False})
    two.tell(visible=True)
    assert two.next_message() == {"lead": True}
    until(lambda: desk.led_now == {"ann": True})


def test_the_desk_is_open_for_whoever_has_a_tab(desk: RecordingDesk, tabs: Callable[[str], Tab]) -> None:
    """Once for each person, until their last tab goes."""
    one, two, other = tabs("ann"), tabs("ann"), tabs("bob")
    assert sorted(desk.open_for) == ["ann", "bob"]
    one.close()
    other.close()
    until(lambda: desk.open_for == ["ann"])
    two.close()
    until(lambda: desk.open_for == [])


def test_a_tab_whose_person_changes_acts_as_the_new_one(
    shared: Serving, desk: RecordingDesk, tabs: Callable[[str], Tab]
) -> None:
    """The newest ticket says whose a tab is."""
    tab = tabs("ann")
    tab.show(shared, one_number, person="bob", topic="b")
    tab.tell(act={"do": "set", "id": "x1"})
    until(lambda: [person for person, _ in desk.acts] == ["bob"])
    assert desk.open_for == ["bob"]
    assert desk.led_now == {"ann": False, "bob": True}


def test_a_desk_that_comes_later_learns_whose_tabs_are_open(shared: Serving) -> None:
    """A process that starts puts its desk behind tabs that were quicker."""
    tab = shared.tab()
    tab.show(shared, one_number, person="ann")
    late = RecordingDesk()
    shared.live.owners.set_desk(late)
    assert (late.open_for, late.led_now) == (["ann"], {"ann": True})
    tab.close()
    until(lambda: late.open_for == [])
    shared.live.owners.set_desk(None)


def test_hidden_tabs_are_sent_the_views_that_ask_for_it(shared: Serving) -> None:
    """A number in a hidden tab's title goes on; everything else stands still."""
    tab = shared.tab()
    tab.show(shared, one_number)
    tab.show(shared, title_number)
    tab.tell(visible=False)
    tab.ask(ping={})
    shared.store.put("a", 41)
    assert tab.next_push()["full"] == {"number": 41}
    assert tab.has_silence()
    tab.tell(visible=True)
    assert tab.next_push()["full"] == {"number": 41, "pad": ""}
    tab.close()
    until(lambda: shared.live.caster.followed == {})
    assert shared.live.backend._hidden == {}
