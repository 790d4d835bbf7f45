"""Limits that nodes share: together they let through what one would; without Redis each counts alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from realtime.gateway.nodes.rates import PART_OF_MOST, SharedWindows
from realtime.gateway.nodes.server import Server
from realtime.gateway.rates import LibraryRates
from tests.gateway.nodes.sharing import reached
from tests.support.redis_server import RedisServer

WINDOW_S = 10


class Clock:
    """A clock that a test sets."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        """Tell the time."""
        return self.now


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Run a server for all of them."""
    with RedisServer() as one:
        yield one


@pytest.fixture(scope="module")
def way(server: RedisServer) -> Iterator[Server]:
    """Give a way to ask it."""
    with reached(server.port) as one:
        yield one


class Nodes:
    """Several nodes' rates over one Redis, with one clock."""

    def __init__(self, way: Server, count: int = 2) -> None:
        self.clock = Clock()
        self.is_away = False
        self.windows = [SharedWindows(self.clock, steady=self.clock) for _ in range(count)]
        for windows in self.windows:
            windows.attach(way, is_away=lambda: self.is_away)
        self.rates = [LibraryRates(windows) for windows in self.windows]
        way.ask(lambda client: client.flushall())

    async def take(self, number: int, who: str = "ann", *, most: int = 10, cost: int = 1) -> float:
        """Ask a node once."""
        return await self.rates[number].take("commands", who, most=most, window_s=WINDOW_S, cost=cost)


def test_nodes_together_let_through_what_one_would(way: Server) -> None:
    """Whichever is asked; others have their own."""

    async def walk() -> None:
        nodes = Nodes(way)
        assert [await nodes.take(n % 2) == 0 for n in range(12)] == [True] * 10 + [False] * 2
        assert await nodes.take(0, "bob") == 0

    asyncio.run(walk())


def test_many_at_once_ask_redis_now_and_then(way: Server) -> None:
    """A fiftieth of the limit is taken at a time; what is left over is worth nothing in the next window."""

    async def walk() -> None:
        nodes = Nodes(way)
        asked = way.ask(lambda client: client.info("commandstats")).get("cmdstat_evalsha", {}).get("calls", 0)
        answers = await asyncio.gather(*(nodes.take(0, most=1000) for _ in range(500)))
        assert set(answers) == {0.0}
        now = way.ask(lambda client: client.info("commandstats"))["cmdstat_evalsha"]["calls"]
        assert now - asked <= 500 / (1000 / PART_OF_MOST) + 1
        assert sum([await nodes.take(1, most=1000) == 0 for _ in range(600)]) == 500
        nodes.clock.now += 2 * WINDOW_S
        assert await nodes.take(0, most=1000) == 0

    asyncio.run(walk())


def test_whoever_waits_as_long_as_told_is_let_in(way: Server) -> None:
    """As with one node."""

    async def walk() -> None:
        nodes = Nodes(way)
        for number in range(10):
            assert await nodes.take(number % 2) == 0
        for number in range(6):
            wait_s = await nodes.take(number % 2, cost=3)
            if wait_s:
                nodes.clock.now += wait_s
                assert await nodes.take(number % 2, cost=3) == 0

    asyncio.run(walk())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(steps=st.lists(st.tuples(st.floats(0, 3), st.integers(0, 1), st.integers(1, 6)), min_size=1, max_size=40))
def test_no_window_holds_more_than_twice_what_may_be(way: Server, steps: list[tuple[float, int, int]]) -> None:
    """Over all nodes: a sliding counter is an estimate, never off by more than that."""

    async def walk() -> None:
        nodes = Nodes(way)
        taken: list[tuple[float, int]] = []
        for pause, number, cost in steps:
            nodes.clock.now += pause
            if await nodes.take(number, cost=cost) == 0:
                taken.append((nodes.clock.now, cost))
        for begin, _ in taken:
            assert sum(cost for moment, cost in taken if begin <= moment < begin + WINDOW_S) <= 20

    asyncio.run(walk())


def test_what_is_counted_is_forgotten_after_two_windows(way: Server, server: RedisServer) -> None:
    """By Redis itself, so that nobody fills it by coming from many addresses."""

    async def walk() -> None:
        await Nodes(way).take(0)

    asyncio.run(walk())
    [key] = server.ask("KEYS", "{nodes}:w:*")
    assert 0 < server.ask("PTTL", key) <= 2 * WINDOW_S * 1000


def test_without_redis_each_node_counts_alone(way: Server) -> None:
    """Limits hold, if loosely; nobody waits for what can't be reached."""

    async def walk() -> None:
        nodes = Nodes(way)
        nodes.is_away = True
        assert [await nodes.take(0) == 0 for _ in range(11)] == [True] * 10 + [False]
        assert await nodes.take(1) == 0
        nodes.is_away = False
        assert await nodes.take(0) == 0
        nodes.windows[0].detach()
        assert await nodes.take(0) > 0

    asyncio.run(walk())


def test_a_redis_that_fails_is_left_alone_for_a_second(caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and nothing is let through for it that one node wouldn't."""

    async def walk() -> None:
        with RedisServer() as dying, reached(dying.port) as way:
            nodes = Nodes(way)
            assert await nodes.take(0) == 0
            dying.kill()
            assert [await nodes.take(0) == 0 for _ in range(11)] == [True] * 10 + [False]
            assert caplog.text.count("counted on this node alone") == 1
            dying.start()
            nodes.clock.now += 1.1
            assert await nodes.take(0) == 0

    asyncio.run(walk())
