"""Polls in the place of the socket: against a real gateway, behind a proxy that lets no WebSocket through."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from realtime.bench.fault_proxy import FaultProxy
from realtime.bench.faults import Fault, FaultKind
from realtime.client import WebSocketClient, pace, polling, route
from realtime.client.outbox import Outbox
from realtime.client.route import Choice
from realtime.errors import ConflictError, EventError, NotConnected
from realtime.protocol.events import Envelope, SystemMaintenance
from realtime.store import Store
from tests.gateway.serving import Served, served
from tests.support.producing import created, numbered, updated

WAIT_S = 20.0
CHANNEL = "collection:orders"


class World:
    """A gateway, a proxy before it, and a client that only knows the proxy."""

    def __init__(self, gateway: Served, proxy: FaultProxy, stack: ExitStack) -> None:
        self.gateway = gateway
        self.proxy = proxy
        self.store = Store()
        self._stack = stack

    def client(
        self,
        transport: Choice = "auto",
        *,
        consumer: str | None = None,
        outbox: Outbox | None = None,
        is_reachable: bool = True,
    ) -> WebSocketClient:
        """Make a client that is ended with the test."""
        client = WebSocketClient(
            f"{self.proxy.ws_url}/connection/websocket",
            http_url=self.proxy.base_url,
            store=self.store,
            transport=transport,
            consumer=consumer,
            outbox=outbox,
        )
        client.set_reconnect_options(base_s=0.01, cap_s=0.1)
        self._stack.callback(client.disconnect)
        client.connect()
        if is_reachable:
            self.until(lambda: client.is_connected)
        return client

    def refuse_upgrades(self) -> None:
        """Answer WebSockets by a status, and end those there are."""
        self.proxy.begin(Fault(at_s=0, kind=FaultKind.REFUSE_UPGRADES, lasts_s=0, amount=502))

    def post(self, *events: Envelope) -> None:
        """Be another producer, who needs no proxy."""
        answer = self.gateway.post([_plain(event) for event in events])
        assert answer.status_code == 200, answer.text

    def until(self, claim: Callable[[], bool]) -> None:
        """Wait for changes of the store until a claim holds."""
        deadline, tick = time.monotonic() + WAIT_S, -1
        while not claim():
            assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s; {self.store.connection}"
            tick, _ = self.store.wait_for_changes(tick, timeout_s=0.05)

    def goes_by(self, transport: str) -> bool:
        """Tell whether the store is current, this way."""
        return self.store.connection.is_connected and self.store.connection.transport == transport

    def count(self, collection: str = "orders") -> int:
        """Return how many documents are held."""
        return len(self.store.collection(collection).documents)

    def offsets(self) -> list[int]:
        """Return the offsets in the feed, oldest first."""
        return [entry.offset for entry in self.store.feed(limit=500, channels=(CHANNEL,))][::-1]


def _plain(event: Envelope) -> dict[str, object]:
    return {
        "specversion": "1.0", "id": event.id, "source": event.source, "type": event.type, "data": event.data,
    }  # fmt: skip


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Give a gateway that no WebSocket reaches, and polls that don't take their time."""
    monkeypatch.setattr(pace, "POLL_S", 0.02)
    monkeypatch.setattr(route, "FIRST_PROBE_S", 0.02)
    monkeypatch.setattr(route, "PROBE_CAP_S", 0.1)
    with ExitStack() as stack:
        gateway = stack.enter_context(served(tmp_path / "data"))
        proxy = stack.enter_context(FaultProxy(gateway.port))
        one = World(gateway, proxy, stack)
        one.refuse_upgrades()
        yield one


def test_without_a_socket_everything_arrives_by_polls(world: World) -> None:
    """Snapshot, what follows, collections that come into being; each event once."""
    world.post(*numbered("orders", range(30)))
    world.client()
    assert world.goes_by("polling")
    assert world.store.connection.poll_s == pace.POLL_S
    assert world.count() == 30
    world.post(*numbered("orders", range(30, 90)))
    world.until(lambda: world.count() == 90)
    world.post(created("notes", {"id": "first"}))
    world.until(lambda: world.count("notes") == 1)
    assert world.offsets() == list(range(1, 91))
    assert world.store.totals()["duplicates"] == 0
    assert world.store.gaps == ()
    assert [entry.envelope.type for entry in world.store.feed(channels=("connection",))] == ["connection:established"]


