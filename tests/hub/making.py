"""Makes hubs on real sockets, a backend that remembers, and a client that speaks the bare wire."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any, ParamSpec

import uvicorn
from starlette.applications import Starlette
from starlette.routing import BaseRoute, WebSocketRoute
from starlette.types import ASGIApp
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from realtime.hub import Granted, Hub, Joined, Member, OutPublication, Peer
from realtime.hub.straight import remembering
from realtime.protocol.codes import ErrorCode, refuse
from realtime.protocol.frames import (
    ConnectRequest,
    HistoryRequest,
    HistoryResult,
    PublishRequest,
    SubscribeRequest,
)
from realtime.protocol.positions import Position

P = ParamSpec("P")
PATIENCE_S = 10.0


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an async test in a loop of its own, with a limit."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        async def limited() -> None:
            async with asyncio.timeout(60):
                await test(*args, **kwargs)

        asyncio.run(limited())

    return run


class Streams:
    """A backend that keeps streams in memory and records what it was told."""

    def __init__(self) -> None:
        self.hub: Hub | None = None
        self.epoch = "first"
        self.greeting = b""
        self.streams: dict[str, list[OutPublication]] = defaultdict(list)
        self.granted = Granted(user="ann", info=b'{"name":"Ann"}')
        self.renewed: float | None = None
        self.sub_expires_at: float | None = None
        self.heard: list[bytes] = []
        self.left: list[str] = []
        self.gone: list[Member] = []
        self.opened_to: list[Member] = []
        self.peers: list[Peer] = []
        self.fails: Exception | None = None
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    def add(self, channel: str, data: bytes) -> None:
        """Append to a stream and broadcast it."""
        stream = self.streams[channel]
        stream.append(OutPublication(data, offset=len(stream) + 1))
        assert self.hub is not None
        self.hub.broadcast(channel, stream[-1])

    async def connect(self, member: Member, request: ConnectRequest, peer: Peer) -> Granted:
        """Let anybody in."""
        await self._answer()
        self.peers.append(peer)
        return self.granted

    async def subscribe(self, member: Member, request: SubscribeRequest) -> Joined:
        """Let into any channel but `secret` and `nowhere`."""
        stream = self.streams[request.channel]
        position = Position(self.epoch, len(stream))  # read before the wait: what comes meanwhile must be buffered
        await self._answer()
        if request.channel == "nowhere":
            raise refuse(ErrorCode.UNKNOWN_CHANNEL)
        if request.channel == "secret":
            raise refuse(ErrorCode.PERMISSION_DENIED)
        if request.channel == "plain":
            return Joined(data=b'{"now":\n1}', expires_at=self.sub_expires_at)
        is_known = request.recover and request.epoch == self.epoch and request.offset <= position.offset
        missed = stream[request.offset : position.offset] if is_known else []
        return Joined(position=position, publications=missed, recovered=is_known, expires_at=self.sub_expires_at)

    async def publish(self, member: Member, request: PublishRequest) -> None:
        """Append and broadcast."""
        await self._answer()
        self.add(request.channel, bytes(request.data))

    async def history(self, member: Member, request: HistoryRequest) -> HistoryResult:
        """Tell the top."""
        await self._answer()
        return HistoryResult(epoch=self.epoch, offset=len(self.streams[request.channel]))

    async def rpc(self, member: Member, method: str, data: bytes) -> bytes:
        """Return what was sent."""
        await self._answer()
        if method != "echo":
            raise refuse(ErrorCode.METHOD_NOT_FOUND)
        return data

    async def refresh(self, member: Member, token: str) -> float | None:
        """Prolong as told."""
        await self._answer()
        return self.renewed

    async def sub_refresh(self, member: Member, channel: str, token: str) -> float | None:
        """Prolong as told."""
        await self._answer()
        return self.renewed

    def message(self, member: Member, data: bytes) -> None:
        """Record."""
        self.heard.append(data)

    def opened(self, member: Member) -> None:
        """Record, and say hello."""
        self.opened_to.append(member)
        if self.greeting:
            member.message(self.greeting)

    def unsubscribed(self, member: Member, channel: str) -> None:
        """Record."""
        self.left.append(channel)

    def closed(self, member: Member) -> None:
        """Record."""
        self.gone.append(member)

    async def _answer(self) -> None:
        self.asked.set()
        await self.may_answer.wait()
        if self.fails is not None:
            raise self.fails


@dataclass
class Served:
    """A hub on a real port."""

    url: str
    hub: Hub
    backend: Streams
    server: uvicorn.Server

    def cut(self) -> None:
        """Close every TCP connection without a word."""
        cut(self.server)


def cut(server: uvicorn.Server) -> None:
    """Close every TCP connection of a server without a word."""
    for connection in list(server.server_state.connections):
        connection.transport.abort()


@asynccontextmanager
async def running(app: ASGIApp) -> AsyncIterator[tuple[str, uvicorn.Server]]:
    """Run an ASGI app as Streamlit does: uvicorn, websockets-sansio. Yields `host:port` and the server."""
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # said, so that asyncio sets TCP_NODELAY: no answer waits 40 ms
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        await asyncio.sleep(0.005)
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}", server
    finally:
        cut(server)
        server.should_exit = True
        await task
        listener.close()


@asynccontextmanager
async def serving(*, is_straight: bool = True, **options: Any) -> AsyncIterator[Served]:
    """Serve a hub over `Streams`; with `is_straight` it finds the straight way to a socket, as in the app."""
    backend = Streams()
    hub = backend.hub = Hub(backend, **({"name": "test"} | options))
    routes: list[BaseRoute] = [WebSocketRoute("/ws", hub.serve)]
    app = Starlette(routes=routes)
    async with running(remembering(app) if is_straight else app) as (address, server):
        yield Served(f"ws://{address}/ws", hub, backend, server)
        await hub.shutdown()


class Wire:
    """A client that knows nothing but frames."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.messages: list[str] = []
        self._lines: list[dict[str, Any]] = []
        self._id = 0

    async def say(self, *commands: dict[str, Any]) -> None:
        """Send commands in one message."""
        await self.socket.send("\n".join(json.dumps(command) for command in commands))

    async def ask(self, verb: str, **request: Any) -> dict[str, Any]:
        """Send one command, and return its reply; pushes before it are kept for `hear`."""
        self._id += 1
        await self.say({"id": self._id, verb: request})
        return await self.answer(self._id)

    async def answer(self, number: int) -> dict[str, Any]:
        """Return the reply to a command; what comes before it is kept for `hear`."""
        passed: list[dict[str, Any]] = []
        while (line := await self.hear()).get("id") != number:
            passed.append(line)
        self._lines[:0] = passed
        return line

    async def hear(self) -> dict[str, Any]:
        """Return the next line."""
        while not self._lines:
            async with asyncio.timeout(PATIENCE_S):
                message = await self.socket.recv()
            assert isinstance(message, str)
            self.messages.append(message)
            self._lines = [json.loads(line) for line in message.split("\n")]
        return self._lines.pop(0)

    async def publication(self) -> dict[str, Any]:
        """Return the next publication."""
        while "pub" not in (line := await self.hear()).get("push", {}):
            pass
        found: dict[str, Any] = line["push"]["pub"]
        return found

    async def end(self) -> tuple[int, str]:
        """Wait for the end; returns the close code and reason."""
        try:
            while True:
                await self.hear()
        except ConnectionClosed as closed:
            frame = closed.rcvd
            return (1006, "") if frame is None else (frame.code, frame.reason)


@asynccontextmanager
async def dialled(url: str, *, is_open: bool = True, **options: Any) -> AsyncIterator[Wire]:
    """Dial a hub, and say connect unless `is_open` is False."""
    async with connect(url, proxy=None, max_size=None, **({"ping_interval": None} | options)) as opened:
        wire = Wire(opened)
        if is_open:
            assert "error" not in await wire.ask("connect")
        yield wire


async def eventually(claim: Callable[[], bool]) -> None:
    """Wait until something in another task has come true."""
    async with asyncio.timeout(PATIENCE_S):
        while not claim():
            await asyncio.sleep(0.005)
