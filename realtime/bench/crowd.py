"""Many listening sockets in a process of their own, so that what they cost isn't taken for the server's.

`python -m realtime.bench.crowd DIALECT URL CONNECTIONS` prints `ready` once all have joined, listens until its standard
input ends, and prints what it noted as one line of JSON. One event loop drives all.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from array import array
from dataclasses import dataclass, field
from typing import Final, Protocol

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from realtime.bench.events import COLLECTION
from realtime.protocol.channels import collection_channel

_DUE: Final = re.compile(r'\\?"due\\?":([0-9.]+)')
_NUMBER: Final = re.compile(r'\\?"value\\?":([0-9]+)')
_AT_ONCE: Final = 50


class Heard(msgspec.Struct, kw_only=True):
    """What a crowd noted: deliveries, how many came out of order, the fewest of a socket, and their times in ms."""

    deliveries: int
    disordered: int
    fewest: int
    times_ms: list[float]


class Dialect(Protocol):
    """How a server of some kind is joined, and what it wants to hear back."""

    async def join(self, socket: ClientConnection) -> None:
        """Say what has to be said until events come."""

    def answer(self, text: str) -> str | None:
        """Return what a heartbeat is answered with, None for what is no heartbeat."""


class Plain:
    """Sockets that are simply sent what is posted."""

    async def join(self, socket: ClientConnection) -> None:
        """Do nothing."""

    def answer(self, text: str) -> str | None:  # noqa: ARG002 - the dialects' shape
        """Return None: heartbeats are the sockets' own."""
        return None


class Centrifuge:
    """Our gateway's: the Centrifuge client protocol."""

    async def join(self, socket: ClientConnection) -> None:
        """Connect and subscribe."""
        await socket.send('{"id":1,"connect":{}}')
        await socket.recv()
        await socket.send(f'{{"id":2,"subscribe":{{"channel":"{collection_channel(COLLECTION)}"}}}}')
        await socket.recv()

    def answer(self, text: str) -> str | None:
        """Answer a ping by a pong."""
        return "{}" if text == "{}" else None


class SocketIo:
    """Engine.IO 4 and Socket.IO 5 over a bare WebSocket."""

    async def join(self, socket: ClientConnection) -> None:
        """Open the default namespace."""
        await socket.recv()
        await socket.send("40")
        await socket.recv()

    def answer(self, text: str) -> str | None:
        """Answer a ping by a pong."""
        return "3" if text == "2" else None


DIALECTS: Final[dict[str, type[Dialect]]] = {"plain": Plain, "centrifuge": Centrifuge, "socketio": SocketIo}


@dataclass
class Crowd:
    """The sockets, and what they heard."""

    dialect: Dialect
    times_ms: array[float] = field(default_factory=lambda: array("d"))
    counts: list[int] = field(default_factory=list)
    disordered: int = 0

    async def listen(self, socket: ClientConnection, index: int) -> None:
        """Note every event of one socket until it ends."""
        last = -1
        with contextlib.suppress(ConnectionClosed):
            async for message in socket:
                text = message if isinstance(message, str) else message.decode()
                back = self.dialect.answer(text)
                if back is not None:
                    await socket.send(back)
                    continue
                now_ms = time.time() * 1000
                for due, number in zip(_DUE.findall(text), _NUMBER.findall(text), strict=True):
                    self.times_ms.append(now_ms - float(due))
                    self.counts[index] += 1
                    self.disordered += int(number) <= last
                    last = int(number)

    async def run(self, url: str, connections: int) -> Heard:
        """Join, listen until standard input ends, and sum up."""
        async with contextlib.AsyncExitStack() as stack:
            sockets: list[ClientConnection] = []
            for start in range(0, connections, _AT_ONCE):
                batch = range(start, min(start + _AT_ONCE, connections))
                sockets += await asyncio.gather(*(self._open(url, stack) for _ in batch))
            self.counts = [0] * len(sockets)
            readers = [asyncio.create_task(self.listen(socket, index)) for index, socket in enumerate(sockets)]
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.read)
            for reader in readers:
                reader.cancel()
            await asyncio.gather(*readers, return_exceptions=True)
        times = list(self.times_ms)
        return Heard(deliveries=len(times), disordered=self.disordered, fewest=min(self.counts), times_ms=times)

    async def _open(self, url: str, stack: contextlib.AsyncExitStack) -> ClientConnection:
        opening = connect(url, origin=None, max_size=None, ping_interval=None, compression=None, open_timeout=30)
        socket = await stack.enter_async_context(opening)
        await self.dialect.join(socket)
        return socket


if __name__ == "__main__":
    heard = asyncio.run(Crowd(DIALECTS[sys.argv[1]]()).run(sys.argv[2], int(sys.argv[3])))
    print(msgspec.json.encode(heard).decode(), flush=True)
