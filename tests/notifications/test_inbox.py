"""The inbox: once each, rows by key, storms, what people do, undo, bounds."""

from __future__ import annotations

import msgspec
import pytest

from realtime.errors import NoticeError
from realtime.notifications.centre import REOPENS_S, Tab, banners, counts, next_change_at, rows, unread_count
from realtime.notifications.commands import (
    Acknowledge,
    Act,
    Add,
    Clear,
    ClearHistory,
    Close,
    Command,
    Meet,
    Prefer,
    Retell,
    Set,
    Snooze,
    Undo,
    command_value,
    read_command,
)
from realtime.notifications.inbox import MAX_SNOOZE_S, apply, apply_all, inbox_value, read_inbox
from realtime.notifications.inbox_state import CRITICAL_KEPT, HISTORY_KEPT, ROWS_KEPT, Inbox
from realtime.notifications.model import Row, Severity, Source, State
from realtime.notifications.preferences import Preferences
from tests.notifications.making import NOW, adding, notice


def filled(*keys: str, severity: Severity = "warning") -> Inbox:
    """Make an inbox with a row for each key, a minute apart."""
    commands = [adding(notice(key, offset=n, at=NOW + 60 * n, severity=severity)) for n, key in enumerate(keys, 1)]
    return apply_all(Inbox(), commands)


def the(inbox: Inbox, key: str = "k") -> Row:
    """Return a row."""
    return inbox.rows[key]


def test_the_first_of_a_key_is_a_row_at_once_and_the_next_update_it() -> None:
    """Words of the newest by event time, the count of all."""
    inbox = apply_all(Inbox(), [adding(notice(offset=n, at=NOW + at)) for n, at in ((1, 0), (2, 9), (3, 5))])
    assert (the(inbox).count, the(inbox).newest.title) == (3, "k 2")
    assert (the(inbox).first_at, the(inbox).last_at) == (NOW, NOW + 9)
    assert unread_count(inbox, now=NOW) == 1


def test_an_event_is_in_once_however_often_it_is_told() -> None:
    """Alone or gathered with others, under another command's id, and in another order."""
    once = adding(notice(offset=5))
    again = Add(id="other", at=NOW + 99, notification=notice(offset=5), offsets=(4, 5, 6))
    inbox = apply_all(Inbox(), [once, once, again, again, once])
    assert (the(inbox).count, inbox.total, len(inbox.history)) == (3, 3, 2)


def test_the_same_offset_of_another_life_of_the_stream_is_another_event() -> None:
    """An offset means nothing under another epoch."""
    other = notice(offset=1, source=Source("collection:orders", "f", 1))
    assert apply_all(Inbox(), [adding(notice(offset=1)), adding(other)]).total == 2


def test_what_no_event_caused_is_in_once_by_its_command() -> None:
    """A page's own notice."""
    command = adding(notice(source=None, id="own"))
    assert apply_all(Inbox(), [command, command]).total == 1


def test_the_worst_speaks_for_a_row() -> None:
    """A note can't hide an error that nobody read."""
    inbox = apply_all(Inbox(), [
        adding(notice(offset=1, severity="error")), adding(notice(offset=2, severity="info", at=NOW + 1)),
    ])  # fmt: skip
    assert (the(inbox).severity, the(inbox).newest.title, the(inbox).count) == ("error", "k 1", 2)


def test_over_twenty_a_minute_make_one_storm_row() -> None:
    """Rows that are there go on being updated; the storm passes with time."""
    keys = [f"k{n}" for n in range(100)]
    inbox = apply_all(Inbox(), [adding(notice(key, offset=n, at=NOW + n / 10)) for n, key in enumerate(keys)])
    (storm,) = [row for row in inbox.rows.values() if row.is_storm]
    assert len(inbox.rows) == 21
    assert (storm.count, inbox.total) == (80, 100)
    assert "k99" in storm.newest.message
    inbox = apply(inbox, adding(notice("k3", offset=200, at=NOW + 11)))
    assert (the(inbox, "k3").count, the(inbox, "k3").storm_at) == (2, NOW + 11)
    inbox = apply(inbox, adding(notice("calm", offset=201, at=NOW + 80)))
    assert the(inbox, "calm").count == 1


