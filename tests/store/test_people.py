"""What the store remembers of people: who is online, what each does and looks at; bounded, and always at one cost."""

from __future__ import annotations

import gc
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.events import PEOPLE_SOURCE, Envelope, UserActivity, UserLogin, UserLogout
from realtime.store import Here, Looking, Store
from realtime.store import people as room
from realtime.store.aggregates import OVERFLOW_KEY
from realtime.store.people import KINDS_EACH, KINDS_KEPT, People
from tests.store.making import NOW, ORDERS, acted, created, login, logout

WHEN = "2026-01-01T00:00:00Z"


def did(person: str, action: str = "x", **metadata: Any) -> UserActivity:
    """Make something a person did."""
    return UserActivity(user_id=person, action=action, timestamp=WHEN, metadata=metadata or None)


def came(person: str) -> UserLogin:
    """Make a login."""
    return UserLogin(user_id=person, timestamp=WHEN)


def went(person: str) -> UserLogout:
    """Make a logout."""
    return UserLogout(user_id=person, timestamp=WHEN)


def test_people_are_bounded_and_the_longest_unseen_goes_first() -> None:
    """What is dropped is counted."""
    people = People(kept=2)
    for at, person in enumerate(("ann", "bob", "ann", "cy")):
        people.take(did(person), at=float(at))
    assert [person.user_id for person in people.all()] == ["cy", "ann"]
    assert people.forgotten == 1


def test_who_is_gone_is_forgotten_before_who_is_online() -> None:
    """However long the one has been quiet and however new the other's leaving is."""
    people = People(kept=2)
    people.take(came("ann"), at=1.0)
    people.take(came("bob"), at=2.0)
    people.take(went("bob"), at=3.0)
    people.take(came("cy"), at=4.0)
    assert [person.user_id for person in people.all()] == ["cy", "ann"]


def test_no_storm_makes_those_forgotten_who_look_at_it() -> None:
    """Whoever is at our own pages stays, and comes first."""
    people = People(kept=10)
    people.take(came("ann"), at=1.0)
    people.set_here({"ann": Here(1, False, 1.0)}, now=1.0)
    for number in range(100):
        people.take(came(f"p{number}"), at=2.0 + number)
    assert people.all()[0].user_id == "ann"
    assert (people.online, people.forgotten) == (10, 91)


def test_what_is_told_late_says_nothing_about_now() -> None:
    """An old login in the history doesn't bring back someone who has left."""
    people = People()
    people.take(went("ann"), at=10.0)
    people.take(came("ann"), at=5.0)
    (ann,) = people.all()
    assert (ann.is_online, ann.last_action, ann.first_seen_at, ann.actions) == (False, "logout", 5.0, 2)


def test_a_person_looks_at_what_they_viewed_last_until_they_leave() -> None:
    """Idling is told, and over with the next thing they do."""
    people = People()
    people.take(came("ann"), at=1.0)
    people.take(did("ann", "view", page="Collections", collection="flights", document="AA1"), at=2.0)
    people.take(did("ann", "export", format="CSV"), at=3.0)
    (ann,) = people.all()
    assert (ann.looking, ann.came_at, ann.is_idle) == (Looking("Collections", "flights", "AA1"), 1.0, False)
    people.take(did("ann", "idle"), at=4.0)
    assert people.all()[0].is_idle
    people.take(did("ann", "active"), at=5.0)
    assert not people.all()[0].is_idle
    people.take(went("ann"), at=6.0)
    assert (people.all()[0].looking, people.all()[0].came_at) == (None, None)


def test_a_program_that_changes_documents_is_seen_but_not_online() -> None:
    """Nobody logged in, so nobody has to log out; a person who is online stays so."""
    people = People()
    people.changed("etl", action="created", collection="orders", document="o1", at=1.0)
    people.take(came("ann"), at=2.0)
    people.changed("ann", action="updated", collection="orders", document="o1", at=3.0)
    assert [(person.user_id, person.is_online) for person in people.all()] == [("ann", True), ("etl", False)]
    (newest, _) = people.done("ann", limit=9)
    assert newest.looking == Looking("", "orders", "o1")


