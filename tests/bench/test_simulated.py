"""Simulated tabs against sockets that answer as Streamlit and the live channel do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.server import ServerConnection, serve

from realtime.bench.pace import Pace
from realtime.bench.simulated import Address, SimulatedTab, Watched, close_tabs, open_tabs
from realtime.errors import StartError

HERE = Address("orders", "q=a")
PUSH = json.dumps({"push": {"channel": "view:a", "pub": {"data": {"rows": ["0123abcd-0000007", "0123abcd-0000009"]}}}})


class Server:
    """A page with two panels, and its channel: remembers what is said, and sends what a test wants once all joined."""

    def __init__(
        self, *, then: tuple[str, ...] = (), refuses: bool = False, panels: tuple[str, ...] = ("a", "b")
    ) -> None:
        self.then = then
        self.refuses = refuses
        self.panels = panels
        self.fails = False
        self.runs: list[tuple[str, str]] = []
        self.said: list[dict[str, Any]] = []

    async def __call__(self, socket: ServerConnection) -> None:
        """Serve one connection of either kind."""
        assert socket.request is not None
        await (self._page if socket.request.path == "/_stcore/stream" else self._channel)(socket)

    async def _page(self, socket: ServerConnection) -> None:
        async for message in socket:
            asked = BackMsg.FromString(message if isinstance(message, bytes) else message.encode()).rerun_script
            self.runs.append((asked.page_name, asked.query_string))
            for name in self.panels:
                await socket.send(_mounted({"channel": f"view:{name}", "ticket": f"ticket of {name}"}))
            await socket.send(_mounted({"module": "no live panel"}))
            if self.fails:
                failed = ForwardMsg()
                failed.delta.new_element.exception.message = "no such page"
                await socket.send(failed.SerializeToString())
            ended = ForwardMsg()
            ended.script_finished = ForwardMsg.FINISHED_SUCCESSFULLY
            await socket.send(ended.SerializeToString())

    async def _channel(self, socket: ServerConnection) -> None:
        async for message in socket:
            command = json.loads(message)
            self.said.append(command)
            if command.get("subscribe") and self.refuses:
                await socket.send(json.dumps({"id": command["id"], "error": {"code": 103, "message": "no"}}))
            elif command.get("id"):
                await socket.send(json.dumps({"id": command["id"]}))
            if command.get("id") == 1 + len(self.panels):
                for text in self.then:
                    await socket.send(text)


def _mounted(data: dict[str, str]) -> bytes:
    message = ForwardMsg()
    message.delta.new_element.bidi_component.json = json.dumps(data)
    encoded: bytes = message.SerializeToString()
    return encoded


def with_server(server: Server, use: Callable[[str], Awaitable[None]]) -> None:
    """Serve, and use the address."""

    async def run() -> None:
        async with serve(
            server, "127.0.0.1", 0, select_subprotocol=lambda _, offered: offered[0] if offered else None
        ) as served:
            port = next(iter(served.sockets)).getsockname()[1]
            await use(f"http://127.0.0.1:{port}")

    asyncio.run(run())


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait for something the loop will bring about."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


def test_each_tab_runs_its_page_and_follows_every_panel_of_it() -> None:
    """Connect first, then a subscription with the ticket of each panel; what is no live panel is left alone."""
    server = Server()

    async def use(base_url: str) -> None:
        tabs = await open_tabs(base_url, [HERE, Address()])
        assert [len(tab.panels) for tab in tabs] == [2, 2]
        assert all(tab.opened_ms > 0 for tab in tabs)
        await close_tabs(tabs)

    with_server(server, use)
    assert sorted(server.runs) == [("", ""), ("orders", "q=a")]
    assert sorted(command["id"] for command in server.said) == [1, 1, 2, 2, 3, 3]
    assert {"channel": "view:b", "token": "ticket of b"} in [command.get("subscribe") for command in server.said]


def test_pushes_and_their_bytes_are_counted_but_heartbeats_apart() -> None:
    """A heartbeat is answered, and no part of what a tab is sent for its panels."""
    server = Server(then=(PUSH, f"{PUSH}\n{PUSH}", "{}"))

    async def use(base_url: str) -> None:
        [tab] = await open_tabs(base_url, [HERE])
        await eventually(lambda: tab.heartbeats == 1 and {} in server.said)
        assert tab.pushes == 3
        assert tab.bytes_received >= 3 * len(PUSH)
        tab.reset()
        assert (tab.pushes, tab.bytes_received, tab.heartbeats) == (0, 0, 0)
        await close_tabs([tab])

    with_server(server, use)


def test_a_reading_is_timed_when_it_is_first_told_of() -> None:
    """From the moment it was due; another run's readings, and those before the first, don't count."""
    watched = Watched("0123abcd", 7, Pace(start=1000.0, rate=10, count=3))
    watched.look("0123abcd-0000006 ffffffff-0000008 0123abcd-0000007", now=1000.5)
    watched.look("0123abcd-0000007 0123abcd-0000009", now=1001.0)
    assert watched.times_ms() == pytest.approx([500, 800])


def test_a_tab_can_say_that_it_is_hidden() -> None:
    """By the message a real page sends."""
    server = Server()

    async def use(base_url: str) -> None:
        [tab] = await open_tabs(base_url, [HERE])
        await tab.say({"visible": False})
        await eventually(lambda: {"send": {"data": {"visible": False}}} in server.said)
        await close_tabs([tab])

    with_server(server, use)


@pytest.mark.parametrize(
    ("server", "problem"),
    [
        (Server(refuses=True), "refused"),
        (Server(panels=()), "mounts no live panel"),
    ],
)
def test_a_tab_that_isnt_let_in_is_an_error(server: Server, problem: str) -> None:
    """A crowd that sees nothing would cost the server wonderfully little."""

    async def use(base_url: str) -> None:
        with pytest.raises(StartError, match=problem):
            await open_tabs(base_url, [HERE])

    with_server(server, use)


def test_a_page_that_fails_and_a_server_that_isnt_there_are_errors() -> None:
    """The page's own words are told."""
    server = Server()
    server.fails = True

    async def use(base_url: str) -> None:
        with pytest.raises(StartError, match="no such page"):
            await open_tabs(base_url, [HERE])
        with pytest.raises(StartError, match="couldn't be opened"):
            await SimulatedTab("http://127.0.0.1:1", HERE).open()

    with_server(server, use)
