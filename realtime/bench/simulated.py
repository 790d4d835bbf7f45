"""Stands in for a browser's tab: a socket that speaks Streamlit's own protocol, and one that speaks the live channel.

The page's script really runs, and what it mounts says which views there are and with which tickets.
Threads: one event loop's only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from realtime.bench.pace import Pace
from realtime.errors import StartError
from realtime.protocol.frames import (
    PONG,
    Command,
    ConnectRequest,
    SendRequest,
    SubscribeRequest,
    decode_replies,
    encode,
    encode_all,
)

CHANNEL_PATH: Final = "/live/channel"
_STREAMLIT_PATH: Final = "/_stcore/stream"
_PATIENCE_S: Final = 60.0
_READING: Final = re.compile(r"([0-9a-f]{8})-([0-9]{7})")


@dataclass(frozen=True)
class Address:
    """A page to open: its path below the root ("" is the first page) and its query."""

    page: str = ""
    query: str = ""


@dataclass(frozen=True)
class Panel:
    """A live panel that a page's script has mounted."""

    channel: str
    ticket: str


@dataclass
class Watched:
    """Readings that a tab waits for, and when it was first sent each. Numbers from `first` on, due at the pace."""

    run: str
    first: int
    pace: Pace
    seen: dict[int, float] = field(default_factory=dict)

    def look(self, text: str, *, now: float) -> None:
        """Note every reading of this run that a message tells of for the first time."""
        for run, digits in _READING.findall(text):
            if run == self.run and (number := int(digits) - self.first) >= 0:
                self.seen.setdefault(number, now)

    def times_ms(self) -> list[float]:
        """Return how long each reading took to get here from when it was due."""
        return [(at - self.pace.due_at(number)) * 1000 for number, at in sorted(self.seen.items())]