def test_what_our_own_pages_know_of_a_person_stands_beside_the_events() -> None:
    """Known before the login is told; a person no event ever told of goes with their last page."""
    people = People()
    people.set_here({"ann": Here(2, False, 1.0)}, now=1.0)
    assert people.all()[0].is_online
    people.set_here({"ann": None, "nobody": None}, now=2.0)
    assert not people.all()[0].is_online
    people.take(came("ann"), at=3.0)
    people.set_here({"ann": Here(1, True, 3.0)}, now=3.0)
    people.set_here({"ann": None}, now=4.0)
    assert people.all()[0].is_online  # until the logout is told
    assert people.all()[0].here is None


def test_counts_have_a_name_each_up_to_a_bound() -> None:
    """Made-up actions don't grow the store: what is beyond counts as other."""
    people = People()
    for number in range(KINDS_KEPT + 50):
        people.take(did("ann", f"a{number}"), at=float(number))
    assert len(people.counts_of("ann")) == KINDS_EACH + 1
    assert len(people.counts) == KINDS_KEPT + 1
    assert people.counts[OVERFLOW_KEY] == 50
    assert sum(people.counts_of("ann").values()) == KINDS_KEPT + 50
    assert people.counts_of("nobody") == {}


def test_a_strip_is_the_last_hour_of_one_person() -> None:
    """By minutes; what is older has fallen out, and somebody else's actions aren't in it."""
    people = People()
    for minute, count in ((0, 3), (30, 2), (59, 1)):
        for _ in range(count):
            people.take(did("ann"), at=NOW + 60 * minute)
    people.take(did("bob"), at=NOW)
    strip = people.minutes("ann", now=NOW + 60 * 59)
    assert (len(strip), strip[0], strip[30], strip[59], sum(strip)) == (60, 3, 2, 1, 6)
    assert sum(people.minutes("ann", now=NOW + 60 * 89)) == 3
    assert sum(people.minutes("nobody", now=NOW)) == 0


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "ACTIONS_KEPT", 20)


@pytest.mark.usefixtures("_small")
@given(doers=st.lists(st.sampled_from("abcdef"), max_size=120))
def test_timelines_are_bounded_in_all_and_the_quietest_lose_first(doers: list[str]) -> None:
    """At most so many actions are kept in all; each timeline is the newest of what that person did."""
    people = People(kept=5)
    for at, person in enumerate(doers):
        people.take(did(person, f"a{at}"), at=float(at))
    known = {person.user_id for person in people.all()}
    kept = {person: [each.action for each in people.done(person, limit=100)] for person in known}
    assert sum(map(len, kept.values())) == people._done <= 20
    for person, actions in kept.items():
        mine = [f"a{at}" for at, one in enumerate(doers) if one == person]
        assert actions == mine[::-1][: len(actions)]


FACTS = st.sampled_from(["in", "out", "act", "edit", "here", "away"])


@given(facts=st.lists(st.tuples(FACTS, st.sampled_from("abc")), max_size=60))
def test_everybody_is_in_exactly_one_lot(facts: list[tuple[str, str]]) -> None:
    """Online people come first, nobody twice, and the count of those online is right, whatever happened."""
    people = People(kept=2)
    for at, (fact, person) in enumerate(facts):
        match fact:
            case "in":
                people.take(came(person), at=float(at))
            case "out":
                people.take(went(person), at=float(at))
            case "act":
                people.take(did(person), at=float(at))
            case "edit":
                people.changed(person, action="updated", collection="o", document="1", at=float(at))
            case "here":
                people.set_here({person: Here(1, False, float(at))}, now=float(at))
            case "away":
                people.set_here({person: None}, now=float(at))
    listed = people.all()
    assert len({person.user_id for person in listed}) == len(listed) <= 2
    states = [person.is_online for person in listed]
    assert states == sorted(states, reverse=True)
    assert people.online == sum(states)


