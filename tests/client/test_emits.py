"""Emits, their answers, and handlers: the client's thread against the scripted gateway."""

from __future__ import annotations

from concurrent.futures import Future

import msgspec
import pytest

from realtime.client import Ack, ConnectionState
from realtime.errors import CommandError, ConflictError, EventError, NotConnected
from realtime.protocol.events import Envelope
from realtime.protocol.frames import ErrorFrame
from realtime.protocol.positions import Position
from tests.client.world import WAIT_S, World
from tests.store.making import ORDERS, created, updated


def test_emit_is_answered_with_the_position(scripted: World) -> None:
    """The envelope has what CloudEvents needs; the future holds where it was stored."""
    scripted.connect()
    future = scripted.client.emit("user:activity", {"x": 1}, actor="ann", critical=True)
    assert future.result(WAIT_S) == Ack("users", Position("u", 7))
    (rpc,) = [command.rpc for command in scripted.gateway.commands if command.rpc is not None]
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
def test_a_refusal_reaches_whoever_emitted(scripted: World, result: object, error: type[Exception]) -> None:
    """With its code and reason, through the future."""
    scripted.connect()
    scripted.gateway.ingest = {"results": [result]}
    future = scripted.client.send(created("a"), expected_offset=3)
    with pytest.raises(error):
        future.result(WAIT_S)


def test_an_error_in_answer_to_an_emit_reaches_whoever_emitted(scripted: World) -> None:
    """The gateway can't store now, say: the protocol's code and words; one who no longer waits harms nobody."""
    scripted.connect()
    scripted.gateway.rpc_error = ErrorFrame(code=100, message="the disk is full", temporary=True)
    given_up = scripted.client.emit("user:activity", {})
    given_up.cancel()
    with pytest.raises(CommandError, match="disk is full"):
        scripted.client.emit("user:activity", {}).result(WAIT_S)
    scripted.gateway.rpc_error = None
    cancelled = scripted.client.emit("user:activity", {})
    cancelled.cancel()
    assert scripted.client.emit("user:activity", {}).result(WAIT_S).channel == "users"


def test_emitting_without_a_connection_fails_at_once(scripted: World) -> None:
    """Before the start, after the end, and while waiting for the next dial."""
    futures: list[Future[Ack]] = [scripted.client.emit("user:activity", {})]
    scripted.connect()
    scripted.gateway.close(3500)
    scripted.until(lambda: scripted.store.connection.state is ConnectionState.REFUSED)
    futures.append(scripted.client.emit("user:activity", {}))
    scripted.client.disconnect()
    futures.append(scripted.client.emit("user:activity", {}))
    for future in futures:
        assert isinstance(future.exception(WAIT_S), NotConnected)


def test_an_emit_under_way_fails_when_the_connection_is_lost(scripted: World) -> None:
    """Nobody waits for an answer that can't come."""
    scripted.connect()
    scripted.gateway.is_mute = True
    future = scripted.client.emit("user:activity", {})
    scripted.gateway.cut()
    assert isinstance(future.exception(WAIT_S), NotConnected)


def test_handlers_hear_what_was_applied_until_they_are_taken_off(scripted: World) -> None:
    """By type or all; one that fails harms nobody; the store has the event already."""
    heard: list[str] = []
    everything: list[str] = []
    is_stored: list[bool] = []

    def broken(_envelope: Envelope) -> None:
        raise RuntimeError

    def on_created(envelope: Envelope) -> None:
        heard.append(envelope.data["document"]["id"])
        is_stored.append(scripted.store.document("orders", heard[-1]) is not None)

    scripted.gateway.stream(ORDERS)
    scripted.client.subscribe("collection:created", broken)
    stop = scripted.client.subscribe("collection:created", on_created)
    scripted.client.subscribe("*", lambda envelope: everything.append(envelope.type))
    scripted.connect()
    scripted.gateway.publish(ORDERS, created("a"))
    scripted.until(lambda: scripted.ids() == {"a"})
    scripted.gateway.publish(ORDERS, updated("a"))
    scripted.until(lambda: "collection:updated" in everything)
    stop()
    scripted.client.unsubscribe("collection:created")
    scripted.gateway.publish(ORDERS, created("b"))
    scripted.until(lambda: everything.count("collection:created") == 2)
    assert (heard, is_stored) == (["a"], [True])
    assert everything[0] == "connection:established"