def test_a_storm_of_one_kind_leaves_the_others_alone() -> None:
    """Storms are of a kind and a collection."""
    inbox = apply_all(Inbox(), [adding(notice(f"k{n}", offset=n)) for n in range(60)])
    inbox = apply(inbox, adding(notice("bad", offset=99, severity="error")))
    assert the(inbox, "bad").count == 1


def test_ten_thousand_critical_rows_never_push_one_another_out() -> None:
    """They are counted in a storm row, which has to be acknowledged, too. The bound holds."""
    commands = [adding(notice(f"k{n}", offset=n, severity="critical", at=NOW + n * 10)) for n in range(2_000)]
    inbox = apply_all(Inbox(), commands)
    assert sum(row.needs_acknowledgement for row in inbox.rows.values()) <= CRITICAL_KEPT + 1
    assert "k0" in inbox.rows
    assert inbox.total == 2_000
    (storm,) = [row for row in inbox.rows.values() if row.is_storm]
    assert storm.needs_acknowledgement


def test_ten_thousand_rows_are_bounded_and_the_done_leave_first() -> None:
    """What is critical and unacknowledged never leaves; every event stays counted."""
    inbox = filled("critical", severity="critical")
    commands = [adding(notice(f"k{n}", offset=n + 10, at=NOW + n * 10)) for n in range(990)]
    inbox = apply_all(inbox, commands)
    inbox = apply(inbox, Set(id="done", at=NOW, keys=("k900", "k901"), mark="done"))
    inbox = apply(inbox, Set(id="read", at=NOW, keys=("k800",), mark="read"))
    more = [adding(notice(f"m{n}", offset=n + 2_000, at=NOW + 10_000 + n * 10)) for n in range(9_010)]
    inbox = apply_all(inbox, more[:20])
    assert not {"k900", "k901", "k800"} & set(inbox.rows)
    inbox = apply_all(inbox, more[20:])
    assert len(inbox.rows) <= ROWS_KEPT
    assert "critical" in inbox.rows
    assert inbox.total == 10_001
    assert len(inbox.history) == HISTORY_KEPT


def test_a_row_steps_from_unseen_to_done_and_news_begins_it_anew() -> None:
    """Done and then news: unseen, and counted from one again."""
    inbox = filled("k")
    for mark, state in (("seen", State.SEEN), ("read", State.READ), ("seen", State.READ), ("unread", State.UNSEEN),
                        ("undone", State.UNSEEN), ("done", State.DONE), ("read", State.DONE), ("undone", State.READ),
                        ("done", State.DONE)):  # fmt: skip
        inbox = apply(inbox, Set(id=f"{mark} {len(inbox.applied)}", at=NOW, keys=("k",), mark=mark))  # type: ignore[arg-type]
        assert the(inbox).marks.state is state, mark
    inbox = apply(inbox, adding(notice(offset=9)))
    assert (the(inbox).marks.state, the(inbox).count, the(inbox).total) == (State.UNSEEN, 1, 2)


def test_what_someone_hasnt_seen_isnt_marked_by_them() -> None:
    """News that came in between stays unread: the command says what its giver saw."""
    inbox = filled("a", "b")
    revision = inbox.revision
    inbox = apply(inbox, adding(notice("a", offset=9)))
    inbox = apply(inbox, Set(id="1", at=NOW, keys=("a", "b", "nobody"), mark="read", revision=revision))
    assert [the(inbox, key).marks.state for key in "ab"] == [State.UNSEEN, State.READ]


