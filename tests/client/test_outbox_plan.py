"""The outbox's decisions: order per document, states, bounds, patience. No disk, no threads."""

from __future__ import annotations

import itertools
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from realtime.client.outbox_plan import CAP_S, ENTRY_BYTES, TRANSITIONS, Plan
from realtime.errors import OutboxFull
from realtime.store import OutboxEntry, OutboxState

NOW = 1000.0


def entry(number: int, document: str | None = "a", *, expected: int | None = None, follows: int | None = None,
          size_bytes: int = 10) -> OutboxEntry:  # fmt: skip
    """Make an entry about a document of orders."""
    return OutboxEntry(
        number=number, key=("/t", str(number)), type="collection:updated", envelope=b"x" * size_bytes, created_at=NOW,
        document=None if document is None else ("orders", document), expected_offset=expected, follows=follows,
    )  # fmt: skip


def plan(*entries: OutboxEntry, most_events: int = 100, most_bytes: int = 100_000, jitter: float = 1.0) -> Plan:
    """Make a plan that holds entries."""
    made = Plan(most_events=most_events, most_bytes=most_bytes, jitter=lambda: jitter)
    for each in entries:
        made.add(each)
    return made


def due(of: Plan, now: float = NOW) -> list[int]:
    """Return the numbers of what may be sent."""
    return [each.number for each in of.due(now)]


def test_different_documents_go_side_by_side_and_one_document_in_order() -> None:
    """What is about no document waits for nobody."""
    made = plan(entry(1), entry(2), entry(3, "b"), entry(4, None), entry(5, None))
    assert due(made) == [1, 3, 4, 5]
    made.sent(1)
    assert due(made) == [3, 4, 5]
    made.acknowledged(1, offset=7, now=NOW)
    assert due(made) == [2, 3, 4, 5]


def test_a_refused_entry_holds_back_its_document_until_it_is_discarded() -> None:
    """What was written after it was written on top of it."""
    made = plan(entry(1), entry(2), entry(3, "b"))
    made.sent(1)
    made.refused(1, reason="no", is_conflict=False, now=NOW)
    assert due(made) == [3]
    assert made.discarded(1)
    assert due(made) == [2, 3]
    assert not made.discarded(1)


def test_a_refused_entry_is_sent_again_when_a_person_says_so() -> None:
    """Over the version the person has seen by then, before what came after it."""
    made = plan(entry(1, expected=5), entry(2))
    made.sent(1)
    made.refused(1, reason="changed", is_conflict=True, now=NOW)
    again = made.retried(1, expected_offset=9)
    assert (again.expected_offset, again.reason, again.is_conflict, again.attempts) == (9, None, False, 0)
    assert due(made) == [1]


def test_an_edit_of_what_was_created_offline_expects_the_position_of_its_creation() -> None:
    """The page couldn't know it; an edit of something else isn't touched."""
    made = plan(entry(1, expected=0), entry(2, expected=0, follows=1), entry(3, expected=4), entry(4, "b", expected=1))
    made.sent(1)
    (follower,) = made.acknowledged(1, offset=12, now=NOW)
    assert (follower.number, follower.expected_offset, follower.follows) == (2, 12, None)
    assert [each.expected_offset for each in made.due(NOW)] == [12, 1]


def test_an_edit_that_comes_after_the_answer_gets_the_position_too() -> None:
    """The person clicked a moment later than the gateway answered."""
    made = plan(entry(1, expected=0))
    made.sent(1)
    made.acknowledged(1, offset=12, now=NOW)
    assert made.add(entry(2, expected=0, follows=1)).expected_offset == 12


def test_a_failed_attempt_waits_longer_each_time_and_not_once_the_way_opens() -> None:
    """Up to a cap, at least half of it, and never past what else is due."""
    made = plan(entry(1), entry(2, "b"))
    waits = []
    for _ in range(10):
        made.sent(1)
        made.failed(1, reason="later", now=NOW)
        assert made.due_at == 0.0  # the other one
        waits.append(next(at for at in itertools.accumulate(itertools.repeat(0.05)) if 1 in due(made, NOW + at)))
    assert waits == sorted(waits)
    assert waits[0] < 0.4
    assert CAP_S - 0.1 < waits[-1] < CAP_S + 0.1
    assert due(made) == [2]
    made.opened()
    assert due(made) == [1, 2]


