"""Names where a connection can be, the ways between, and what it may ask for. No behaviour, only values.

The table is the whole truth: what it doesn't name can't happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final, TypeAlias

import msgspec

from realtime.client.route import Way
from realtime.protocol.events import ConnectionEvent


class Phase(Enum):
    """Where a connection is in its life."""

    IDLE = "idle"  # not wanted
    DIALING = "dialing"  # waiting for the socket
    OPENING = "opening"  # socket open, `connect` not answered
    SYNCING = "syncing"  # let in, catching up
    LIVE = "live"
    WAITING = "waiting"  # for the next dial
    REFUSED = "refused"  # told not to come back


TRANSITIONS: Final[Mapping[Phase, frozenset[Phase]]] = {
    Phase.IDLE: frozenset({Phase.DIALING}),
    # From dialing to dialing: the socket can't be had, polling perhaps can.
    Phase.DIALING: frozenset({Phase.DIALING, Phase.OPENING, Phase.WAITING, Phase.REFUSED, Phase.IDLE}),
    Phase.OPENING: frozenset({Phase.SYNCING, Phase.WAITING, Phase.REFUSED, Phase.DIALING, Phase.IDLE}),
    Phase.SYNCING: frozenset({Phase.LIVE, Phase.WAITING, Phase.REFUSED, Phase.DIALING, Phase.IDLE}),
    Phase.LIVE: frozenset({Phase.SYNCING, Phase.WAITING, Phase.REFUSED, Phase.DIALING, Phase.IDLE}),
    Phase.WAITING: frozenset({Phase.DIALING, Phase.IDLE}),
    Phase.REFUSED: frozenset({Phase.DIALING, Phase.IDLE}),
}
WITH_SOCKET: Final = frozenset({Phase.OPENING, Phase.SYNCING, Phase.LIVE})


class Dial(msgspec.Struct, frozen=True):
    """Open a socket with a fresh token, or begin to poll; report `dialed` or `dial_failed`."""

    generation: int
    over: Way = "websocket"


class Probe(msgspec.Struct, frozen=True):
    """Look whether a socket can be had, while this dial polls; report `probed`."""

    generation: int


class Open(msgspec.Struct, frozen=True):
    """Send `connect`; report `welcomed` or `refused`."""

    generation: int


class Hangup(msgspec.Struct, frozen=True):
    """Close the socket of this dial."""

    generation: int
    reason: str


class Ping(msgspec.Struct, frozen=True):
    """Provoke a sign of life."""

    generation: int


class Renew(msgspec.Struct, frozen=True):
    """Send a fresh token: the connection is about to expire."""

    generation: int


class Raise(msgspec.Struct, frozen=True):
    """Tell people, through the feed."""

    event: ConnectionEvent


Effect: TypeAlias = Dial | Probe | Open | Hangup | Ping | Renew | Raise
