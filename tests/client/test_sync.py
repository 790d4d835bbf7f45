"""One channel's way to live: resume, load, holes; nothing missed, nothing applied twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.client import sync
from realtime.client.steps import Deliver, Install, Join, Leave, Load, Lost, Stage, Step
from realtime.client.sync import GRACE_S, HISTORY_EVENTS, Subscription
from realtime.protocol.frames import Publication, SubscribeResult
from realtime.protocol.positions import Position

NOW = 1000.0
CHANNEL = "collection:orders"


def _pubs(offsets: Iterable[int]) -> list[Publication]:
    return [Publication(offset=offset) for offset in offsets]


def _at(offset: int, epoch: str = "e") -> Position:
    return Position(epoch, offset)


def _joining(position: Position | None = None) -> Subscription:
    subscription = Subscription(CHANNEL, position=position, jitter=lambda: 1.0)
    assert subscription.join() == [Join(CHANNEL, position)]
    return subscription


def _live(offset: int = 10) -> Subscription:
    subscription = _joining(_at(offset))
    assert subscription.joined(SubscribeResult(epoch="e", offset=offset, recovered=True)) == []
    assert subscription.stage is Stage.LIVE
    return subscription


def _loading(top: int = 10) -> Subscription:
    subscription = _joining()
    assert subscription.joined(SubscribeResult(epoch="e", offset=top)) == [Load(CHANNEL, 1, HISTORY_EVENTS)]
    return subscription


def _offsets(steps: Sequence[Step]) -> list[int]:
    return [one.offset for step in steps if isinstance(step, Deliver) for one in step.publications]


def test_a_resume_delivers_what_was_missed() -> None:
    """Recovered means everything after the position, and it is marked as late."""
    subscription = _joining(_at(10))
    steps = subscription.joined(SubscribeResult(epoch="e", offset=12, recovered=True, publications=_pubs([11, 12])))
    assert steps == [Deliver(CHANNEL, "e", _pubs([11, 12]), is_resumed=True)]
    assert (subscription.position, subscription.is_settled) == (_at(12), True)


def test_not_recovered_means_a_snapshot() -> None:
    """Never a part: what can't be resumed is loaded whole."""
    for result, limit in (
        (SubscribeResult(epoch="e", offset=500, recovered=False), 490 + HISTORY_EVENTS),
        (SubscribeResult(epoch="f", offset=12, recovered=True, publications=_pubs([11, 12])), HISTORY_EVENTS),
    ):
        subscription = _joining(_at(10))
        assert subscription.joined(result) == [Load(CHANNEL, 1, limit)]
        assert not subscription.is_settled


@pytest.mark.parametrize("publications", [[], [11], [12, 13], [11, 13]])
def test_a_false_claim_of_recovery_is_not_believed(publications: list[int]) -> None:
    """Said to be recovered up to 13, but not all of it came: from then on only a snapshot is trusted."""
    subscription = _joining(_at(10))
    steps = subscription.joined(SubscribeResult(epoch="e", offset=13, recovered=True, publications=_pubs(publications)))
    assert isinstance(steps[-1], Join)
    assert subscription.stage is Stage.JOINING
    assert subscription.gaps >= 1


def test_live_events_go_straight_through() -> None:
    """In order and without a hole there is nothing to decide."""
    subscription = _live()
    assert subscription.received(_pubs([11, 12])) == [Deliver(CHANNEL, "e", _pubs([11, 12]))]
    assert subscription.position == _at(12)


def test_a_hole_resumes_from_the_last_good_position() -> None:
    """What came before the hole counts; what came after it comes again."""
    subscription = _live()
    steps = subscription.received(_pubs([11, 13, 14]))
    assert steps == [Deliver(CHANNEL, "e", _pubs([11])), Leave(CHANNEL), Join(CHANNEL, _at(11))]
    assert subscription.received(_pubs([15])) == []
    back = subscription.joined(
        SubscribeResult(epoch="e", offset=15, recovered=True, publications=_pubs([12, 13, 14, 15]))
    )
    assert _offsets(back) == [12, 13, 14, 15]
    assert subscription.gaps == 1


def test_repeats_are_dropped() -> None:
    """An offset that was delivered isn't again, wherever in the run it stands."""
    subscription = _live()
    assert _offsets(subscription.received(_pubs([9, 10, 11, 11, 12]))) == [11, 12]
    assert subscription.received(_pubs([12])) == []


