"""Claims about bare TCP connections: one address can't take them all, and none may keep the gateway waiting."""

from __future__ import annotations

import asyncio
import http.client
import resource
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from websockets.asyncio.client import connect
from websockets.sync.client import connect as connect_now

from realtime.config import Settings
from realtime.gateway.doorway import Doorway, make_room
from realtime.gateway.facade import SOCKET_PATH, Gateway
from realtime.hub.gate import Gate, Quotas
from realtime.hub.peers import Proxies
from tests.hub.making import eventually, in_loop

HEAD = b"GET / HTTP/1.1\r\nHost: a\r\n"


class Stage:
    """A server behind a doorway, and the sockets a test opened to it."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def dial(self, said: bytes = b"") -> asyncio.StreamReader:
        """Open a connection and say something."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.opened.append((reader, writer))
        writer.write(said)
        return reader

    async def ask(self) -> bytes:
        """Ask for the one page there is."""
        reader = await self.dial(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        try:
            return await reader.read()
        except ConnectionError:
            return b""

    def close(self) -> None:
        """Hang up everywhere."""
        for _, writer in self.opened:
            writer.close()


@asynccontextmanager
async def stage(quotas: Quotas, *, proxies: str = "", app: Any = None, **options: Any) -> AsyncIterator[Stage]:
    """Serve a page, or `app`, behind a doorway."""

    async def page(request: Request) -> Response:
        return PlainTextResponse("here")

    gate = Gate(quotas=quotas, proxies=Proxies(proxies))
    listener = socket.create_server(("127.0.0.1", 0), backlog=1000)
    config = uvicorn.Config(
        app or Starlette(routes=[Route("/", page)]),
        lifespan="off",
        log_level="warning",
        ws="websockets-sansio",
        http=Doorway(gate, **options).protocol(),
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    await eventually(lambda: server.started)
    one = Stage(listener.getsockname()[1])
    try:
        yield one
    finally:
        one.close()
        server.should_exit = True
        await serving
        listener.close()


async def is_over(reader: asyncio.StreamReader) -> bool:
    """Wait for the end of a connection."""
    try:
        async with asyncio.timeout(10):
            return await reader.read() == b""
    except ConnectionError:
        return True


@in_loop
async def test_an_address_has_so_many_connections_and_no_more() -> None:
    """What is beyond is hung up at once, also while nothing was ever said; who leaves makes room."""
    async with stage(Quotas(connections_per_address=5)) as one:
        for _ in range(5):
            await one.dial()
        assert await is_over(await one.dial())
        assert await one.ask() == b""
        one.close()
        await asyncio.sleep(0)
        async with asyncio.timeout(10):
            while not (await one.ask()).endswith(b"here"):
                pass


@in_loop
async def test_a_proxy_stands_for_many() -> None:
    """Its connections aren't counted as one person's."""
    async with stage(Quotas(connections_per_address=2), proxies="127.0.0.1") as one:
        for _ in range(5):
            await one.dial()
        assert (await one.ask()).endswith(b"here")


@pytest.mark.parametrize(
    "said",
    [b"", b"GET / HT", HEAD + b"X-Slow: ", HEAD + b"\r\n" + HEAD],
    ids=["nothing", "half a line", "half a head", "half a second head"],
)
def test_a_head_has_to_be_there_in_time(said: bytes) -> None:
    """Slow loris is hung up, whatever it has said already."""

    async def walk() -> None:
        async with stage(Quotas(), head_within_s=0.2) as one:
            reader = await one.dial(said)
            if said.count(b"GET") > 1:
                assert (await reader.readuntil(b"here")).startswith(b"HTTP/1.1 200")
            assert await is_over(reader)

    asyncio.run(walk())


@in_loop
async def test_who_is_being_answered_isnt_hurried() -> None:
    """A request that takes longer than a head may is answered all the same."""
    waited = asyncio.Event()

    async def slow(request: Request) -> Response:
        await waited.wait()
        return PlainTextResponse("at last")

    async with stage(Quotas(), app=Starlette(routes=[Route("/", slow)]), head_within_s=0.05) as one:
        asking = asyncio.create_task(one.ask())
        idle = await one.dial()
        assert await is_over(idle)  # the sweeper has been by, more than once
        assert await is_over(await one.dial())
        waited.set()
        assert (await asking).endswith(b"at last")


@in_loop
async def test_a_socket_is_counted_as_long_as_it_is_open(tmp_path: Path) -> None:
    """Also once it is a WebSocket, and then its own clocks are for it."""
    gateway = Gateway(Settings(data_dir=tmp_path))
    async with (
        gateway.running(),
        stage(Quotas(connections_per_address=2), app=Starlette(routes=gateway.routes()), head_within_s=0.05) as one,
    ):
        url = f"ws://127.0.0.1:{one.port}{SOCKET_PATH}"
        async with connect(url, proxy=None) as first, connect(url, proxy=None) as second:
            assert await is_over(await one.dial())
            for wire in (first, second):
                await wire.send('{"id": 1, "connect": {}}')
                assert "connect" in str(await wire.recv())
        await gateway.hub.shutdown()


_INSTALLED = """
import asyncio, socket, sys
import uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from realtime.gateway.doorway import Doorway
from realtime.hub.gate import Gate, Quotas
from realtime.hub.straight import straight_of
gate = Gate(quotas=Quotas(connections_per_address=4))
async def page(request):
    assert "tideboard.send" not in request.scope  # it would be a knot: a request's scope, its send, and so on
    return JSONResponse([gate.peer_of(request.scope).address, request.client.host])
async def ask(websocket):
    await websocket.accept()
    await websocket.send_text("none" if straight_of(websocket.scope) is None else "there")
    await websocket.close()
app = Starlette(routes=[Route("/", page), WebSocketRoute("/ws", ask)])
listener = socket.create_server(("127.0.0.1", 0))
config = uvicorn.Config(app, lifespan="off", log_level="warning", ws_per_message_deflate=False)
Doorway(gate).install()
print(listener.getsockname()[1], flush=True)
uvicorn.Server(config).run([listener])
"""


def test_a_server_that_isnt_ours_is_guarded_too() -> None:
    """As Streamlit's is: its connections are bounded, and what a header claims is told apart from who connected."""
    with subprocess.Popen([sys.executable, "-c", _INSTALLED], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/", headers={"X-Forwarded-For": "203.0.113.9:77"})
            assert connection.getresponse().read() == b'["127.0.0.1","203.0.113.9"]'
            connection.close()
            with connect_now(f"ws://127.0.0.1:{port}/ws") as asked:
                assert asked.recv() == "there"  # the hub finds its way past what is put around it
            connection.connect()
            idle = [socket.create_connection(("127.0.0.1", port), timeout=10) for _ in range(3)]
            surplus = socket.create_connection(("127.0.0.1", port), timeout=10)
            with surplus, suppress(ConnectionError):
                assert surplus.recv(1) == b""
            for one in idle:
                one.close()
            connection.close()
        finally:
            process.kill()


def test_as_many_files_may_be_open_as_the_system_allows() -> None:
    """A socket is one, and a thousand are soon open."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(512, before[0]), before[1]))
        assert make_room() == resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 512
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
