"""The client and the store against the real gateway, in a process of its own that gets killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from realtime.client import WebSocketClient
from realtime.errors import ConflictError, TideboardError
from realtime.protocol.events import Envelope
from realtime.store import Store
from tests.support.processes import Process, start_gateway
from tests.support.producing import Poster, created, deleted, numbered, updated

WAIT_S = 30.0
CHANNEL = "collection:orders"


class World:
    """A real gateway on a data folder that outlives it, and clients of it."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.gateway = self._start(None)
        self.poster = stack.enter_context(Poster(self.gateway.base_url))

    def client(self, store: Store) -> WebSocketClient:
        """Make a client that is ended with the test."""
        url = f"{self.gateway.ws_url}/connection/websocket"
        client = WebSocketClient(url, http_url=self.gateway.base_url, store=store)
        client.set_reconnect_options(cap_s=0.2)
        self.stack.callback(client.disconnect)
        client.connect()
        until(store, lambda: client.is_connected)
        return client

    def kill_and_restart(self) -> None:
        """End the gateway as `kill -9` does, and start it again on the same data and port."""
        self.gateway.kill()
        self.gateway = self._start(self.gateway.port)
        self.poster = self.stack.enter_context(Poster(self.gateway.base_url))

    def top(self, collection: str) -> int:
        """Return the offset of a collection's newest event."""
        offset: int = self.poster.get(f"/api/collections/{collection}/documents", limit=1)["position"]["offset"]
        return offset

    def _start(self, port: int | None) -> Process:
        gateway = self.stack.enter_context(start_gateway(self.folder / "data", port=port))
        gateway.wait_ready()
        return gateway


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Give a gateway and take it away."""
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def until(store: Store, claim: Callable[[], bool]) -> None:
    """Wait for changes of the store until a claim holds."""
    deadline, tick = time.monotonic() + WAIT_S, -1
    while not claim():
        assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s; {store.connection}"
        tick, _ = store.wait_for_changes(tick, timeout_s=0.05)


def held(store: Store, collection: str = "orders") -> dict[str, object]:
    """Return the documents a store holds."""
    return {key: state.document for key, state in store.collection(collection).documents.items()}


def _mixed(start: int, count: int) -> list[Envelope]:
    events = []
    for number in range(start, start + count):
        document = {"id": f"d{number % 700}", "value": number}
        if number % 11 == 10:
            events.append(deleted("orders", str(document["id"])))
        else:
            events.append((updated if number % 3 else created)("orders", document))
    return events


def test_twenty_thousand_events_as_fast_as_they_go(world: World) -> None:
    """The store's documents equal the gateway's, every event was applied, and no position was skipped."""
    store, offsets = Store(), [0]
    client = world.client(store)
    for start in range(0, 20_000, 1000):
        world.poster.post(*_mixed(start, 1000))
        position = store.position(CHANNEL)
        offsets.append(position.offset if position else 0)
    until(store, lambda: (position := store.position(CHANNEL)) is not None and position.offset == 20_000)
    until(store, lambda: client.is_connected)
    assert held(store) == world.poster.documents("orders")
    assert store.totals()["collection:orders"] == 20_000
    assert store.totals()["duplicates"] == 0
    assert offsets == sorted(offsets)
    assert store.connection.reason is None


def test_a_killed_gateway_is_resumed_without_a_gap(world: World) -> None:
    """What was posted while nobody could hear comes by recovery; every event is in the feed once."""
    store = Store()
    client = world.client(store)
    world.poster.post(*numbered("orders", range(50)))
    until(store, lambda: len(held(store)) == 50)
    world.kill_and_restart()
    world.poster.post(*numbered("orders", range(50, 120)))
    until(store, lambda: len(held(store)) == 120 and client.is_connected)
    assert held(store) == world.poster.documents("orders")
    assert store.totals()["collection:orders"] == 120
    offsets = [entry.offset for entry in store.feed(limit=500, channels=(CHANNEL,))]
    assert offsets == list(range(120, 0, -1))
    assert store.connection.reconnects == 1
    assert [entry.envelope.type for entry in store.feed(channels=("connection",))] == [
        "connection:restored",
        "connection:lost",
        "connection:established",
    ]


def test_kills_during_ingest_leave_the_store_equal_to_the_gateway(world: World) -> None:
    """Whatever was answered before a kill is there after it, here as there."""
    store = Store()
    client = world.client(store)
    for turn in range(2):
        stop = threading.Event()

        def ingest(first: int = turn * 100_000, stop: threading.Event = stop) -> None:
            number = first
            while not stop.is_set():
                try:
                    world.poster.post(*_mixed(number, 50))
                except Exception:  # the gateway died under it, which is the point
                    return
                number += 50

        producer = threading.Thread(target=ingest)
        producer.start()
        seen = store.sequence
        until(store, lambda seen=seen: store.sequence > seen + 300)  # type: ignore[misc]
        world.kill_and_restart()
        stop.set()
        producer.join()
    world.poster.post(created("orders", {"id": "last", "value": 1}))
    top = world.top("orders")
    until(store, lambda: (position := store.position(CHANNEL)) is not None and position.offset == top)
    until(store, lambda: client.is_connected)
    assert held(store) == world.poster.documents("orders")
    assert store.totals()["collection:orders"] == top


def test_a_new_process_doesnt_replay_the_log(world: World) -> None:
    """Documents by snapshot, in pages; of the events only the newest, for the feed."""
    for start in range(0, 3000, 1000):
        world.poster.post(*numbered("orders", range(start, start + 1000)))
    store = Store()
    world.client(store)
    assert held(store) == world.poster.documents("orders")
    assert len(held(store)) == 3000
    assert store.sequence == 200 + 1
    assert [entry.offset for entry in store.feed(limit=2, channels=(CHANNEL,))] == [3000, 2999]


def test_a_snapshot_taken_during_ingest_has_no_seam(world: World) -> None:
    """Events that arrive while pages are fetched are merged by offset."""
    for start in range(0, 5000, 1000):
        world.poster.post(*numbered("orders", range(start, start + 1000)))
    stop = threading.Event()

    def ingest() -> None:
        with Poster(world.gateway.base_url) as poster:
            number = 0
            while not stop.is_set():
                poster.post(*_mixed(number, 20))
                number += 20

    producer = threading.Thread(target=ingest)
    producer.start()
    stores = [Store() for _ in range(5)]
    for store in stores:
        world.client(store)
    stop.set()
    producer.join()
    top, documents = world.top("orders"), world.poster.documents("orders")
    for store in stores:
        until(store, lambda store=store: store.collection("orders").position.offset == top)  # type: ignore[misc]
        assert held(store) == documents


def test_emits_are_stored_heard_and_checked(world: World) -> None:
    """A document made, changed on the version seen, and refused on an older one."""
    store = Store()
    client = world.client(store)
    made = client.emit("collection:created", {"collection": "notes", "document": {"id": "a", "n": 1}}).result(WAIT_S)
    until(store, lambda: "a" in held(store, "notes"))
    change = updated("notes", {"id": "a", "n": 2})
    saved = client.send(change, expected_offset=made.position.offset).result(WAIT_S)
    assert saved.position.offset == made.position.offset + 1
    assert client.send(change).result(WAIT_S).is_duplicate
    with pytest.raises(ConflictError, match="changed"):
        client.send(updated("notes", {"id": "a", "n": 3}), expected_offset=made.position.offset).result(WAIT_S)
    with pytest.raises(TideboardError, match="unknown_type"):
        client.emit("no:such", {}).result(WAIT_S)
    until(store, lambda: held(store, "notes") == {"a": {"id": "a", "n": 2}})
