"""Makes nodes for the tests of what nodes share: a log and its commons, in the test's own loop."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec

from realtime.config import Settings
from realtime.errors import Disconnect
from realtime.gateway.nodes.commons import Commons
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.log import RedisLog
from realtime.gateway.nodes.rates import SharedWindows
from realtime.gateway.nodes.scripts import Scripts
from realtime.gateway.nodes.server import Server
from realtime.protocol.frames import ClientInfo
from tests.gateway.making import NOON, Commits
from tests.support.redis_server import RedisServer

PREFIX = "nodes"


@dataclass(eq=False)
class Someone:
    """A connection that records how it was ended."""

    user: str
    client: str
    channels: list[str] = field(default_factory=list)
    info: bytes = b'{"name":"x"}'
    ended_by: list[Disconnect] = field(default_factory=list)

    def disconnect(self, disconnect: Disconnect) -> None:
        """Record it."""
        self.ended_by.append(disconnect)


class People:
    """A crowd that a test sets."""

    def __init__(self) -> None:
        self.members: list[Someone] = []

    def presence(self, channel: str) -> dict[str, ClientInfo]:
        """Return who is subscribed."""
        return {
            one.client: ClientInfo(one.user, one.client, msgspec.Raw(one.info))
            for one in self.members
            if channel in one.channels
        }


@dataclass
class Node:
    """One node."""

    uid: str
    log: RedisLog
    commons: Commons
    people: People
    windows: SharedWindows


@asynccontextmanager
async def node(port: int, *, prefix: str = PREFIX, **options: Any) -> AsyncIterator[Node]:
    """Run a node over a Redis, or over what stands before it, while the block does."""
    made: list[Commons] = []

    def begun_anew() -> None:
        for commons in made:
            commons.on_anew()

    uid, people, windows = uuid.uuid4().hex, People(), SharedWindows(lambda: NOON)
    link = Link.of(Settings(redis_url=f"redis://127.0.0.1:{port}", redis_prefix=prefix))
    log = await asyncio.to_thread(
        RedisLog.open, link, node=uid, retention_events=1000, on_commit=Commits(),
        on_anew=begun_anew,
    )  # fmt: skip
    try:
        commons = Commons(
            log, node=uid, crowd=lambda: people, about=lambda: {"uid": uid}, windows=windows,
            **({"now": lambda: NOON} | options),
        )  # fmt: skip
        made.append(commons)
        await commons.open()
        chores = [asyncio.create_task(commons.run()), asyncio.create_task(commons.census.run())]
        try:
            yield Node(uid, log, commons, people, windows)
        finally:
            for chore in chores:
                chore.cancel()
            await asyncio.gather(*chores, return_exceptions=True)
            await commons.leave()
    finally:
        await asyncio.to_thread(log.close)


def begin_with_nothing(server: RedisServer) -> None:
    """Kill a server that keeps nothing, and start it again."""
    server.kill()
    server.start()


@contextmanager
def reached(port: int, *, prefix: str = PREFIX) -> Iterator[Server]:
    """Give a way to ask a Redis."""
    link = Link.of(Settings(redis_url=f"redis://127.0.0.1:{port}", redis_prefix=prefix))
    with closing(link):
        yield Server(link, Scripts())
