"""Reconnects leak nothing: no thread, socket, file or memory, in the client and in the gateway."""

from __future__ import annotations

import gc
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from realtime.client import WebSocketClient
from realtime.store import Store
from tests.support.faults import Fault, FaultKind, FaultProxy
from tests.support.processes import Process, start_gateway
from tests.support.producing import Poster, numbered
from tests.support.waiting import until

WARM_UP = 12
"""Reconnects until everything that is made once and kept has been made."""

ENDINGS = (FaultKind.CUT, FaultKind.RESET, FaultKind.HALF_CLOSE)


@dataclass(frozen=True)
class Holdings:
    """What a process holds that could leak."""

    threads: int
    descriptors: int
    sockets: int
    files: int


class World:
    """A gateway in a process of its own, a proxy before it, and a client and store in this one."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.gateway: Process = stack.enter_context(start_gateway(folder / "data"))
        self.gateway.wait_ready()
        self.proxy = stack.enter_context(FaultProxy(self.gateway.port))
        self.poster = stack.enter_context(Poster(self.gateway.base_url))
        self.store = Store()
        url = f"{self.proxy.ws_url}/connection/websocket"
        self.client = WebSocketClient(url, http_url=self.proxy.base_url, store=self.store)
        self.client.set_reconnect_options(base_s=0.01, cap_s=0.01)
        stack.callback(self.client.disconnect)
        self.turns = 0

    def connect(self) -> None:
        """Connect, with a collection to follow."""
        self.poster.post(*numbered("orders", range(100)))
        self.client.connect()
        self.settle()

    def reconnect(self, times: int) -> None:
        """End the connection in one way after the other, and wait each time until all is in sync again."""
        for _ in range(times):
            self.turns += 1
            dials = self.store.connection.dials
            self.proxy.begin(Fault(0, ENDINGS[self.turns % len(ENDINGS)]))
            until(lambda dials=dials: self.store.connection.dials > dials, what="a dial")  # type: ignore[misc]
            self.settle()

    def settle(self) -> None:
        """Wait until the newest event of the gateway is here: an event that is posted only now."""
        number = 1000 + self.turns
        self.poster.post(*numbered("orders", [number]))
        identifier = f"d{number:06d}"
        until(lambda: self.store.document("orders", identifier) is not None, what=f"the document {identifier}")
        until(lambda: self.client.is_connected, what="the client in sync")

    def holdings(self) -> Holdings:
        """Count what this process and its folders hold, once what has ended is put away."""
        gc.collect()
        here = psutil.Process()
        return Holdings(
            threads=threading.active_count(),
            descriptors=here.num_fds(),
            sockets=len(here.net_connections()),
            files=len(list(self.folder.rglob("*"))),
        )

    def gateway_holdings(self) -> tuple[int, int]:
        """Count threads and descriptors of the gateway."""
        there = psutil.Process(self.gateway.pid)
        return there.num_threads(), there.num_fds()


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give the processes and take them away. What either puts into the folder for temporary files lies in ours."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def check(world: World, *, times: int, grown_bytes: int) -> None:
    """Reconnect so many times after a warm-up; fail when anything has become more, or memory by more than that."""
    world.connect()
    world.reconnect(WARM_UP)
    before, gateway_before = world.holdings(), world.gateway_holdings()
    tracemalloc.start()
    try:
        world.reconnect(WARM_UP)
        gc.collect()
        base = tracemalloc.get_traced_memory()[0]
        world.reconnect(times)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - base
    finally:
        tracemalloc.stop()
    until(lambda: _is_no_more(world.holdings(), before), what=f"as little as before ({before})")
    until(
        lambda: all(now <= then for now, then in zip(world.gateway_holdings(), gateway_before, strict=True)),
        what=f"as little in the gateway as before {gateway_before}",
    )
    assert grown < grown_bytes
    assert world.store.connection.reconnects >= times


def _is_no_more(now: Holdings, then: Holdings) -> bool:
    return (
        now.threads <= then.threads
        and now.descriptors <= then.descriptors
        and now.sockets <= then.sockets
        and now.files <= then.files
    )


def test_sixty_reconnects_leak_nothing(world: World) -> None:
    """Cut, reset and half-closed in turn."""
    check(world, times=60, grown_bytes=1_000_000)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_two_hours_of_reconnects_leak_nothing(world: World) -> None:
    """Seven hundred: one each ten seconds, for two hours. The feed and the timeline are bounded, and full by then."""
    check(world, times=700, grown_bytes=4_000_000)