def test_a_snoozed_row_is_out_of_sight_until_its_time() -> None:
    """Then it is there to be read. A snooze always ends."""
    inbox = apply(filled("k"), Snooze(id="1", at=NOW, keys=("k",), until=NOW + 600))
    assert counts(inbox, now=NOW) == {
        Tab.UNREAD: 0, Tab.ALL: 0, Tab.NEEDS_ACK: 0, Tab.SNOOZED: 1, Tab.DONE: 0,
    }  # fmt: skip
    assert next_change_at(inbox, now=NOW) == NOW + 600
    assert unread_count(inbox, now=NOW + 600) == 1
    inbox = apply(inbox, adding(notice(offset=9)))
    assert counts(inbox, now=NOW)[Tab.SNOOZED] == 1
    assert unread_count(apply(inbox, Snooze(id="2", at=NOW, keys=("k",), until=None)), now=NOW) == 1
    forever = apply(inbox, Snooze(id="3", at=NOW, keys=("k",), until=float("1e300")))
    assert the(forever).marks.snoozed_until == NOW + MAX_SNOOZE_S
    assert the(apply(inbox, Snooze(id="4", at=NOW, keys=("k",), until=NOW - 5))).marks.snoozed_until == NOW + 600


def test_what_is_critical_stays_until_it_is_acknowledged() -> None:
    """Put aside, done or snoozed, it is back after two minutes; who, when and why are kept."""
    inbox = filled("k", severity="critical")
    aside: list[Act] = [
        Close(id="1", at=NOW, keys=("k",)),
        Set(id="2", at=NOW, keys=("k",), mark="done"),
        Snooze(id="3", at=NOW, keys=("k",), until=NOW + 9_999),
    ]
    for command in aside:
        closed = apply(inbox, command)
        assert banners(closed, now=NOW + 1) == ()
        assert next_change_at(closed, now=NOW + 1) == NOW + REOPENS_S
        assert len(banners(closed, now=NOW + REOPENS_S)) == 1
        assert counts(closed, now=NOW)[Tab.NEEDS_ACK] == 1
    taken = apply(inbox, Acknowledge(id="4", at=NOW + 5, keys=("k",), who="ann", why="on it"))
    ack = the(taken).marks.acknowledged
    assert ack is not None
    assert (ack.who, ack.at, ack.why) == ("ann", NOW + 5, "on it")
    assert banners(taken, now=NOW + 999) == ()
    assert taken.history[-1].what == "acknowledged by ann"
    assert apply(taken, Acknowledge(id="5", at=NOW + 6, keys=("k",), who="bob")).rows == taken.rows


def test_a_new_critical_event_has_to_be_acknowledged_again() -> None:
    """It wasn't there when somebody took the row on. A note in the same row changes nothing about that."""
    inbox = apply(filled("k", severity="critical"), Acknowledge(id="1", at=NOW, keys=("k",), who="ann"))
    noted = apply(inbox, adding(notice(offset=8, severity="info")))
    assert not the(noted).needs_acknowledgement
    assert the(noted).marks.acknowledged is not None
    again = apply(inbox, adding(notice(offset=9, severity="critical", at=NOW + 1)))
    assert the(again).needs_acknowledgement


def alarm(offset: int) -> Add:
    """Make the command that raises an alarm."""
    return adding(notice(offset=offset, severity="critical", is_alarm=True, rule="r"))


def over(offset: int) -> Clear:
    """Make the command that says it is over."""
    source = Source("collection:orders", "e", offset)
    return Clear(id=f"clear {offset}", at=NOW, key="k", event_at=NOW, why="recovered", source=source)


def test_an_alarm_clears_itself_and_comes_back_as_one_row() -> None:
    """Told once while it stands, whoever tells it; an old one that is told again after its end stays over."""
    inbox = apply_all(Inbox(), [alarm(5), alarm(6), alarm(5)])
    assert the(inbox).count == 1
    assert inbox.alarms == (("r", "k"),)
    inbox = apply(inbox, over(4))
    assert len(banners(inbox, now=NOW)) == 1
    inbox = apply(inbox, over(9))
    assert banners(inbox, now=NOW) == ()
    assert (the(inbox).cleared_why, inbox.alarms) == ("recovered", ())
    assert unread_count(inbox, now=NOW) == 1
    assert apply(inbox, alarm(8)).rows == inbox.rows
    inbox = apply(inbox, alarm(12))
    assert the(inbox).needs_acknowledgement
    assert (the(inbox).count, the(inbox).total, len(inbox.rows)) == (1, 2, 1)


