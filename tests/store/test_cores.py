"""The store's pure parts: rings, topics, usual gaps, people, feed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.store.aggregates import KEYS_KEPT, OVERFLOW_KEY, Aggregates, Ring
from realtime.store.freshness import UsualGap
from realtime.store.topics import Topics
from tests.store.making import NOW


@given(steps=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 14), st.integers(1, 5)), max_size=40))
def test_a_ring_counts_like_a_table_that_forgets(steps: list[tuple[int, int, int]]) -> None:
    """Whatever the pace and however late events are, the ring agrees with counting them all."""
    ring, size, now = Ring(8), 8, 1000
    table: dict[int, int] = {}
    ring.advance(now)
    for passed, age, count in steps:
        now += passed
        ring.advance(now)
        ring.add(now - age, count)
        if age < size:
            table[now - age] = table.get(now - age, 0) + count
    expected = tuple(table.get(bucket, 0) for bucket in range(now - size + 1, now + 1))
    assert ring.read(last=now, buckets=size) == expected


def test_a_ring_reads_nothing_where_nobody_advanced_it() -> None:
    """A silent minute is zeros, without a timer."""
    ring = Ring(5)
    ring.advance(100)
    ring.add(100, 3)
    assert ring.read(last=102, buckets=4) == (0, 3, 0, 0)
    assert ring.read(last=900, buckets=3) == (0, 0, 0)


def test_a_clock_set_back_far_starts_a_ring_anew() -> None:
    """Else every count would be too old for the ring until the clock has caught up."""
    ring = Ring(5)
    ring.advance(1000)
    ring.add(1000, 7)
    ring.advance(10)
    ring.add(10, 2)
    assert ring.read(last=10, buckets=5) == (0, 0, 0, 0, 2)


def test_a_later_bucket_than_now_counts_as_now() -> None:
    """A gateway's clock ahead of ours can't put counts into a future nobody reads."""
    counts = Aggregates()
    counts.add(("all",), 2, at=NOW + 30, now=NOW)
    assert counts.rates("all", now=NOW, bucket_s=1, buckets=2) == (0, 2)
    assert counts.rates("all", now=NOW, bucket_s=60, buckets=1) == (2,)


def test_keys_are_bounded() -> None:
    """Beyond the bound counts go to `other`, not to the memory's end."""
    counts = Aggregates()
    for number in range(KEYS_KEPT + 5):
        counts.add((f"type:{number}",), 1, at=NOW, now=NOW)
    totals = counts.totals()
    assert len(totals) == KEYS_KEPT + 1
    assert totals[OVERFLOW_KEY] == 5


def test_topics_tell_only_what_changed_since() -> None:
    """Each bump is one tick for all it names."""
    topics = Topics()
    first = topics.bump(("a", "b"))
    second = topics.bump(("b", "c"))
    assert topics.since(0) == {"a", "b", "c"}
    assert topics.since(first) == {"b", "c"}
    assert topics.since(second) == frozenset()
    assert (topics.version("a"), topics.version("b"), topics.version("z")) == (first, second, 0)


def test_finding_changes_doesnt_walk_the_unchanged() -> None:
    """Ten thousand quiet topics cost a waiter nothing: it stops at the first old one."""
    topics = Topics()
    topics.bump(f"t{number}" for number in range(10_000))
    before = topics.tick
    topics.bump(("hot",))
    looked_at = 0

    class Counting(dict[str, int]):
        def __getitem__(self, key: str) -> int:
            nonlocal looked_at
            looked_at += 1
            return super().__getitem__(key)

    topics._last = Counting(topics._last)  # type: ignore[assignment]  # a dict will do for reading
    assert topics.since(before) == {"hot"}
    assert looked_at == 2


def _gap_after(times: list[float]) -> float | None:
    gap = UsualGap()
    for at in times:
        gap.seen(at)
    return gap.value


def test_a_regular_source_has_its_interval_as_usual_gap() -> None:
    """One change every five seconds means five seconds."""
    assert _gap_after([100.0 + 5 * number for number in range(20)]) == pytest.approx(5.0)


def test_a_source_in_bursts_pauses_as_long_as_between_bursts() -> None:
    """A hundred changes a minute within one second isn't a source that falls silent after twenty milliseconds."""
    times = [minute * 60 + number / 100 for minute in range(10) for number in range(100)]
    value = _gap_after(times)
    assert value is not None
    assert 45 < value < 61


def test_a_night_of_silence_is_forgotten_in_minutes() -> None:
    """A source back at its pace has its usual gap back."""
    times = [float(number) for number in range(100)]
    times += [40_000.0 + number for number in range(600)]
    value = _gap_after(times)
    assert value is not None
    assert value < 3


def test_no_gap_is_known_before_two_changes() -> None:
    """Nothing is claimed from nothing; times that go back are ignored."""
    assert _gap_after([]) is None
    assert _gap_after([5.0]) is None
    assert _gap_after([5.0, 5.0, 3.0]) is None
