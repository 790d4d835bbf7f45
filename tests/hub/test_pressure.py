"""The hub under load: order, slow and frozen clients, and nothing left behind."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
import weakref
from contextlib import AsyncExitStack

import pytest

from realtime.hub import Member, OutPublication
from realtime.metrics import REGISTRY
from realtime.protocol.codes import DisconnectCode
from tests.hub.making import Served, Wire, dialled, eventually, in_loop, serving

BIG = b'"' + b"x" * 20_000 + b'"'


class Frozen:
    """A client that subscribes and then reads nothing, with a small receive buffer."""

    def __init__(self, served: Served) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.setblocking(False)
        self._address = served.url.removeprefix("ws://").removesuffix("/ws").split(":")

    async def subscribe(self, *channels: str) -> None:
        """Dial, and say connect and subscribe in one frame."""
        loop = asyncio.get_running_loop()
        await loop.sock_connect(self._socket, (self._address[0], int(self._address[1])))
        head = (
            "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        )
        await loop.sock_sendall(self._socket, f"{head}Sec-WebSocket-Key: {'A' * 22}==\r\n\r\n".encode())
        await loop.sock_recv(self._socket, 4096)
        lines = ['{"id":1,"connect":{}}']
        lines += [f'{{"id":{number},"subscribe":{{"channel":"{name}"}}}}' for number, name in enumerate(channels, 2)]
        text = "\n".join(lines).encode()
        assert len(text) < 126
        mask = bytes([0x81, 0x80 | len(text), 0, 0, 0, 0])
        await loop.sock_sendall(self._socket, mask + text)

    async def read_until(self, code: int) -> None:
        """Thaw, and read until a close frame with `code`."""
        loop = asyncio.get_running_loop()
        read = bytearray()
        while code.to_bytes(2, "big") not in read[-200:]:
            part = await loop.sock_recv(self._socket, 1 << 20)
            assert part, "closed without a code"
            read += part

    def close(self) -> None:
        """Vanish."""
        self._socket.close()


def counted(name: str, hub: str) -> float:
    """Read a counter of a hub."""
    return REGISTRY.get_sample_value(f"{name}_total", {"hub": hub}) or 0.0


@in_loop
async def test_publications_arrive_in_order_at_everyone() -> None:
    """Several publishers at once; every subscriber sees the same unbroken sequence."""
    async with (
        serving() as served,
        dialled(served.url) as one,
        dialled(served.url) as two,
        dialled(served.url) as three,
    ):
        wires = [one, two, three]
        for wire in wires:
            await wire.ask("subscribe", channel="a")

        async def publish(wire: Wire, name: int) -> None:
            await wire.say(*({"id": 1000 + n, "publish": {"channel": "a", "data": [name, n]}} for n in range(100)))

        await asyncio.gather(*(publish(wire, name) for name, wire in enumerate(wires)))
        seen = [[await wire.publication() for _ in range(300)] for wire in wires]
        assert [each["offset"] for each in seen[0]] == list(range(1, 301))
        assert seen[0] == seen[1] == seen[2]
        for name in range(3):
            assert [data[1] for each in seen[0] if (data := each["data"])[0] == name] == list(range(100))


@in_loop
async def test_a_burst_goes_out_in_few_messages() -> None:
    """The first at once, the rest of the same turn together."""
    async with serving() as served, dialled(served.url) as wire:
        await wire.ask("subscribe", channel="a")
        wire.messages.clear()
        for number in range(500):
            served.backend.add("a", str(number).encode())
        assert [(await wire.publication())["data"] for _ in range(500)] == list(range(500))
        assert len(wire.messages) == 2


@pytest.mark.parametrize("is_straight", [True, False])
@in_loop
async def test_a_frozen_client_delays_nobody_and_is_closed_as_slow(is_straight: bool) -> None:
    """Its queue is bounded; the others get everything at once. By the straight way as by ASGI."""
    name = f"frozen {is_straight}"
    serves = serving(name=name, queue_bytes=200_000, is_straight=is_straight)
    async with serves as served, dialled(served.url) as wire:
        await wire.ask("subscribe", channel="a")
        frozen = Frozen(served)
        await frozen.subscribe("a")
        await eventually(lambda: len(served.hub.subscribers("a")) == 2)
        worst_s = 0.0
        for number in range(1000):
            started = time.perf_counter()
            served.backend.add("a", BIG)
            assert (await wire.publication())["offset"] == number + 1
            worst_s = max(worst_s, time.perf_counter() - started)
            assert max(member.backlog_bytes for member in served.hub.members) < 400_000
            if len(served.hub.subscribers("a")) == 1:
                break
        assert len(served.hub.subscribers("a")) == 1
        assert counted("tideboard_slow_closed", name) == 1
        assert worst_s < 1.0
        await frozen.read_until(DisconnectCode.SLOW)
        frozen.close()
        await eventually(lambda: len(served.hub.members) == 1)


@in_loop
async def test_one_frozen_client_among_two_hundred_costs_the_others_nothing() -> None:
    """All 199 get every event, each at once, while what waits for the frozen one is bounded; then it is closed as slow.

    The frozen one is jammed by a channel that only it hears, so that the others carry no more than their own.
    """
    limit_bytes, others, events = 100_000, 199, 60
    async with serving(name="two hundred", queue_bytes=limit_bytes) as served, AsyncExitStack() as stack:
        wires = [await stack.enter_async_context(dialled(served.url)) for _ in range(others)]
        await asyncio.gather(*(wire.ask("subscribe", channel="a") for wire in wires))
        frozen = Frozen(served)
        await frozen.subscribe("jam", "a")
        await eventually(lambda: len(served.hub.subscribers("jam")) == 1)
        [stuck] = served.hub.subscribers("jam")
        while not stuck.backlog_bytes:
            served.backend.add("jam", BIG)
            await asyncio.sleep(0)
        deepest = 0
        for number in range(1, events + 1):
            served.backend.add("a", b"1")
            deepest = max(deepest, stuck.backlog_bytes)
            # Delivered before the next one is published: nobody waits for the frozen one to be given up on.
            offsets = {(await wire.publication())["offset"] for wire in wires}
            assert offsets == {number}
        assert stuck in served.hub.subscribers("a")
        assert 0 < deepest <= limit_bytes + len(BIG) + 1000
        while not stuck.is_closed:
            served.backend.add("jam", BIG)
            deepest = max(deepest, stuck.backlog_bytes)
            await asyncio.sleep(0)
        served.backend.add("a", b"1")
        assert {(await wire.publication())["offset"] for wire in wires} == {events + 1}
        assert deepest <= limit_bytes + len(BIG) + 1000
        assert counted("tideboard_slow_closed", "two hundred") == 1
        await frozen.read_until(DisconnectCode.SLOW)
        frozen.close()
        assert len(served.hub.subscribers("a")) == others


@in_loop
async def test_what_may_wait_goes_together_when_the_turn_ends() -> None:
    """The publications of several channels, in the order they were given, as one message."""
    async with serving() as served, dialled(served.url) as wire:
        for channel in "abc":
            await wire.ask("subscribe", channel=channel)
        wire.messages.clear()
        for number, channel in enumerate("abca"):
            served.hub.broadcast(channel, OutPublication(b"%d" % number), may_wait=True)
        assert [(await wire.publication())["data"] for _ in range(4)] == [0, 1, 2, 3]
        assert len(wire.messages) == 1


@in_loop
async def test_an_event_alone_goes_out_alone_and_at_once() -> None:
    """Nobody waits for a batch to fill; each is a message of its own, sent in the turn it was published."""
    async with serving() as served, dialled(served.url) as wire:
        await wire.ask("subscribe", channel="a")
        [member] = served.hub.subscribers("a")
        for number in range(1, 6):
            wire.messages.clear()
            served.backend.add("a", b"1")
            assert member.backlog_bytes == 0, "it was given to the socket before `add` returned"
            assert (await wire.publication())["offset"] == number
            assert len(wire.messages) == 1


@in_loop
async def test_what_has_a_position_is_never_coalesced() -> None:
    """Not even where the backend would allow it: a dropped offset looks like a gap. Critical events all have one."""
    async with serving(queue_bytes=10_000_000) as served, dialled(served.url) as wire:
        await wire.ask("subscribe", channel="a")
        wire.socket.transport.pause_reading()
        [member] = served.hub.subscribers("a")
        total = 0
        while not member.backlog_bytes or total < 400:
            total += 1
            served.hub.broadcast("a", OutPublication(BIG, offset=total, key="k", can_coalesce=True))
            await asyncio.sleep(0)
        wire.socket.transport.resume_reading()
        assert [(await wire.publication())["offset"] for _ in range(total)] == list(range(1, total + 1))


@in_loop
async def test_bytes_and_the_deepest_queue_are_told_to_the_metrics() -> None:
    """Every second, and when the last connection goes."""
    async with serving(name="bytes", queue_bytes=10_000_000) as served:
        async with dialled(served.url) as wire:
            await wire.ask("subscribe", channel="a")
            for _ in range(50):
                served.backend.add("a", BIG)
            for _ in range(50):
                await wire.publication()
        await eventually(lambda: not served.hub.members)
        assert counted("tideboard_hub_bytes_out", "bytes") > 50 * len(BIG)
        assert counted("tideboard_hub_bytes_in", "bytes") > 40
        deepest = REGISTRY.get_sample_value("tideboard_queue_deepest_bytes", {"hub": "bytes"})
        assert deepest is not None
        assert deepest > len(BIG)


@in_loop
async def test_a_client_that_is_merely_behind_catches_up_in_batches() -> None:
    """Nothing lost, in order, several lines a message."""
    async with serving(queue_bytes=10_000_000) as served, dialled(served.url) as wire:
        await wire.ask("subscribe", channel="a")
        wire.socket.transport.pause_reading()
        total = 0
        while not any(member.backlog_bytes for member in served.hub.members):
            for _ in range(20):
                served.backend.add("a", BIG)
                total += 1
            await asyncio.sleep(0)
        for _ in range(200):
            served.backend.add("a", b"1")
        wire.socket.transport.resume_reading()
        seen = [(await wire.publication())["offset"] for _ in range(total + 200)]
        assert seen == list(range(1, total + 201))
        assert len(wire.messages) < total + 200


@in_loop
async def test_updates_without_a_position_are_coalesced_for_who_is_behind() -> None:
    """The newest of each key arrives, the client isn't closed, and the dropped ones are counted."""
    async with serving(name="coalescing", queue_bytes=100_000) as served:
        async with dialled(served.url) as wire:
            await wire.ask("subscribe", channel="plain")
            wire.socket.transport.pause_reading()
            for number in range(3000):
                padded = b'[%d,"%s"]' % (number, b"x" * 20_000)
                served.hub.broadcast("plain", OutPublication(padded, key="k", can_coalesce=True))
                await asyncio.sleep(0)
            served.hub.broadcast("plain", OutPublication(b"[3000]", key="k", can_coalesce=True))
            wire.socket.transport.resume_reading()
            seen = [0]
            while seen[-1] != 3000:
                seen.append((await wire.publication())["data"][0])
            assert seen == sorted(seen)
            assert len(seen) < 3000
            assert not next(iter(served.hub.members)).is_closed
        await eventually(lambda: counted("tideboard_coalesced", "coalescing") > 0)