def test_what_comes_while_loading_is_merged_by_offset() -> None:
    """What the snapshot has goes to the feed, what comes after it is applied."""
    subscription = _loading(top=10)
    assert subscription.received(_pubs([11, 12, 13])) == []
    steps = subscription.loaded(1, NOW, position=_at(12), history=_pubs([8, 9, 10]))
    assert steps == [
        Install(CHANNEL, _at(12), _pubs([8, 9, 10, 11, 12])),
        Deliver(CHANNEL, "e", _pubs([13])),
    ]
    assert subscription.is_settled


def test_a_hole_between_snapshot_and_buffer_is_resumed() -> None:
    """A snapshot older than what joining promised (a lagging replica) leaves a hole, which is seen."""
    subscription = _loading(top=10)
    subscription.received(_pubs([11]))
    steps = subscription.loaded(1, NOW, position=_at(8), history=[])
    assert steps[-2:] == [Leave(CHANNEL), Join(CHANNEL, _at(8))]
    quiet = _loading(top=10)
    assert quiet.loaded(1, NOW, position=_at(8), history=[])[-1] == Join(CHANNEL, _at(8))


def test_a_buffer_that_overflows_is_resumed_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded memory; what was dropped is known to be missing even if nothing follows."""
    monkeypatch.setattr(sync, "BUFFER_EVENTS", 3)
    subscription = _loading(top=10)
    subscription.received(_pubs([11, 12]))
    subscription.received(_pubs([13, 14]))
    assert subscription._buffer == []
    assert subscription.loaded(1, NOW, position=_at(10), history=[])[-1] == Join(CHANNEL, _at(10))


def test_a_snapshot_of_another_life_is_not_mixed_in() -> None:
    """Epochs that differ between stream and snapshot: try again, later."""
    subscription = _loading()
    assert subscription.loaded(1, NOW, position=_at(10, "f"), history=[]) == []
    assert subscription.stage is Stage.RETRYING
    assert subscription.tick(NOW) == []
    assert subscription.tick(NOW + 10) == [Leave(CHANNEL), Join(CHANNEL, None)]


def test_a_failed_load_is_tried_again_ever_more_patiently() -> None:
    """With growing waits, and the reason kept for people."""
    subscription, now, waits = _joining(), NOW, []
    for number in range(1, 9):
        subscription.joined(SubscribeResult(epoch="e", offset=1))
        subscription.load_failed(number, now, reason="HTTP 500")
        assert (subscription.stage, subscription.reason) == (Stage.RETRYING, "HTTP 500")
        assert subscription.retry_at is not None
        waits.append(subscription.retry_at - now)
        now = subscription.retry_at
        assert subscription.tick(now)[-1] == Join(CHANNEL, None)
    assert waits == pytest.approx(sorted(waits))
    assert waits[-1] == pytest.approx(10)


def test_an_older_load_changes_nothing() -> None:
    """The answer to a load that was given up isn't taken for the one under way."""
    subscription = _loading()
    subscription.cut()
    assert subscription.loaded(1, NOW, position=_at(10), history=[]) == []
    subscription.load_failed(1, NOW, reason="x")
    assert subscription.stage is Stage.OUT


def test_refusals_are_told_apart() -> None:
    """For now: again later. For good: settled without it. Position not good: without it. In already: leave first."""
    later, never, unknown, twice = (_joining(_at(3)) for _ in range(4))
    later.join_refused(NOW, code=100, reason="internal", is_temporary=True)
    assert later.stage is Stage.RETRYING
    never.join_refused(NOW, code=103, reason="permission denied", is_temporary=False)
    assert (never.stage, never.is_settled, never.reason) == (Stage.REFUSED, True, "permission denied")
    assert unknown.join_refused(NOW, code=112, reason="x", is_temporary=False) == [Join(CHANNEL, None)]
    assert unknown.join_refused(NOW, code=112, reason="x", is_temporary=False) == []
    assert unknown.stage is Stage.RETRYING, "not at once again, or it would go on for ever"
    assert twice.join_refused(NOW, code=105, reason="x", is_temporary=False) == [Leave(CHANNEL), Join(CHANNEL, _at(3))]


