"""The client's thread against a gateway that does what the test says, over a real socket."""

from __future__ import annotations

import threading
import time
from http import HTTPStatus

import msgspec
import pytest

from realtime.client import ConnectionState, WebSocketClient
from realtime.errors import NotConnected
from realtime.metrics import CLIENT_DIALS
from realtime.protocol.frames import ErrorFrame, MessagePush, Push, UnsubscribePush
from realtime.protocol.positions import Position
from realtime.store import Store
from tests.client.scripted import Raw, ScriptedGateway
from tests.client.world import WAIT_S, World
from tests.store.making import ORDERS, created, login, updated


def test_a_first_start_takes_a_snapshot_and_the_newest_of_the_feed(scripted: World) -> None:
    """Documents by snapshot, feed and people by history; nothing is replayed event by event."""
    scripted.gateway.publish("users", login("ann"))
    scripted.gateway.publish(ORDERS, *(updated(f"d{number % 5}", n=number) for number in range(300)))
    scripted.connect()
    assert scripted.ids() == {f"d{number}" for number in range(5)}
    assert scripted.store.position(ORDERS) == Position("e1", 300)
    assert len(scripted.store.feed(limit=500, channels=(ORDERS,))) == 200
    assert [person.user_id for person in scripted.store.people()] == ["ann"]
    scripted.tells("connection:established")
    assert msgspec.json.decode(scripted.gateway.connects[0].data) == {"announce": True, "flags": True}
    assert all(not request.recover for request in scripted.gateway.subscribes)


def test_live_events_reach_the_store(scripted: World) -> None:
    """One after the other and many in one message."""
    scripted.gateway.stream(ORDERS)
    scripted.connect()
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.gateway.publish(ORDERS, *(created(f"d{number}") for number in range(50)))
    scripted.until(lambda: len(scripted.ids()) == 51)
    status = scripted.store.connection
    assert status.lag_s is not None
    assert status.last_event_at is not None
    assert scripted.client.last_connected is not None


def test_a_cut_is_resumed_from_the_position(scripted: World) -> None:
    """What was missed comes by recovery, in order, once; the outage is told with its length."""
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.connect()
    scripted.gateway.cut()
    scripted.gateway.publish(ORDERS, created("b"), is_lost=True)
    scripted.settle(2)
    assert scripted.ids() == {"a", "b"}
    assert scripted.gateway.subscribes[-1].recover or any(one.recover for one in scripted.gateway.subscribes)
    scripted.tells("connection:established", "connection:lost", "connection:restored")
    assert scripted.store.connection.reconnects == 1
    assert scripted.store.totals()["duplicates"] == 0


def test_what_cant_be_resumed_is_loaded_anew(scripted: World) -> None:
    """Trimmed, or another epoch: a snapshot replaces what was held."""
    scripted.gateway.publish(ORDERS, created("old"))
    scripted.connect()
    scripted.gateway.begin_anew(ORDERS)
    scripted.gateway.publish(ORDERS, created("new"), is_lost=True)
    scripted.gateway.cut()
    scripted.settle(2)
    assert scripted.ids() == {"new"}
    assert scripted.store.position(ORDERS) == Position("e1x", 1)


def test_a_false_claim_of_recovery_is_found_out(scripted: World) -> None:
    """A gateway that says recovered and sends nothing isn't believed: the documents come by snapshot."""
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.connect()
    scripted.gateway.publish(ORDERS, created("b"), is_lost=True)
    scripted.gateway.lies = True
    scripted.gateway.cut()
    scripted.settle(2)
    assert scripted.ids() == {"a", "b"}


def test_a_gap_while_live_is_filled_without_a_new_dial(scripted: World) -> None:
    """An offset that skips makes the channel leave and join from the last good position."""
    scripted.gateway.stream(ORDERS)
    scripted.connect()
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.gateway.publish(ORDERS, created("lost"), is_lost=True)
    scripted.gateway.publish(ORDERS, created("b"))
    scripted.until(lambda: scripted.ids() == {"a", "lost", "b"})
    scripted.until(lambda: scripted.client.is_connected)
    assert scripted.store.connection.dials == 1
    assert [one.offset for one in scripted.gateway.subscribes if one.channel == ORDERS][-1] == 1


def test_a_hole_in_one_channel_makes_every_other_one_doubtful(scripted: World) -> None:
    """Whatever lost one event may have lost others: in sync is claimed only once they are all here."""
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.connect()
    scripted.gateway.publish("users", login("ann"), is_lost=True)
    scripted.gateway.publish(ORDERS, created("b"), is_lost=True)
    assert scripted.client.is_connected
    scripted.gateway.publish(ORDERS, created("c"))
    scripted.until(lambda: scripted.ids() == {"a", "b", "c"} and scripted.client.is_connected)
    assert [person.user_id for person in scripted.store.people()] == ["ann"]
    assert scripted.store.connection.dials == 1