class SimulatedTab:
    """One tab: open it, and it listens, answers heartbeats and counts until it is closed."""

    def __init__(self, base_url: str, address: Address) -> None:
        self._ws_url = "ws" + base_url.removeprefix("http")
        self._address = address
        self._sockets: list[ClientConnection] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._waiting: dict[int, asyncio.Future[None]] = {}
        self.panels: tuple[Panel, ...] = ()
        self.opened_ms = 0.0
        self.pushes = 0
        self.bytes_received = 0
        self.heartbeats = 0
        self.watched: Watched | None = None

    async def open(self) -> None:
        """Run the page's script and subscribe to all it mounts; returns when every panel has its first value.

        Raises StartError when the page can't be run or the channel refuses something.
        """
        began = time.monotonic()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._run_script()
                await self._join()
        except (TimeoutError, OSError, ConnectionClosed) as error:
            raise StartError(f"A tab couldn't be opened: {str(error) or type(error).__name__}.") from error
        self.opened_ms = (time.monotonic() - began) * 1000

    async def say(self, message: object) -> None:
        """Tell the server something of the tab, such as `{"visible": false}`."""
        data = msgspec.Raw(msgspec.json.encode(message))
        await self._sockets[-1].send(encode(Command(send=SendRequest(data=data))).decode())

    async def close(self) -> None:
        """Close both sockets and end the reading."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(socket.close() for socket in self._sockets), return_exceptions=True)

    def reset(self, watched: Watched | None = None) -> None:
        """Begin to count afresh."""
        self.pushes = self.bytes_received = self.heartbeats = 0
        self.watched = watched

    # Streamlit's socket

    async def _run_script(self) -> None:
        socket = await self._open(_STREAMLIT_PATH, subprotocol="streamlit")
        await socket.send(_rerun(self._address))
        panels: dict[str, Panel] = {}
        while True:
            message = await socket.recv()
            found, is_finished = _panel_in(message if isinstance(message, bytes) else message.encode())
            if found is not None:
                panels[found.channel] = found
            if is_finished:
                break
        if not panels:
            raise StartError(
                f"The page {self._address.page or 'at /'} mounts no live panel, so there is nothing to follow."
            )
        self.panels = tuple(panels.values())
        self._tasks.append(asyncio.create_task(_drain(socket)))

    # The live channel

    async def _join(self) -> None:
        socket = await self._open(CHANNEL_PATH)
        self._tasks.append(asyncio.create_task(self._listen(socket)))
        await self._ask(socket, Command(id=1, connect=ConnectRequest()))
        subscribes = [
            self._ask(socket, Command(id=number, subscribe=SubscribeRequest(channel=panel.channel, token=panel.ticket)))
            for number, panel in enumerate(self.panels, 2)
        ]
        await asyncio.gather(*subscribes)

    async def _open(self, path: str, *, subprotocol: str | None = None) -> ClientConnection:
        socket = await connect(
            self._ws_url + path, origin=None, max_size=None, ping_interval=None, compression=None,
            open_timeout=_PATIENCE_S, subprotocols=None if subprotocol is None else [subprotocol],  # type: ignore[list-item]
        )  # fmt: skip
        self._sockets.append(socket)
        return socket

    async def _ask(self, socket: ClientConnection, command: Command) -> None:
        future = self._waiting[command.id] = asyncio.get_running_loop().create_future()
        await socket.send(encode(command).decode())
        await future

    async def _listen(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                await self._take(socket, message if isinstance(message, str) else message.decode())

    async def _take(self, socket: ClientConnection, text: str) -> None:
        if self.watched is not None:
            self.watched.look(text, now=time.time())
        pongs = 0
        for reply in decode_replies(text):
            if reply.is_ping:
                self.heartbeats += 1
                pongs += 1
            elif reply.id:
                self._answered(reply.id, refused=reply.error is not None)
            elif reply.push is not None and reply.push.pub is not None:
                self.pushes += 1
        if pongs:
            await socket.send(encode_all([PONG] * pongs).decode())
        else:
            self.bytes_received += len(text)

    def _answered(self, number: int, *, refused: bool) -> None:
        future = self._waiting.pop(number, None)
        if future is None or future.done():
            return
        if refused:
            future.set_exception(
                StartError("The live channel refused a ticket that a page had brought a moment before.")
            )
        else:
            future.set_result(None)


async def open_tabs(base_url: str, addresses: Sequence[Address], *, at_once: int = 4) -> list[SimulatedTab]:
    """Open a tab for each address, a few at a time. Raises StartError; then none is left open."""
    tabs = [SimulatedTab(base_url, address) for address in addresses]
    turns = asyncio.Semaphore(at_once)

    async def opened(tab: SimulatedTab) -> None:
        async with turns:
            await tab.open()

    try:
        await asyncio.gather(*map(opened, tabs))
    except BaseException:
        await close_tabs(tabs)
        raise
    return tabs


async def close_tabs(tabs: Sequence[SimulatedTab]) -> None:
    """Close all of them."""
    await asyncio.gather(*(tab.close() for tab in tabs), return_exceptions=True)


async def _drain(socket: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for _message in socket:
            pass


def _rerun(address: Address) -> bytes:
    """Encode what a browser says first: run the script of this page."""
    from streamlit.proto.BackMsg_pb2 import BackMsg

    message = BackMsg()
    message.rerun_script.page_name = address.page
    message.rerun_script.query_string = address.query
    message.rerun_script.context_info.timezone = "UTC"
    encoded: bytes = message.SerializeToString()
    return encoded


def _panel_in(message: bytes) -> tuple[Panel | None, bool]:
    """Read one message of Streamlit's: the live panel it mounts, if any, and whether the script has ended."""
    from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

    told = ForwardMsg.FromString(message)
    kind = told.WhichOneof("type")
    if kind == "script_finished":
        return None, True
    if kind != "delta" or told.delta.WhichOneof("type") != "new_element":
        return None, False
    element = told.delta.new_element
    if element.WhichOneof("type") == "exception":
        raise StartError(f"The page's script failed: {element.exception.message}")
    if element.WhichOneof("type") != "bidi_component":
        return None, False
    component = element.bidi_component
    raw = component.json if component.WhichOneof("data") == "json" else component.mixed.json
    data: dict[str, Any] = json.loads(raw) if raw else {}
    if "channel" not in data or "ticket" not in data:
        return None, False
    return Panel(data["channel"], data["ticket"]), False
