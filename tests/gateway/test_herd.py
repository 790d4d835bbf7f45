"""A herd that was cut at one moment comes back: soon, in good order, nobody starved, and nothing read twice for it."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from realtime.gateway.log import HistoryPage
from realtime.gateway.ports import Log
from realtime.gateway.sharing import SharedReads
from realtime.gateway.socket import Socket
from realtime.hub import Granted
from realtime.hub.door import AT_ONCE, BURST, PER_S
from tests.gateway.making import log_class
from tests.gateway.sockets import Line, line
from tests.hub.making import Wire, dialled, in_loop
from tests.support.engines import on_each_engine

pytestmark = on_each_engine

ORDERS = "collection:orders"
WITHIN_S = 5.0


class Herd:
    """Clients that all follow one channel, and dial again the moment they are cut."""

    def __init__(self, running: Line, size: int) -> None:
        self._running = running
        self._size = size
        self.synced: list[float] = []
        self.offsets: list[list[int]] = []

    async def gather(self, *, since: int | None) -> None:
        """Dial all at once, and wait until all are in sync; they stay until they are cut."""
        self.synced.clear()
        self.offsets.clear()
        self._all_synced = asyncio.Event()
        self._may_go = asyncio.Event()
        self._tasks = [asyncio.create_task(self._live(since)) for _ in range(self._size)]
        done, _ = await asyncio.wait(
            [asyncio.create_task(self._all_synced.wait()), *self._tasks], return_when=asyncio.FIRST_COMPLETED
        )
        for task in done:
            task.result()  # one that fell over says why

    async def scatter(self) -> None:
        """Cut every connection at one moment."""
        self._may_go.set()
        self._running.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _live(self, since: int | None) -> None:
        async with dialled(self._running.url, open_timeout=30) as wire:
            self.offsets.append(await self._subscribe(wire, since))
            self.synced.append(time.monotonic())
            if len(self.synced) == self._size:
                self._all_synced.set()
            await self._may_go.wait()

    async def _subscribe(self, wire: Wire, since: int | None) -> list[int]:
        epoch = self._running.gateway.log.position(ORDERS).epoch
        request: dict[str, Any] = {} if since is None else {"recover": True, "epoch": epoch, "offset": since}
        reply = (await wire.ask("subscribe", channel=ORDERS, **request))["subscribe"]
        assert since is None or reply.get("recovered"), reply
        return [one["offset"] for one in reply.get("publications", [])]


def watch_connects(monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], list[int]]:
    """Write down when each connection is asked about, and how many are at a time."""
    moments: list[float] = []
    under_way = [0]
    deepest = [0]
    connect = Socket.connect

    async def watched(self: Socket, *arguments: Any) -> Granted:
        moments.append(time.monotonic())
        under_way[0] += 1
        deepest[0] = max(deepest[0], under_way[0])
        try:
            await asyncio.sleep(0)
            return await connect(self, *arguments)
        finally:
            under_way[0] -= 1

    monkeypatch.setattr(Socket, "connect", watched)
    return moments, deepest


def watch_reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Write down what is read of the streams."""
    reads: list[str] = []
    read = log_class().read

    def watched(self: Log, channel: str, **options: Any) -> HistoryPage:
        reads.append(channel)
        return read(self, channel, **options)

    monkeypatch.setattr(log_class(), "read", watched)
    return reads


async def stampede(folder: Path, size: int, monkeypatch: pytest.MonkeyPatch) -> float:
    """Gather a herd, cut it, let it come back; returns how long that took, in seconds."""
    moments, deepest = watch_connects(monkeypatch)
    async with line(folder) as running:
        await running.store(*range(1, 11))
        herd = Herd(running, size)
        await herd.gather(since=None)
        await herd.scatter()
        await running.store(*range(11, 61))
        reads = watch_reads(monkeypatch)
        moments.clear()
        started = time.monotonic()
        await herd.gather(since=10)
        took_s = max(herd.synced) - started
        assert len(herd.offsets) == size
        assert all(offsets == list(range(11, 61)) for offsets in herd.offsets)
        assert len(reads) == 1
        assert deepest[0] <= AT_ONCE
        assert len(moments) == size
        last_of_first = [moment - moments[0] for moment in moments]
        for number, after_s in enumerate(last_of_first):
            # Whatever comes: no more than the burst and the rate let in by then. The clock may be read a little late.
            assert number + 1 <= BURST + PER_S * after_s + 2
        await herd.scatter()
    return took_s


@in_loop
async def test_a_small_herd_is_back_in_sync_at_once(tmp_path: Path) -> None:
    """Sixty: less than the burst."""
    with pytest.MonkeyPatch.context() as patch:
        assert await stampede(tmp_path, 60, patch) < WITHIN_S


@pytest.mark.soak
@in_loop
async def test_five_hundred_cut_at_once_are_back_in_sync_within_five_seconds(tmp_path: Path) -> None:
    """The herd of the acceptance, server and clients in one process."""
    with pytest.MonkeyPatch.context() as patch:
        took_s = await stampede(tmp_path, 500, patch)
    print(f"500 clients in sync after {took_s:.2f} s")
    assert took_s < WITHIN_S


@in_loop
async def test_who_asks_for_the_same_shares_one_reading() -> None:
    """Unless it began too early for somebody; what goes wrong goes wrong for all, and the next one asks anew."""
    shared: SharedReads[int] = SharedReads()
    gates = [asyncio.Event(), asyncio.Event()]
    begun: list[int] = []

    async def read() -> int:
        number = len(begun)
        begun.append(number)
        await gates[number].wait()
        return number

    async def ask(least: int) -> int:
        return await shared.read("x", read, is_fresh=lambda found: found >= least)

    first = [asyncio.create_task(ask(0)) for _ in range(5)]
    picky = asyncio.create_task(ask(1))
    other = asyncio.create_task(shared.read("y", lambda: asyncio.sleep(0, 7), is_fresh=bool))
    assert await other == 7
    first[0].cancel()
    gates[0].set()
    assert await asyncio.gather(*first[1:]) == [0] * 4
    gates[1].set()
    assert await picky == 1
    assert await ask(1) == 1
    assert begun == [0, 1]

    async def fail() -> int:
        raise ValueError("no")

    for _ in range(2):
        with pytest.raises(ValueError, match="no"):
            await shared.read("z", fail, is_fresh=lambda _: True)


@in_loop
async def test_only_the_last_few_readings_are_kept() -> None:
    """Whatever was used longest ago goes first."""
    shared: SharedReads[str] = SharedReads(kept=2)
    begun: list[str] = []

    async def ask(key: str) -> None:
        async def read() -> str:
            begun.append(key)
            return key

        assert await shared.read(key, read, is_fresh=lambda _: True) == key

    for key in "abacabc":
        await ask(key)
    assert begun == ["a", "b", "c", "b", "c"]
