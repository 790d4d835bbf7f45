"""Thousands of idle sockets from one address: they get their share and no more, and others go on as before."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from websockets.asyncio.client import connect

from realtime.bench.process import Process
from tests.gateway.herd_process import KINDS
from tests.gateway.making import envelope
from tests.hub.making import Wire
from tests.support.processes import running_gateway

MANY: Final = 5_000
FEW: Final = 60
PAUSE_S: Final = 0.02
SHARE: Final = {"bare": 1.0, "half-head": 1.0, "websocket": 0.25}
"""How much of `connections_per_address` sockets get that say nothing: a quarter, once they are WebSockets."""


async def _live(base_url: str, port: int, kind: str, many: int) -> tuple[int, list[float]]:
    """Post events and hear them over a socket while a herd sits down; returns how many of it were turned away.

    And how long each event took from the POST to the push, in seconds.
    """
    took: list[float] = []
    command = (sys.executable, "-m", "tests.gateway.herd_process", str(port), kind, str(many))
    url = base_url.replace("http", "ws") + "/connection/websocket"
    http = httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=30)
    async with http, connect(url, proxy=None) as opened:
        wire = Wire(opened)
        await wire.ask("connect")
        await wire.ask("subscribe", channel="collection:orders")
        root = Path(__file__).parents[2]
        herd = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=root)
        counting = asyncio.create_task(herd.communicate())
        while not counting.done():
            began = time.perf_counter()
            assert (await http.post("/api/events", json=envelope(f"{kind}{began}"))).status_code == 200
            await wire.publication()
            took.append(time.perf_counter() - began)
            await asyncio.sleep(PAUSE_S)
    return int((await counting)[0]), took


@pytest.fixture(scope="module")
def small() -> Iterator[Process]:
    """Run a gateway that lets an address have few connections."""
    with running_gateway(extra={"TIDEBOARD_CONNECTIONS_PER_ADDRESS": "20"}) as process:
        yield process


@pytest.mark.parametrize("kind", KINDS)
def test_idle_sockets_get_their_share_and_no_more(small: Process, kind: str) -> None:
    """And somebody at another address posts and hears meanwhile."""
    port = int(small.base_url.rpartition(":")[2])
    turned_away, took = asyncio.run(_live(small.base_url, port, kind, FEW))
    assert turned_away == FEW - int(20 * SHARE[kind])
    assert took


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_five_thousand_idle_sockets_get_their_share_and_no_more() -> None:
    """With the limits as they come; what somebody else sees of it is printed."""
    with running_gateway() as process:
        port = int(process.base_url.rpartition(":")[2])
        for kind, many in [("bare", 0), *((kind, MANY) for kind in KINDS)]:
            turned_away, took = asyncio.run(_live(process.base_url, port, kind, many))
            ordered = [1000 * one for one in sorted(took)]
            p50, p95 = ordered[len(took) // 2], ordered[int(len(took) * 0.95)]
            print(f"{many} {kind}: {turned_away} turned away; {len(took)} events, p50 {p50:.1f} ms, p95 {p95:.1f} ms")
            assert turned_away == max(0, many - int(2_000 * SHARE[kind]))
