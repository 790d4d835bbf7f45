"""Names what a session can be in, and what it wants done: values, no behaviour. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeAlias

from realtime.errors import Disconnect
from realtime.hub.outgoing import Outgoing
from realtime.hub.subscription import Subscription
from realtime.protocol.frames import (
    ChannelRequest,
    ConnectRequest,
    Empty,
    HistoryRequest,
    PublishRequest,
    Reply,
    RpcRequest,
    SendRequest,
    SubscribeRequest,
    TokenRequest,
)

Request: TypeAlias = (
    ConnectRequest
    | SubscribeRequest
    | ChannelRequest
    | PublishRequest
    | HistoryRequest
    | SendRequest
    | RpcRequest
    | TokenRequest
    | Empty
)


class Phase(Enum):
    """Where a session is."""

    WAITING = "waiting"  # for the connect command
    CONNECTING = "connecting"  # the backend decides
    OPEN = "open"
    REFUSED = "refused"  # connect was answered with an error; the client is expected to leave
    CLOSED = "closed"


STEPS: Final[Mapping[Phase, frozenset[Phase]]] = {
    Phase.WAITING: frozenset({Phase.CONNECTING, Phase.CLOSED}),
    Phase.CONNECTING: frozenset({Phase.OPEN, Phase.REFUSED, Phase.CLOSED}),
    Phase.OPEN: frozenset({Phase.CLOSED}),
    Phase.REFUSED: frozenset({Phase.CLOSED}),
    Phase.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one connection may do, and how long it may take. Seconds."""

    ping_s: float = 25.0
    pong_within_s: float = 8.0
    connect_within_s: float = 10.0
    expired_grace_s: float = 25.0
    channels: int = 10_000


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask the backend; bring its answer with `granted`, `joined`, `refreshed`, `answered` or `refused`."""

    id: int
    verb: str
    request: Request


@dataclass(frozen=True, slots=True)
class Say:
    """Send a reply or a push."""

    reply: Reply


@dataclass(frozen=True, slots=True)
class Forward:
    """Send what was encoded already."""

    outgoing: Outgoing


@dataclass(frozen=True, slots=True)
class Enter:
    """Offer what is broadcast to this subscription from now on; it buffers until it is live."""

    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Live:
    """The subscription is live; tell those who asked for joins."""

    subscription: Subscription


@dataclass(frozen=True, slots=True)
class Leave:
    """Offer nothing more to this subscription. If it `was_granted` tell the backend, if `was_live` the watchers."""

    subscription: Subscription
    was_live: bool
    was_granted: bool


@dataclass(frozen=True, slots=True)
class Hangup:
    """Close the socket. Nothing more comes from this session."""

    disconnect: Disconnect


Effect: TypeAlias = Ask | Say | Forward | Enter | Live | Leave | Hangup
Effects: TypeAlias = list[Effect]
