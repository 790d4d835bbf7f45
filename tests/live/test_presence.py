"""Who is here, as presence decides it: tabs of one person, the grace, idling, what is told and what isn't."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realtime.live.presence import BURST, GRACE_S, MOST_TABS_EACH, SEAT_S, Came, Did, Effects, Presence, Went
from realtime.store import Here, Looking

FLIGHTS = Looking("Collections", "flights")


def told(effects: Effects) -> list[str]:
    """Write effects as a reader would say them."""
    return [
        f"{each.action} {each.person}" if isinstance(each, Did) else f"{type(each).__name__.lower()} {each.person}"
        for each in effects
    ]


def test_several_tabs_are_one_person() -> None:
    """The second tab tells nothing; only the last one's closing begins the grace."""
    presence = Presence()
    assert told(presence.opened("a", "ann", now=0.0)) == ["came ann"]
    assert presence.opened("b", "ann", now=1.0) == []
    assert presence.here("ann") == Here(2, False, 0.0)
    assert presence.closed("a", "ann", sign_at=2.0, now=2.0) == []
    assert presence.tick(2.0 + GRACE_S) == []
    assert presence.here("ann") == Here(1, False, 0.0)
    assert presence.closed("b", "ann", sign_at=30.0, now=30.0) == []
    assert presence.here("ann") == Here(0, False, 0.0)
    assert presence.tick(30.0 + GRACE_S - 0.01) == []
    assert told(presence.tick(30.0 + GRACE_S)) == ["went ann"]
    assert presence.here("ann") is None


def test_a_reload_within_the_grace_tells_nothing() -> None:
    """The old page's tab is gone, the new page's is there, and nobody heard of either."""
    presence = Presence()
    presence.opened("before", "ann", now=0.0)
    presence.closed("before", "ann", sign_at=5.0, now=5.0)
    assert presence.opened("after", "ann", now=7.0) == []
    assert presence.tick(1000.0) == []
    assert presence.here("ann") == Here(1, False, 0.0)


def test_after_a_silent_loss_the_grace_counts_from_the_last_sign_of_life() -> None:
    """What the hub noticed 14 s late leaves one second to come back."""
    presence = Presence()
    presence.opened("a", "ann", now=0.0)
    presence.closed("a", "ann", sign_at=100.0, now=114.0)
    assert presence.due_at == 115.0
    assert told(presence.tick(115.0)) == ["went ann"]


def test_a_goodbye_has_no_grace() -> None:
    """In one tab, or in all of them at once."""
    presence = Presence()
    presence.opened("a", "ann", now=0.0)
    presence.opened("b", "ann", now=0.0)
    assert presence.left("a", "ann", now=1.0) == []
    assert told(presence.left("b", "ann", now=1.0)) == ["went ann"]
    for tab in "abc":
        presence.opened(tab, "bob", now=2.0)
    assert told(presence.left_all("bob", now=3.0)) == ["went bob"]
    assert presence.closed("a", "bob", sign_at=4.0, now=4.0) == []
    assert presence.people == ()


def test_a_tab_without_a_channel_counts_by_its_session() -> None:
    """It is there while its session is; a channel that opens takes over, and the session's end changes nothing then."""
    presence = Presence()
    assert told(presence.seated("a", "ann", now=0.0)) == ["came ann"]
    assert presence.seated("a", "ann", now=60.0) == []
    assert presence.tick(60.0 + SEAT_S - 1) == []
    assert presence.unseated("a", "ann", now=100.0) == []
    assert told(presence.tick(100.0 + GRACE_S)) == ["went ann"]

    presence.seated("b", "bob", now=0.0)
    presence.opened("b", "bob", now=1.0)
    presence.unseated("b", "bob", now=2.0)
    assert presence.tick(10_000.0) == []
    presence.seated("b", "bob", now=10_001.0)  # its script runs on, of course
    presence.closed("b", "bob", sign_at=10_002.0, now=10_002.0)
    assert told(presence.tick(10_002.0 + GRACE_S)) == ["went bob"]


def test_a_seat_nobody_ever_takes_back_ends() -> None:
    """If a session's end is never told, the person isn't here for ever."""
    presence = Presence()
    presence.seated("a", "ann", now=0.0)
    assert told(presence.tick(SEAT_S)) == ["went ann"]


def test_a_person_is_idle_when_all_their_tabs_are() -> None:
    """One touched tab, or a new one, and they are back."""
    presence = Presence()
    presence.opened("a", "ann", now=0.0)
    presence.opened("b", "ann", now=0.0)
    assert presence.idled("a", "ann", is_idle=True, now=300.0) == []
    assert told(presence.idled("b", "ann", is_idle=True, now=301.0)) == ["idle ann"]
    assert presence.idled("b", "ann", is_idle=True, now=302.0) == []
    assert told(presence.idled("a", "ann", is_idle=False, now=400.0)) == ["active ann"]
    presence.idled("a", "ann", is_idle=True, now=800.0)
    assert told(presence.opened("c", "ann", now=900.0)) == ["active ann"]


