"""One channel's way to live: resume, load, holes; nothing missed, nothing applied twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.client import sync
from realtime.client.sync import Deliver, Install, Join, Leave, Load, Stage, Step, Subscription
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
    assert subscription.joined(SubscribeResult(epoch="e", offset=top)) == [Load(CHANNEL, 1)]
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
    for result in (
        SubscribeResult(epoch="e", offset=500, recovered=False),
        SubscribeResult(epoch="f", offset=12, recovered=True, publications=_pubs([11, 12])),
    ):
        subscription = _joining(_at(10))
        assert subscription.joined(result) == [Load(CHANNEL, 1)]
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


def test_a_clock_set_back_doesnt_stop_a_retry() -> None:
    """An hour back isn't an hour's wait."""
    subscription = _loading()
    subscription.load_failed(1, NOW, reason="x")
    assert subscription.tick(NOW - 3600) != []


class _Gateway:
    """A model of a channel on a gateway that loses live events, cuts, and trims."""

    def __init__(self) -> None:
        self.top = 0
        self.epoch = 0
        self.trimmed_to = 0

    @property
    def position(self) -> Position:
        return Position(f"e{self.epoch}", self.top)

    def join(self, position: Position | None) -> SubscribeResult:
        top = self.position
        is_good = (
            position is not None and position.epoch == top.epoch and self.trimmed_to <= position.offset <= self.top
        )
        missed = _pubs(range(position.offset + 1, self.top + 1)) if position is not None and is_good else []
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
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(acts=_ACTS)
def test_whatever_happens_nothing_is_missed_or_applied_twice(acts: list[tuple[str, int]]) -> None:
    """Positions never go back within an epoch, each event is applied once, and at rest all is there."""
    gateway, now = _Gateway(), NOW
    subscription = Subscription(CHANNEL, position=None, jitter=lambda: 0.5)
    applied: dict[str, int] = {}  # epoch → the offset up to which everything is in the store
    pending: list[Step] = []

    def obey(steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, Deliver):
                for one in step.publications:
                    assert one.offset == applied.get(step.epoch, 0) + 1, "missed or twice"
                    applied[step.epoch] = one.offset
            elif isinstance(step, Install):
                assert all(one.offset <= step.position.offset for one in step.history)
                applied[step.position.epoch] = step.position.offset
            elif isinstance(step, Leave):
                pending.clear()
            else:
                pending.append(step)

    def answer(lag: int = 0) -> None:
        step = pending.pop(0)
        if isinstance(step, Join):
            obey(subscription.joined(gateway.join(step.position)))
        elif isinstance(step, Load):
            behind = max(gateway.top - lag, applied.get(gateway.position.epoch, 0), gateway.trimmed_to)
            position = Position(gateway.position.epoch, min(behind, gateway.top))
            obey(subscription.loaded(step.number, now, position=position, history=_pubs(range(1, position.offset + 1))))

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
    for _ in range(20):
        while pending:
            answer()
        now += 60
        obey(subscription.tick(now))
    # A live event that was lost is only seen when the next one comes: one more, and its hole is filled.
    gateway.top += 1
    if is_in():
        obey(subscription.received(_pubs([gateway.top])))
    while pending:
        answer()
    assert subscription.stage is Stage.LIVE
    assert subscription.position == gateway.position
    assert applied[gateway.position.epoch] == gateway.top
