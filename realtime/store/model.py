"""Says what readers of the store get: frozen values. Pure.

Times are Unix seconds. Dicts inside are shared by all readers: read them, never change them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, TypeAlias

import msgspec

from realtime.protocol.events import FUTURE_AFTER_S, Envelope, Event, JsonObject
from realtime.protocol.positions import Position

ChangeKind: TypeAlias = Literal["created", "updated", "deleted"]
LATE_AFTER_S = 60.0


class ConnectionState(StrEnum):
    """How the client stands to the gateway, in one word."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    SYNCING = "syncing"
    CONNECTED = "connected"
    RECONNECTING = "reconnecting"
    REFUSED = "refused"  # the gateway said: don't come back


class ConnectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The connection as people are told of it.

    `attempts` counts dials since the connection was last in sync; `next_dial_at` is set while waiting for the next.
    `lag_s` is the last event's way from the gateway's commit to the store; `downtime_s` is how long the last loss took.
    `reason` says in words for people why there is no connection, or why the last one ended. `transport` is `websocket`
    or `polling`; `poll_s` is how often it polls.
    """

    state: ConnectionState = ConnectionState.DISCONNECTED
    transport: str = "websocket"
    since: float = 0.0
    attempts: int = 0
    next_dial_at: float | None = None
    connected_since: float | None = None
    downtime_s: float | None = None
    reason: str | None = None
    dials: int = 0
    reconnects: int = 0
    lag_s: float | None = None
    last_event_at: float | None = None
    bytes_in: int = 0
    bytes_out: int = 0
    poll_s: float | None = None

    @property
    def is_connected(self) -> bool:
        """Tell whether what the store holds is current."""
        return self.state is ConnectionState.CONNECTED

    def looks_like(self, other: ConnectionStatus) -> bool:
        """Tell whether nothing but the running numbers (lag, bytes) differs."""
        return msgspec.structs.replace(
            self,
            lag_s=other.lag_s,
            last_event_at=other.last_event_at,
            bytes_in=other.bytes_in,
            bytes_out=other.bytes_out,
        ) == other  # fmt: skip


class OutboxState(StrEnum):
    """What became of an emit so far."""

    PENDING = "pending"
    SENT = "sent"  # on its way, not answered yet
    REFUSED = "refused"  # parked until a person decides
    CONFIRMED = "confirmed"  # acknowledged, and gone from the disk


class OutboxEntry(msgspec.Struct, frozen=True, kw_only=True):
    """An emit in the outbox. `number` names it, and is the order of sending; `key` is the envelope's source and id.

    `document` is the collection and id it is about, None when it is about none. `expected_offset` is the version of
    the document it was made from. `follows` names the entry whose outcome it was made on: its acknowledgement gives
    the version. `reason` says why it was refused, or why the last attempt failed. `offset` is where it was stored.
    """

    number: int
    key: tuple[str, str]
    type: str
    envelope: bytes
    created_at: float
    document: tuple[str, str] | None = None
    expected_offset: int | None = None
    follows: int | None = None
    state: OutboxState = OutboxState.PENDING
    attempts: int = 0
    reason: str | None = None
    is_conflict: bool = False
    settled_at: float | None = None
    offset: int | None = None

    @property
    def is_open(self) -> bool:
        """Tell whether it waits to be sent or answered."""
        return self.state in (OutboxState.PENDING, OutboxState.SENT)


class DocumentState(msgspec.Struct, frozen=True, gc=False):
    """A document and its last change. `changed_at`, `actor`, `kind` are None when only a snapshot told of it."""

    id: str
    document: JsonObject
    offset: int
    changed_at: float | None = None
    actor: str | None = None
    kind: ChangeKind | None = None
    changed: tuple[str, ...] = ()


class CollectionSnapshot(msgspec.Struct, frozen=True):
    """A collection at one version. `documents` are in order of their last change, newest last."""

    name: str
    version: int
    position: Position | None
    documents: Mapping[str, DocumentState]


class CollectionSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A collection in numbers. The totals count events this process has seen, not the collection's whole life.

    `usual_gap_s` is the pause between changes someone looking at any moment would find; None before there were two.
    """

    name: str
    count: int
    created: int
    updated: int
    deleted: int
    last_change_at: float | None
    rate_per_min: int
    usual_gap_s: float | None
    version: int


class FeedEntry(msgspec.Struct, frozen=True):
    """An event in the feed. `sequence` is unique in this process; `changed` names an update's changed fields.

    `received_at` is when it was applied, or for one that happened before this process was listening
    (`is_replay`) when the gateway stored it. `event_at` is the producer's own time, None when it has none.
    """

    sequence: int
    channel: str
    offset: int
    envelope: Envelope
    event: Event
    received_at: float
    event_at: float | None
    changed: tuple[str, ...] = ()
    is_replay: bool = False

    @property
    def is_late(self) -> bool:
        """Tell whether it took more than a minute to get here."""
        return self.event_at is not None and self.received_at - self.event_at > LATE_AFTER_S

    @property
    def is_future(self) -> bool:
        """Tell whether the producer's clock is more than 5 s ahead."""
        return self.event_at is not None and self.event_at - self.received_at > FUTURE_AFTER_S


class Looking(msgspec.Struct, frozen=True, gc=False):
    """What a page shows: the page's name, and the collection and document where there are any."""

    page: str = ""
    collection: str = ""
    document: str = ""


class Here(msgspec.Struct, frozen=True, gc=False):
    """A person at this app's own pages. `tabs` are open (0: the last one has just gone), `since` their arrival."""

    tabs: int
    is_idle: bool
    since: float
    looking: tuple[Looking, ...] = ()


class PersonSeen(msgspec.Struct, frozen=True, gc=False):
    """A person as events told of them. `is_online` from a login or an activity on until a logout.

    `looking` is what they looked at last. `here` is what this app's own pages know of them, None when none is open.
    """

    user_id: str
    is_online: bool
    first_seen_at: float
    last_seen_at: float
    last_action: str
    actions: int
    is_idle: bool = False
    looking: Looking | None = None
    came_at: float | None = None
    here: Here | None = None


class PersonDid(msgspec.Struct, frozen=True, gc=False):
    """One thing a person did, and to what. `detail` is what the producer told besides, in short."""

    user_id: str
    at: float
    action: str
    looking: Looking | None = None
    detail: str = ""
