"""Who is connected, across nodes: told by any of them, fresh; ended by any of them; the dead are buried."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator

import pytest

from realtime.errors import Disconnect
from realtime.gateway.nodes.census import SharedCensus
from realtime.gateway.nodes.roll import DEAD_S
from realtime.gateway.nodes.server import Server
from tests.gateway.nodes.sharing import Node, People, Someone, node, reached
from tests.hub.making import eventually, in_loop
from tests.support.faults import Fault, FaultKind, FaultProxy, make_proxy
from tests.support.redis_server import RedisServer

__all__ = ["make_proxy"]
PATIENCE_S = 20.0


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a server of one's own, which keeps nothing."""
    with RedisServer() as one:
        yield one


async def sees(one: Node, channel: str, *clients: str) -> None:
    """Wait until a node tells that exactly these are subscribed to a channel."""
    async with asyncio.timeout(PATIENCE_S):
        while sorted(await one.commons.census.presence(channel)) != sorted(clients):
            await asyncio.sleep(0.02)


def enter(one: Node, user: str, client: str, *channels: str) -> Someone:
    """Connect somebody to a node."""
    someone = Someone(user, client, list(channels))
    one.people.members.append(someone)
    one.commons.census.touch()
    return someone


@in_loop
async def test_any_node_tells_who_is_connected_to_all(server: RedisServer) -> None:
    """Its own as they are now, others as they said a moment ago; who leaves is told of no more."""
    async with node(server.port) as one:
        enter(one, "ann", "c1", "users", "collection:orders")
        async with node(server.port) as other:
            enter(other, "bob", "c2", "users")
            await sees(one, "users", "c1", "c2")
            await sees(other, "users", "c1", "c2")
            await sees(other, "collection:orders", "c1")
            there = await other.commons.census.presence("users")
            assert (there["c1"].user, bytes(there["c1"].conn_info)) == ("ann", b'{"name":"x"}')
            [own, far] = await other.commons.census.nodes()
            assert (own.about, far.about) == ({"uid": other.uid}, {"uid": one.uid})
            assert ([x.client for x in far.listeners], far.count) == (["c1"], 1)
            one.people.members.clear()
            one.commons.census.touch()
            await sees(other, "users", "c2")
        await sees(one, "users")
        assert [n.about["uid"] for n in await one.commons.census.nodes()] == [one.uid]


@in_loop
async def test_connections_end_on_every_node(server: RedisServer) -> None:
    """All of a user's, or the one that is named; nobody else's."""
    async with node(server.port) as one, node(server.port) as other:
        ann = [enter(one, "ann", "c1"), enter(other, "ann", "c2"), enter(other, "ann", "c3")]
        bob = enter(other, "bob", "c4")
        end = Disconnect(3503, "force disconnect")
        await one.commons.census.end("ann", "c3", end)
        async with asyncio.timeout(PATIENCE_S):
            while not ann[2].ended_by:
                await asyncio.sleep(0.01)
        assert not ann[0].ended_by + ann[1].ended_by
        await one.commons.census.end("ann", "", end)
        async with asyncio.timeout(PATIENCE_S):
            while not (ann[0].ended_by and ann[1].ended_by):
                await asyncio.sleep(0.01)
        assert (ann[1].ended_by[0].code, ann[1].ended_by[0].reason) == (3503, "force disconnect")
        assert not bob.ended_by


@in_loop
async def test_what_redis_has_lost_is_said_again(server: RedisServer) -> None:
    """By the next heartbeat at the latest."""
    async with node(server.port) as one, node(server.port) as other:
        enter(one, "ann", "c1", "users")
        await sees(other, "users", "c1")
        await asyncio.to_thread(server.flush)
        await sees(other, "users")
        await sees(other, "users", "c1")


@in_loop
async def test_while_redis_is_away_each_tells_of_its_own_and_what_it_knew(
    server: RedisServer, make_proxy: Callable[[int], FaultProxy]
) -> None:
    """Nobody who asks is refused for it."""
    proxy = make_proxy(server.port)
    async with node(server.port) as one, node(proxy.port) as away:
        enter(one, "ann", "c1", "users")
        await sees(away, "users", "c1")
        proxy.begin(Fault(0.0, FaultKind.REFUSE))
        enter(away, "bob", "c2", "users")
        assert sorted(await away.commons.census.presence("users")) == ["c1", "c2"]
        proxy.calm()
        await sees(one, "users", "c1", "c2")


def lone(server: Server, uid: str, *, clock: Callable[[], float]) -> tuple[SharedCensus, People]:
    """Make a census that says something only when it is told to."""
    people = People()
    return SharedCensus(
        server, lambda: people, node=uid, about=lambda: {"uid": uid}, tell=lambda *_: None, steady=clock
    ), people


@in_loop
async def test_a_node_that_died_without_a_word_is_buried_by_whoever_sees_it(server: RedisServer) -> None:
    """After ten seconds by the other's own clock; one that only was slow says so and is there again."""
    now = [1000.0]
    with reached(server.port) as way:
        dying, people = lone(way, "dying", clock=lambda: now[0])
        people.members.append(Someone("ann", "c1", ["users"]))
        dying.touch()
        await dying.say()
        living, _ = lone(way, "living", clock=lambda: now[0])
        assert list(await living.presence("users")) == ["c1"]
        now[0] += DEAD_S
        assert list(await living.presence("users")) == ["c1"]
        now[0] += 0.5
        assert list(await living.presence("users")) == []
        assert server.ask("HLEN", "{nodes}:nodes") == server.ask("HLEN", "{nodes}:clients") == 0
        await dying.say()  # and learns by it that its list is lost
        await dying.say()
        now[0] += 0.5
        assert list(await living.presence("users")) == ["c1"]
        await dying.leave()
        now[0] += 0.5
        assert list(await living.presence("users")) == []


@in_loop
async def test_others_are_read_seldom_however_often_somebody_asks(server: RedisServer) -> None:
    """At most five times a second."""
    now = [1000.0]
    with reached(server.port) as way:
        told, people = lone(way, "told", clock=lambda: now[0])
        asked, _ = lone(way, "asked", clock=lambda: now[0])
        assert await asked.presence("users") == {}
        people.members.append(Someone("ann", "c1", ["users"]))
        told.touch()
        await told.say()
        now[0] += 0.19
        assert await asked.presence("users") == {}
        now[0] += 0.02
        assert list(await asked.presence("users")) == ["c1"]


@in_loop
async def test_it_ends_though_something_changes_in_that_very_moment(server: RedisServer) -> None:
    """A cancellation isn't lost in a change, or the gateway would never stop."""
    with reached(server.port) as way:
        census, _ = lone(way, "one", clock=time.monotonic)
        for _ in range(3):
            chore = asyncio.create_task(census.run())
            await eventually(lambda: bool(census._has_changed._waiters))
            census.touch()
            chore.cancel()
            async with asyncio.timeout(5):
                await asyncio.gather(chore, return_exceptions=True)
            assert chore.cancelled()
