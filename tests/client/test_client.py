"""The client's thread against a gateway that does what the test says, over a real socket."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack
from http import HTTPStatus

import msgspec
import pytest

from realtime.client import Ack, ConnectionState, WebSocketClient
from realtime.errors import CommandError, ConflictError, EventError, NotConnected
from realtime.metrics import CLIENT_DIALS
from realtime.protocol.events import Envelope
from realtime.protocol.frames import ErrorFrame, MessagePush, Push, UnsubscribePush
from realtime.protocol.positions import Position
from realtime.store import Store
from tests.client.scripted import Raw, ScriptedGateway
from tests.store.making import ORDERS, created, login, updated

WAIT_S = 10.0


class World:
    """A scripted gateway, a store and a client between them."""

    def __init__(self, gateway: ScriptedGateway, stack: ExitStack) -> None:
        self.gateway = gateway
        self.store = Store()
        self.stack = stack
        self.client = self.another(self.store)

    def another(self, store: Store, *, token: Callable[[], str] | None = None) -> WebSocketClient:
        """Make a client that is ended with the test."""
        address = self.gateway.address
        client = WebSocketClient(
            f"ws://{address}/connection/websocket", http_url=f"http://{address}", store=store, token=token
        )
        client.set_reconnect_options(base_s=0.01, cap_s=0.05)
        self.stack.callback(client.disconnect)
        return client

    def until(self, claim: Callable[[], bool]) -> None:
        """Wait for changes of the store until a claim holds."""
        deadline, tick = time.monotonic() + WAIT_S, -1
        while not claim():
            assert time.monotonic() < deadline, f"not within {WAIT_S:.0f} s; {self.store.connection}"
            tick, _ = self.store.wait_for_changes(tick, timeout_s=0.05)

    def connect(self) -> None:
        """Connect, and wait until all is in sync."""
        self.client.connect()
        self.until(lambda: self.client.is_connected)

    def settle(self, dials: int) -> None:
        """Wait until the client is in sync on its `dials`th dial or a later one."""
        self.until(lambda: self.store.connection.dials >= dials and self.store.connection.is_connected)

    def ids(self) -> set[str]:
        """Return the ids of the documents held."""
        return set(self.store.collection("orders").documents)

    def raised(self) -> list[str]:
        """Return the types of the client's own events, oldest first."""
        return [entry.envelope.type for entry in self.store.feed(channels=("connection",))][::-1]


@pytest.fixture
def world() -> Iterator[World]:
    """Give a world and take it away."""
    with ExitStack() as stack:
        gateway = stack.enter_context(ScriptedGateway().running())
        yield World(gateway, stack)


def test_a_first_start_takes_a_snapshot_and_the_newest_of_the_feed(world: World) -> None:
    """Documents by snapshot, feed and people by history; nothing is replayed event by event."""
    world.gateway.publish("users", login("ann"))
    world.gateway.publish(ORDERS, *(updated(f"d{number % 5}", n=number) for number in range(300)))
    world.connect()
    assert world.ids() == {f"d{number}" for number in range(5)}
    assert world.store.position(ORDERS) == Position("e1", 300)
    assert len(world.store.feed(limit=500, channels=(ORDERS,))) == 200
    assert [person.user_id for person in world.store.people()] == ["ann"]
    assert world.raised() == ["connection:established"]
    assert msgspec.json.decode(world.gateway.connects[0].data) == {"announce": True}
    assert all(not request.recover for request in world.gateway.subscribes)


def test_live_events_reach_the_store(world: World) -> None:
    """One after the other and many in one message."""
    world.gateway.stream(ORDERS)
    world.connect()
    world.gateway.publish(ORDERS, created("a"))
    world.gateway.publish(ORDERS, *(created(f"d{number}") for number in range(50)))
    world.until(lambda: len(world.ids()) == 51)
    status = world.store.connection
    assert status.lag_s is not None
    assert status.last_event_at is not None
    assert world.client.last_connected is not None


def test_a_cut_is_resumed_from_the_position(world: World) -> None:
    """What was missed comes by recovery, in order, once; the outage is told with its length."""
    world.gateway.publish(ORDERS, created("a"))
    world.connect()
    world.gateway.cut()
    world.gateway.publish(ORDERS, created("b"), is_lost=True)
    world.settle(2)
    assert world.ids() == {"a", "b"}
    assert world.gateway.subscribes[-1].recover or any(one.recover for one in world.gateway.subscribes)
    assert world.raised() == ["connection:established", "connection:lost", "connection:restored"]
    assert world.store.connection.reconnects == 1
    assert world.store.totals()["duplicates"] == 0


