"""Runs a whole gateway in the test's own loop, on a real port, where its connections can be cut."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette

from realtime.config import Settings
from realtime.gateway.facade import SOCKET_PATH, Gateway
from realtime.gateway.ingest import Report
from tests.gateway.making import envelope
from tests.hub.making import cut, running
from tests.support.engines import settings_of


@dataclass
class Line:
    """A gateway and the address of its socket."""

    gateway: Gateway
    url: str
    server: uvicorn.Server

    async def store(self, *numbers: int, kind: str = "created", **changes: Any) -> Report:
        """Store events about documents of `orders`, as a producer would."""
        return await self.gateway.ingest.take_items([envelope(number, kind, **changes) for number in numbers])

    def cut(self) -> None:
        """Close every TCP connection without a word."""
        cut(self.server)


@asynccontextmanager
async def line(folder: Path, **settings: Any) -> AsyncIterator[Line]:
    """Run a gateway over the data in `folder` while the block does."""
    gateway = Gateway(Settings(data_dir=folder, **(settings_of(folder) | settings)))
    async with gateway.running(), running(Starlette(routes=gateway.routes())) as (address, server):
        yield Line(gateway, f"ws://{address}{SOCKET_PATH}", server)
        await gateway.hub.shutdown()
