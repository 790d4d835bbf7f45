"""One process's copy of an inbox: in whatever order things happen, it ends as the stream says; only news is toasted."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.notifications.commands import Acknowledge, Clear, Command, Prefer, Set, Snooze
from realtime.notifications.inbox import apply, apply_all
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.toasts import VISIBLE
from realtime.protocol.positions import Position
from realtime.store import inbox_copy
from realtime.store.inbox_copy import STILL_NEWS_S, Arrived, InboxCopy
from tests.notifications.making import NOW, adding, notice


def opened(*commands: Command, is_led: bool = True) -> InboxCopy:
    """Make a copy of a stream of these commands, with a tab that shows toasts."""
    copy = inbox_copy.opened("ann", now=NOW)
    copy = inbox_copy.loaded(copy, apply_all(Inbox(), commands), Position("e", len(commands)), now=NOW)
    return inbox_copy.led(copy, is_led=is_led, now=NOW)


def came(copy: InboxCopy, *commands: Command, at: float = NOW, now: float = NOW) -> InboxCopy:
    """Take in the next commands of the stream."""
    top = copy.replica.position.offset if copy.replica.position else 0
    run = [Arrived(command, top + index, at) for index, command in enumerate(commands, 1)]
    return inbox_copy.arrived(copy, "e", run, now=now)


def toasted(copy: InboxCopy) -> list[str]:
    """Name the toasts that stand, newest first."""
    return [toast.key for toast in copy.toasts.visible]


def test_what_is_loaded_is_no_news() -> None:
    """It is in the centre, without a toast."""
    copy = opened(adding(notice("a")))
    assert list(copy.inbox.rows) == ["a"]
    assert toasted(copy) == []
    assert copy.is_synced


def test_what_arrives_is_news_unless_it_is_old_or_known() -> None:
    """A repeat and what is over a minute old come without a toast."""
    copy = came(opened(), adding(notice("a")))
    assert toasted(copy) == ["a"]
    copy = came(copy, adding(notice("a")), adding(notice("b", offset=2)), at=NOW - STILL_NEWS_S - 1)
    assert (toasted(copy), copy.toasts.visible[0].count) == (["a"], 1)
    assert list(copy.inbox.rows) == ["a", "b"]
    again = inbox_copy.arrived(copy, "e", [Arrived(adding(notice("c", offset=3)), 1, NOW)], now=NOW)
    assert again.inbox is copy.inbox


def test_what_is_given_here_shows_at_once_and_is_toasted_once() -> None:
    """Its confirmation changes nothing that is seen."""
    add = adding(notice("a"))
    copy = inbox_copy.given(opened(), (add, add), now=NOW)
    assert (toasted(copy), copy.toasts.visible[0].count) == (["a"], 1)
    confirmed = came(copy, add)
    assert confirmed.replica.pending == ()
    assert (confirmed.toasts, confirmed.inbox) == (copy.toasts, copy.inbox)


def test_what_waited_since_before_the_restart_is_no_news() -> None:
    """It shows in the centre and isn't toasted again."""
    copy = inbox_copy.given(opened(), (adding(notice("a")),), now=NOW, is_news=False)
    assert (list(copy.inbox.rows), toasted(copy)) == (["a"], [])


def test_a_refusal_takes_row_and_toast_back() -> None:
    """As if it had never been given; what isn't known is no harm."""
    before = opened()
    copy = inbox_copy.given(before, (adding(notice("a")),), now=NOW)
    back = inbox_copy.taken_back(copy, "add orders:1", now=NOW)
    assert (back.inbox, toasted(back)) == (before.inbox, [])
    assert inbox_copy.taken_back(back, "add orders:1", now=NOW) is back


