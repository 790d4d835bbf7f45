"""Client and outbox against the real gateway while it is killed and restarted: stored once each, in order."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path

import pytest

from realtime.client import Ack, Outbox, WebSocketClient
from realtime.client.outbox_file import FILE_NAME
from realtime.errors import ConflictError
from realtime.store import OutboxState, Store
from tests.support.processes import Process, start_gateway
from tests.support.producing import Poster, created, updated
from tests.support.waiting import until

WAIT_S = 60.0


class World:
    """A gateway on data that outlive it, and a client with an outbox."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.gateway = self._start(None)
        self.store = Store()
        self.outbox = Outbox.open(folder / FILE_NAME, on_change=self.store.set_outbox)
        stack.callback(self.outbox.close)
        self.client = WebSocketClient(
            f"{self.gateway.ws_url}/connection/websocket", http_url=self.gateway.base_url, store=self.store,
            outbox=self.outbox,
        )  # fmt: skip
        self.client.set_reconnect_options(cap_s=0.2)
        stack.callback(self.client.disconnect)

    def connect(self) -> None:
        """Connect, and wait until all is in sync."""
        self.client.connect()
        until(lambda: self.client.is_connected, what="a connection")

    def restart(self) -> None:
        """Start the gateway again on the same data and port."""
        self.gateway = self._start(self.gateway.port)

    def until_outbox(self, claim: Callable[[list[OutboxState]], bool]) -> None:
        """Wait until a claim about the entries' states holds."""
        until(lambda: claim([entry.state for entry in self.store.outbox]), what="the outbox's states")

    def _start(self, port: int | None) -> Process:
        gateway = self._stack.enter_context(start_gateway(self._folder / "data", port=port))
        gateway.wait_ready()
        return gateway


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a gateway and a client, and take them away."""
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def test_emits_during_kills_of_the_gateway_are_stored_once_and_in_order(world: World) -> None:
    """Answers get lost with the gateway; the repeats find what is stored already."""
    world.connect()
    futures: list[Future[Ack]] = []
    for turn in range(2):
        fill = threading.Thread(
            target=lambda turn=turn: futures.extend(
                world.client.send(updated("orders", {"id": f"d{number % 4}", "value": turn * 1000 + number}))
                for number in range(150)
            )
        )
        fill.start()
        until(lambda turn=turn: len(futures) > turn * 150 + 40, what="emits")  # type: ignore[misc]
        world.gateway.kill()
        fill.join()
        world.restart()
    offsets = [future.result(WAIT_S).position.offset for future in futures]
    assert sorted(offsets) == list(range(1, 301))
    for document in range(4):
        mine = [offset for index, offset in enumerate(offsets) if index % 150 % 4 == document]
        assert mine == sorted(mine)
    with Poster(world.gateway.base_url) as poster:
        assert poster.history("orders") == list(range(1, 301))


def test_an_edit_of_a_document_created_offline_finds_its_version(world: World) -> None:
    """And one made without having seen what waited meets the conflict it should."""
    first = world.client.send(created("orders", {"id": "a", "n": 1}), expected_offset=0)
    world.until_outbox(lambda states: states == [OutboxState.PENDING])
    waiting = world.store.outbox[0].number
    second = world.client.send(updated("orders", {"id": "a", "n": 2}), expected_offset=0, follows=waiting)
    unseen = world.client.send(updated("orders", {"id": "a", "n": 9}), expected_offset=0)
    world.connect()
    assert [first.result(WAIT_S).position.offset, second.result(WAIT_S).position.offset] == [1, 2]
    assert isinstance(unseen.exception(WAIT_S), ConflictError)
    world.until_outbox(lambda states: states[-1:] == [OutboxState.REFUSED])
    until(lambda: world.store.document("orders", "a") is not None, what="the document")
    state = world.store.document("orders", "a")
    assert state is not None
    assert state.document == {"id": "a", "n": 2}
