"""Critical events against the real gateway: applied once and acknowledged, whoever is killed in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from realtime.client import WebSocketClient
from realtime.protocol.events import Envelope
from realtime.store import Store
from tests.client.test_gateway import until
from tests.support.processes import Process, start_gateway
from tests.support.producing import Poster, created

CONSUMER = "app-of-the-test"


class Board:
    """A gateway that reminds quickly, and clients that are all the same consumer."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        self.heard: list[str] = []
        self.gateway = self._start(None)

    def client(self, store: Store) -> WebSocketClient:
        """Make a client, connected and in sync."""
        url = f"{self.gateway.ws_url}/connection/websocket"
        client = WebSocketClient(url, http_url=self.gateway.base_url, store=store, consumer=CONSUMER)
        client.set_reconnect_options(base_s=0.02, cap_s=0.2)
        client.subscribe("*", self._hear)
        self._stack.callback(client.disconnect)
        client.connect()
        until(store, lambda: client.is_connected)
        return client

    def post(self, *events: Envelope) -> None:
        """Post events."""
        with Poster(self.gateway.base_url) as poster:
            poster.post(*events)

    def kill_and_restart(self) -> None:
        """End the gateway as `kill -9` does, and start it again on the same data and port."""
        self.gateway.kill()
        self.gateway = self._start(self.gateway.port)

    def owed(self) -> list[dict[str, Any]]:
        """Ask the gateway what the consumer should have acknowledged by now."""
        body = {"consumer": CONSUMER, "events": []}
        answer = httpx.post(f"{self.gateway.base_url}/api/ack", json=body, trust_env=False)
        found: list[dict[str, Any]] = answer.json()["criticals"]
        return found

    def _hear(self, envelope: Envelope) -> None:
        if envelope.critical:
            self.heard.append(envelope.id)

    def _start(self, port: int | None) -> Process:
        extra = {"TIDEBOARD_REDELIVER_S": "0.2"}
        gateway = self._stack.enter_context(start_gateway(self._folder / "data", port=port, extra=extra))
        gateway.wait_ready()
        return gateway


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    """Give a gateway and take it away."""
    with ExitStack() as stack:
        yield Board(tmp_path, stack)


def critical(number: int) -> Envelope:
    """Make a critical event."""
    return msgspec.structs.replace(created("orders", {"id": f"d{number}"}, event_id=f"c{number}"), critical=True)


def in_feed(store: Store) -> list[str]:
    """Return the ids of the critical events in the feed."""
    return [entry.envelope.id for entry in store.feed(limit=1000) if entry.envelope.critical]


def test_what_is_delivered_is_acknowledged(board: Board) -> None:
    """Nothing is owed then, and nothing comes twice."""
    store = Store()
    board.client(store)
    board.post(*(critical(number) for number in range(1, 51)))
    until(store, lambda: len(board.heard) == 50)
    until(store, lambda: not board.owed())
    assert board.heard == [f"c{number}" for number in range(1, 51)]
    assert len(in_feed(store)) == 50


def test_what_a_new_apps_snapshot_skips_still_reaches_its_people(board: Board) -> None:
    """The app was down; since then more happened than it loads of the history."""
    board.client(Store()).disconnect()
    board.post(critical(1))
    board.post(*(created("orders", {"id": f"o{number}"}) for number in range(600)))
    board.post(critical(2))
    store = Store()
    board.client(store)
    until(store, lambda: sorted(board.heard) == ["c1", "c2"])
    until(store, lambda: not board.owed())
    assert sorted(in_feed(store)) == ["c1", "c2"]
    assert len(board.heard) == 2
    assert store.collection("orders").documents.keys() >= {"d1", "d2", "o0", "o599"}


def test_a_killed_gateway_costs_no_critical_event_and_repeats_none(board: Board) -> None:
    """Again and again, with events before, between and after."""
    store = Store()
    client = board.client(store)
    for number in range(1, 5):
        board.post(critical(10 * number))
        board.kill_and_restart()
        board.post(critical(10 * number + 1))
    until(store, lambda: len(board.heard) == 8)
    until(store, lambda: client.is_connected and not board.owed())
    assert board.heard == [f"c{10 * number + more}" for number in range(1, 5) for more in (0, 1)]
    assert len(in_feed(store)) == 8