def test_what_was_stored_before_it_was_given_again_stops_waiting() -> None:
    """A repeat that the stream won't bring any more isn't waited for."""
    seen = Set(id="x", at=NOW, keys=("a",), mark="read")
    copy = opened(adding(notice("a")), seen)
    copy = inbox_copy.given(copy, (Set(id="y", at=NOW, keys=("a",), mark="unread"),), now=NOW)
    assert inbox_copy.stored(copy, "y", Position("e", 3), now=NOW) is copy
    assert inbox_copy.stored(copy, "y", Position("e", 2), now=NOW).replica.pending == ()


def test_a_toast_goes_when_its_row_is_settled_anywhere() -> None:
    """Read, put away, taken on or cleared: there is nothing left to be told."""
    settling: list[Command] = [
        Set(id="1", at=NOW, keys=("a",), mark="read"),
        Set(id="2", at=NOW, keys=("a",), mark="done"),
        Snooze(id="3", at=NOW, keys=("a",), until=NOW + 60),
        Clear(id="5", at=NOW + 1, key="a", event_at=NOW + 1, why="over"),
    ]
    for command in settling:
        assert toasted(came(came(opened(), adding(notice("a"))), command)) == []
    critical = came(opened(), adding(notice("a", severity="critical")))
    taken = Acknowledge(id="4", at=NOW, keys=("a",), who="bob")
    assert (toasted(critical), toasted(came(critical, taken))) == (["a"], [])


def test_news_of_a_row_that_was_taken_on_is_toasted() -> None:
    """Having taken something on doesn't make one deaf to what comes after."""
    taken = Acknowledge(id="1", at=NOW, keys=("a",), who="ann")
    copy = came(opened(), adding(notice("a", severity="critical")), taken)
    assert toasted(came(copy, adding(notice("a", offset=2)))) == ["a"]


def test_a_snoozed_row_stays_still() -> None:
    """Its news is counted in the centre and makes no toast."""
    copy = came(opened(), adding(notice("a")), Snooze(id="1", at=NOW, keys=("a",), until=NOW + 60))
    copy = came(copy, adding(notice("a", offset=2)))
    assert (copy.inbox.rows["a"].count, toasted(copy)) == (2, [])


def test_a_storm_has_one_toast() -> None:
    """What gets no row of its own gets no toast of its own: the storm's counts it."""
    copy = opened()
    for number in range(100):
        copy = came(copy, adding(notice(f"k{number}", offset=number)))
    assert toasted(copy) == ["~storm warning collections orders", "k19", "k18"]
    assert copy.toasts.visible[0].title.startswith("Storm")
    assert copy.toasts.visible[0].count == 80
    assert copy.inbox.total == 100


def test_preferences_count_from_the_moment_they_are_given() -> None:
    """Switched off here or in another place: no toast any more, the row all the same."""
    off = Prefer(id="p", at=NOW, preferences={"toasts": False})
    for copy in (inbox_copy.given(opened(), (off,), now=NOW), came(opened(), off)):
        copy = came(copy, adding(notice("a")))
        assert (list(copy.inbox.rows), toasted(copy)) == (["a"], [])


def test_timers_run_only_while_somebody_can_see_and_doesnt_touch() -> None:
    """Without a tab that leads, and while one is touched, nothing goes; a new leader isn't touched."""
    copy = came(opened(is_led=False), adding(notice("a")))
    assert inbox_copy.due_at(copy, now=NOW) is None
    copy = inbox_copy.led(copy, is_led=True, now=NOW + 100)
    assert inbox_copy.due_at(copy, now=NOW + 100) == NOW + 110
    held = inbox_copy.touched(copy, is_touched=True, now=NOW + 105)
    assert toasted(inbox_copy.ticked(held, now=NOW + 500)) == ["a"]
    led = inbox_copy.led(held, is_led=True, now=NOW + 200)
    assert inbox_copy.due_at(led, now=NOW + 200) == NOW + 205
    assert toasted(inbox_copy.ticked(led, now=NOW + 205)) == []