# The store around it


def own(envelope: Envelope) -> Envelope:
    """Make an event one of our own pages'."""
    return Envelope(
        id=envelope.id, source=f"{PEOPLE_SOURCE}/app-1", type=envelope.type, specversion="1.0", data=envelope.data
    )


def test_people_at_our_own_pages_are_no_news_of_what_is_watched() -> None:
    """They are in the feed, counted aside, and neither end the emptiness nor pass for a sign of the source."""
    store = Store()
    store.apply("users", [(own(login("ann")), 1)], epoch="u", now=NOW)
    assert "all" not in store.totals()
    assert (store.totals()["own"], store.totals()["kind:user"]) == (1, 1)
    assert store.connection.last_event_at is None
    assert len(store.feed()) == 1
    store.apply("users", [(login("bob"), 2)], epoch="u", now=NOW + 1)
    assert store.totals()["all"] == 1
    assert store.connection.last_event_at == NOW + 1


def test_here_raises_its_own_topic() -> None:
    """Turning to another tab reaches the panels about people, and nothing else."""
    store = Store()
    before = store.wait_for_changes(0, timeout_s=0)[0]
    store.set_here({"ann": Here(1, False, NOW)}, now=NOW)
    assert store.wait_for_changes(before, timeout_s=0)[1] == {"here"}
    ann = store.person("ann")
    assert ann is not None
    assert ann.here == Here(1, False, NOW)
    assert store.person("nobody") is None


def test_the_store_tells_of_people_by_event() -> None:
    """Timeline, counts and strip are there for one person and for all, newest first and bounded."""
    store = Store()
    store.apply("users", [(login("ann"), 1), (acted("ann", "export"), 2), (logout("bob"), 3)], epoch="u", now=NOW)
    store.apply(ORDERS, [(created("o1", actor="ann"), 1)], epoch="e", now=NOW)
    assert [each.action for each in store.done_by("ann")] == ["created", "export", "login"]
    assert [each.user_id for each in store.done_by(None, limit=2)] == ["ann", "bob"]
    assert store.action_counts("ann") == {"login": 1, "export": 1, "created": 1}
    assert store.action_counts()["logout"] == 1
    assert store.person_strip("ann", now=NOW)[-1] == 3
    assert store.people_online == 1


def _calls(run: Any) -> int:
    """Count the Python and C calls a piece of work makes."""
    count = 0

    def on_call(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    gc.collect()
    gc.disable()
    sys.setprofile(on_call)
    try:
        run()
    finally:
        sys.setprofile(before)
        gc.enable()
    return count


def _with_people(count: int) -> Store:
    store = Store()
    batch = [(envelope, 0) for number in range(count) for envelope in (login(f"p{number}"), acted(f"p{number}", "x"))]
    store.apply("users", [(envelope, number) for number, (envelope, _) in enumerate(batch, 1)], epoch="u", now=NOW)
    store.apply("users", [(acted("p1", "x"), 1_000_000)], epoch="u", now=NOW)
    return store


@pytest.mark.no_cover  # calls are counted, and tracing them makes a million slow
def test_an_action_and_a_look_at_people_cost_the_same_among_ten_and_ten_thousand() -> None:
    """A storm of ten thousand people makes no event dearer, nor a panel that shows fifty of them."""
    few, many = _with_people(60), _with_people(10_000)
    for store in (few, many):
        assert store.people_online == len(store.people())
    taken = [
        _calls(lambda store=store: store.apply("users", [(acted("p7", "x"), 2_000_000)], epoch="u", now=NOW))
        for store in (few, many)
    ]
    looked = [_calls(lambda store=store: store.people(50)) for store in (few, many)]
    assert taken[0] == taken[1]
    assert looked[0] == looked[1]