def test_full_pages_are_followed_by_the_next_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happened while nobody polled is more than one page."""
    monkeypatch.setattr(polling, "PAGE_EVENTS", 20)
    world.post(*numbered("orders", range(5)))
    client = world.client()
    client.disconnect()
    world.post(*numbered("orders", range(5, 205)))
    client.connect()
    world.until(lambda: client.is_connected)
    assert world.count() == 205, "current means that nothing is missing"
    assert world.offsets() == list(range(1, 206))


def test_switching_to_and_fro_loses_and_repeats_nothing(world: World) -> None:
    """By the socket when it can be had, by polls when not, with events all the while."""
    world.post(*numbered("orders", range(10)))
    world.client()
    for turn in range(3):
        world.post(*numbered("orders", range(10 + turn * 40, 30 + turn * 40)))
        world.proxy.calm()
        world.until(lambda: world.goes_by("websocket"))
        world.post(*numbered("orders", range(30 + turn * 40, 50 + turn * 40)))
        world.refuse_upgrades()
        world.until(lambda: world.goes_by("polling"))
    world.until(lambda: world.count() == 130)
    assert world.offsets() == list(range(1, 131))
    assert world.store.totals()["duplicates"] == 0
    assert world.store.gaps == ()
    told = [entry.envelope.type for entry in world.store.feed(channels=("connection",))]
    assert told.count("connection:lost") == told.count("connection:restored") == 3, (
        "only sockets that were cut are lost"
    )


def test_emits_leave_by_posts(world: World) -> None:
    """In order, checked against the version seen, refused with the reason, and repeats known as such."""
    client = world.client()
    many = [client.send(one) for one in numbered("orders", range(250))]
    assert [one.result(WAIT_S).position.offset for one in many] == list(range(1, 251))
    made = client.emit("collection:created", {"collection": "notes", "document": {"id": "a", "n": 1}}).result(WAIT_S)
    change = updated("notes", {"id": "a", "n": 2})
    saved = client.send(change, expected_offset=made.position.offset).result(WAIT_S)
    assert saved.position.offset == made.position.offset + 1
    assert client.send(change).result(WAIT_S).is_duplicate
    with pytest.raises(ConflictError, match="changed"):
        client.send(updated("notes", {"id": "a", "n": 3}), expected_offset=made.position.offset).result(WAIT_S)
    with pytest.raises(ConflictError):
        client.send(created("notes", {"id": "a"}), expected_offset=0).result(WAIT_S)
    with pytest.raises(EventError, match="unknown_type"):
        client.emit("no:such", {}).result(WAIT_S)
    client.disconnect()
    with pytest.raises(NotConnected):
        client.emit("user:login", {"userId": "ann", "timestamp": "2026-01-31T12:00:00Z"}).result(WAIT_S)


def test_what_waits_in_the_outbox_leaves_by_posts(world: World, tmp_path: Path) -> None:
    """Polling is a way out like any other: edits of one document keep their order."""
    outbox = Outbox.open(tmp_path / "outbox.db")
    try:
        world.proxy.begin(Fault(at_s=0, kind=FaultKind.REFUSE, lasts_s=0, amount=0))
        client = world.client(outbox=outbox, is_reachable=False)
        waiting = [client.send(created("orders", {"id": "a", "n": 0}))]
        waiting += [client.send(updated("orders", {"id": "a", "n": number})) for number in range(1, 6)]
        world.proxy.calm()
        world.refuse_upgrades()
        assert [one.result(WAIT_S).position.offset for one in waiting] == [1, 2, 3, 4, 5, 6]
        world.until(lambda: world.goes_by("polling") and world.count() == 1)
        client.disconnect()
    finally:
        outbox.close()


@pytest.mark.parametrize("way", ["websocket", "polling"])
def test_a_stream_that_was_trimmed_while_away_is_loaded_and_told(tmp_path: Path, world: World, way: str) -> None:
    """The same rules either way: documents whole, the hole told with its count."""
    with ExitStack() as stack:
        gateway = stack.enter_context(served(tmp_path / "small", retention_events=100))
        proxy = stack.enter_context(FaultProxy(gateway.port))
        small = World(gateway, proxy, stack)
        if way == "polling":
            small.refuse_upgrades()
        small.post(*numbered("orders", range(10)))
        client = small.client()
        client.disconnect()
        small.post(*numbered("orders", range(10, 400)))
        client.connect()
        small.until(lambda: client.is_connected)
        assert small.goes_by(way)
        assert small.count() == 400
        [gap] = small.store.gaps
        assert gap.channel == CHANNEL
        assert gap.first == 11
        assert gap.count == gap.last - 10
        assert set(small.offsets()) == {*range(1, 11), *range(gap.last + 1, 401)}


def test_critical_events_are_acknowledged_by_polls(world: World) -> None:
    """None is owed any more once the store has it."""
    world.client(consumer="app-1")
    world.post(
        Envelope(
            id="m", source="/tests", type=SystemMaintenance.TYPE, specversion="1.0",
            data={"message": "soon", "scheduledTime": "2026-01-31T12:00:00Z"},
        )
    )  # fmt: skip
    world.until(lambda: world.store.position("system") is not None and len(world.store.feed(channels=("system",))) == 1)
    deadline = time.monotonic() + WAIT_S
    while world.gateway.http.get("/metrics").text.count("tideboard_ack_seconds_count 0.0"):
        assert time.monotonic() < deadline


def test_what_is_chosen_is_obeyed(world: World) -> None:
    """Polling though the socket can be had, and the socket again."""
    world.proxy.calm()
    client = world.client("polling")
    assert world.goes_by("polling")
    client.set_transport("websocket")
    world.until(lambda: world.goes_by("websocket"))
    client.set_transport("polling")
    world.until(lambda: world.goes_by("polling"))
    client.set_transport("auto")
    world.until(lambda: world.goes_by("websocket"))
    assert [entry.envelope.type for entry in world.store.feed(channels=("connection",))] == ["connection:established"]


def test_a_gateway_that_goes_away_while_polling_is_told_and_found_again(world: World) -> None:
    """As with a socket."""
    world.post(*numbered("orders", range(3)))
    client = world.client()
    world.proxy.begin(Fault(at_s=0, kind=FaultKind.REFUSE, lasts_s=0, amount=0))
    world.until(lambda: not world.store.connection.is_connected)
    world.post(*numbered("orders", range(3, 6)))
    world.proxy.calm()
    world.until(lambda: client.is_connected and world.count() == 6)
    assert world.offsets() == list(range(1, 7))
