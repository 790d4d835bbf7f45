"""Tells who is connected to any node, and ends connections wherever they are.

Each node writes who is connected to it, and reads of the others when it is asked. Threads: the event loop's; Redis is
asked on others.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import msgspec

from realtime.errors import Disconnect, StorageError
from realtime.gateway.census import About, Crowd, Node, end_here, own_node
from realtime.gateway.nodes.roll import MOST_LISTED, Client, Listed, Roll, Summary
from realtime.gateway.nodes.scripts import raw
from realtime.gateway.nodes.server import Server
from realtime.protocol.frames import ClientInfo

_LOG: Final = logging.getLogger(__name__)
KIND: Final = "end"
BEAT_S: Final = 3.0
"""How often a node says that it is there."""
PAUSE_S: Final = 1.0
"""How long it says no more after it has said who is connected: many come and go at once."""
FRESH_S: Final = 0.2
_SOON_S: Final = 0.05
_SHARE: Final = 50
"""A list that took long to make and write is written the more seldom: never more than a fiftieth of the time."""


class End(msgspec.Struct, frozen=True):
    """Whose connections are to end, and how."""

    user: str
    client: str
    code: int
    reason: str


class SharedCensus:
    """Who is connected to any node."""

    def __init__(
        self,
        server: Server,
        crowd: Callable[[], Crowd],
        *,
        node: str,
        about: Callable[[], About],
        tell: Callable[[str, bytes], None],
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        """`crowd` gives who is connected here, `tell` tells all nodes something."""
        self._server = server
        self._crowd = crowd
        self._node = node
        self._about = about
        self._tell = tell
        self._steady = steady
        self._roll = Roll(node)
        self._number = 0
        self._version = 0
        self._has_changed = asyncio.Event()
        self._reading = asyncio.Lock()
        self._read_at = float("-inf")

    def touch(self) -> None:
        """Learn that who is connected here, or to what, has changed."""
        self._has_changed.set()

    async def run(self) -> None:
        """Say who is connected here, when that has changed and now and then, until cancelled."""
        self.touch()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT_S):  # wait_for may lose a cancellation that comes with a change
                    await self._has_changed.wait()
                await asyncio.sleep(_SOON_S)
            began = self._steady()
            try:
                await self.say()
                await self._read(within_s=BEAT_S / 2)
            except StorageError as error:
                self._has_changed.set()
                _LOG.debug("who is connected can't be told now: %s", error)
            except Exception:
                _LOG.exception("telling who is connected failed")
            await asyncio.sleep(max(PAUSE_S, (self._steady() - began) * _SHARE))

    async def say(self) -> None:
        """Say that this node is there, and who is connected if that has changed. Raises StorageError."""
        has_changed = self._has_changed.is_set()
        self._has_changed.clear()
        self._number += 1
        self._version += has_changed
        members = list(self._crowd().members)
        summary = Summary(self._number, self._version, dict(self._about()), len(members))
        clients = [
            Client(member.client, member.user, member.info, list(member.channels))
            for member in members[: MOST_LISTED if has_changed else 0]
        ]
        try:
            is_listed = await asyncio.to_thread(self._write, summary, clients if has_changed else None)
        except StorageError:
            self._has_changed.set()
            raise
        if not is_listed:
            self._has_changed.set()  # Redis has lost what was said before

    async def leave(self) -> None:
        """Have this node forgotten; without Redis the others notice by themselves."""
        with suppress(StorageError):
            await asyncio.to_thread(self._forget, self._node, b"")

    async def presence(self, channel: str) -> dict[str, ClientInfo]:
        """Return who is subscribed to a channel, by client id."""
        there = await self.elsewhere(channel)
        return {**{one.client: one for one in there}, **self._crowd().presence(channel)}

    async def elsewhere(self, channel: str) -> Sequence[ClientInfo]:
        """Return who is subscribed to a channel on other nodes; what was last known while Redis can't be read."""
        await self._try_reading()
        return list(self._roll.presence(channel, self._steady()).values())

    async def nodes(self) -> list[Node]:
        """List the nodes with who is connected to each, this one first."""
        await self._try_reading()
        return [own_node(self._crowd(), self._about), *self._roll.nodes(self._steady())]

    async def end(self, user: str, client: str, disconnect: Disconnect) -> None:
        """End a user's connections on all nodes, or the one that is named. Raises StorageError."""
        end_here(self._crowd(), user, client, disconnect)
        body = msgspec.json.encode(End(user, client, disconnect.code, disconnect.reason))
        await asyncio.to_thread(self._tell, KIND, body)

    def ended(self, body: bytes) -> None:
        """End connections that another node was asked to end."""
        told = msgspec.json.decode(body, type=End)
        end_here(self._crowd(), told.user, told.client, Disconnect(told.code, told.reason))

    # Redis

    async def _try_reading(self) -> None:
        try:
            await self._read(within_s=FRESH_S)
        except StorageError as error:
            _LOG.debug("who is connected elsewhere can't be read now: %s", error)

    async def _read(self, *, within_s: float) -> None:
        async with self._reading:
            if self._steady() - self._read_at < within_s:
                return
            began = self._steady()
            summaries = await asyncio.to_thread(self._summaries)
            changed = self._roll.take(summaries, now=began)
            if changed:
                for node, packed in zip(changed, await asyncio.to_thread(self._listed, changed), strict=True):
                    self._roll.learn(node, packed)
            self._read_at = began
            for node, packed in self._roll.dead(began):
                _LOG.info("The node %s has said nothing for long: it is taken for dead", node)
                await asyncio.to_thread(self._forget, node, packed)

    def _write(self, summary: Summary, clients: list[Client] | None) -> bool:
        listed = b"" if clients is None else msgspec.msgpack.encode(Listed(summary.version, clients))
        request = [self._node, raw(msgspec.msgpack.encode(summary)), raw(listed), ""]
        return self._server.run("census", self._names, request, bool)

    def _forget(self, node: str, packed: bytes) -> None:
        self._server.run("census", self._names, [node, "", "", raw(packed)], bool)

    def _summaries(self) -> dict[str, bytes]:
        kept: Any = self._server.ask(lambda client: client.hgetall(self._names[0]))
        return {node.decode(): packed for node, packed in kept.items()}

    def _listed(self, nodes: Sequence[str]) -> list[bytes | None]:
        kept: Any = self._server.ask(lambda client: client.hmget(self._names[1], list(nodes)))
        return list(kept)

    @property
    def _names(self) -> list[str]:
        of = self._server.keys.of
        return [of("nodes"), of("clients")]
