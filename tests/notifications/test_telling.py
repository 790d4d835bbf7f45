"""From signals to commands: for whom, how, gathered by row, and the same from two processes."""

from __future__ import annotations

from realtime.notifications.commands import Add, Clear, Retell
from realtime.notifications.inbox import apply_all
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.model import Cleared, Retold, Signal, Source
from realtime.notifications.preferences import Preferences
from realtime.notifications.telling import commands_for, gathered
from tests.notifications.making import NOW, adding, notice

_SIGNALS: tuple[Signal, ...] = (
    notice("a", offset=1), notice("b", offset=2), notice("a", offset=3, at=NOW + 1),
    Cleared(key="a", at=NOW, why="over", source=Source("collection:orders", "e", 4)), notice("a", offset=5),
    Retold(key="a", at=NOW, title="t", message="m"),
)  # fmt: skip


def test_neighbours_of_a_row_are_gathered_and_what_was_cleared_stays_so() -> None:
    """One command for many events; the inbox is the same as without gathering."""
    commands, delivered = commands_for(_SIGNALS, person="ann", preferences=Preferences(), now=NOW)
    assert [type(each) for each in commands] == [Add, Add, Clear, Add, Retell]
    first = commands[0]
    assert isinstance(first, Add)
    assert (first.offsets, first.notification.count, first.notification.title) == ((1, 3), 2, "a 3")
    assert len(delivered) == 4
    singly = [each for signal in _SIGNALS for each in
              commands_for([signal], person="ann", preferences=Preferences(), now=NOW)[0]]  # fmt: skip
    one, other = apply_all(Inbox(), commands), apply_all(Inbox(), singly)
    assert {row.key: row.total for row in one.rows.values()} == {row.key: row.total for row in other.rows.values()}
    assert apply_all(one, singly).rows == one.rows


def test_two_processes_that_see_the_same_tell_the_same() -> None:
    """Their commands have the same ids, whenever they are given."""
    ids = [[each.id for each in commands_for(_SIGNALS, person="ann", preferences=Preferences(), now=now)[0]]
           for now in (NOW, NOW + 5)]  # fmt: skip
    assert ids[0] == ids[1]


def test_only_what_is_for_a_person_reaches_them() -> None:
    """And of that, what their preferences let into the centre."""
    signals = [notice("a", audience="role:admin"), notice("b", is_routine=True), notice("c", audience="person:ann")]
    for person, roles, expected in (("ann", frozenset[str](), ["c"]), ("bob", frozenset({"admin"}), ["a"])):
        commands, _ = commands_for(signals, person=person, roles=roles, preferences=Preferences(), now=NOW)
        assert [each.notification.key for each in commands if isinstance(each, Add)] == expected


def test_ten_thousand_events_of_a_row_are_ten_commands() -> None:
    """Which the inbox counts in full, once."""
    commands = gathered([adding(notice(offset=n)) for n in range(1, 10_001)])
    assert len(commands) == 10
    inbox = apply_all(Inbox(), [*commands, *commands])
    assert (inbox.total, len(inbox.history)) == (10_000, 10)
