"""Who is put out on one node is out on all; what Redis loses the nodes remember, and what was lifted stays so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator

import pytest

from realtime.errors import StorageError
from realtime.gateway.revocations import Bar
from tests.gateway.making import NOON
from tests.gateway.nodes.sharing import begin_with_nothing, node
from tests.hub.making import eventually, in_loop
from tests.support.faults import Fault, FaultKind, FaultProxy, make_proxy
from tests.support.redis_server import RedisServer

__all__ = ["make_proxy"]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a server of one's own, which keeps nothing."""
    with RedisServer() as one:
        yield one


@in_loop
async def test_who_is_put_out_on_one_node_is_out_on_all(server: RedisServer) -> None:
    """Their listeners hear of it on the event loop, as if it had been asked of them; so with what is lifted."""
    async with node(server.port) as one, node(server.port) as other:
        heard: list[tuple[Bar, int]] = []
        changes: list[int] = []
        other.commons.revocations.on_bar = lambda bar: heard.append((bar, threading.get_ident()))
        other.commons.revocations.on_change = lambda: changes.append(1)
        bar = await one.commons.revocations.bar("block", "ann")
        await one.commons.revocations.bar("user", "bob")
        await one.commons.revocations.bar("token", "t1", until=NOON + 60)
        await eventually(lambda: len(heard) == 3)
        assert heard[0] == (bar, threading.get_ident())
        assert other.commons.revocations.is_blocked("ann")
        assert other.commons.revocations.is_revoked("t1", user="", issued_at=None)
        assert other.commons.revocations.is_revoked("any", user="bob", issued_at=NOON)
        assert not other.commons.revocations.is_revoked("any", user="bob", issued_at=NOON + 1)
        assert other.commons.revocations.all() == one.commons.revocations.all()
        assert await other.commons.revocations.lift("block", "ann")
        await eventually(lambda: not one.commons.revocations.is_blocked("ann"))
        assert not await one.commons.revocations.lift("block", "ann")
        assert len(changes) == 4


@in_loop
async def test_a_name_may_be_put_out_and_lifted_again_and_again_on_any_node(server: RedisServer) -> None:
    """Though all of it is at one moment by their clocks."""
    async with node(server.port) as one, node(server.port) as other:
        for _ in range(3):
            await one.commons.revocations.bar("block", "ann")
            await eventually(lambda: other.commons.revocations.is_blocked("ann"))
            assert await other.commons.revocations.lift("block", "ann")
            await eventually(lambda: not one.commons.revocations.is_blocked("ann"))
    async with node(server.port) as late:
        assert late.commons.revocations.all() == []


@in_loop
async def test_what_redis_has_lost_is_put_back_by_who_knows_it(server: RedisServer) -> None:
    """Each node knows something of its own; all of it is there afterwards, and what was lifted isn't."""
    async with node(server.port) as one, node(server.port) as other:
        await one.commons.revocations.bar("block", "ann")
        await other.commons.revocations.bar("token", "t1")
        await one.commons.revocations.bar("block", "cho")
        await eventually(lambda: other.commons.revocations.is_blocked("cho"))
        await other.commons.revocations.lift("block", "cho")
        await eventually(lambda: len(one.commons.revocations.all()) == 2)
        for lose in (RedisServer.flush, begin_with_nothing):
            await asyncio.to_thread(lose, server)
            async with node(server.port) as fresh:
                await eventually(lambda: len(fresh.commons.revocations.all()) == 2)
                assert fresh.commons.revocations.is_blocked("ann")
                assert not fresh.commons.revocations.is_blocked("cho")


@in_loop
async def test_what_cant_be_kept_holds_here_and_is_kept_later(
    server: RedisServer, make_proxy: Callable[[int], FaultProxy]
) -> None:
    """It is said; a node that was cut off tells what it did and learns what others did."""
    proxy = make_proxy(server.port)
    async with node(server.port) as one, node(proxy.port) as away:
        await one.commons.revocations.bar("block", "dee")
        await eventually(lambda: away.commons.revocations.is_blocked("dee"))
        proxy.begin(Fault(0.0, FaultKind.REFUSE))
        await eventually(lambda: away.log.cut_off_s > 0)
        with pytest.raises(StorageError):
            await away.commons.revocations.bar("block", "ann")
        assert away.commons.revocations.is_blocked("ann")
        with pytest.raises(StorageError):
            await away.commons.revocations.lift("block", "dee")
        assert away.commons.revocations.is_blocked("dee")
        await one.commons.revocations.lift("block", "dee")
        await one.commons.revocations.bar("block", "bob")
        assert not one.commons.revocations.is_blocked("ann")
        proxy.calm()
        await eventually(lambda: one.commons.revocations.is_blocked("ann"))
        await eventually(lambda: away.commons.revocations.is_blocked("bob"))
        await eventually(lambda: not away.commons.revocations.is_blocked("dee"))


@in_loop
async def test_what_has_expired_is_forgotten_by_all_and_by_redis(server: RedisServer) -> None:
    """When somebody next begins, or settles."""
    async with node(server.port) as one:
        await one.commons.revocations.bar("token", "short", until=NOON + 10)
        await one.commons.revocations.bar("token", "long", until=NOON + 100)
    async with node(server.port, now=lambda: NOON + 50) as late:
        assert [bar.name for bar in late.commons.revocations.all()] == ["long"]
        assert server.ask("HKEYS", "{nodes}:bars") == [b"token:long"]


@in_loop
async def test_who_is_put_out_by_a_clock_that_is_behind_is_out_all_the_same(server: RedisServer) -> None:
    """Right after a node whose clock is ahead has lifted it; its own word comes later than that one's."""
    async with node(server.port, now=lambda: NOON + 60) as ahead, node(server.port) as behind:
        await ahead.commons.revocations.bar("block", "ann")
        await ahead.commons.revocations.lift("block", "ann")
        await behind.commons.revocations.bar("block", "ann")  # perhaps before it has heard of any of this
        await eventually(lambda: ahead.commons.revocations.is_blocked("ann"))
        assert behind.commons.revocations.is_blocked("ann")
        await behind.commons.revocations.lift("block", "ann")
        await eventually(lambda: not ahead.commons.revocations.is_blocked("ann"))