def test_a_gateway_that_asked_for_time_gets_it() -> None:
    """On top of our own patience, so that not everybody comes back at the very moment it named."""
    made = plan(entry(1))
    made.sent(1)
    made.failed(1, reason="too many requests: try again in 9 s", now=NOW, wait_s=9.0)
    assert due(made, NOW + 9) == []
    assert due(made, NOW + 9.25) == [1]


def test_a_full_outbox_takes_nothing_more_and_drops_nothing() -> None:
    """By count and by bytes; room promised to others counts."""
    made = plan(entry(1), entry(2, "b"), most_events=3)
    made.check_room(10)
    with pytest.raises(OutboxFull, match="3 changes wait"):
        made.check_room(10, promised=[10])
    made.add(entry(3, "c"))
    with pytest.raises(OutboxFull):
        made.check_room(10)
    assert len(made) == 3
    narrow = plan(entry(1), most_bytes=2 * (10 + ENTRY_BYTES))
    narrow.check_room(10)
    with pytest.raises(OutboxFull, match="bytes"):
        narrow.check_room(11)
    with pytest.raises(OutboxFull, match="bytes"):
        narrow.check_room(10, promised=[10])


@pytest.mark.parametrize("state", OutboxState)
@pytest.mark.parametrize("target", OutboxState)
def test_every_step_is_in_the_table_or_refused(state: OutboxState, target: OutboxState) -> None:
    """A step that isn't changes nothing."""
    made = plan(entry(1))
    if state is not OutboxState.PENDING:
        made.sent(1)
    if state is OutboxState.REFUSED:
        made.refused(1, reason="no", is_conflict=False, now=NOW)
    if state is OutboxState.CONFIRMED:
        made.acknowledged(1, offset=1, now=NOW)
        assert made.get(1) is None
        assert TRANSITIONS[state] == frozenset()
        return
    before = made.listing()
    if target in TRANSITIONS[state]:
        _go(made, target)
        found = made.get(1) or made.confirmed(1)
        assert found is not None
        assert found.state is target
    else:
        with pytest.raises(ValueError, match="can't go"):
            _go(made, target)
        assert made.listing() == before


def _go(made: Plan, target: OutboxState) -> None:
    if target is OutboxState.SENT:
        made.sent(1)
    elif target is OutboxState.REFUSED:
        made.refused(1, reason="no", is_conflict=False, now=NOW)
    elif target is OutboxState.CONFIRMED:
        made.acknowledged(1, offset=1, now=NOW)
    else:
        made.failed(1, reason="later", now=NOW)


def test_what_is_on_its_way_cant_be_discarded() -> None:
    """It may be stored already."""
    made = plan(entry(1))
    made.sent(1)
    assert not made.discarded(1)
    made.failed(1, reason="later", now=NOW)
    assert made.discarded(1)
    assert (len(made), made.size_bytes, made.due_at) == (0, 0, None)


