"""Stands in for many tabs: sockets that speak the live channel as a real page did, and count what they are sent.

What a page says is not made up: a real page is opened once and its commands are taken down. One event loop drives all.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from realtime.bench import browser
from realtime.errors import StartError
from realtime.protocol.frames import PONG, Command, SendRequest, decode_commands, decode_replies, encode, encode_all

if TYPE_CHECKING:
    from playwright.sync_api import WebSocket

CHANNEL_PATH: Final = "/live/channel"
_SETTLE_S: Final = 1.0


@dataclass(frozen=True)
class Script:
    """What a real page says when it joins: its connect and the subscriptions of all its panels."""

    url: str
    commands: tuple[Command, ...]

    @property
    def views(self) -> int:
        """Return how many panels the page has."""
        return sum(command.subscribe is not None for command in self.commands)


def take_down(page_url: str) -> Script:
    """Open a page in a real Chromium and take down what it says on its live channel.

    Raises StartError when it opens none.
    """
    said: list[str] = []
    urls: list[str] = []

    def listen(socket: WebSocket) -> None:
        if socket.url.split("?")[0].endswith(CHANNEL_PATH):
            urls.append(socket.url)
            socket.on("framesent", lambda frame: said.append(frame if isinstance(frame, str) else frame.decode()))

    with browser.chromium() as chromium:
        page = chromium.new_page()
        page.on("websocket", listen)
        page.goto(page_url)
        page.wait_for_selector(".js-plotly-plot .main-svg", state="attached", timeout=60_000)
        page.wait_for_timeout(_SETTLE_S * 1000)
    commands = [command for text in said for command in decode_commands(text)]
    joining = tuple(command for command in commands if command.connect or command.subscribe)
    if not urls or not any(command.subscribe for command in joining):
        raise StartError(f"The page at {page_url} opened no live channel, so there is nothing to simulate.")
    return Script(url=urls[0], commands=joining)


class SimulatedTab:
    """One socket that joins as the page did, answers heartbeats, and counts. Threads: the loop's only."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self.pushes = 0
        self.bytes_received = 0
        self.heartbeats = 0

    async def open(self) -> None:
        """Connect and subscribe, and return when all is answered. Raises StartError when something is refused."""
        self._socket = await connect(self._script.url, origin=None, max_size=None, ping_interval=None)
        self._reader = asyncio.create_task(self._read(self._socket))
        loop = asyncio.get_running_loop()
        for command in self._script.commands:
            self._waiting[command.id] = loop.create_future()
            await self._socket.send(encode(command).decode())
            if command.connect is not None:  # everything else has to wait until the session is open
                await asyncio.wait_for(self._waiting[command.id], 10)
        await asyncio.wait_for(asyncio.gather(*self._waiting.values()), 10)

    async def say(self, message: object) -> None:
        """Tell the server something of the tab, such as `{"visible": false}`."""
        assert self._socket is not None
        await self._socket.send(
            encode(Command(send=SendRequest(data=msgspec.Raw(msgspec.json.encode(message))))).decode()
        )

    async def close(self) -> None:
        """Close the socket and end the reading."""
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            self._reader.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    def reset(self) -> None:
        """Begin to count afresh."""
        self.pushes = self.bytes_received = self.heartbeats = 0

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                await self._take(socket, message)

    async def _take(self, socket: ClientConnection, message: str | bytes) -> None:
        pongs = 0
        for reply in decode_replies(message):
            if reply.is_ping:
                self.heartbeats += 1
                pongs += 1
            elif reply.id:
                self._answered(reply.id, refused=reply.error is not None)
            else:
                self.pushes += 1
        if pongs:
            await socket.send(encode_all([PONG] * pongs).decode())
        else:
            self.bytes_received += len(message)

    def _answered(self, number: int, *, refused: bool) -> None:
        future = self._waiting.get(number)
        if future is None or future.done():
            return
        if refused:
            future.set_exception(StartError("The live channel refused what a real page had said a moment before."))
        else:
            future.set_result(None)


@contextlib.asynccontextmanager
async def open_simulated(script: Script, *, count: int) -> AsyncIterator[Sequence[SimulatedTab]]:
    """Open some tabs, and close them whatever happens."""
    tabs = [SimulatedTab(script) for _ in range(count)]
    try:
        for tab in tabs:
            await tab.open()
        yield tabs
    finally:
        await asyncio.gather(*(tab.close() for tab in tabs), return_exceptions=True)


async def until_quiet(count: Callable[[], int], *, quiet_s: float = 0.5, within_s: float = 10.0) -> None:
    """Wait until a count hasn't grown for `quiet_s`, `within_s` at most."""
    deadline = asyncio.get_running_loop().time() + within_s
    before = -1
    while count() != before and asyncio.get_running_loop().time() < deadline:
        before = count()
        await asyncio.sleep(quiet_s)
