"""The sample day: 472 cancellations are a handful of rows, one critical for each airport, and nobody is flooded."""

from __future__ import annotations

from functools import cache

from realtime.notifications import toasts as plans
from realtime.notifications.centre import Tab, banners, counts, rows, unread_count
from realtime.notifications.commands import Acknowledge, Command
from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.facts import Fact, fact_of
from realtime.notifications.inbox import apply_all, inbox_value
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.model import Cleared, Notification, Signal, Source, State
from realtime.notifications.preferences import Preferences
from realtime.notifications.telling import commands_for
from realtime.notifications.toasts import Toasts
from realtime.notifications.watch import Watch
from realtime.protocol.events import Envelope, data_of
from realtime.sample.day import read_day
from realtime.sample.timeline import timeline
from tests.notifications.making import NOW

_AIRPORTS = {"EWR", "JFK", "LGA"}
_SPEED = 60.0


@cache
def _facts() -> tuple[Fact, ...]:
    """Tell the day as the sample plays it: sixty times faster than life, on today's clock."""
    made: list[Fact] = []
    offsets: dict[str, int] = {}
    for moment in timeline(read_day()):
        channel = f"collection:{moment.event.collection}"
        offsets[channel] = offsets.get(channel, 0) + 1
        envelope = Envelope(
            id=f"{channel}:{offsets[channel]}", source="/t", type=moment.event.TYPE, specversion="1.0",
            data=data_of(moment.event),
        )  # fmt: skip
        source = Source(channel, "e", offsets[channel])
        made.append(fact_of(envelope, moment.event, source=source, now=NOW + moment.offset_s / _SPEED))
    return tuple(made)


@cache
def _signals() -> tuple[tuple[float, tuple[Signal, ...]], ...]:
    """Watch the whole day, and the silence after it."""
    watch = Watch(DEFAULT_RULES)
    told = [(fact.received_at, watch.take(fact)) for fact in _facts()]
    after = _facts()[-1].received_at + 1_900
    told.append((after, watch.tick(after)))
    return tuple(told)


def _commands(signals: tuple[Signal, ...], now: float) -> tuple[Command, ...]:
    return commands_for(signals, person="ann", preferences=Preferences(), now=now)[0]


@cache
def _inbox() -> Inbox:
    return apply_all(Inbox(), (each for now, signals in _signals() for each in _commands(signals, now)))


def test_472_cancellations_are_three_rows_that_update() -> None:
    """One for each airport, which together count every one of them, once."""
    cancelled = {key: row for key, row in _inbox().rows.items() if key.startswith("flights cancelled")}
    assert set(cancelled) == {f"flights cancelled {airport}" for airport in _AIRPORTS}
    assert sum(row.count for row in cancelled.values()) == 472
    assert len(_inbox().rows) == 6
    assert unread_count(_inbox(), now=NOW) == 6


def test_each_airport_has_one_critical_row_that_clears_itself() -> None:
    """However often its rate was crossed that day; told by turns with its end."""
    critical = [row for row in _inbox().rows.values() if row.severity == "critical"]
    assert {row.key for row in critical} == {f"cancellations {airport}" for airport in _AIRPORTS}
    assert all(row.cleared_at is not None for row in critical)
    assert banners(_inbox(), now=NOW) == ()
    for airport in _AIRPORTS:
        told = [
            type(each) for _, signals in _signals() for each in signals
            if each.key == f"cancellations {airport}" and isinstance(each, Notification | Cleared)
        ]  # fmt: skip
        assert told == [Notification, Cleared] * (len(told) // 2)
        assert 1 <= len(told) // 2 <= 5


def test_in_the_storm_each_airport_can_be_acknowledged() -> None:
    """In the evening all three stand; taken on, they need nobody any more, and are done when it is over."""
    evening = NOW + 15 * 3600 / _SPEED
    before = [each for now, signals in _signals() if now <= evening for each in _commands(signals, now)]
    after = [each for now, signals in _signals() if now > evening for each in _commands(signals, now)]
    inbox = apply_all(Inbox(), before)
    standing = rows(inbox, Tab.NEEDS_ACK, now=evening)
    assert {row.key for row in standing} == {f"cancellations {airport}" for airport in _AIRPORTS}
    assert len(banners(inbox, now=evening)) == 3
    ack = Acknowledge(id="1", at=evening, keys=tuple(row.key for row in standing), who="ann", why="snow")
    inbox = apply_all(inbox, [ack])
    assert (counts(inbox, now=evening)[Tab.NEEDS_ACK], banners(inbox, now=evening)) == (0, ())
    inbox = apply_all(inbox, after)
    assert {row.key for row in inbox.rows.values() if row.marks.state is State.DONE} == {row.key for row in standing}


def test_nobody_is_flooded_with_toasts() -> None:
    """Never more than three, and the 2,316 events of flights raise fewer new ones than there are minutes of play."""
    plan, raised = Toasts(), 0
    for now, signals in _signals():
        delivered = commands_for(signals, person="ann", preferences=Preferences(), now=now)[1]
        for notification, delivery in delivered:
            before = {toast.key for toast in plan.visible}
            plan = plans.shown(plan, notification, delivery, now=now)
            raised += len({toast.key for toast in plan.visible} - before)
            assert len(plan.visible) <= 3
    minutes = (_facts()[-1].received_at - NOW) / 60
    assert raised < 6 * minutes


def test_the_day_told_again_changes_nothing() -> None:
    """By another process that begins anew with the same events: no row, no count."""
    watch, inbox = Watch(DEFAULT_RULES), _inbox()
    for fact in _facts():
        inbox = apply_all(inbox, _commands(watch.take(fact), fact.received_at))
    assert {key: (row.count, row.total) for key, row in inbox.rows.items()} == {
        key: (row.count, row.total) for key, row in _inbox().rows.items()
    }


def test_the_inbox_of_a_day_is_small() -> None:
    """What is kept for one person after a day fits into a message."""
    assert len(str(inbox_value(_inbox()))) < 400_000


def test_with_routine_changes_wanted_there_are_only_a_few_rows_more() -> None:
    """Two collections, created and updated."""
    wanted = Preferences(routine=True)
    inbox = Inbox()
    for now, signals in _signals():
        inbox = apply_all(inbox, commands_for(signals, person="ann", preferences=wanted, now=now)[0])
    assert len(inbox.rows) == 8
    assert inbox.total > 2_316
