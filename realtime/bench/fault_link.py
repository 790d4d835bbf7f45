"""Carries one connection through the fault proxy, in whatever weather there is. Decides on no weather itself.

Threads: the proxy's loop only.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from realtime.bench.frames import Splitter, asks_for_upgrade, spoilt

_CHUNK: Final = 16_384
_CHUNKS_AHEAD: Final = 16
_SLICES_PER_S: Final = 20
_AT_ONCE: Final = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends a RST


class Direction(Enum):
    """Which way bytes go."""

    UP = "to the gateway"
    DOWN = "to the client"


@dataclass
class Tamper:
    """One frame to lose or to spoil: the `frame`th that passes from now on, over all connections."""

    frame: int
    is_lost: bool
    direction: Direction = Direction.DOWN

    def take(self, content: bytes) -> bytes:
        """Count a frame, and return what is left of it."""
        self.frame -= 1
        if self.frame:
            return content
        return b"" if self.is_lost else spoilt(content)


@dataclass
class Weather:
    """What connections go through right now, and what went through them."""

    chance: random.Random
    can_move: asyncio.Event = field(default_factory=asyncio.Event)
    delay_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: float = 0.0
    upgrade_status: int = 0
    tamper: Tamper | None = None
    carried: dict[Direction, int] = field(default_factory=lambda: dict.fromkeys(Direction, 0))
    upgrades_refused: int = 0

    def clear_up(self) -> None:
        """Let everything pass again."""
        self.delay_s = self.jitter_s = self.bytes_per_s = 0.0
        self.upgrade_status = 0
        self.tamper = None
        self.can_move.set()


class Link:
    """A client's connection and the one to the gateway that belongs to it."""

    def __init__(self, client: socket.socket, weather: Weather, *, upstream: tuple[str, int]) -> None:
        self._client = client
        self._weather = weather
        self._upstream = upstream
        self._gateway = socket.socket()
        self._is_deaf = False
        for one in (self._client, self._gateway):
            one.setblocking(False)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    async def run(self) -> None:
        """Carry bytes both ways until both sides have ended, or one has broken."""
        try:
            head = await self._first_words() if self._weather.upgrade_status else b""
            if self._weather.upgrade_status and asks_for_upgrade(head):
                await self._refuse_upgrade()
                return
            await asyncio.get_running_loop().sock_connect(self._gateway, self._upstream)
            async with asyncio.TaskGroup() as both:
                both.create_task(self._pump(Direction.UP, first=head))
                both.create_task(self._pump(Direction.DOWN))
        except* OSError:
            self.reset()  # a side that broke takes the other with it, as broken as it was
        finally:
            self.close()

    def cut(self) -> None:
        """End both sides with a FIN."""
        for one in (self._client, self._gateway):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Make the end of both sides a RST."""
        for one in (self._client, self._gateway):
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)

    def half_close(self) -> None:
        """End the way to the client; what it sends still goes up."""
        self._is_deaf = True
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Give both sockets back."""
        self._client.close()
        self._gateway.close()

    async def _first_words(self) -> bytes:
        words = b""
        while b"\r\n\r\n" not in words and (chunk := await self._receive(self._client)):
            words += chunk
        return words

    async def _refuse_upgrade(self) -> None:
        self._weather.upgrades_refused += 1
        answer = f"HTTP/1.1 {self._weather.upgrade_status} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        await asyncio.get_running_loop().sock_sendall(self._client, answer.encode())

    async def _pump(self, direction: Direction, *, first: bytes = b"") -> None:
        """Read ahead a little, so that a delay doesn't become a limit of the rate; order is kept."""
        ahead: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_CHUNKS_AHEAD)
        async with asyncio.TaskGroup() as ends:
            ends.create_task(self._read(direction, ahead, first=first))
            ends.create_task(self._write(direction, ahead))

    async def _read(self, direction: Direction, ahead: asyncio.Queue[tuple[float, bytes]], *, first: bytes) -> None:
        source = self._client if direction is Direction.UP else self._gateway
        splitter, chunk, due = Splitter(), first, 0.0
        while chunk := chunk or await self._receive(source):
            if passing := self._tampered(direction, splitter, chunk):
                due = max(due, self._due())
                await ahead.put((due, passing))
            chunk = b""
        if rest := splitter.rest():
            await ahead.put((due, rest))
        await ahead.put((due, b""))

    def _due(self) -> float:
        weather = self._weather
        late_s = weather.delay_s + weather.jitter_s * weather.chance.random()
        return asyncio.get_running_loop().time() + late_s if late_s else 0.0

    def _tampered(self, direction: Direction, splitter: Splitter, chunk: bytes) -> bytes:
        passing = []
        for piece in splitter.feed(chunk):
            tamper = self._weather.tamper
            if tamper is None or not piece.is_frame or tamper.direction is not direction:
                passing.append(piece.content)
                continue
            passing.append(tamper.take(piece.content))
            if not tamper.frame:
                self._weather.tamper = None
        return b"".join(passing)

    async def _write(self, direction: Direction, ahead: asyncio.Queue[tuple[float, bytes]]) -> None:
        sink = self._gateway if direction is Direction.UP else self._client
        loop = asyncio.get_running_loop()
        while True:
            due, content = await ahead.get()
            await asyncio.sleep(max(0.0, due - loop.time()) if due else 0.0)
            if not content:
                await self._weather.can_move.wait()
                with contextlib.suppress(OSError):
                    sink.shutdown(socket.SHUT_WR)
                return
            if not (self._is_deaf and direction is Direction.DOWN):
                await self._send(sink, content, direction=direction)

    async def _send(self, sink: socket.socket, content: bytes, *, direction: Direction) -> None:
        loop, weather = asyncio.get_running_loop(), self._weather
        while content:
            await weather.can_move.wait()
            rate = weather.bytes_per_s
            size = max(1, int(rate / _SLICES_PER_S)) if rate else len(content)
            part, content = content[:size], content[size:]
            await loop.sock_sendall(sink, part)
            weather.carried[direction] += len(part)
            if rate:
                await asyncio.sleep(len(part) / rate)

    async def _receive(self, source: socket.socket) -> bytes:
        return await asyncio.get_running_loop().sock_recv(source, _CHUNK)
