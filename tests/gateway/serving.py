"""Serves a gateway on a real port from a thread, and talks to it, for the tests of the gateway."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import httpx
import uvicorn
from starlette.applications import Starlette

from realtime.config import Settings
from realtime.gateway.facade import Gateway
from tests.support.engines import settings_of

_NO_OTHERS_MS: Final = 10


class Served:
    """A gateway that answers at `url`."""

    def __init__(self, gateway: Gateway, *, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.gateway = gateway
        self.port = port
        self.loop = loop
        self.url = f"http://127.0.0.1:{port}"
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def post(self, content: Any, *, kind: str = "application/json", **headers: str) -> httpx.Response:
        """Post a body of events; bytes as they are, anything else as JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()} | {"content-type": kind}
        if isinstance(content, bytes):
            return self.http.post("/api/events", content=content, headers=named)
        return self.http.post("/api/events", json=content, headers=named)

    def on_loop(self, call: Callable[[], Any]) -> Any:
        """Call something on the server's own thread."""

        async def run() -> Any:
            return call()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(10)


@contextmanager
def served(folder: Path, **settings: Any) -> Iterator[Served]:
    """Serve a gateway on a free port while the block runs. On Redis it is alone, so it waits for no other's copy."""
    with patch("realtime.gateway.nodes.server.GATHER_MS", _NO_OTHERS_MS), _served(folder, settings) as one:
        yield one


@contextmanager
def _served(folder: Path, settings: dict[str, Any]) -> Iterator[Served]:
    gateway = Gateway(Settings(data_dir=folder, **(settings_of(folder) | settings)))
    listener = socket.create_server(("127.0.0.1", 0))
    app = Starlette(routes=gateway.routes())
    server = uvicorn.Server(
        uvicorn.Config(app, lifespan="off", log_level="warning", access_log=False, ws="websockets-sansio")
    )
    ready = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        async with gateway.running():
            loops.append(asyncio.get_running_loop())
            ready.set()
            await server.serve([listener])

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert ready.wait(10)
        one = Served(gateway, port=listener.getsockname()[1], loop=loops[0])
        with one.http:
            yield one
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