@in_loop
async def test_too_much_while_joining_ends_the_connection() -> None:
    """The buffer of a join is bounded, too."""
    async with serving(queue_bytes=50_000) as served, dialled(served.url) as wire:
        served.backend.asked.clear()
        served.backend.may_answer.clear()
        await wire.say({"id": 5, "subscribe": {"channel": "a"}})
        await served.backend.asked.wait()
        for _ in range(5):
            served.backend.add("a", BIG)
        assert await wire.end() == (DisconnectCode.SLOW, "slow")
        served.backend.may_answer.set()
        await eventually(lambda: served.backend.left == ["a"])


@in_loop
async def test_shutdown_does_not_wait_for_a_frozen_client() -> None:
    """Under two seconds, whatever the peer does."""
    async with serving(queue_bytes=10_000_000) as served:
        frozen = Frozen(served)
        await frozen.subscribe("a")
        await eventually(lambda: len(served.hub.subscribers("a")) == 1)
        while not any(member.backlog_bytes for member in served.hub.members):
            served.backend.add("a", BIG)
            await asyncio.sleep(0)
        started = time.monotonic()
        await served.hub.shutdown()
        assert time.monotonic() - started < 2
        await eventually(lambda: not served.hub.members)
        frozen.close()


@in_loop
async def test_connections_that_went_leave_nothing_behind() -> None:
    """Closed, cut off, or hung up: no connection object, no channel, no task stays."""
    async with serving(name="leaks") as served:
        tasks_before = len(asyncio.all_tasks())
        born: list[weakref.ref[Member]] = []
        for round_ in range(10):
            wires = []
            for number in range(10):
                wire = await dial(served)
                await wire.ask("subscribe", channel=f"c{number}", join_leave=True)
                wires.append(wire)
            born += [weakref.ref(member) for member in served.hub.members]
            if round_ % 2:
                served.cut()
            for wire in wires:
                await wire.socket.close()
            await eventually(lambda: not served.hub.members)
        assert list(served.hub.channels()) == []
        assert len(served.backend.gone) == 100
        assert len(served.backend.left) == 100
        served.backend.gone.clear()
        assert REGISTRY.get_sample_value("tideboard_connections", {"hub": "leaks"}) == 0
        await eventually(lambda: len(asyncio.all_tasks()) <= tasks_before + 1)
        await eventually(lambda: gc.collect() >= 0 and not any(one() for one in born))


async def dial(served: Served) -> Wire:
    """Dial and connect, without a context."""
    return await dialled(served.url).__aenter__()
