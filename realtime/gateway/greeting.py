"""Reads what a connection of the socket says: who it is, what it wants to hear of, what it asks for. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from realtime.gateway.access import Identity
from realtime.gateway.bodies import Malformed, decode_item
from realtime.gateway.redelivery import ConsumerName
from realtime.hub import Peer
from realtime.protocol.codes import ErrorCode, refuse


class Greeting(msgspec.Struct, frozen=True):
    """What a connection says of itself in `connect`: which messages it wants, and under which name it acknowledges."""

    announce: bool = False
    consumer: str | None = None
    flags: bool = False


class _Expect(msgspec.Struct):
    offset: int


class IngestRequest(msgspec.Struct):
    """What `rpc ingest` takes."""

    events: list[Any]
    expect: _Expect | None = None


def person_of(identity: Identity, greeting: Greeting, peer: Peer) -> str:
    """Say whom a roll-out counts this as: apps, which share a name, by their data folder; strangers by address."""
    named = "" if identity.is_app else identity.user
    return named or greeting.consumer or identity.user or peer.address.rpartition(":")[0]


def decoded(data: bytes) -> Any:
    """Decode what a command brings. Raises CommandError 107 for what isn't JSON."""
    item = decode_item(data)
    if isinstance(item, Malformed):
        raise refuse(ErrorCode.BAD_REQUEST, message=str(item.error))
    return item


def read_greeting(data: bytes) -> Greeting:
    """Read what a connection says of itself; what makes no sense to us may make sense to others."""
    item = decode_item(data) if data else None
    if not isinstance(item, dict):
        return Greeting()
    try:
        consumer = msgspec.convert(item.get("consumer"), ConsumerName | None)
    except msgspec.ValidationError as error:
        raise refuse(ErrorCode.BAD_REQUEST, message=f"this can't name a consumer: {error}") from error
    return Greeting(announce=item.get("announce") is True, consumer=consumer, flags=item.get("flags") is True)