def test_what_is_still_by_the_clock_is_looked_at_when_that_changes() -> None:
    """A snooze, a mute and quiet hours each have their moment, the next one first."""
    quiet = {"start": "22:00", "end": "07:00", "zone": "UTC"}  # NOW is 08:00 there
    mutes = [{"what": "rule:x", "until": NOW + 50 * 3600}]
    copy = came(opened(), Prefer(id="p", at=NOW, preferences={"quiet_hours": quiet, "mutes": mutes}))
    assert inbox_copy.due_at(copy, now=NOW) == NOW + 14 * 3600
    assert inbox_copy.due_at(copy, now=NOW + 14 * 3600) == NOW + 23 * 3600
    assert inbox_copy.due_at(copy, now=NOW + 49 * 3600) == NOW + 50 * 3600
    copy = came(copy, adding(notice("a")), Snooze(id="z", at=NOW, keys=("a",), until=NOW + 60))
    assert inbox_copy.due_at(copy, now=NOW) == NOW + 60


_keys = st.sampled_from(["a", "b", "c"])
_commands = st.one_of(
    st.builds(
        lambda key, offset, severity: adding(notice(key, offset=offset, severity=severity)),
        _keys, st.integers(1, 30), st.sampled_from(["info", "warning", "critical"]),
    ),
    st.builds(
        lambda number, key, mark: Set(id=f"s{number}", at=NOW, keys=(key,), mark=mark),
        st.integers(0, 1000), _keys, st.sampled_from(["seen", "read", "unread", "done"]),
    ),
    st.builds(
        lambda number, key: Snooze(id=f"z{number}", at=NOW, keys=(key,), until=NOW + 50), st.integers(0, 1000), _keys
    ),
    st.builds(
        lambda number, is_on: Prefer(id=f"p{number}", at=NOW, preferences={"toasts": is_on}),
        st.integers(0, 1000), st.booleans(),
    ),
)  # fmt: skip
_steps = st.lists(
    st.tuples(st.sampled_from(["ours", "theirs", "hear", "refuse", "reload", "repeat", "tick"]), _commands), max_size=40
)


@settings(max_examples=200)
@given(_steps)
def test_a_copy_ends_as_the_stream_says(steps: list[Any]) -> None:
    """Given here, heard late, refused, loaded anew, heard twice: in the end it is the stream's fold, nothing waits."""
    stream: list[Command] = []
    copy, now = opened(), NOW
    unsent: list[Command] = []

    def hear(copy: InboxCopy) -> InboxCopy:
        known = copy.replica.position
        assert known is not None
        run = [Arrived(each, index, now) for index, each in enumerate(stream, 1) if index > known.offset]
        return inbox_copy.arrived(copy, "e", run, now=now)

    for step, command in steps:
        now += 1
        if step == "ours" and all(each.id != command.id for each in (*stream, *unsent)):
            copy = inbox_copy.given(copy, (command,), now=now)
            unsent.append(command)
        elif step == "theirs" and all(each.id != command.id for each in (*stream, *unsent)):
            stream.append(command)
        elif step == "hear":
            stream += unsent
            unsent = []
            copy = hear(copy)
        elif step == "refuse" and unsent:
            copy = inbox_copy.taken_back(copy, unsent.pop(0).id, now=now)
        elif step == "reload":
            copy = inbox_copy.loaded(copy, apply_all(Inbox(), stream), Position("e", len(stream)), now=now)
        elif step == "repeat":
            run = [Arrived(each, index, now) for index, each in enumerate(stream, 1)][
                : (copy.replica.position or Position("", 0)).offset
            ]
            assert inbox_copy.arrived(copy, "e", run, now=now).inbox == copy.inbox
        else:
            copy = inbox_copy.ticked(copy, now=now)
        assert len(copy.toasts.visible) <= VISIBLE
        assert copy.inbox == apply_all(copy.replica.confirmed, copy.replica.pending)
    stream += unsent
    copy = hear(copy)
    assert copy.replica.pending == ()
    fold = Inbox()
    for command in stream:
        fold = apply(fold, command)
    assert copy.inbox == fold
