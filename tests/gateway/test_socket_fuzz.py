"""Whatever comes in frames over the gateway's socket: nothing fails, nothing stays behind, and others don't notice."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import psutil
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.gateway.making import envelope
from tests.gateway.serving import Served, served
from tests.hub.making import Wire
from tests.hub.test_session import VERBS
from tests.support.processes import running_gateway

UNHURRIED: Final = {
    "TIDEBOARD_COMMANDS_PER_S": "1000000", "TIDEBOARD_EVENTS_PER_S": "1000000", "TIDEBOARD_PING_INTERVAL_S": "3600",
}  # fmt: skip
FRAMES_A_CONNECTION: Final = 40
AT_ONCE: Final = 8
CHANNELS: Final = (
    "collection:mine",
    "collection:fuzz",
    "users",
    "system",
    "inbox#ann",
    "inbox#",
    "",
    "collection:",
    "x" * 300,
)
METHODS: Final = ("ingest", "ack", "", "nothing")
FIELDS: Final = ("channel", "token", "data", "offset", "epoch", "recover", "limit", "since", "flag", "method", "name")
ODD: Final[tuple[Any, ...]] = (
    None, True, 0, -1, 2**63, 1e308, "", "\u0000", "\ud800", "ü" * 50, [], {}, [[]], {"": None},
    {"offset": -1, "epoch": 3},
)  # fmt: skip


class Fuzzer:
    """Makes frames from a seed: fitting commands, commands gone wrong, and what was never one."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self._number = 1

    def frame(self, *, is_polite: bool) -> str | bytes:
        """Make the next frame; a polite one is commands, however little sense they make."""
        kind = 0.0 if is_polite else self.chance.random()
        if kind < 0.3:
            return "\n".join(json.dumps(self._command()) for _ in range(self.chance.choice((1, 1, 1, 2, 5))))
        if kind < 0.65:
            return self._spoilt(json.dumps(self._command()))
        if kind < 0.8:
            return self.chance.randbytes(self.chance.randrange(200))
        if kind < 0.9:
            return json.dumps(self._value(depth=4))
        return self.chance.choice(
            ("{}", "", "\n\n\n", "[" * 5_000, '{"id":' * 300, "null", "{}" * 50, "9" * 5_000, '{"id": NaN}', "\u2028")
        )

    def _command(self) -> dict[str, Any]:
        verb = self.chance.choice([verb for verb in VERBS if verb != "connect"])
        self._number += 1
        request = {name: self._value(depth=1) for name in self.chance.sample(FIELDS, self.chance.randrange(3))}
        if self.chance.random() < 0.9:
            request["channel"] = self.chance.choice(CHANNELS[1:])
        if verb == "rpc":
            events = [self._event() for _ in range(self.chance.randrange(3))]
            request |= {"method": self.chance.choice(METHODS), "data": {"events": events}}
        if verb == "publish":
            request["data"] = self._event()
        return {"id": self._number, verb: request}

    def _event(self) -> dict[str, Any]:
        event = envelope(self._number, collection="fuzz")
        if self.chance.random() < 0.4:
            event[self.chance.choice(("id", "type", "data", "time", "actor", "critical"))] = self._value(depth=2)
        return event

    def _value(self, *, depth: int) -> Any:
        if depth and self.chance.random() < 0.4:
            inner = [self._value(depth=depth - 1) for _ in range(self.chance.randrange(4))]
            return inner if self.chance.random() < 0.5 else {str(place): one for place, one in enumerate(inner)}
        return self.chance.choice(ODD)

    def _spoilt(self, text: str) -> str:
        """Cut, double or change a part of a good command."""
        place = self.chance.randrange(len(text))
        other = chr(self.chance.randrange(0x250))
        ways = (text[:place], text[place:], text + text[:place], text[:place] + other + text[place + 1 :])
        return self.chance.choice(ways)


async def _fuzz(url: str, fuzzer: Fuzzer, frames: int) -> int:
    """Send frames over one connection until it is closed; returns how many went."""
    sent = 0
    is_polite = fuzzer.chance.random() < 0.5
    with contextlib.suppress(ConnectionClosed, OSError, asyncio.TimeoutError):
        async with connect(url, proxy=None, max_size=None, ping_interval=None, close_timeout=2) as opened:
            reading = asyncio.create_task(_drain(opened))
            try:
                if fuzzer.chance.random() < 0.8:
                    await opened.send('{"id": 1, "connect": {}}')
                for _ in range(frames):
                    frame = fuzzer.frame(is_polite=is_polite)
                    sent += 1
                    if isinstance(frame, str) and not frame.isprintable():
                        frame = frame.encode("utf-8", "surrogatepass")
                    await opened.send(frame)
                    await asyncio.sleep(0)
                if fuzzer.chance.random() < 0.2:
                    opened.transport.write(_raw(fuzzer.chance))
                if fuzzer.chance.random() < 0.2:
                    opened.transport.abort()
            finally:
                reading.cancel()
    return sent


