"""Flags that nodes share: switched anywhere, obeyed everywhere; what Redis loses the nodes remember."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

import pytest

from realtime.errors import StorageError
from realtime.protocol.flags import NOTIFICATIONS, READ_ONLY, WEBSOCKET, Flags
from realtime.pulse import Pulse
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
async def test_a_switch_on_one_node_is_obeyed_on_all_and_told_once(server: RedisServer) -> None:
    """With who did it and why; each node's listeners hear of it once."""
    async with node(server.port) as one, node(server.port) as other:
        heard: list[Flags] = []
        one.commons.flags.watch(heard.append)
        other.commons.flags.watch(heard.append)
        told = await asyncio.to_thread(one.commons.flags.set, {WEBSOCKET: 25}, by="ann", why="the proxy drops sockets")
        await eventually(lambda: other.commons.flags.current == told)
        flag = told.get(WEBSOCKET)
        assert (flag.percent, flag.changed_by, flag.why, flag.changed_at) == (
            25,
            "ann",
            "the proxy drops sockets",
            NOON,
        )
        again = await asyncio.to_thread(other.commons.flags.set, {READ_ONLY: 100}, by="bob")
        assert again.revision == told.revision + 1
        await eventually(lambda: len(heard) == 4)
        await asyncio.to_thread(one.log.try_writing().result)  # what the feed told is heard by now
        assert [flags.revision for flags in sorted(heard, key=lambda flags: flags.revision)] == [1, 1, 2, 2]


@in_loop
async def test_a_node_that_begins_later_finds_how_flags_stand(server: RedisServer) -> None:
    """With the figures of the minute before the change, whoever measured them."""
    async with node(server.port) as one:
        one.commons.flags._pulse = Pulse(lambda: NOON)
        one.commons.flags._pulse.note("sockets", 0.01, is_error=True)
        await asyncio.to_thread(one.commons.flags.set, {WEBSOCKET: 0}, by="ann")
    async with node(server.port) as late:
        assert not late.commons.flags.is_on(WEBSOCKET, "ann")
        assert late.commons.flags.before(WEBSOCKET)["sockets"].errors == 1
        assert late.commons.flags.before(READ_ONLY) == {}


@in_loop
async def test_flags_that_redis_has_lost_are_put_back_by_who_knows_them(server: RedisServer) -> None:
    """Flushed, or killed and begun with nothing: a switch isn't undone by it."""
    async with node(server.port) as one, node(server.port) as other:
        told = await asyncio.to_thread(one.commons.flags.set, {READ_ONLY: 100, NOTIFICATIONS: 7}, by="ann")
        await eventually(lambda: other.commons.flags.current == told)
        for lose in (RedisServer.flush, begin_with_nothing):
            await asyncio.to_thread(lose, server)
            async with node(server.port) as fresh:  # which finds the server new, and by that all others do
                await eventually(lambda: fresh.commons.flags.current == told)
        assert one.commons.flags.current == other.commons.flags.current == told


@in_loop
async def test_a_switch_right_after_a_loss_comes_after_what_is_remembered(server: RedisServer) -> None:
    """The node that makes it brings along what it knows."""
    async with node(server.port) as one:
        await asyncio.to_thread(one.commons.flags.set, {READ_ONLY: 100}, by="ann")
        await asyncio.to_thread(one.commons.flags.set, {READ_ONLY: 50}, by="ann")
        await asyncio.to_thread(server.flush)
        flags = await asyncio.to_thread(one.commons.flags.set, {WEBSOCKET: 3}, by="bob")
        assert (flags.revision, flags.get(READ_ONLY).percent) == (3, 50)


@in_loop
async def test_a_node_that_is_cut_off_goes_on_with_what_it_knows_and_switches_nothing(
    server: RedisServer, make_proxy: Callable[[int], FaultProxy]
) -> None:
    """Afterwards it knows what others have switched meanwhile."""
    proxy = make_proxy(server.port)
    async with node(server.port) as one, node(proxy.port) as away:
        await asyncio.to_thread(one.commons.flags.set, {READ_ONLY: 100}, by="ann")
        await eventually(lambda: away.commons.flags.is_on(READ_ONLY, "x"))
        proxy.begin(Fault(0.0, FaultKind.REFUSE))
        await eventually(lambda: away.log.cut_off_s > 0)
        with pytest.raises(StorageError, match="flags can't be switched now"):
            await asyncio.to_thread(away.commons.flags.set, {WEBSOCKET: 1}, by="bob")
        assert away.commons.flags.is_on(READ_ONLY, "x")
        assert away.commons.flags.current.get(WEBSOCKET).percent == 100
        told = await asyncio.to_thread(one.commons.flags.set, {READ_ONLY: 0}, by="ann")
        proxy.calm()
        await eventually(lambda: away.commons.flags.current == told)
