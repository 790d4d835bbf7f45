"""Says what the hub needs of a backend, and what a backend sees of a connection. Values and protocols, no behaviour."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from realtime.errors import Disconnect
from realtime.protocol.frames import (
    ClientInfo,
    ConnectRequest,
    HistoryRequest,
    HistoryResult,
    PublishRequest,
    SubscribeRequest,
)
from realtime.protocol.positions import Position


class Others(Protocol):
    """Who is connected by way of other nodes, and what they want to know of this one."""

    async def elsewhere(self, channel: str) -> Sequence[ClientInfo]:
        """Tell who is subscribed to a channel there."""

    def touch(self) -> None:
        """Learn that who is connected here, or to what, has changed."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What the driver knows of the other end. Header names are lower case.

    `address` is an IP address, `host` what was asked for, `scheme` "http" or "https" where it is known, else empty.
    """

    address: str
    host: str = ""
    scheme: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OutPublication:
    """One publication on its way out. `data` is one JSON value, `time_ms` Unix milliseconds.

    `can_coalesce`: while a connection is behind, an undelivered earlier one with the same channel and `key` may be
    dropped in favour of this one. It takes effect only where `offset` is 0: a dropped offset would look like a gap to
    the client, so a connection that can't keep up with a positioned channel is closed as slow instead.
    """

    data: bytes
    offset: int = 0
    key: str | None = None
    can_coalesce: bool = False
    time_ms: int = 0
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Granted:
    """Lets a connection in. `info` and `data` are JSON; `channels` are subscribed at once by the server.

    `is_trusted`: it speaks for many people and has counted them itself, so what is meant per person isn't for it.
    What is broadcast to a `group` is encoded once for all of it.
    """

    user: str = ""
    info: bytes = b""
    expires_at: float | None = None
    data: bytes = b""
    channels: Sequence[str] = ()
    is_trusted: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """Lets a connection into a channel.

    `position` is the top that `publications` (oldest first) lead up to, None for a channel without positions.
    `recovered`: `publications` is all that followed the position asked for. With `recoverable` the hub checks that
    what follows is contiguous. `data` is JSON, handed to the subscriber with the reply.
    """

    position: Position | None = None
    publications: Sequence[OutPublication] = ()
    recovered: bool = False
    recoverable: bool = True
    data: bytes = b""
    expires_at: float | None = None


class Member(Protocol):
    """One connection, as backends see it. `slot` is the backend's own."""

    slot: Any

    @property
    def client(self) -> str: ...  # noqa: D102 - the protocol's word: the connection's id
    @property
    def user(self) -> str: ...  # noqa: D102
    @property
    def info(self) -> bytes: ...  # noqa: D102
    @property
    def expires_at(self) -> float | None: ...  # noqa: D102
    @property
    def channels(self) -> Collection[str]:
        """Name the channels it is subscribed to."""

    @property
    def backlog_bytes(self) -> int:
        """Return how much waits to be sent to it."""

    @property
    def is_closed(self) -> bool: ...  # noqa: D102
    @property
    def ended_by(self) -> Disconnect | None:
        """Return why the connection ended, as soon as that is decided; None while it is open."""

    def push(self, channel: str, publication: OutPublication) -> None:
        """Send a publication to this connection alone; dropped unless it is subscribed."""

    def message(self, data: bytes) -> None:
        """Send a message (JSON) to this connection alone."""

    def disconnect(self, disconnect: Disconnect) -> None:
        """End the connection."""

    def unsubscribe(self, channel: str, code: int, reason: str) -> None:
        """End one subscription. From code 2500 on the client subscribes again by itself."""

    def regroup(self, group: str, *, ending: Callable[[str], tuple[int, str] | None]) -> None:
        """Move to another group; end the subscriptions for whose channel `ending` gives a code and a reason."""


class Backend(Protocol):
    """Knows what channels hold and who may do what.

    The coroutines may raise CommandError (`refuse`), which answers the command, or Disconnect (`hang_up`), which ends
    the connection. The calls of one connection may overlap; each starts in the order the commands came, and none is
    cancelled when the connection goes. Every `connect` that returned is followed by one `closed`, every `subscribe`
    that returned by one `unsubscribed`, before that.
    """

    async def connect(self, member: Member, request: ConnectRequest, peer: Peer) -> Granted:
        """Decide who this is."""

    def opened(self, member: Member) -> None:
        """Learn that a connection was let in and can be sent to, right behind the answer. Must not raise."""

    async def subscribe(self, member: Member, request: SubscribeRequest) -> Joined:
        """Let it into a channel. What is broadcast meanwhile is buffered and follows the reply."""

    async def publish(self, member: Member, request: PublishRequest) -> None:
        """Publish; returns once it is durable."""

    async def history(self, member: Member, request: HistoryRequest) -> HistoryResult:
        """Read a part of a stream."""

    async def rpc(self, member: Member, method: str, data: bytes) -> bytes:
        """Call a method; takes and returns JSON, b"" for none."""

    async def refresh(self, member: Member, token: str) -> float | None:
        """Renew the connection; returns when it expires next (Unix seconds), None for never."""

    async def sub_refresh(self, member: Member, channel: str, token: str) -> float | None:
        """Renew a subscription; returns when it expires next (Unix seconds), None for never."""

    def message(self, member: Member, data: bytes) -> None:
        """Take a message nobody answers (`send`)."""

    def unsubscribed(self, member: Member, channel: str) -> None:
        """Learn that a subscription ended, for whatever reason, the end of the connection included. Must not raise."""

    def closed(self, member: Member) -> None:
        """Learn that a connection is gone. Must not raise."""
