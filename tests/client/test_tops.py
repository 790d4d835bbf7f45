"""The periodic question where the streams end: its pace, and what it finds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.client import sync
from realtime.client.tops import TopCheck
from realtime.metrics import CLIENT_GAPS
from realtime.protocol.positions import Position
from realtime.store import Store
from tests.client.world import World
from tests.store.making import ORDERS, created

NOW = 1_800_000_000.0


def _names(count: int) -> list[str]:
    return [f"collection:c{number}" for number in range(count)]


def test_nothing_is_asked_before_it_is_time_or_after_the_end() -> None:
    """An interval after joining, not at once: joining has just told the top."""
    check = TopCheck(interval_s=30, jitter=lambda: 0.5)
    assert check.take(_names(3), NOW) == ()
    check.begin(NOW)
    assert check.take(_names(3), NOW + 29) == ()
    assert check.take(_names(3), NOW + 30) == _names(3)
    assert check.due_at == NOW + 60
    check.stop()
    assert check.take(_names(3), NOW + 999) == ()


@given(count=st.integers(0, 3000), jitter=st.floats(0, 1))
def test_each_stream_is_asked_for_once_in_an_interval(count: int, jitter: float) -> None:
    """However many there are, and never more than 500 in one message."""
    check = TopCheck(interval_s=30, jitter=lambda: jitter)
    check.begin(NOW)
    asked: list[str] = []
    now = NOW
    for _ in range(-(-count // 500) or 1):
        assert check.due_at is not None
        now = check.due_at
        part = check.take(_names(count), now)
        assert len(part) <= 500
        asked += part
    assert asked == _names(count)
    assert now - NOW <= 2 * 30 * 1.25


def test_a_clock_set_back_doesnt_end_the_checks() -> None:
    """An hour back isn't an hour without looking."""
    check = TopCheck(interval_s=30, jitter=lambda: 0.5)
    check.begin(NOW)
    assert check.take(_names(1), NOW - 3600) == _names(1)


def test_an_event_that_was_lost_silently_is_found(scripted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing follows it, so only the question where the stream ends can tell; no new dial is needed."""
    monkeypatch.setattr(sync, "GRACE_S", 0.02)
    scripted.gateway.stream(ORDERS)
    scripted.client = scripted.another(scripted.store, top_check_s=0.05)
    scripted.connect()
    before = CLIENT_GAPS._value.get()
    scripted.gateway.publish(ORDERS, created("lost"), is_lost=True)
    scripted.until(lambda: scripted.ids() == {"lost"})
    scripted.until(lambda: scripted.client.is_connected)
    assert scripted.store.connection.dials == 1
    assert CLIENT_GAPS._value.get() == before + 1
    assert scripted.store.gaps == (), "found and filled, so nothing is claimed"


def test_what_cant_be_recovered_is_told_with_its_range_and_count(
    scripted: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the feed, and for whoever asks the store; the documents are whole all the same."""
    monkeypatch.setattr(sync, "HISTORY_EVENTS", 4)
    monkeypatch.setattr(sync, "MOST_HISTORY_EVENTS", 4)
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.connect()
    scripted.gateway.publish(ORDERS, *(created(f"d{number}") for number in range(10)), is_lost=True)
    scripted.gateway.trimmed_to = 5
    scripted.gateway.cut()
    scripted.settle(2)
    [gap] = scripted.store.gaps
    assert (gap.channel, gap.first, gap.last, gap.count) == (ORDERS, 2, 7, 6)
    assert gap.since <= gap.until
    assert scripted.raised().count("connection:gap") == 1
    assert len(scripted.ids()) == 11
    assert {entry.offset for entry in scripted.store.feed(channels=(ORDERS,))} == {1, 8, 9, 10, 11}


def test_a_new_process_goes_on_where_the_last_one_was(scripted: World) -> None:
    """What happened while the app was down is in its feed, though it is more than a first look would show."""
    scripted.gateway.publish(ORDERS, *(created(f"d{number}") for number in range(700)))
    store = Store()
    client = scripted.another(store, resume_from={ORDERS: Position("e1", 300)})
    client.connect()
    scripted.until(lambda: client.is_connected)
    assert {entry.offset for entry in store.feed(limit=500, channels=(ORDERS,))} >= set(range(301, 701))
    assert store.gaps == ()