def test_an_announced_collection_is_followed_from_its_first_event(scripted: World) -> None:
    """A collection that comes into being needs no restart."""
    scripted.connect()
    scripted.gateway.publish(ORDERS, created("a"), announce=True)
    scripted.until(lambda: scripted.ids() == {"a"})
    assert scripted.gateway.subscribes[-1].recover
    scripted.gateway.push(Push(message=MessagePush(data=Raw(b'"nonsense"'))))
    scripted.gateway.publish(ORDERS, created("b"))
    scripted.until(lambda: scripted.ids() == {"a", "b"})


@pytest.mark.parametrize("garbage", [b"no json", b'{"push":{"channel":5}}', b"\xff\xfe", b'{"id":1,"connect":'])
def test_garbage_costs_the_connection_and_nothing_else(scripted: World, garbage: bytes) -> None:
    """What isn't the protocol is hung up on and dialed again."""
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.connect()
    scripted.gateway.say(garbage)
    scripted.settle(2)
    assert scripted.ids() == {"a"}


def test_an_event_that_cant_be_read_is_kept_as_unknown(scripted: World) -> None:
    """One odd event leaves no hole and stops nothing."""
    scripted.connect()
    with scripted.gateway.lock:
        stream = scripted.gateway.stream("system")
    scripted.gateway.publish("system", login("x"))
    scripted.until(lambda: scripted.store.position("system") == Position("e1", 1))
    pub = msgspec.structs.replace(stream[0], data=Raw(b'{"id":5}'), offset=2)
    scripted.gateway.push(Push(channel="system", pub=pub))
    scripted.until(lambda: scripted.store.position("system") == Position("e1", 2))
    assert scripted.store.feed(channels=("system",))[0].envelope.type == "unreadable"


@pytest.mark.parametrize("announced", [False, True])
def test_3001_is_come_back(scripted: World, announced: bool) -> None:
    """A gateway that restarts is dialed again, whether a push says so or the close code."""
    scripted.connect()
    scripted.gateway.close(3001, announced=announced)
    scripted.settle(2)
    lost = scripted.store.feed(channels=("connection",))[1].envelope.data
    assert "gateway" in lost["reason"]


def test_3500_is_stay_away_until_asked(scripted: World) -> None:
    """A terminal code is obeyed, and told; a person may still try again."""
    scripted.connect()
    scripted.gateway.close(3500)
    scripted.until(lambda: scripted.client.connection_state is ConnectionState.REFUSED)
    scripted.until(lambda: scripted.store.connection.state is ConnectionState.REFUSED)
    assert "3500" in (scripted.store.connection.reason or "")
    scripted.client.reconnect()
    scripted.settle(2)


def test_a_refused_connect_ends_it_unless_temporary(scripted: World) -> None:
    """Permission denied is an end; an internal error is tried again."""
    scripted.gateway.refusal = ErrorFrame(code=100, message="internal server error", temporary=True)
    scripted.client.connect()
    scripted.until(lambda: scripted.store.connection.dials >= 3)
    scripted.gateway.refusal = ErrorFrame(code=103, message="permission denied")
    scripted.until(lambda: scripted.store.connection.state is ConnectionState.REFUSED)
    assert scripted.store.connection.reason == "The gateway refused: permission denied (code 103)."
    assert not any(kind == "connection:established" for kind in scripted.raised())


def test_silence_is_noticed_and_dialed_again(scripted: World) -> None:
    """No traffic at all for ping interval and slack means dead, with TCP still open."""
    scripted.gateway.ping_s = 1
    scripted.client.set_reconnect_options(slack_s=0.1)
    scripted.connect()
    scripted.settle(2)
    scripted.until(lambda: "connection:lost" in scripted.raised())


def test_pings_are_answered_and_count_as_life(scripted: World) -> None:
    """The protocol's heartbeat gets its pong."""
    scripted.connect()
    scripted.gateway.ping()
    scripted.gateway.publish("users", login("ann"))
    scripted.until(lambda: len(scripted.store.people()) == 1)
    scripted.until(lambda: scripted.gateway.pongs == 1)


def test_a_heartbeat_of_ours_keeps_a_silent_gateway_alive(scripted: World) -> None:
    """A WebSocket ping is answered by any server, so that silence is no longer death."""
    scripted.client.enable_heartbeat(0.02)
    scripted.client.set_reconnect_options(slack_s=2.0)
    scripted.connect()
    before = scripted.store.connection.bytes_out
    scripted.until(lambda: scripted.store.connection.bytes_out > before + 20)
    assert scripted.store.connection.dials == 1