def test_answers_nobody_waits_for_change_nothing() -> None:
    """A late answer finds the subscription elsewhere."""
    subscription = _live()
    assert subscription.joined(SubscribeResult(epoch="x", offset=99)) == []
    assert subscription.join_refused(NOW, code=103, reason="x", is_temporary=False) == []
    assert subscription.stage is Stage.LIVE


@pytest.mark.parametrize(
    ("code", "stage"), [(2000, Stage.REFUSED), (2499, Stage.REFUSED), (2500, Stage.RETRYING), (2501, Stage.RETRYING)]
)
def test_unsubscribe_codes_are_obeyed(code: int, stage: Stage) -> None:
    """From 2500 on the client comes back, with its position."""
    subscription = _live()
    subscription.unsubscribed(NOW, code=code, reason="x")
    assert subscription.stage is stage
    if stage is Stage.RETRYING:
        assert subscription.tick(NOW + 10)[-1] == Join(CHANNEL, _at(10))


def test_an_unsubscribe_that_crosses_a_subscribe_means_the_one_before() -> None:
    """The answer to ours is still to come."""
    subscription = _joining(_at(10))
    subscription.unsubscribed(NOW, code=2000, reason="x")
    assert subscription.stage is Stage.JOINING


def test_an_invalidated_subscription_forgets_its_position() -> None:
    """2502: the next time it is loaded whole."""
    subscription = _live()
    subscription.unsubscribed(NOW, code=2502, reason="state invalidated")
    assert subscription.tick(NOW + 10)[-1] == Join(CHANNEL, None)


def test_a_clock_set_back_doesnt_stop_a_retry() -> None:
    """An hour back isn't an hour's wait."""
    subscription = _loading()
    subscription.load_failed(1, NOW, reason="x")
    assert subscription.tick(NOW - 3600) != []


def test_a_top_that_arrives_in_time_is_no_gap() -> None:
    """The answer overtook the event; two seconds later it is there."""
    subscription = _live()
    assert subscription.told_top(_at(11), NOW) == []
    assert subscription.due_at == NOW + GRACE_S
    subscription.received(_pubs([11]))
    assert subscription.tick(NOW + GRACE_S) == []
    assert (subscription.tick(NOW + 9), subscription.gaps) == ([], 0)


def test_a_top_that_doesnt_arrive_is_a_gap() -> None:
    """What was lost silently is resumed from the position reached, though nothing else ever came."""
    subscription = _live()
    subscription.told_top(_at(13), NOW)
    assert subscription.told_top(_at(14), NOW + 1) == [], "asking again puts nothing off"
    assert subscription.tick(NOW + GRACE_S - 0.1) == []
    assert subscription.tick(NOW + GRACE_S) == [Leave(CHANNEL), Join(CHANNEL, _at(10))]
    assert subscription.gaps == 1


def test_a_top_in_another_life_is_joined_anew() -> None:
    """The stream was begun anew while nobody told."""
    assert _live().told_top(_at(2, "f"), NOW) == [Leave(CHANNEL), Join(CHANNEL, _at(10))]


def test_a_top_says_nothing_while_catching_up() -> None:
    """Loading ends at the top anyway."""
    assert _loading().told_top(_at(99), NOW) == []
    assert _live().told_top(_at(10), NOW) == []


def _reloaded(top: int, history: Iterable[int], *, epoch: str = "e", since: int = 10) -> list[Step]:
    """Resume from `since` in vain and load what there is."""
    subscription = _joining(_at(since))
    subscription.joined(SubscribeResult(epoch=epoch, offset=top, recovered=False))
    timed = [Publication(offset=offset, time=offset * 1000) for offset in history]
    return [
        step for step in subscription.loaded(1, NOW, position=_at(top, epoch), history=timed) if isinstance(step, Lost)
    ]


def test_what_the_loaded_history_doesnt_reach_back_to_is_lost() -> None:
    """With its range and its exact count."""
    assert _reloaded(500, range(301, 501)) == [Lost(CHANNEL, False, 11, 300, 290, NOW, NOW)]


def test_nothing_is_called_lost_that_the_history_brings() -> None:
    """A gateway that doesn't resume but still has the events has lost nothing."""
    assert _reloaded(50, range(11, 51)) == []
    assert _reloaded(50, range(1, 51)) == []
    assert _reloaded(10, []) == []