def test_an_acknowledged_alarm_that_is_over_is_done() -> None:
    """Nobody has to put it away."""
    inbox = apply_all(Inbox(), [alarm(5), Acknowledge(id="1", at=NOW, keys=("k",), who="ann"), over(9)])
    assert the(inbox).marks.state is State.DONE


def test_a_standing_alarm_is_retold_without_disturbing() -> None:
    """Its words change; it isn't unread again."""
    inbox = apply_all(Inbox(), [alarm(5), Set(id="1", at=NOW, keys=("k",), mark="read")])
    words = Retell(
        id="2",
        at=NOW,
        key="k",
        event_at=NOW + 1,
        title="worse",
        message="m",
        source=Source("collection:orders", "e", 7),
    )
    inbox = apply(inbox, words)
    assert (the(inbox).newest.title, the(inbox).marks.state, the(inbox).count) == ("worse", State.READ, 1)
    stale = msgspec.structs.replace(words, id="3", title="old", source=Source("collection:orders", "e", 6))
    assert the(apply(inbox, stale)).newest.title == "worse"


def test_undo_gives_back_what_nobody_touched_since() -> None:
    """For eight seconds; a row with news or another mark since is left as it is."""
    inbox = apply(filled(*"abcd"), Set(id="1", at=NOW, keys=tuple("abcd"), mark="done"))
    inbox = apply_all(inbox, [
        adding(notice("b", offset=9)), Set(id="2", at=NOW + 1, keys=("b", "c", "d"), mark="undone"),
        Set(id="3", at=NOW + 1, keys=("b",), mark="read"), Set(id="4", at=NOW + 1, keys=("c",), mark="done"),
    ])  # fmt: skip
    late = apply(inbox, Undo(id="late", at=NOW + 11, of="1"))
    assert the(late, "a").marks.state is State.DONE
    undone = apply(inbox, Undo(id="5", at=NOW + 8, of="1"))
    assert [the(undone, key).marks.state for key in "abcd"] == [State.UNSEEN, State.READ, State.DONE, State.READ]
    assert apply(undone, Undo(id="6", at=NOW + 8, of="1")).rows == undone.rows


def test_undo_leaves_a_row_alone_that_has_news() -> None:
    """Nobody has touched it, but what was marked isn't what stands there now."""
    inbox = apply(filled("k"), Snooze(id="1", at=NOW, keys=("k",), until=NOW + 600))
    inbox = apply_all(inbox, [adding(notice(offset=9)), Undo(id="2", at=NOW + 1, of="1")])
    assert the(inbox).is_snoozed(NOW + 1)


def test_critical_news_wakes_what_sleeps_and_opens_what_was_put_aside() -> None:
    """At once, not after two minutes."""
    asleep = apply(filled("k"), Snooze(id="1", at=NOW, keys=("k",), until=NOW + 600))
    aside = apply(filled("k", severity="critical"), Close(id="1", at=NOW, keys=("k",)))
    for inbox in (asleep, aside):
        news = apply(inbox, adding(notice(offset=9, severity="critical", at=NOW + 1)))
        assert len(banners(news, now=NOW + 1)) == 1
        assert unread_count(news, now=NOW + 1) == 1


def test_an_alarm_has_its_own_row_in_a_storm() -> None:
    """In the storm's row it couldn't be cleared."""
    inbox = apply_all(Inbox(), [adding(notice(f"k{n}", offset=n, severity="critical")) for n in range(40)])
    inbox = apply(inbox, alarm(99))
    assert inbox.alarms == (("r", "k"),)


def test_a_command_that_comes_again_changes_nothing() -> None:
    """Read, unread, and the first one again: unread."""
    read = Set(id="1", at=NOW, keys=("k",), mark="read")
    inbox = apply_all(filled("k"), [read, Set(id="2", at=NOW, keys=("k",), mark="unread")])
    assert apply(inbox, read) is inbox