def test_a_look_is_told_once() -> None:
    """Neither a rerun nor a reload is another look; another document is, and hidden tabs look at nothing."""
    presence = Presence()
    presence.opened("a", "ann", now=0.0)
    (view,) = presence.looked("a", "ann", FLIGHTS, now=1.0)
    assert isinstance(view, Did)
    assert (view.action, view.metadata) == ("view", {"page": "Collections", "collection": "flights"})
    assert presence.looked("a", "ann", FLIGHTS, now=2.0) == []
    presence.opened("b", "ann", now=3.0)
    assert presence.looked("b", "ann", FLIGHTS, now=3.0) == []
    one = Looking("Collections", "flights", "AA1")
    assert told(presence.looked("b", "ann", one, now=4.0)) == ["view ann"]
    here = presence.here("ann")
    assert here is not None
    assert here.looking == (FLIGHTS, one)
    presence.shown("a", "ann", is_visible=False)
    here = presence.here("ann")
    assert here is not None
    assert here.looking == (one,)


def test_actions_of_one_person_are_no_flood() -> None:
    """A burst goes through, the rest is counted; another person isn't held up, and the allowance comes back."""
    presence = Presence()
    presence.opened("a", "ann", now=0.0)
    presence.opened("b", "bob", now=0.0)
    heard = [presence.did("ann", "x", {}, now=1.0) for _ in range(1000)]
    assert sum(map(len, heard)) == BURST
    assert presence.dropped == 1000 - BURST
    assert told(presence.did("bob", "x", {}, now=1.0)) == ["x bob"]
    assert told(presence.did("ann", "x", {}, now=3.0)) == ["x ann"]
    assert presence.did("nobody", "x", {}, now=3.0) == []


def test_whom_a_killed_process_left_behind_is_logged_out_unless_they_come_back() -> None:
    """They were told of as here; a tab that is back within the grace keeps it so, without a word."""
    presence = Presence()
    presence.left_behind(["ann", "bob"], since=-9.0, now=0.0)
    assert presence.opened("a", "ann", now=3.0) == []
    assert told(presence.tick(GRACE_S)) == ["went bob"]
    assert presence.people == ("ann",)


def test_the_same_key_of_two_people_is_two_tabs() -> None:
    """Nobody can close or idle another person's tab by naming it."""
    presence = Presence()
    presence.opened("a", "ann", now=0.0)
    presence.opened("a", "eve", now=0.0)
    assert told(presence.left("a", "eve", now=1.0)) == ["went eve"]
    assert presence.idled("a", "eve", is_idle=True, now=1.0) == []
    assert presence.here("ann") == Here(1, False, 0.0)


def test_tabs_are_bounded() -> None:
    """Beyond the bound they aren't counted; nothing breaks when those close."""
    presence = Presence()
    for number in range(MOST_TABS_EACH + 50):
        presence.opened(f"t{number}", "ann", now=0.0)
    here = presence.here("ann")
    assert here is not None
    assert here.tabs == MOST_TABS_EACH
    for number in range(MOST_TABS_EACH + 50):
        presence.closed(f"t{number}", "ann", sign_at=1.0, now=1.0)
    assert told(presence.tick(1.0 + GRACE_S)) == ["went ann"]


def test_reruns_for_hours_leave_nothing_behind() -> None:
    """Every run puts the end of a seat off; what that replaces is swept."""
    presence = Presence()
    for run in range(10_000):
        presence.seated("a", "ann", now=float(run))
    assert len(presence._ends) <= 2 + 64


