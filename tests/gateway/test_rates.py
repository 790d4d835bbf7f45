"""Claims about rates: what is asked for is bounded in any window, and the time told to wait is the time it takes."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits.aio.storage import Storage

from realtime.gateway.rates import LibraryRates, MemoryWindows

WINDOW_S = 10


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


def take(rates: LibraryRates, who: str = "ann", *, most: int = 10, cost: int = 1) -> float:
    """Ask once."""
    return asyncio.run(rates.take("commands", who, most=most, window_s=WINDOW_S, cost=cost))


def test_as_many_as_may_be_are_taken_and_no_more() -> None:
    """In one moment, by one person; others have their own."""
    rates = LibraryRates(MemoryWindows(Clock()))
    assert [take(rates) == 0 for _ in range(12)] == [True] * 10 + [False] * 2
    assert take(rates, "bob") == 0


STEPS = st.lists(st.tuples(st.floats(0, 15), st.integers(1, 6)), min_size=1, max_size=30)


@given(steps=STEPS, start=st.floats(1_000_000, 1_000_010))
def test_whoever_waits_as_long_as_told_is_let_in(steps: list[tuple[float, int]], start: float) -> None:
    """And not much sooner: the wait is never longer than two windows, nor given where none is needed."""
    clock = Clock(start)
    rates = LibraryRates(MemoryWindows(clock))
    for pause, cost in steps:
        clock.now += pause
        wait_s = take(rates, cost=cost)
        assert 0 <= wait_s <= 2 * WINDOW_S + 0.01
        if wait_s:
            clock.now += wait_s
            assert take(rates, cost=cost) == 0


@given(steps=STEPS)
def test_no_window_holds_more_than_twice_what_may_be(steps: list[tuple[float, int]]) -> None:
    """A sliding counter is an estimate; it is never off by more than that."""
    clock = Clock()
    rates = LibraryRates(MemoryWindows(clock))
    taken: list[tuple[float, int]] = []
    for pause, cost in steps:
        clock.now += pause / 10
        if take(rates, cost=cost) == 0:
            taken.append((clock.now, cost))
    for begin, _ in taken:
        assert sum(cost for moment, cost in taken if begin <= moment < begin + WINDOW_S) <= 20


def test_memory_is_bounded_and_the_longest_unused_go_first() -> None:
    """However many addresses there are."""
    windows = MemoryWindows(Clock(), most_keys=3)
    rates = LibraryRates(windows)
    for who in "abcd":
        assert take(rates, who, most=1) == 0
    assert take(rates, "d", most=1) > 0
    assert take(rates, "a", most=1) == 0


def test_what_cant_be_counted_is_let_through(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A counter elsewhere that is away stops nobody's work; it is said in the log."""

    async def away(*_: object) -> bool:
        raise ValueError("away")

    monkeypatch.setattr(MemoryWindows, "acquire_sliding_window_entry", away)
    assert take(LibraryRates(MemoryWindows(Clock())), most=1) == 0
    assert "can't be counted" in caplog.text


def test_the_library_takes_the_storage_for_one_of_its_own() -> None:
    """What it may call answers."""

    async def walk() -> None:
        windows = MemoryWindows(Clock())
        assert isinstance(windows, Storage)
        assert await windows.check()
        assert await windows.incr("k", WINDOW_S, 2) == 2
        assert await windows.get("k") == 2
        assert await windows.get_expiry("k") == 1_000_000
        await windows.clear("k")
        await windows.clear_sliding_window("k", WINDOW_S)
        assert await windows.get("k") == 0
        await windows.incr("k", WINDOW_S)
        assert await windows.reset() == 1

    asyncio.run(walk())