def test_a_gateway_that_never_answers_is_given_up(scripted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that opens isn't a connection yet."""
    monkeypatch.setattr("realtime.client.connection.OPENING_S", 0.1)
    scripted.gateway.is_mute = True
    scripted.client.connect()
    scripted.until(lambda: scripted.store.connection.dials >= 2)
    scripted.gateway.is_mute = False
    scripted.until(lambda: scripted.client.is_connected)


def test_a_command_without_an_answer_costs_the_connection(scripted: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a subscribe nor an emit waits for ever."""
    monkeypatch.setattr("realtime.client.wire.ANSWER_S", 0.1)
    scripted.connect()
    scripted.gateway.is_mute = True
    future = scripted.client.emit("user:activity", {})
    with pytest.raises(NotConnected, match="before the gateway answered"):
        future.result(WAIT_S)
    scripted.gateway.is_mute = False
    scripted.settle(2)


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


def test_a_snapshot_that_fails_is_tried_again_and_said(scripted: World) -> None:
    """The other channels are live meanwhile, but the whole isn't called current."""
    path = "/api/collections/orders/documents"
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.gateway.http_status[path] = HTTPStatus.INTERNAL_SERVER_ERROR
    scripted.client.connect()
    scripted.until(lambda: "HTTP 500" in (scripted.store.connection.reason or ""))
    assert scripted.store.connection.state is ConnectionState.SYNCING
    scripted.gateway.publish("users", login("ann"))
    scripted.until(lambda: len(scripted.store.people()) == 1)
    del scripted.gateway.http_status[path]
    scripted.until(lambda: scripted.client.is_connected)
    assert scripted.ids() == {"a"}
    assert scripted.store.connection.reason is None


def test_a_list_of_collections_that_fails_is_tried_again(scripted: World) -> None:
    """Without it nobody knows what there is to follow."""
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.gateway.http_status["/api/collections"] = HTTPStatus.SERVICE_UNAVAILABLE
    scripted.client.connect()
    scripted.until(lambda: "HTTP 503" in (scripted.store.connection.reason or ""))
    del scripted.gateway.http_status["/api/collections"]
    scripted.until(lambda: scripted.client.is_connected)
    assert scripted.ids() == {"a"}


def test_a_refused_channel_doesnt_hold_up_the_others(scripted: World) -> None:
    """What one may not see isn't waited for."""
    scripted.gateway.refused_channels["system"] = ErrorFrame(code=103, message="permission denied")
    scripted.connect()
    assert scripted.store.position("system") is None


def test_an_unsubscribe_push_is_followed_by_a_resume(scripted: World) -> None:
    """From 2500 on the channel is joined again from its position."""
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.connect()
    scripted.gateway.publish(ORDERS, created("b"), is_lost=True)
    scripted.gateway.push(Push(channel=ORDERS, unsubscribe=UnsubscribePush(code=2500, reason="insufficient state")))
    scripted.until(lambda: scripted.ids() == {"a", "b"})


def test_a_token_is_fetched_before_every_dial_and_renewed(scripted: World) -> None:
    """A dial never uses yesterday's token; a failing source of tokens is retried like a failing dial."""
    tokens = iter(["fail", *(f"t{number}" for number in range(100))])

    def token() -> str:
        fresh = next(tokens)
        if fresh == "fail":
            raise RuntimeError
        return fresh

    scripted.gateway.expires_in_s = 1
    client = scripted.another(scripted.store, token=token)
    client.connect()
    scripted.until(lambda: client.is_connected)
    assert scripted.gateway.connects[0].token == "t0"
    scripted.until(lambda: any(command.refresh is not None for command in scripted.gateway.commands))
    scripted.gateway.cut()
    scripted.settle(3)
    assert scripted.gateway.connects[-1].token not in ("", "t0")


def test_disconnect_ends_the_thread_and_connect_begins_anew(scripted: World) -> None:
    """From the position reached; asking twice is asking once."""
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.connect()
    scripted.client.connect()
    scripted.client.disconnect()
    scripted.client.disconnect()
    assert scripted.store.connection.state is ConnectionState.DISCONNECTED
    assert not any(thread.name == "tideboard-client" for thread in threading.enumerate())
    scripted.gateway.publish(ORDERS, created("b"), is_lost=True)
    scripted.client.connect()
    scripted.until(lambda: scripted.client.is_connected)
    assert scripted.ids() == {"a", "b"}
    scripted.until(lambda: scripted.raised()[-1] == "connection:restored")


def test_reconnect_replaces_a_connection(scripted: World) -> None:
    """A person's Retry now dials at once, even when all seems well."""
    scripted.client.reconnect()
    scripted.until(lambda: scripted.client.is_connected)
    scripted.client.reconnect()
    scripted.settle(2)


def test_a_web_server_that_is_no_gateway_is_told_apart(scripted: World) -> None:
    """The reason names the HTTP status."""
    store = Store()
    address = scripted.gateway.address
    client = WebSocketClient(f"ws://{address}/api/collections", http_url=f"http://{address}", store=store)
    scripted.stack.callback(client.disconnect)
    client.connect()
    tick = 0
    deadline = time.monotonic() + WAIT_S
    while store.connection.reason is None and time.monotonic() < deadline:
        tick, _ = store.wait_for_changes(tick, timeout_s=0.1)
    assert store.connection.reason == "The gateway answered HTTP 200 instead of a WebSocket."


@pytest.mark.parametrize("seconds", [0, -1])
def test_nonsense_options_are_refused(scripted: World, seconds: float) -> None:
    """Waiting less than nothing isn't patience."""
    with pytest.raises(ValueError, match="above 0"):
        scripted.client.set_reconnect_options(base_s=seconds)
    with pytest.raises(ValueError, match="above 0"):
        scripted.client.enable_heartbeat(seconds)