class Tabs(RuleBasedStateMachine):
    """Any order of facts, beside the plainest possible account of the same."""

    def __init__(self) -> None:
        super().__init__()
        self.presence = Presence()
        self.now = 0.0
        self.open: dict[tuple[str, str], int] = {}
        self.until: dict[tuple[str, str], float] = {}
        self.online: set[str] = set()

    people = st.sampled_from(["ann", "bob"])
    tabs = st.sampled_from(["a", "b", "c"])

    def hear(self, effects: Effects) -> None:
        """Follow what is told, as whoever hears of it would; coming twice or going twice would be a lie."""
        for each in effects:
            if isinstance(each, Came):
                assert each.person not in self.online
                self.online.add(each.person)
            elif isinstance(each, Went):
                self.online.remove(each.person)
            else:
                assert each.person in self.online

    @rule(tab=tabs, person=people)
    def open_one(self, tab: str, person: str) -> None:
        """Open a channel."""
        self.hear(self.presence.opened(tab, person, now=self.now))
        self.open[tab, person] = self.open.get((tab, person), 0) + 1
        self.until.pop((tab, person), None)

    @rule(tab=tabs, person=people, silent=st.sampled_from([0.0, 14.0, 20.0]))
    def close_one(self, tab: str, person: str, silent: float) -> None:
        """Close a channel, or learn late that it is dead."""
        self.hear(self.presence.closed(tab, person, sign_at=self.now - silent, now=self.now))
        if not self.open.get((tab, person)):
            return
        self.open[tab, person] -= 1
        if not self.open[tab, person]:
            self.until[tab, person] = self.now - silent + GRACE_S

    @rule(tab=tabs, person=people, is_idle=st.booleans())
    def idle(self, tab: str, person: str, is_idle: bool) -> None:
        """Idle or be back."""
        self.hear(self.presence.idled(tab, person, is_idle=is_idle, now=self.now))

    @rule(tab=tabs, person=people, page=st.sampled_from(["x", "y"]))
    def look(self, tab: str, person: str, page: str) -> None:
        """Turn to a page."""
        self.hear(self.presence.looked(tab, person, Looking(page), now=self.now))

    @rule(person=people)
    def log_out(self, person: str) -> None:
        """Leave at once."""
        self.hear(self.presence.left_all(person, now=self.now))
        for account in (self.open, self.until):
            for key in [key for key in account if key[1] == person]:
                del account[key]

    @rule(passed=st.sampled_from([0.5, 5.0, 15.0, 40.0]))
    def wait(self, passed: float) -> None:
        """Let time pass."""
        self.now += passed

    @invariant()
    def who_is_told_of_is_who_is_here(self) -> None:
        """A person is online exactly while one of their tabs is open or in its grace."""
        self.hear(self.presence.tick(self.now))
        self.until = {key: until for key, until in self.until.items() if until > self.now}
        expected = {person for (_, person), count in self.open.items() if count}
        assert self.online == expected | {person for _, person in self.until} == set(self.presence.people)

    @invariant()
    def changes_are_told_to_the_store_too(self) -> None:
        """The roster's changes name only people who are here or just left, and count their open tabs."""
        for person, here in self.presence.changes().items():
            count = sum(1 for (_, one), channels in self.open.items() if one == person and channels)
            assert (here is not None) == (person in self.online)
            assert here is None or here.tabs == count


TestTabs = Tabs.TestCase
TestTabs.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(["open", "close", "hear"]), st.integers(0, 2)),
            st.tuples(st.just("wait"), st.sampled_from([1, 5, 16])),
        ),
        max_size=40,
    ),
    leave=st.lists(st.integers(0, 2), max_size=12),
)
@settings(max_examples=300, deadline=None)
@example(
    steps=[
        ("open", 0), ("open", 1), ("close", 0), ("wait", 16), ("open", 0), ("close", 0), ("hear", 1), ("hear", 1),
        ("hear", 1), ("close", 1),
    ],
    leave=[],
)  # fmt: skip
def test_several_apps_agree_on_whoever_is_at_any_of_them(steps: list[tuple[str, int]], leave: list[int]) -> None:
    """However late they hear of each other: in the end a person is online exactly while a tab is open somewhere."""
    apps = [Presence() for _ in range(3)]
    heard, tabs, now = [0, 0, 0], [0, 0, 0], 0.0
    stream: list[tuple[int, Came | Went]] = []

    def tell(app: int, effects: Effects) -> None:
        stream.extend((app, each) for each in effects if not isinstance(each, Did))

    def hear(app: int) -> None:
        if heard[app] == len(stream):
            return
        source, event = stream[heard[app]]
        heard[app] += 1
        if source != app and isinstance(event, Came):
            apps[app].came_elsewhere("ann", at=event.at)
        elif source != app:
            tell(app, apps[app].contradicted("ann", now=now))

    settle = [("settle", 0)] * 6
    leaving = [("close", app) for app in leave]
    for step, number in [*steps, *leaving, *settle, ("wait", 16), *settle]:
        now += 0.001  # no two things happen at once
        if step == "open":
            tell(number, apps[number].opened(f"t{tabs[number]}", "ann", now=now))
            tabs[number] += 1
        elif step == "close" and tabs[number]:
            tabs[number] -= 1
            tell(number, apps[number].closed(f"t{tabs[number]}", "ann", sign_at=now, now=now))
        elif step == "hear":
            hear(number)
        elif step == "wait":
            now += number
        for app in range(3):
            tell(app, apps[app].tick(now))
            while step == "settle" and heard[app] < len(stream):
                hear(app)
    is_online = bool(stream) and isinstance(stream[-1][1], Came)
    assert is_online == any(tabs)


@given(
    facts=st.lists(st.tuples(st.sampled_from(["opened", "closed", "seated", "unseated", "left"]), st.text(max_size=3)))
)
def test_any_person_name_is_only_a_name(facts: list[tuple[str, str]]) -> None:
    """Whatever people are called, facts about them change nobody else's presence."""
    presence = Presence()
    presence.opened("a", "ann", now=0.0)
    calls: dict[str, Callable[[str], object]] = {
        "opened": lambda who: presence.opened("z", who, now=1.0),
        "closed": lambda who: presence.closed("z", who, sign_at=1.0, now=1.0),
        "seated": lambda who: presence.seated("z", who, now=1.0),
        "unseated": lambda who: presence.unseated("z", who, now=1.0),
        "left": lambda who: presence.left("z", who, now=1.0),
    }
    for name, who in facts:
        calls[name](who)
    if not any(who == "ann" for _, who in facts):
        assert presence.here("ann") == Here(1, False, 0.0)
