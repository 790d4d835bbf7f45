"""The connection's life in spans: what they say of uptime, dials, outages and reasons."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.events import ConnectionLost
from realtime.store import ConnectionState, ConnectionStatus, Store
from realtime.store.timeline import (
    REASONS_KEPT,
    SPANS_KEPT,
    Outage,
    Timeline,
    Turn,
    outages,
    reasons,
    share_connected,
    without_starts,
)

UP, DOWN = ConnectionState.CONNECTED, ConnectionState.RECONNECTING
FIRST, SYNCING = ConnectionState.CONNECTING, ConnectionState.SYNCING


def told(
    timeline: Timeline,
    state: ConnectionState,
    *,
    at: float,
    dials: int = 1,
    reason: str | None = None,
    transport: str = "websocket",
) -> Turn:
    """Tell a timeline of a status that began when it is told."""
    return timeline.take(
        ConnectionStatus(state=state, transport=transport, since=at, dials=dials, reason=reason), now=at
    )


def test_spans_follow_each_other_without_a_hole() -> None:
    """Each begins where the one before ended; the newest ends at the moment of looking."""
    timeline = Timeline()
    told(timeline, FIRST, at=10)
    told(timeline, SYNCING, at=11)
    told(timeline, UP, at=12)
    spans = timeline.spans(now=20)
    assert [(span.state, span.begin, span.end) for span in spans] == [(FIRST, 10, 11), (SYNCING, 11, 12), (UP, 12, 20)]
    assert [span.is_first for span in spans] == [True, False, False]


def test_the_same_state_over_another_transport_is_another_span() -> None:
    """Polling is to be seen."""
    timeline = Timeline()
    told(timeline, UP, at=10)
    told(timeline, UP, at=15, transport="polling")
    assert [span.transport for span in timeline.spans(now=20)] == ["websocket", "polling"]


def test_a_span_begins_when_its_state_did_not_when_it_was_told() -> None:
    """The status says since when."""
    timeline = Timeline()
    told(timeline, FIRST, at=10)
    timeline.take(ConnectionStatus(state=UP, since=11.5, dials=1), now=13)
    assert timeline.spans(now=20)[1].begin == 11.5


def test_the_time_to_connect_runs_from_the_dial_that_succeeded() -> None:
    """Waiting for the next dial isn't connecting."""
    timeline = Timeline()
    told(timeline, FIRST, at=10, dials=1)
    told(timeline, DOWN, at=11, dials=1, reason="refused")
    told(timeline, DOWN, at=15, dials=2)
    turn = told(timeline, UP, at=15.25, dials=2)
    assert turn.connect_s == 0.25
    assert sum(span.dials for span in timeline.spans(now=20)) == 2


def test_a_resync_is_neither_an_outage_nor_a_connect() -> None:
    """The socket was never gone."""
    timeline = Timeline()
    told(timeline, UP, at=10)
    told(timeline, SYNCING, at=20)
    assert told(timeline, UP, at=21) == Turn()
    assert outages(timeline.spans(now=30)) == ()


def test_an_outage_lasts_until_in_sync_again() -> None:
    """With the catching up; its reason is that of the loss."""
    timeline = Timeline()
    told(timeline, UP, at=10)
    told(timeline, DOWN, at=20, reason="The connection was cut.")
    told(timeline, DOWN, at=21, dials=2, reason="Connection refused.")
    told(timeline, SYNCING, at=22, dials=2)
    turn = told(timeline, UP, at=23, dials=2)
    assert turn.outage_s == 3
    assert outages(timeline.spans(now=30)) == (Outage(20, 23, "The connection was cut.", 1),)


def test_a_loss_while_resyncing_is_an_outage_too() -> None:
    """The store had been current before."""
    timeline = Timeline()
    told(timeline, UP, at=10)
    told(timeline, SYNCING, at=20)
    told(timeline, DOWN, at=21, dials=1)
    assert told(timeline, UP, at=25, dials=2).outage_s == 4


def test_an_outage_that_lasts_has_no_end() -> None:
    """Its length grows."""
    timeline = Timeline()
    told(timeline, UP, at=10)
    told(timeline, DOWN, at=20)
    [outage] = outages(timeline.spans(now=30))
    assert outage.end is None
    assert outage.length_s(30) == 10


def test_the_words_of_the_loss_win() -> None:
    """A loss says why; the status of the dial after it may not."""
    store = Store()
    store.set_connection(ConnectionStatus(state=UP, since=10, dials=1), now=10)
    store.set_connection(ConnectionStatus(state=DOWN, since=20, dials=2, reason="later"), now=20)
    store.raise_local(ConnectionLost(timestamp="2026-01-01T00:00:00Z", reason="Reconnecting on request."), now=20)
    [outage] = outages(store.health(now=30).spans)
    assert outage.reason == "Reconnecting on request."


def test_the_time_between_two_processes_counts_for_nobody() -> None:
    """Spans of an earlier process are put before; the end of that process isn't an outage."""
    earlier = Timeline()
    told(earlier, UP, at=0)
    told(earlier, ConnectionState.DISCONNECTED, at=100, reason="Disconnected on request.")
    timeline = Timeline()
    told(timeline, FIRST, at=1000)
    timeline.restore(earlier.spans(now=100))
    told(timeline, UP, at=1100)
    spans = timeline.spans(now=1200)
    assert outages(spans) == ()
    assert share_connected(spans, since=0) == pytest.approx(200 / 300)
    assert timeline.connected_s(now=1200) == 100
    assert timeline.started_at == 1000


