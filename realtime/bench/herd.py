"""Measures how a herd of sockets comes back when its gateway is killed: how soon, and whether any event is missing.

The sockets speak the Centrifuge client protocol, dial again with full jitter, and resume from the last event they saw.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from realtime.bench import report
from realtime.bench.events import COLLECTION, as_array, reading
from realtime.bench.launch import free_port, start_gateway, temporary_folder
from realtime.bench.posting import Producer
from realtime.bench.process import Process
from realtime.bench.spread import Spread, spread_of
from realtime.errors import StartError
from realtime.protocol.channels import collection_channel
from realtime.protocol.frames import (
    PONG,
    Command,
    ConnectRequest,
    Publication,
    Reply,
    SubscribeRequest,
    decode_replies,
    encode,
)

_BASE_S: Final = 0.1
_CAP_S: Final = 4.0
_ALL_BACK_WITHIN_S: Final = 60.0
_EVENTS: Final = 50
"""Posted before the kill, and as many again after it, while the herd is on its way back."""


@dataclass(frozen=True)
class Herd:
    """What `bench herd` found. `back` is from the gateway's being ready again until a socket has all events, in ms."""

    connections: int
    back: Spread | None
    recovered: int
    lost: int
    repeated: int
    dials: int


def measure_herd(*, connections: int, say: Callable[[str], None]) -> Herd:
    """Gather a herd, kill the gateway, start it again on the same data, post, and wait until every socket has it all.

    Raises StartError when the herd can't be gathered or isn't back within a minute.
    """
    with temporary_folder() as folder:
        return asyncio.run(_Run(folder, connections).measure(say))


@dataclass
class _Sheep:
    """One socket: what it has seen, and when it last had to come back."""

    url: str
    offsets: list[int] = field(default_factory=list)
    epoch: str = ""
    dials: int = 0
    recovered: int = 0
    is_in: bool = False
    complete_at: float = 0.0

    async def live(self, wanted: Callable[[], int], changed: asyncio.Event) -> None:
        """Stay subscribed until cancelled."""
        attempt = 0
        while True:
            self.dials += 1
            with contextlib.suppress(OSError, WebSocketException, TimeoutError, StartError):
                async with connect(self.url, origin=None, ping_interval=None, compression=None) as socket:
                    await self._join(socket)
                    attempt = 0
                    self._note(wanted, changed)
                    await self._listen(socket, wanted, changed)
            self.is_in = False
            attempt += 1
            # Not for secrets: jitter keeps the herd from coming back in one moment.
            await asyncio.sleep(random.random() * min(_CAP_S, _BASE_S * 2**attempt))  # noqa: S311

    async def _join(self, socket: ClientConnection) -> None:
        request = SubscribeRequest(channel=collection_channel(COLLECTION), recoverable=True, positioned=True)
        if self.epoch:
            last = self.offsets[-1] if self.offsets else 0
            request = msgspec.structs.replace(request, recover=True, epoch=self.epoch, offset=last)
        await _ask(socket, Command(id=1, connect=ConnectRequest()))
        joined = (await _ask(socket, Command(id=2, subscribe=request))).subscribe
        assert joined is not None
        self.recovered += joined.recovered
        self.epoch = joined.epoch
        self._take(joined.publications)
        self.is_in = True

    async def _listen(self, socket: ClientConnection, wanted: Callable[[], int], changed: asyncio.Event) -> None:
        async for message in socket:
            for reply in decode_replies(message):
                if reply.is_ping:
                    await socket.send(encode(PONG).decode())
                elif reply.push is not None and reply.push.pub is not None:
                    self._take([reply.push.pub])
            self._note(wanted, changed)

    def _take(self, publications: list[Publication]) -> None:
        self.offsets += [one.offset for one in publications]

    def _note(self, wanted: Callable[[], int], changed: asyncio.Event) -> None:
        if self.offsets and self.offsets[-1] >= wanted():
            self.complete_at = time.monotonic()
        changed.set()