def _raw(chance: random.Random) -> bytes:
    """Make a frame as no WebSocket library would: without a mask, with reserved bits, with a length that lies."""
    body = chance.randbytes(20)
    return chance.choice(
        (
            bytes([0x81, len(body)]) + body,
            bytes([0xF1, 0x80 | 5]) + chance.randbytes(9),
            bytes([0x8B, 0x80 | 3]) + chance.randbytes(7),
            bytes([0x81, 0xFF]) + struct.pack(">Q", 2**62) + chance.randbytes(4),
            bytes([0x80, 0x80]) + chance.randbytes(4),
            chance.randbytes(50),
        )
    )


async def _drain(opened: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for _ in opened:
            pass


async def _talk(neighbour: Wire, is_over: asyncio.Event, *, top: int, seed: int) -> int:
    """Publish behind the `top` and hear it again, in order, until all is over; returns how often."""
    number = 0
    while not is_over.is_set() or number < 5:
        number += 1
        event = envelope(f"neighbour{seed}-{number}", collection="mine")
        assert "error" not in await neighbour.ask("publish", channel="collection:mine", data=event)
        assert (await neighbour.publication())["offset"] == top + number
    return number


async def assault(url: str, *, seed: int, frames: int) -> tuple[int, int]:
    """Send frames by several connections at once beside a neighbour; returns how many, and how often it talked."""
    fuzzer = Fuzzer(seed)
    sent = 0
    async with connect(url, proxy=None, ping_interval=None) as opened:
        neighbour = Wire(opened)
        await neighbour.ask("connect")
        top = (await neighbour.ask("subscribe", channel="collection:mine"))["subscribe"].get("offset", 0)
        is_over = asyncio.Event()
        talking = asyncio.create_task(_talk(neighbour, is_over, top=top, seed=seed))

        async def one_after_the_other() -> None:
            nonlocal sent
            while sent < frames and not talking.done():
                sent += await _fuzz(url, fuzzer, FRAMES_A_CONNECTION)

        await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
        is_over.set()
        return sent, await talking


@pytest.fixture
def gateway(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Served]:
    """Serve a gateway that doesn't mind how much comes; afterwards it must not have complained of itself."""
    with served(tmp_path, commands_per_s=1_000_000, events_per_s=1_000_000, ping_interval_s=3600) as one:
        yield one
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def _settled(gateway: Served, claim: Callable[[], Any]) -> bool:
    """Wait on the gateway's own loop until a claim holds."""

    async def wait() -> bool:
        for _ in range(1000):
            if claim():
                return True
            await asyncio.sleep(0.01)
        return False

    return asyncio.run_coroutine_threadsafe(wait(), gateway.loop).result(30)


def _assail(gateway: Served, *, seed: int, frames: int) -> None:
    url = gateway.url.replace("http", "ws") + "/connection/websocket"
    sent, talked = asyncio.run(assault(url, seed=seed, frames=frames))
    assert sent >= frames
    assert talked >= 5
    hub, gate = gateway.gateway.hub, gateway.gateway.gate
    assert _settled(gateway, lambda: not hub.members and not gate.counted), (hub.members, gate.counted)
    assert gateway.http.get("/api/health").json()["ready"] is True


@pytest.mark.no_cover  # what it repeats thousands of times is traced by others
def test_no_frames_disturb_a_neighbour(gateway: Served) -> None:
    """And nothing is left of those who sent them."""
    _assail(gateway, seed=1, frames=1_500)


@pytest.mark.soak
@pytest.mark.timeout(3000)
def test_a_hundred_thousand_frames_leave_nothing_behind() -> None:
    """The gateway's process keeps its size, its files and threads, and complains of nothing."""
    with running_gateway(extra=UNHURRIED) as process:
        url = process.base_url.replace("http", "ws") + "/connection/websocket"
        gateway = psutil.Process(process.pid)
        kept: list[tuple[int, int, int]] = []
        for seed in range(1, 11):
            sent, talked = asyncio.run(assault(url, seed=seed, frames=10_000))
            assert sent >= 10_000
            assert talked >= 5
            kept.append((gateway.memory_info().rss >> 20, gateway.num_fds(), gateway.num_threads()))
            print(f"{seed * 10_000} frames, the neighbour talked {talked} times; MiB, files, threads: {kept[-1]}")
        assert kept[-1][0] - kept[0][0] < 32
        # By the half of it each of the few threads that read has its own files open.
        assert kept[-1][1] <= kept[5][1]
        assert kept[-1][2] <= kept[5][2]
        assert httpx.get(process.base_url + "/api/health", trust_env=False).json()["ready"] is True
        assert "Traceback" not in process.output()
        assert " ERROR " not in process.output()