def test_a_new_life_is_told_without_a_number() -> None:
    """Nobody knows what happened in the old one after our position."""
    [lost] = _reloaded(5, range(3, 6), epoch="f")
    assert isinstance(lost, Lost)
    assert (lost.epoch_changed, lost.first, lost.last, lost.count) == (True, 1, 2, None)
    assert _reloaded(0, [], epoch="f", since=0) == [], "an empty channel that is still empty lost nothing"


def test_a_loss_lies_between_the_last_event_we_have_and_the_next() -> None:
    """By the gateway's own times."""
    subscription = _live()
    subscription.received([Publication(offset=11, time=700_000)])
    subscription.cut()
    subscription.join()
    subscription.joined(SubscribeResult(epoch="e", offset=30, recovered=False))
    _, lost = subscription.loaded(
        subscription._loads, NOW, position=_at(30), history=[Publication(offset=30, time=900_000)]
    )
    assert lost == Lost(CHANNEL, False, 12, 29, 18, 700.0, 900.0)


def test_a_new_process_claims_no_loss_and_loads_back_to_where_the_last_one_was() -> None:
    """What happened while the app was down goes to the feed, within bounds."""
    subscription = Subscription(CHANNEL, position=None, jitter=lambda: 1.0, seen=_at(100))
    assert subscription.join() == [Join(CHANNEL, None)]
    assert subscription.joined(SubscribeResult(epoch="e", offset=520)) == [Load(CHANNEL, 1, 420 + HISTORY_EVENTS)]
    steps = subscription.loaded(1, NOW, position=_at(520), history=_pubs(range(400, 521)))
    assert not any(isinstance(step, Lost) for step in steps)


class _Gateway:
    """A model of a channel on a gateway that loses live events, cuts, trims, and claims what isn't so."""

    def __init__(self) -> None:
        self.top = 0
        self.epoch = 0
        self.trimmed_to = 0
        self.kept_back = 0  # of the next resume, though it is said to be complete

    @property
    def position(self) -> Position:
        return Position(f"e{self.epoch}", self.top)

    def join(self, position: Position | None) -> SubscribeResult:
        top = self.position
        is_good = (
            position is not None and position.epoch == top.epoch and self.trimmed_to <= position.offset <= self.top
        )
        missed = _pubs(range(position.offset + 1, self.top + 1)) if position is not None and is_good else []
        if self.kept_back and missed:
            missed, self.kept_back = missed[: -self.kept_back], 0
        return SubscribeResult(epoch=top.epoch, offset=top.offset, recovered=is_good, publications=missed)


_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 4)),
        st.tuples(st.just("lose"), st.integers(1, 3)),
        st.tuples(st.just("repeat"), st.integers(1, 3)),
        st.tuples(st.just("cut"), st.integers(0, 3)),
        st.tuples(st.just("trim"), st.just(0)),
        st.tuples(st.just("begin anew"), st.integers(0, 3)),
        st.tuples(st.just("answer"), st.integers(0, 2)),
        st.tuples(st.just("wait"), st.just(0)),
        st.tuples(st.just("ask for the top"), st.just(0)),
        st.tuples(st.just("lie"), st.integers(1, 3)),
    ),
    max_size=40,
)


class _Board:
    """What a store would hold: documents up to a position, and a feed; it knows what may never happen."""

    def __init__(self) -> None:
        self.applied: dict[str, int] = {}  # epoch → the offset up to which everything is in the documents
        self.feed: dict[str, set[int]] = {}
        self.lost: dict[str, set[int]] = {}
        self._installed = ""

    def deliver(self, step: Deliver) -> None:
        for one in step.publications:
            assert one.offset == self.applied.get(step.epoch, 0) + 1, "missed or twice"
            self.applied[step.epoch] = one.offset
            self._show(step.epoch, one.offset)

    def install(self, step: Install) -> None:
        epoch, seen = step.position.epoch, self.applied.get(step.position.epoch, 0)
        assert step.position.offset >= seen, "went back"
        assert all(one.offset <= step.position.offset for one in step.history)
        self.applied[epoch], self._installed = step.position.offset, epoch
        for one in step.history:
            if one.offset > seen:  # as the store does
                self._show(epoch, one.offset)

    def lose(self, step: Lost) -> None:
        claimed = set(range(step.first, step.last + 1)) if step.first else set()
        assert not claimed & self.feed.get(self._installed, set()), "called lost, but it is in the feed"
        assert step.count == (None if step.epoch_changed else len(claimed)), "a wrong count"
        assert step.epoch_changed or claimed, "a claim of nothing"
        self.lost.setdefault(self._installed, set()).update(claimed)

    def _show(self, epoch: str, offset: int) -> None:
        assert offset not in self.feed.setdefault(epoch, set()), "in the feed twice"
        assert offset not in self.lost.get(epoch, set()), "called lost, and yet it came"
        self.feed[epoch].add(offset)

    def holes(self, epoch: str, *, is_first_life: bool) -> set[int]:
        """Return what is neither in the feed nor told as lost. The first life's feed begins where it was joined."""
        told = self.feed.get(epoch, set()) | self.lost.get(epoch, set())
        start = min(told, default=self.applied[epoch] + 1) if is_first_life else 1
        return set(range(start, self.applied[epoch] + 1)) - told