class Outboxes(RuleBasedStateMachine):
    """Everything that can happen to an outbox, in any order, against a list of what is owed."""

    def __init__(self) -> None:
        super().__init__()
        self.plan = Plan(most_events=8, most_bytes=8 * (ENTRY_BYTES + 20), jitter=lambda: 0.5)
        self.numbers = itertools.count(1)
        self.now = NOW
        self.owed: dict[int, OutboxEntry] = {}  # every entry taken, until it is acknowledged or discarded
        self.order: dict[object, list[int]] = defaultdict(list)
        self.offsets: dict[int, int] = {}

    @rule(document=st.sampled_from(["a", "b", None]), size_bytes=st.integers(0, 60), follows=st.booleans())
    def put(self, document: str | None, size_bytes: int, follows: bool) -> None:
        """Add one, if there is room."""
        before = len(self.owed)
        try:
            self.plan.check_room(size_bytes)
        except OutboxFull:
            assert len(self.plan) == before
            return
        number = next(self.numbers)
        queue = self.order[("orders", document) if document else number]
        taken = entry(number, document, follows=queue[-1] if follows and queue else None, size_bytes=size_bytes)
        self.owed[number] = self.plan.add(taken)
        queue.append(number)

    @rule()
    def send(self) -> None:
        """Send what is due: only what is first of its document."""
        for each in self.plan.due(self.now):
            queue = self.order[each.document or each.number]
            ahead = queue[: queue.index(each.number)]
            assert not [number for number in ahead if number in self.owed]
            if each.follows is not None:
                assert each.follows not in self.offsets, "an acknowledged one has given its version"
            self.plan.sent(each.number)

    def _pick(self, state: OutboxState, index: int) -> int | None:
        found = [each.number for each in self.plan.listing() if each.state is state]
        return found[index % len(found)] if found else None

    @rule(index=st.integers(0, 7))
    def acknowledge(self, index: int) -> None:
        """Hear that one is stored."""
        number = self._pick(OutboxState.SENT, index)
        if number is not None:
            self.offsets[number] = 100 + number
            for follower in self.plan.acknowledged(number, offset=100 + number, now=self.now):
                assert self.owed[follower.number].follows == number
                assert follower.expected_offset == 100 + number
            del self.owed[number]

    @rule(index=st.integers(0, 7))
    def fail(self, index: int) -> None:
        """Hear nothing, or that it can't be now."""
        number = self._pick(OutboxState.SENT, index)
        if number is not None:
            self.plan.failed(number, reason="later", now=self.now)

    @rule(index=st.integers(0, 7))
    def refuse(self, index: int) -> None:
        """Hear no."""
        number = self._pick(OutboxState.SENT, index)
        if number is not None:
            self.plan.refused(number, reason="no", is_conflict=False, now=self.now)

    @rule(index=st.integers(0, 7), state=st.sampled_from([OutboxState.REFUSED, OutboxState.PENDING]))
    def discard(self, index: int, state: OutboxState) -> None:
        """Give one up."""
        number = self._pick(state, index)
        if number is not None:
            assert self.plan.discarded(number)
            del self.owed[number]

    @rule(index=st.integers(0, 7))
    def retry(self, index: int) -> None:
        """Ask for one again."""
        number = self._pick(OutboxState.REFUSED, index)
        if number is not None:
            self.plan.retried(number)

    @rule(seconds=st.floats(0, 20))
    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    @rule()
    @precondition(lambda self: len(self.owed) > 0)
    def open(self) -> None:
        """Let the way open: whatever is first of its document and pending is due."""
        self.plan.opened()
        first: dict[object, OutboxEntry] = {}
        for each in self.plan.listing():
            if each.number in self.owed:
                first.setdefault(each.document or each.number, each)
        expected = sorted(each.number for each in first.values() if each.state is OutboxState.PENDING)
        assert due(self.plan, self.now) == expected

    @invariant()
    def nothing_is_lost(self) -> None:
        """What was taken is there until it is acknowledged or given up, in order, and counted right."""
        there = [each for each in self.plan.listing() if each.state is not OutboxState.CONFIRMED]
        assert [each.number for each in there] == list(self.owed)
        assert self.plan.size_bytes == sum(len(each.envelope) + ENTRY_BYTES for each in there)
        assert len(self.plan) <= 8
        assert self.plan.size_bytes <= 8 * (ENTRY_BYTES + 20)


Outboxes.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestOutboxes = Outboxes.TestCase


@given(st.lists(st.sampled_from("abc"), max_size=40))
def test_whatever_is_put_is_sent_once_and_in_order_when_all_goes_well(documents: list[str]) -> None:
    """Taken turn by turn, each document's entries come out as they went in."""
    made = plan(*(entry(number, document) for number, document in enumerate(documents, 1)))
    out: list[int] = []
    while len(made):
        for each in made.due(NOW):
            made.sent(each.number)
            made.acknowledged(each.number, offset=each.number, now=NOW)
            out.append(each.number)
    assert sorted(out) == list(range(1, len(documents) + 1))
    for document in "abc":
        mine = [number for number in out if documents[number - 1] == document]
        assert mine == sorted(mine)