def test_what_cant_be_resumed_is_loaded_anew(world: World) -> None:
    """Trimmed, or another epoch: a snapshot replaces what was held."""
    world.gateway.publish(ORDERS, created("old"))
    world.connect()
    world.gateway.begin_anew(ORDERS)
    world.gateway.publish(ORDERS, created("new"), is_lost=True)
    world.gateway.cut()
    world.settle(2)
    assert world.ids() == {"new"}
    assert world.store.position(ORDERS) == Position("e1x", 1)


def test_a_false_claim_of_recovery_is_found_out(world: World) -> None:
    """A gateway that says recovered and sends nothing isn't believed: the documents come by snapshot."""
    world.gateway.publish(ORDERS, created("a"))
    world.connect()
    world.gateway.publish(ORDERS, created("b"), is_lost=True)
    world.gateway.lies = True
    world.gateway.cut()
    world.settle(2)
    assert world.ids() == {"a", "b"}


def test_a_gap_while_live_is_filled_without_a_new_dial(world: World) -> None:
    """An offset that skips makes the channel leave and join from the last good position."""
    world.gateway.stream(ORDERS)
    world.connect()
    world.gateway.publish(ORDERS, created("a"))
    world.gateway.publish(ORDERS, created("lost"), is_lost=True)
    world.gateway.publish(ORDERS, created("b"))
    world.until(lambda: world.ids() == {"a", "lost", "b"})
    world.until(lambda: world.client.is_connected)
    assert world.store.connection.dials == 1
    assert world.gateway.subscribes[-1].offset == 1


def test_an_announced_collection_is_followed_from_its_first_event(world: World) -> None:
    """A collection that comes into being needs no restart."""
    world.connect()
    world.gateway.publish(ORDERS, created("a"), announce=True)
    world.until(lambda: world.ids() == {"a"})
    assert world.gateway.subscribes[-1].recover
    world.gateway.push(Push(message=MessagePush(data=Raw(b'"nonsense"'))))
    world.gateway.publish(ORDERS, created("b"))
    world.until(lambda: world.ids() == {"a", "b"})


@pytest.mark.parametrize("garbage", [b"no json", b'{"push":{"channel":5}}', b"\xff\xfe", b'{"id":1,"connect":'])
def test_garbage_costs_the_connection_and_nothing_else(world: World, garbage: bytes) -> None:
    """What isn't the protocol is hung up on and dialed again."""
    world.gateway.publish(ORDERS, created("a"))
    world.connect()
    world.gateway.say(garbage)
    world.settle(2)
    assert world.ids() == {"a"}


def test_an_event_that_cant_be_read_is_kept_as_unknown(world: World) -> None:
    """One odd event leaves no hole and stops nothing."""
    world.connect()
    with world.gateway.lock:
        stream = world.gateway.stream("system")
    world.gateway.publish("system", login("x"))
    world.until(lambda: world.store.position("system") == Position("e1", 1))
    pub = msgspec.structs.replace(stream[0], data=Raw(b'{"id":5}'), offset=2)
    world.gateway.push(Push(channel="system", pub=pub))
    world.until(lambda: world.store.position("system") == Position("e1", 2))
    assert world.store.feed(channels=("system",))[0].envelope.type == "unreadable"


@pytest.mark.parametrize("announced", [False, True])
def test_3001_is_come_back(world: World, announced: bool) -> None:
    """A gateway that restarts is dialed again, whether a push says so or the close code."""
    world.connect()
    world.gateway.close(3001, announced=announced)
    world.settle(2)
    lost = world.store.feed(channels=("connection",))[1].envelope.data
    assert "gateway" in lost["reason"]


def test_3500_is_stay_away_until_asked(world: World) -> None:
    """A terminal code is obeyed, and told; a person may still try again."""
    world.connect()
    world.gateway.close(3500)
    world.until(lambda: world.client.connection_state is ConnectionState.REFUSED)
    world.until(lambda: world.store.connection.state is ConnectionState.REFUSED)
    assert "3500" in (world.store.connection.reason or "")
    world.client.reconnect()
    world.settle(2)


