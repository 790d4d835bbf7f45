"""What the store keeps of the app's own health: deliveries, traffic, samples; and the measures behind it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.store import ConnectionState, ConnectionStatus, DeadLetters, ProcessSample, Store
from realtime.store.measures import BOUNDS_S, Buckets, Latencies, histogram_quantile, quantile
from tests.store.making import NOW, ORDERS, created


def sample(at: float) -> ProcessSample:
    """Make a sample of a process."""
    return ProcessSample(at=at, started_at=0, memory_bytes=1, cpu_share=0.1, threads=1, open_files=1)


def test_live_deliveries_are_timed_and_resumed_ones_counted() -> None:
    """What was missed and fetched later says nothing about how fast the wire is."""
    store = Store()
    store.apply(ORDERS, [(created("a"), 1), (created("b"), 2)], epoch="e", now=NOW, lag_s=0.004)
    store.apply(ORDERS, [(created("c"), 3)], epoch="e", now=NOW, published_at=[NOW - 60])
    health = store.health(now=NOW)
    assert sum(health.deliveries) == health.delivered == 2
    assert health.resumed == 1
    assert health.lags[-1] == 0.004


def test_a_repeat_is_no_delivery() -> None:
    """The store drops it."""
    store = Store()
    for _ in range(2):
        store.apply(ORDERS, [(created("a"), 1)], epoch="e", now=NOW, lag_s=0.004)
    assert store.health(now=NOW).delivered == 1


def test_bytes_are_those_since_the_status_before() -> None:
    """A client that began anew counts from zero."""
    store = Store()
    for at, told in ((NOW, 100), (NOW + 1, 150), (NOW + 11, 30)):
        store.set_connection(ConnectionStatus(state=ConnectionState.CONNECTED, since=NOW, bytes_in=told), now=at)
    assert [each for each in store.health(now=NOW + 11).bytes_in if each is not None] == [150, 30]


def test_samples_are_bounded_and_signalled() -> None:
    """An hour of them."""
    store = Store()
    for turn in range(2_000):
        store.set_process(sample(NOW + turn * 5))
    assert len(store.health(now=NOW).samples) == 720
    assert store.version("health") == 2_000


def test_dead_letters_are_what_the_gateway_said_last() -> None:
    """None where it doesn't say."""
    store = Store()
    assert store.health(now=NOW).dead_letters is None
    store.set_dead_letters(DeadLetters(3))
    assert store.health(now=NOW).dead_letters == DeadLetters(3)


def test_an_hour_old_delivery_is_forgotten() -> None:
    """The quantiles are those of the last minutes."""
    latencies = Latencies()
    latencies.add(1.5, count=1, now=NOW)
    latencies.add(0.0015, count=5, now=NOW + 3600)
    assert sum(latencies.read(now=NOW + 3600, minutes=15)) == 5
    assert latencies.count == 6


def test_buckets_join_within_and_forget_beyond() -> None:
    """A stretch in which nothing was measured is None."""
    buckets = Buckets(bucket_s=10, size=3, join=max)
    for at, value in ((0, 1.0), (5, 3.0), (9, 2.0), (25, 4.0)):
        buckets.add(value, now=at)
    assert buckets.read(now=29, buckets=3) == (3.0, None, 4.0)


@given(st.lists(st.floats(0, 4.9), min_size=1), st.floats(0, 1))
def test_a_quantile_is_off_by_a_bucket_at_most(values: list[float], share: float) -> None:
    """The true one lies in the bucket that the estimate lies in."""
    latencies = Latencies()
    for value in values:
        latencies.add(value, count=1, now=NOW)
    found = histogram_quantile(latencies.read(now=NOW, minutes=1), share)
    truth = quantile(values, share)
    assert found is not None
    assert truth is not None
    upper = next(bound for bound in BOUNDS_S if truth <= bound)
    lower = max((bound for bound in BOUNDS_S if bound < upper), default=0.0)
    assert lower <= found <= upper or share == 0


def test_quantiles_of_nothing_are_unknown() -> None:
    """Not zero."""
    assert quantile([], 0.5) is None
    assert histogram_quantile([0] * 13, 0.5) is None
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.0
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.95) == 4.0
    assert histogram_quantile([*[0] * 12, 4], 0.5) == pytest.approx(5.0)