def test_hanging_up_at_the_end_of_a_process_isnt_being_offline() -> None:
    """The moment between is nobody's; an hour without would be."""
    for length, kept in ((0.1, [UP]), (3600.0, [UP, ConnectionState.DISCONNECTED])):
        earlier, timeline = Timeline(), Timeline()
        told(earlier, UP, at=0)
        if length < 1:
            told(earlier, DOWN, at=99.5)  # the gateway in the same process goes first
        told(earlier, ConnectionState.DISCONNECTED, at=100)
        timeline.restore(earlier.spans(now=100 + length))
        assert [span.state for span in timeline.spans(now=9999)] == kept


def test_the_moment_before_the_first_dial_is_no_span() -> None:
    """The client is told to connect a moment after it begins."""
    timeline = Timeline()
    told(timeline, ConnectionState.DISCONNECTED, at=0, dials=0)
    told(timeline, FIRST, at=0.1)
    [first] = timeline.spans(now=1)
    assert (first.state, first.is_first) == (FIRST, True)


def test_a_quick_start_isnt_an_outage_and_a_slow_one_counts() -> None:
    """The app dials its own gateway before that answers."""
    for connected_at, kept, starts in ((12.0, [UP], 1), (80.0, [FIRST, DOWN, UP], 0)):
        timeline = Timeline()
        told(timeline, FIRST, at=10, dials=1)
        told(timeline, DOWN, at=10.5, dials=4)
        told(timeline, UP, at=connected_at, dials=4)
        found, count = without_starts(timeline.spans(now=100))
        assert ([span.state for span in found], count) == (kept, starts)


def test_a_start_that_never_got_there_counts() -> None:
    """Else an app that can't connect would have watched nothing."""
    timeline = Timeline()
    told(timeline, FIRST, at=10)
    found, count = without_starts(timeline.spans(now=15))
    assert (len(found), count) == (1, 0)


def test_uptime_counts_what_lies_in_the_window() -> None:
    """And is unknown where nothing was seen."""
    timeline = Timeline()
    assert share_connected(timeline.spans(now=0), since=0) is None
    told(timeline, UP, at=0)
    told(timeline, DOWN, at=90)
    told(timeline, UP, at=95)
    spans = timeline.spans(now=100)
    assert share_connected(spans, since=80) == pytest.approx(15 / 20)
    assert share_connected(spans, since=0) == pytest.approx(0.95)


def test_reasons_that_differ_by_a_time_alone_are_one() -> None:
    """The most frequent first."""
    found = [
        Outage(10, 12, "The gateway gave no sign of life for 35 s.", 1),
        Outage(20, 21, "The connection was cut.", 1),
        Outage(30, 33, "The gateway gave no sign of life for 36 s.", 1),
    ]
    first, second = reasons(found, now=40)
    assert (first.reason, first.count, first.last_at, first.down_s) == (
        "The gateway gave no sign of life for a while.", 2, 30, 5,
    )  # fmt: skip
    assert second.count == 1


def test_reasons_are_bounded() -> None:
    """What is beyond is one row."""
    found = [Outage(float(n), n + 1.0, f"reason {n!r}x", 1) for n in range(100)]
    rows = reasons(found, now=200)
    assert len(rows) == REASONS_KEPT + 1
    assert sum(row.count for row in rows) == 100


states = st.sampled_from([*ConnectionState])
steps = st.lists(st.tuples(states, st.floats(-2, 20), st.integers(0, 2), st.sampled_from(["websocket", "polling"])))


@given(steps)
def test_whatever_comes_spans_are_ordered_bounded_and_add_up(
    found: list[tuple[ConnectionState, float, int, str]],
) -> None:
    """Clocks that jump back and any order of states included."""
    timeline, now, dials = Timeline(), 1000.0, 0
    for state, wait, fresh, transport in found:
        now += wait
        dials += fresh
        told(timeline, state, at=now, dials=dials, transport=transport)
    spans = timeline.spans(now=now)
    assert len(spans) <= SPANS_KEPT + 1
    assert all(left.end <= right.begin or wait_back(found) for left, right in pairwise(spans))
    assert sum(span.dials for span in spans) == dials
    share = share_connected(spans, since=0)
    assert share is None or 0 <= share <= 1
    assert all(outage.length_s(now) >= 0 for outage in outages(spans))


def wait_back(found: list[tuple[ConnectionState, float, int, str]]) -> bool:
    """Tell whether the clock was ever set back: then spans may overlap a little."""
    return any(wait < 0 for _, wait, _, _ in found)


def test_only_the_newest_spans_are_kept() -> None:
    """A connection that flaps for days costs no more memory than one that flapped for an hour."""
    timeline = Timeline()
    for turn in range(2_000):
        told(timeline, UP if turn % 2 else DOWN, at=float(turn), dials=turn)
    assert len(timeline.spans(now=2_000)) == SPANS_KEPT + 1