class _Run:
    def __init__(self, folder: Path, connections: int) -> None:
        self._folder = folder
        self._port = free_port()
        self._connections = connections
        self._wanted = 0
        self._changed = asyncio.Event()

    async def measure(self, say: Callable[[str], None]) -> Herd:
        """Do all of it."""
        gateway = await asyncio.to_thread(self._start)
        try:
            self._wanted = 1
            await asyncio.to_thread(_post, gateway, 1)  # a channel comes into being with its first event
            say(f"gathering {self._connections} sockets")
            url = f"{gateway.ws_url}/connection/websocket"
            herd = [_Sheep(url) for _ in range(self._connections)]
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(sheep.live(lambda: self._wanted, self._changed)) for sheep in herd]
                await self._until(lambda: all(sheep.is_in for sheep in herd))
                self._wanted += _EVENTS
                await asyncio.to_thread(_post, gateway, _EVENTS)
                await self._until(lambda: all(sheep.complete_at for sheep in herd))
                say("killing the gateway")
                dials = sum(sheep.dials for sheep in herd)
                self._wanted += _EVENTS
                for sheep in herd:
                    sheep.complete_at, sheep.recovered = 0.0, 0
                await asyncio.to_thread(gateway.kill)
                gateway = await asyncio.to_thread(self._start)
                ready = time.monotonic()
                await asyncio.to_thread(_post, gateway, _EVENTS)
                say("waiting for the herd")
                await self._until(lambda: all(sheep.complete_at for sheep in herd))
                for task in running:
                    task.cancel()
            return _sum_up(herd, ready=ready, dials=dials, wanted=self._wanted)
        finally:
            await asyncio.to_thread(gateway.stop)

    def _start(self) -> Process:
        gateway = start_gateway(self._folder / "data", port=self._port)
        gateway.wait_ready()
        return gateway

    async def _until(self, claim: Callable[[], bool]) -> None:
        async def wait() -> None:
            while not claim():
                self._changed.clear()
                await self._changed.wait()

        try:
            await asyncio.wait_for(wait(), _ALL_BACK_WITHIN_S)
        except TimeoutError:
            raise StartError(f"The herd wasn't together within {_ALL_BACK_WITHIN_S:.0f} s.") from None


def _post(gateway: Process, count: int) -> None:
    producer = Producer(gateway.base_url)
    run = uuid.uuid4().hex[:8]
    producer.post(as_array([reading(number, run=run) for number in range(count)]))
    producer.close()


async def _ask(socket: ClientConnection, command: Command) -> Reply:
    """Send a command and return its answer. Raises StartError when it is refused."""
    await socket.send(encode(command).decode())
    while True:
        for reply in decode_replies(await socket.recv()):
            if reply.id == command.id:
                if reply.error is not None:
                    raise StartError(f"The gateway refused a socket: {reply.error.message}.")
                return reply


def _sum_up(herd: list[_Sheep], *, ready: float, dials: int, wanted: int) -> Herd:
    seen = [set(sheep.offsets) for sheep in herd]
    first = 2  # the event that made the channel came before the herd
    return Herd(
        connections=len(herd),
        back=spread_of([max(0.0, sheep.complete_at - ready) * 1000 for sheep in herd]),
        recovered=sum(sheep.recovered > 0 for sheep in herd),
        lost=sum(len(set(range(first, wanted + 1)) - offsets) for offsets in seen),
        repeated=sum(len(sheep.offsets) - len(offsets) for sheep, offsets in zip(herd, seen, strict=True)),
        dials=sum(sheep.dials for sheep in herd) - dials,
    )


def table_of(outcome: Herd) -> Table:
    """Lay the outcome out for people."""
    return report.table_of(
        f"Herd · {outcome.connections} sockets · gateway killed and started again",
        columns=["sockets", "back p50 ms", "p95", "p99", "max", "recovered", "lost", "repeated", "dials"],
        rows=[
            [
                f"{outcome.connections:,}",
                *report.spread_cells(outcome.back),
                f"{outcome.recovered:,}",
                f"{outcome.lost:,}",
                f"{outcome.repeated:,}",
                f"{outcome.dials:,}",
            ]
        ],
        caption="Back: from the gateway's first answer after the restart until a socket has every event.",
    )