def test_a_refused_connect_ends_it_unless_temporary(world: World) -> None:
    """Permission denied is an end; an internal error is tried again."""
    world.gateway.refusal = ErrorFrame(code=100, message="internal server error", temporary=True)
    world.client.connect()
    world.until(lambda: world.store.connection.dials >= 3)
    world.gateway.refusal = ErrorFrame(code=103, message="permission denied")
    world.until(lambda: world.store.connection.state is ConnectionState.REFUSED)
    assert world.store.connection.reason == "The gateway refused: permission denied (code 103)."
    assert not any(kind == "connection:established" for kind in world.raised())


def test_silence_is_noticed_and_dialed_again(world: World) -> None:
    """No traffic at all for ping interval and slack means dead, with TCP still open."""
    world.gateway.ping_s = 1
    world.client.set_reconnect_options(slack_s=0.1)
    world.connect()
    world.settle(2)
    assert "connection:lost" in world.raised()


def test_pings_are_answered_and_count_as_life(world: World) -> None:
    """The protocol's heartbeat gets its pong."""
    world.connect()
    world.gateway.ping()
    world.gateway.publish("users", login("ann"))
    world.until(lambda: len(world.store.people()) == 1)
    assert world.gateway.pongs == 1


def test_a_heartbeat_of_ours_keeps_a_silent_gateway_alive(world: World) -> None:
    """A WebSocket ping is answered by any server, so that silence is no longer death."""
    world.client.enable_heartbeat(0.02)
    world.client.set_reconnect_options(slack_s=2.0)
    world.connect()
    before = world.store.connection.bytes_out
    world.until(lambda: world.store.connection.bytes_out > before + 20)
    assert world.store.connection.dials == 1


def test_a_gateway_that_never_answers_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that opens isn't a connection yet."""
    monkeypatch.setattr("realtime.client.connection.OPENING_S", 0.1)
    world.gateway.is_mute = True
    world.client.connect()
    world.until(lambda: world.store.connection.dials >= 2)
    world.gateway.is_mute = False
    world.until(lambda: world.client.is_connected)