def test_tabs_search_and_order() -> None:
    """Every word has to be there, whatever the case; what needs someone stands first."""
    inbox = apply(filled("apple", "pear", "apple pie"), adding(notice("old", offset=50, at=NOW, severity="critical")))
    assert [row.key for row in rows(inbox, Tab.ALL, now=NOW)] == ["old", "apple pie", "pear", "apple"]
    assert [row.key for row in rows(inbox, Tab.UNREAD, now=NOW, text="PIE apple")] == ["apple pie"]
    assert [row.key for row in rows(inbox, Tab.NEEDS_ACK, now=NOW)] == ["old"]


def test_preferences_are_the_newest_there_were() -> None:
    """All of them at once; a person who is only met has the usual ones, and undo doesn't touch any."""
    inbox = apply_all(Inbox(), [Meet(id="m", at=NOW), Prefer(id="1", at=NOW, preferences={"sound": True})])
    assert inbox.preferences == Preferences(sound=True)
    chosen = Prefer(id="2", at=NOW, preferences={"people": {"centre": "off", "toast": "off", "sound": "off"}})
    inbox = apply_all(inbox, [chosen, Undo(id="3", at=NOW, of="2")])
    assert (inbox.preferences.sound, inbox.preferences.people.centre) == (False, "off")
    assert (inbox.rows, inbox.total) == ({}, 0)


def test_preferences_that_make_no_sense_are_no_command_and_change_nothing() -> None:
    """They are refused at the door; kept by a version that knew others, they are passed over."""
    nonsense = {"quiet_hours": {"start": "22:00", "end": "22:00", "zone": "Europe/Berlin"}}
    with pytest.raises(NoticeError, match="begin and end at 22:00"):
        read_command({"do": "prefer", "id": "1", "at": NOW, "preferences": nonsense})
    inbox = apply(Inbox(), Prefer(id="1", at=NOW, preferences={"sound": True}))
    assert apply(inbox, Prefer(id="2", at=NOW, preferences=nonsense)).preferences == Preferences(sound=True)


def test_the_history_is_cleared_up_to_a_moment() -> None:
    """The rows stay."""
    inbox = filled("a", "b")
    cleared = apply(inbox, ClearHistory(id="1", at=NOW + 60))
    assert [past.key for past in cleared.history] == ["b"]
    assert cleared.rows == inbox.rows


@pytest.mark.parametrize(
    "command",
    [
        alarm(5), over(4), Set(id="1", at=NOW, keys=("a",), mark="read", revision=4),
        Snooze(id="1", at=NOW, keys=("a",), until=None), Acknowledge(id="1", at=NOW, keys=("a",), who="ann"),
        Close(id="1", at=NOW, keys=("a",)), Undo(id="2", at=NOW, of="1"), ClearHistory(id="1", at=NOW),
        Retell(id="1", at=NOW, key="k", event_at=NOW, title="t", message="m"),
        Prefer(id="1", at=NOW, preferences={"routine": True}), Meet(id="meet:ann:2027-01-15", at=NOW, name="Ann"),
    ],
)  # fmt: skip
def test_commands_and_inboxes_survive_json(command: Command) -> None:
    """What is kept in the stream and in a snapshot is what was given."""
    value = msgspec.json.decode(msgspec.json.encode(command_value(command)))
    assert read_command(value) == command
    inbox = apply_all(filled("a", "k", severity="critical"), [alarm(20), command])
    assert read_inbox(inbox_value(inbox)) == inbox


@pytest.mark.parametrize(
    "value", [None, 5, {}, {"do": "eat", "id": "1", "at": 1.0}, {"do": "undo", "id": 5, "at": 1.0}]
)
def test_nonsense_is_no_command_and_no_inbox(value: object) -> None:
    """One sentence, and nothing is changed."""
    with pytest.raises(NoticeError, match="That is no command"):
        read_command(value)
    with pytest.raises(NoticeError, match="That is no inbox"):
        read_inbox([value])


def test_a_command_names_a_bounded_number_of_rows() -> None:
    """Else one click could hold everything up."""
    with pytest.raises(NoticeError, match="at most"):
        read_command({"do": "set", "id": "1", "at": 1.0, "mark": "read", "keys": ["k"] * 3_000})
