"""Simulated tabs against a real socket that answers as the live channel does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve

from realtime.bench.simulated import Script, SimulatedTab, open_simulated, until_quiet
from realtime.bench.tabs import HIDDEN
from realtime.errors import StartError
from realtime.protocol.frames import Command, ConnectRequest, SubscribeRequest

COMMANDS = (
    Command(id=1, connect=ConnectRequest()),
    Command(id=2, subscribe=SubscribeRequest(channel="view:a", token="ticket")),
    Command(id=3, subscribe=SubscribeRequest(channel="view:b", token="ticket")),
)
PUSH = json.dumps({"push": {"channel": "view:a", "pub": {"data": {"n": 1}}}})


class Channel:
    """Answers every command, remembers them, and sends what a test wants once all have joined."""

    def __init__(self, *, then: tuple[str, ...] = (), refuses: bool = False) -> None:
        self.then = then
        self.refuses = refuses
        self.said: list[dict[str, Any]] = []
        self.connections = 0

    async def __call__(self, socket: ServerConnection) -> None:
        """Serve one connection."""
        self.connections += 1
        async for message in socket:
            command = json.loads(message)
            self.said.append(command)
            if command.get("subscribe") and self.refuses:
                await socket.send(json.dumps({"id": command["id"], "error": {"code": 103, "message": "no"}}))
            elif command.get("id"):
                await socket.send(json.dumps({"id": command["id"]}))
            if command.get("id") == COMMANDS[-1].id:
                for text in self.then:
                    await socket.send(text)


def with_channel(channel: Channel, use: Callable[[Script], Awaitable[None]]) -> None:
    """Serve a channel and use a script that points at it."""

    async def run() -> None:
        async with serve(channel, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            await use(Script(url=f"ws://127.0.0.1:{port}/live/channel", commands=COMMANDS))

    asyncio.run(run())


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for something the loop will bring about."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def test_each_tab_says_what_the_page_said() -> None:
    """Connect first, then every subscription, from each of them."""
    channel = Channel()

    async def use(script: Script) -> None:
        assert script.views == 2
        async with open_simulated(script, count=3) as tabs:
            assert len(tabs) == 3

    with_channel(channel, use)
    assert channel.connections == 3
    assert [command["id"] for command in channel.said] == [1, 2, 3] * 3


def test_pushes_and_their_bytes_are_counted_but_heartbeats_apart() -> None:
    """A heartbeat is answered, and no part of what a tab is sent for its panels."""
    channel = Channel(then=(PUSH, f"{PUSH}\n{PUSH}", "{}"))

    async def use(script: Script) -> None:
        async with open_simulated(script, count=1) as (tab,):
            await eventually(lambda: tab.heartbeats == 1 and {} in channel.said)
            assert tab.pushes == 3
            assert tab.bytes_received >= 3 * len(PUSH)
            tab.reset()
            assert (tab.pushes, tab.bytes_received, tab.heartbeats) == (0, 0, 0)

    with_channel(channel, use)


def test_a_tab_can_say_that_it_is_hidden() -> None:
    """By the message a real page sends."""
    channel = Channel()

    async def use(script: Script) -> None:
        async with open_simulated(script, count=1) as (tab,):
            await tab.say(HIDDEN)
            await eventually(lambda: {"send": {"data": HIDDEN}} in channel.said)

    with_channel(channel, use)


def test_a_refused_subscription_is_an_error() -> None:
    """A crowd that isn't let in would cost the server wonderfully little."""

    async def use(script: Script) -> None:
        tab = SimulatedTab(script)
        with pytest.raises(StartError, match="refused"):
            await tab.open()
        await tab.close()

    with_channel(Channel(refuses=True), use)


def test_waiting_for_quiet_ends_when_nothing_grows() -> None:
    """It returns once the count stands still, and at the latest when its time is up."""

    async def use() -> None:
        grown = iter(range(10_000))
        await until_quiet(lambda: 7, quiet_s=0.01)
        await until_quiet(lambda: next(grown), quiet_s=0.01, within_s=0.05)

    asyncio.run(use())