@settings(max_examples=600, deadline=None)
@given(acts=_ACTS)
def test_whatever_happens_nothing_is_missed_or_applied_twice(acts: list[tuple[str, int]]) -> None:
    """Positions never go back in a life, each event is applied once, at rest all is there or told as lost."""
    with patch.multiple(sync, HISTORY_EVENTS=3, MOST_HISTORY_EVENTS=5):
        _live_through(acts)


def _live_through(acts: list[tuple[str, int]]) -> None:
    gateway, now, board = _Gateway(), NOW, _Board()
    subscription = Subscription(CHANNEL, position=None, jitter=lambda: 0.5)
    pending: list[Step] = []

    def obey(steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Deliver):
                board.deliver(step)
            elif isinstance(step, Install):
                board.install(step)
            elif isinstance(step, Lost):
                board.lose(step)
            elif isinstance(step, Leave):
                pending.clear()
            else:
                pending.append(step)

    def answer(lag: int = 0) -> None:
        step = pending.pop(0)
        if isinstance(step, Join):
            obey(subscription.joined(gateway.join(step.position)))
        elif isinstance(step, Load):
            behind = max(gateway.top - lag, board.applied.get(gateway.position.epoch, 0), gateway.trimmed_to)
            position = Position(gateway.position.epoch, min(behind, gateway.top))
            oldest = max(gateway.trimmed_to, position.offset - step.limit) + 1
            history = _pubs(range(oldest, position.offset + 1))
            obey(subscription.loaded(step.number, now, position=position, history=history))

    def is_in() -> bool:
        return subscription.stage in (Stage.LOADING, Stage.LIVE)

    obey(subscription.join())
    for act, count in [*acts, ("publish", 1)]:
        if act in ("publish", "lose"):
            fresh = _pubs(range(gateway.top + 1, gateway.top + count + 1))
            gateway.top += count
            if act == "publish" and is_in():
                obey(subscription.received(fresh))
        elif act == "repeat" and is_in() and gateway.top:
            obey(subscription.received(_pubs(range(max(gateway.top - count, 1), gateway.top + 1))))
        elif act == "trim":
            gateway.trimmed_to = gateway.top
        elif act in ("cut", "begin anew"):
            if act == "begin anew":
                gateway.epoch, gateway.top, gateway.trimmed_to = gateway.epoch + 1, count, 0
            subscription.cut()
            pending.clear()
            gateway.top += count
            obey(subscription.join())
        elif act == "answer" and pending:
            answer(lag=count)
        elif act == "wait":
            now += 60
            obey(subscription.tick(now))
        elif act == "lie":
            gateway.kept_back = count
        elif act == "ask for the top" and is_in():
            obey(subscription.told_top(gateway.position, now))
    for _ in range(20):
        while pending:
            answer()
        now += 60
        obey(subscription.tick(now))
    # A live event that was lost is only seen when the next one comes, or when the stream's top is asked for.
    obey(subscription.told_top(gateway.position, now))
    obey(subscription.tick(now + GRACE_S))
    while pending:
        answer()
    assert subscription.stage is Stage.LIVE
    assert subscription.position == gateway.position
    assert board.applied.get(gateway.position.epoch, 0) == gateway.top
    if gateway.top:
        assert board.holes(gateway.position.epoch, is_first_life=len(board.applied) == 1) == set()
