"""What nodes share while Redis stands still: what is known holds, what is asked for is refused, all is made up for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from realtime.errors import StartError, StorageError
from realtime.protocol.flags import READ_ONLY, WEBSOCKET
from tests.gateway.nodes.sharing import begin_with_nothing, node
from tests.hub.making import eventually, in_loop
from tests.support.redis_server import RedisServer


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a server of one's own, which keeps nothing."""
    with RedisServer() as one:
        yield one


@in_loop
async def test_while_redis_is_frozen_what_is_known_holds(server: RedisServer) -> None:
    """Nothing waits for ever; what was put out meanwhile is out for all once it goes on."""
    async with node(server.port) as one, node(server.port) as other:
        told = await asyncio.to_thread(one.commons.flags.set, {READ_ONLY: 100}, by="ann")
        await one.commons.revocations.bar("block", "ann")
        await eventually(lambda: other.commons.revocations.is_blocked("ann"))
        server.freeze()
        try:
            with pytest.raises(StorageError):
                await asyncio.to_thread(one.commons.flags.set, {WEBSOCKET: 0}, by="ann")
            with pytest.raises(StorageError):
                await one.commons.revocations.bar("block", "bob")
            assert one.commons.flags.current == told
            assert one.commons.revocations.is_blocked("bob")
            assert other.commons.revocations.is_blocked("ann")
        finally:
            server.thaw()
        await eventually(lambda: other.commons.revocations.is_blocked("bob"))
        await eventually(lambda: one.log.cut_off_s == other.log.cut_off_s == 0)


@in_loop
async def test_a_node_ends_though_redis_is_gone(server: RedisServer) -> None:
    """It has nobody to say it to, and leaves nothing behind here."""
    async with node(server.port) as one:
        await asyncio.to_thread(server.kill)
        await eventually(lambda: one.log.cut_off_s > 0)
    assert not one.commons.lease.is_held()


@in_loop
async def test_one_node_has_the_lease_and_another_gets_it_when_that_one_leaves(server: RedisServer) -> None:
    """Whatever happened to Redis in between."""
    async with node(server.port) as other:
        async with node(server.port) as one:
            await eventually(lambda: one.commons.lease.is_held() != other.commons.lease.is_held())
            await asyncio.to_thread(begin_with_nothing, server)
            await eventually(lambda: one.commons.lease.is_held() or other.commons.lease.is_held())
        await eventually(other.commons.lease.is_held)


@in_loop
async def test_a_node_that_cant_learn_how_things_stand_doesnt_begin(server: RedisServer) -> None:
    """Rather than letting in who is out."""
    async with node(server.port) as one:
        await one.commons.revocations.bar("block", "ann")
    server.ask("SET", "{nodes}:bars", "no hash any more")
    with pytest.raises(StartError, match="Redis can't be used"):
        async with node(server.port):
            pass
