"""The inbox under any commands in any order: the same everywhere, each event once, bounded."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from realtime.notifications.commands import Acknowledge, Add, Clear, Close, Command, Meet, Prefer, Set, Snooze, Undo
from realtime.notifications.inbox import apply, apply_all, inbox_value, read_inbox
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.model import Severity, Source
from realtime.notifications.replica import Replica, predicted, received, refused, restarted
from realtime.notifications.seen import CHUNK, CHUNKS_KEPT, STREAMS_KEPT, Seen
from realtime.protocol.positions import Position
from tests.notifications.making import NOW, adding, notice

_KEYS = ("a", "b", "c")
_SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")
_MARKS = ("seen", "read", "unread", "done", "undone")
_adds = st.builds(
    lambda key, offset, severity, at, is_alarm: adding(
        notice(key, offset=offset, severity=severity, at=NOW + at, is_alarm=is_alarm, rule="r" if is_alarm else "")
    ),
    st.sampled_from(_KEYS), st.integers(0, 30), st.sampled_from(_SEVERITIES), st.integers(0, 100), st.booleans(),
)  # fmt: skip
_some = st.lists(st.sampled_from(_KEYS), min_size=1, max_size=3, unique=True).map(tuple)
_moments = st.integers(0, 200).map(lambda second: NOW + second)
_acts: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        Set, id=st.just(""), at=_moments, keys=_some, mark=st.sampled_from(_MARKS),
        revision=st.none() | st.integers(0, 20),
    ),
    st.builds(Snooze, id=st.just(""), at=_moments, keys=_some, until=st.none() | _moments),
    st.builds(Acknowledge, id=st.just(""), at=_moments, keys=_some, who=st.sampled_from(["ann", "bob"])),
    st.builds(Close, id=st.just(""), at=_moments, keys=_some),
    st.builds(Prefer, id=st.just(""), at=_moments, preferences=st.sampled_from([{}, {"sound": True}, {"sound": 1}])),
    st.builds(Meet, id=st.just(""), at=_moments, name=st.just("Ann")),
    st.builds(Undo, id=st.just(""), at=_moments, of=st.integers(0, 30).map(str)),
    st.builds(
        lambda key, offset, at: Clear(
            id="", at=at, key=key, event_at=at, why="over", source=Source("collection:orders", "e", offset)
        ),
        st.sampled_from(_KEYS), st.integers(0, 30), _moments,
    ),
)  # fmt: skip


def _numbered(commands: list[Command]) -> list[Command]:
    """Give each act an id of its own."""

    return [each if isinstance(each, Add) else replace(each, id=str(n)) for n, each in enumerate(commands)]


@settings(max_examples=150)
@given(st.lists(_adds | _acts, max_size=40), st.integers())
def test_two_tabs_end_equal_whatever_they_clicked_and_saw_twice(given_: list[Command], seed: int) -> None:
    """Each predicts its own clicks at any time; the stream comes with repeats, one starts over from a snapshot."""
    commands, chance = _numbered(given_), random.Random(seed)
    stream = [(Position("e", n), command) for n, command in enumerate(commands, 1)]
    tabs = [Replica(), Replica()]
    for side, _ in enumerate(tabs):
        reached = 0
        while reached < len(stream):
            if chance.random() < 0.3:  # a click, at any time before the stream has it
                tabs[side] = predicted(tabs[side], chance.choice(commands))
            if chance.random() < 0.1:  # back from a snapshot
                kept = read_inbox(inbox_value(apply_all(Inbox(), commands[:reached])))
                tabs[side] = restarted(tabs[side], kept, Position("e", reached))
            back = chance.randint(0, reached)
            for position, command in stream[back : reached + 1]:
                tabs[side] = received(tabs[side], position, command)
            reached += 1
        assert tabs[side].confirmed == apply_all(Inbox(), commands)
    ids = {each.id for tab in tabs for each in tab.pending}
    for each in ids:  # clicked after the stream had them: the gateway would call them repeats
        tabs = [refused(tab, each) for tab in tabs]
    assert tabs[0] == tabs[1]
    assert tabs[0].inbox == tabs[1].inbox


def test_what_lies_behind_or_in_another_life_of_the_stream_is_not_applied() -> None:
    """However long ago it was, and whatever the inbox itself still remembers."""
    command = Set(id="1", at=NOW, keys=("a",), mark="read")
    replica = Replica(confirmed=apply(Inbox(), adding(notice("a"))), position=Position("e", 9))
    assert received(replica, Position("e", 9), command) is replica
    assert received(replica, Position("f", 10), command) is replica
    assert received(replica, Position("e", 10), command).confirmed.rows["a"].marks.state == "read"


@given(st.lists(_adds, max_size=60), st.randoms(use_true_random=False))
def test_each_event_is_counted_once_in_any_order(adds: list[Add], chance: random.Random) -> None:
    """Shuffled and doubled: as many as there are different events."""
    plain = [each for each in adds if not each.notification.is_alarm]
    doubled = plain * 2
    chance.shuffle(doubled)
    inbox = apply_all(Inbox(), doubled)
    assert inbox.total == len({each.notification.source for each in plain})


@given(st.lists(_adds | _acts, max_size=40))
def test_whatever_comes_twice_at_once_counts_once(given_: list[Command]) -> None:
    """Applying is idempotent, command by command."""
    inbox = Inbox()
    for command in _numbered(given_):
        inbox = apply(inbox, command)
        assert apply(inbox, command) == inbox


@given(st.lists(_adds | _acts, max_size=40))
def test_what_is_critical_is_never_out_of_sight_for_long(given_: list[Command]) -> None:
    """Neither done nor snoozed while nobody has taken it on."""
    inbox = apply_all(Inbox(), _numbered(given_))
    for row in inbox.rows.values():
        if row.needs_acknowledgement:
            assert row.marks.state != "done"
            assert not row.is_snoozed(NOW + 500)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 50_000)), max_size=80))
def test_seen_is_a_set(positions: list[tuple[int, int]]) -> None:
    """As long as it reaches."""
    seen, model = Seen(), set()
    for stream, offset in positions:
        assert bool(seen.fresh(str(stream), [offset, offset])) is ((stream, offset) not in model)
        seen = seen.take(str(stream), [offset])
        model.add((stream, offset))


def test_seen_is_bounded_and_never_calls_the_far_past_new() -> None:
    """A replay from before all memory tells nothing twice."""
    seen = Seen()
    for chunk in range(CHUNKS_KEPT * 3):
        seen = seen.take("s", [chunk * CHUNK])
    assert len(seen.streams["s"].chunks) == CHUNKS_KEPT
    assert seen.fresh("s", [0, 5, CHUNKS_KEPT * 3 * CHUNK]) == (CHUNKS_KEPT * 3 * CHUNK,)
    for number in range(STREAMS_KEPT * 2):
        seen = seen.take(f"s{number}", [1])
    assert len(seen.streams) == STREAMS_KEPT