def test_a_command_without_an_answer_costs_the_connection(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a subscribe nor an emit waits for ever."""
    monkeypatch.setattr("realtime.client.wire.ANSWER_S", 0.1)
    world.connect()
    world.gateway.is_mute = True
    future = world.client.emit("user:activity", {})
    with pytest.raises(NotConnected, match="before the gateway answered"):
        future.result(WAIT_S)
    world.gateway.is_mute = False
    world.settle(2)


def test_nothing_listening_is_said_and_tried_again() -> None:
    """A gateway that isn't there yet is waited for."""
    gateway, store = ScriptedGateway(), Store()
    with gateway.running():
        port = int(gateway.address.rpartition(":")[2])
    failed = CLIENT_DIALS.labels(outcome="failed")._value.get()
    client = WebSocketClient(f"ws://127.0.0.1:{port}/x", http_url=f"http://127.0.0.1:{port}", store=store)
    client.set_reconnect_options(base_s=0.01, cap_s=0.05)
    client.connect()
    try:
        deadline, tick = time.monotonic() + WAIT_S, 0
        while store.connection.dials < 3 and time.monotonic() < deadline:
            tick, _ = store.wait_for_changes(tick, timeout_s=0.1)
        assert store.connection.reason == f"The gateway at 127.0.0.1:{port} can't be reached: nothing listens there."
        assert CLIENT_DIALS.labels(outcome="failed")._value.get() > failed
        with gateway.running(port=port):
            while not client.is_connected and time.monotonic() < deadline:
                tick, _ = store.wait_for_changes(tick, timeout_s=0.1)
            assert client.is_connected
            client.disconnect()
    finally:
        client.disconnect()


def test_a_snapshot_that_fails_is_tried_again_and_said(world: World) -> None:
    """The other channels are live meanwhile, but the whole isn't called current."""
    path = "/api/collections/orders/documents"
    world.gateway.publish(ORDERS, created("a"))
    world.gateway.http_status[path] = HTTPStatus.INTERNAL_SERVER_ERROR
    world.client.connect()
    world.until(lambda: "HTTP 500" in (world.store.connection.reason or ""))
    assert world.store.connection.state is ConnectionState.SYNCING
    world.gateway.publish("users", login("ann"))
    world.until(lambda: len(world.store.people()) == 1)
    del world.gateway.http_status[path]
    world.until(lambda: world.client.is_connected)
    assert world.ids() == {"a"}
    assert world.store.connection.reason is None


def test_a_list_of_collections_that_fails_is_tried_again(world: World) -> None:
    """Without it nobody knows what there is to follow."""
    world.gateway.publish(ORDERS, created("a"))
    world.gateway.http_status["/api/collections"] = HTTPStatus.SERVICE_UNAVAILABLE
    world.client.connect()
    world.until(lambda: "HTTP 503" in (world.store.connection.reason or ""))
    del world.gateway.http_status["/api/collections"]
    world.until(lambda: world.client.is_connected)
    assert world.ids() == {"a"}


def test_a_refused_channel_doesnt_hold_up_the_others(world: World) -> None:
    """What one may not see isn't waited for."""
    world.gateway.refused_channels["system"] = ErrorFrame(code=103, message="permission denied")
    world.connect()
    assert world.store.position("system") is None


def test_an_unsubscribe_push_is_followed_by_a_resume(world: World) -> None:
    """From 2500 on the channel is joined again from its position."""
    world.gateway.publish(ORDERS, created("a"))
    world.connect()
    world.gateway.publish(ORDERS, created("b"), is_lost=True)
    world.gateway.push(Push(channel=ORDERS, unsubscribe=UnsubscribePush(code=2500, reason="insufficient state")))
    world.until(lambda: world.ids() == {"a", "b"})


def test_a_token_is_fetched_before_every_dial_and_renewed(world: World) -> None:
    """A dial never uses yesterday's token; a failing source of tokens is retried like a failing dial."""
    tokens = iter(["fail", *(f"t{number}" for number in range(100))])

    def token() -> str:
        fresh = next(tokens)
        if fresh == "fail":
            raise RuntimeError
        return fresh

    world.gateway.expires_in_s = 1
    client = world.another(world.store, token=token)
    client.connect()
    world.until(lambda: client.is_connected)
    assert world.gateway.connects[0].token == "t0"
    world.until(lambda: any(command.refresh is not None for command in world.gateway.commands))
    world.gateway.cut()
    world.settle(3)
    assert world.gateway.connects[-1].token not in ("", "t0")


def test_emit_is_answered_with_the_position(world: World) -> None:
    """The envelope has what CloudEvents needs; the future holds where it was stored."""
    world.connect()
    future = world.client.emit("user:activity", {"x": 1}, actor="ann", critical=True)
    assert future.result(WAIT_S) == Ack("users", Position("u", 7))
    (rpc,) = [command.rpc for command in world.gateway.commands if command.rpc is not None]
    sent = msgspec.json.decode(rpc.data)
    envelope = msgspec.convert(sent["events"][0], Envelope)
    assert (rpc.method, sent["expect"]) == ("ingest", None)
    assert (envelope.type, envelope.data, envelope.actor, envelope.critical) == ("user:activity", {"x": 1}, "ann", True)
    assert envelope.source.startswith("/tideboard/app/")
    assert envelope.time is not None


@pytest.mark.parametrize(
    ("result", "error"),
    [
        ({"status": "refused", "code": "missing_id", "reason": "No id."}, EventError),
        ({"status": "refused", "code": "conflict", "reason": "Changed.", "offset": 9}, ConflictError),
        ({"status": "refused", "code": "conflict", "reason": "Changed."}, ConflictError),
        ({"status": "refused", "code": "conflict", "reason": "Changed.", "offset": 3}, EventError),
        ({"nonsense": 1}, CommandError),
    ],
)
def test_a_refusal_reaches_whoever_emitted(world: World, result: object, error: type[Exception]) -> None:
    """With its code and reason, through the future."""
    world.connect()
    world.gateway.ingest = {"results": [result]}
    future = world.client.send(created("a"), expected_offset=3)
    with pytest.raises(error):
        future.result(WAIT_S)


def test_an_error_in_answer_to_an_emit_reaches_whoever_emitted(world: World) -> None:
    """The gateway can't store now, say: the protocol's code and words; one who no longer waits harms nobody."""
    world.connect()
    world.gateway.rpc_error = ErrorFrame(code=100, message="the disk is full", temporary=True)
    given_up = world.client.emit("user:activity", {})
    given_up.cancel()
    with pytest.raises(CommandError, match="disk is full"):
        world.client.emit("user:activity", {}).result(WAIT_S)
    world.gateway.rpc_error = None
    cancelled = world.client.emit("user:activity", {})
    cancelled.cancel()
    assert world.client.emit("user:activity", {}).result(WAIT_S).channel == "users"


def test_emitting_without_a_connection_fails_at_once(world: World) -> None:
    """Before the start, after the end, and while waiting for the next dial."""
    futures: list[Future[Ack]] = [world.client.emit("user:activity", {})]
    world.connect()
    world.gateway.close(3500)
    world.until(lambda: world.store.connection.state is ConnectionState.REFUSED)
    futures.append(world.client.emit("user:activity", {}))
    world.client.disconnect()
    futures.append(world.client.emit("user:activity", {}))
    for future in futures:
        assert isinstance(future.exception(WAIT_S), NotConnected)


def test_an_emit_under_way_fails_when_the_connection_is_lost(world: World) -> None:
    """Nobody waits for an answer that can't come."""
    world.connect()
    world.gateway.is_mute = True
    future = world.client.emit("user:activity", {})
    world.gateway.cut()
    assert isinstance(future.exception(WAIT_S), NotConnected)


def test_handlers_hear_what_was_applied_until_they_are_taken_off(world: World) -> None:
    """By type or all; one that fails harms nobody; the store has the event already."""
    heard: list[str] = []
    everything: list[str] = []
    is_stored: list[bool] = []

    def broken(_envelope: Envelope) -> None:
        raise RuntimeError

    def on_created(envelope: Envelope) -> None:
        heard.append(envelope.data["document"]["id"])
        is_stored.append(world.store.document("orders", heard[-1]) is not None)

    world.gateway.stream(ORDERS)
    world.client.subscribe("collection:created", broken)
    stop = world.client.subscribe("collection:created", on_created)
    world.client.subscribe("*", lambda envelope: everything.append(envelope.type))
    world.connect()
    world.gateway.publish(ORDERS, created("a"))
    world.until(lambda: world.ids() == {"a"})
    world.gateway.publish(ORDERS, updated("a"))
    world.until(lambda: "collection:updated" in everything)
    stop()
    world.client.unsubscribe("collection:created")
    world.gateway.publish(ORDERS, created("b"))
    world.until(lambda: everything.count("collection:created") == 2)
    assert (heard, is_stored) == (["a"], [True])
    assert everything[0] == "connection:established"


def test_disconnect_ends_the_thread_and_connect_begins_anew(world: World) -> None:
    """From the position reached; asking twice is asking once."""
    world.gateway.publish(ORDERS, created("a"))
    world.connect()
    world.client.connect()
    world.client.disconnect()
    world.client.disconnect()
    assert world.store.connection.state is ConnectionState.DISCONNECTED
    assert not any(thread.name == "tideboard-client" for thread in threading.enumerate())
    world.gateway.publish(ORDERS, created("b"), is_lost=True)
    world.client.connect()
    world.until(lambda: world.client.is_connected)
    assert world.ids() == {"a", "b"}
    assert world.raised()[-1] == "connection:restored"


def test_reconnect_replaces_a_connection(world: World) -> None:
    """A person's Retry now dials at once, even when all seems well."""
    world.client.reconnect()
    world.until(lambda: world.client.is_connected)
    world.client.reconnect()
    world.settle(2)


def test_a_web_server_that_is_no_gateway_is_told_apart(world: World) -> None:
    """The reason names the HTTP status."""
    store = Store()
    address = world.gateway.address
    client = WebSocketClient(f"ws://{address}/api/collections", http_url=f"http://{address}", store=store)
    world.stack.callback(client.disconnect)
    client.connect()
    tick = 0
    deadline = time.monotonic() + WAIT_S
    while store.connection.reason is None and time.monotonic() < deadline:
        tick, _ = store.wait_for_changes(tick, timeout_s=0.1)
    assert store.connection.reason == "The gateway answered HTTP 200 instead of a WebSocket."


@pytest.mark.parametrize("seconds", [0, -1])
def test_nonsense_options_are_refused(world: World, seconds: float) -> None:
    """Waiting less than nothing isn't patience."""
    with pytest.raises(ValueError, match="above 0"):
        world.client.set_reconnect_options(base_s=seconds)
    with pytest.raises(ValueError, match="above 0"):
        world.client.enable_heartbeat(seconds)
