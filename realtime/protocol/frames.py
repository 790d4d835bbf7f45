"""Frames of the Centrifuge client protocol, JSON, version 2. Pure.

Commands go from client to server, replies come back; a reply without an id is a push, an empty one a ping.
Several may share one WebSocket message, one a line. Field names are the protocol's own
(centrifugal/protocol, definitions/client.proto).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

import msgspec

from realtime.errors import ProtocolError
from realtime.protocol.positions import Position

Raw = msgspec.Raw
NO_DATA: Final = msgspec.Raw(b"")
_F = TypeVar("_F", "Command", "Reply")


class _Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    pass


class ErrorFrame(_Frame, frozen=True, omit_defaults=True):
    """Why a command was refused."""

    code: int
    message: str = ""
    temporary: bool = False


class ClientInfo(_Frame, frozen=True, omit_defaults=True):
    """Who holds a connection."""

    user: str = ""
    client: str = ""
    conn_info: Raw = NO_DATA
    chan_info: Raw = NO_DATA


class Publication(_Frame, frozen=True, omit_defaults=True):
    """One event of a channel. `data` is raw JSON, `time` is Unix milliseconds."""

    data: Raw = NO_DATA
    info: ClientInfo | None = None
    offset: int = 0
    tags: dict[str, str] = {}
    time: int = 0


class SubscribeRequest(_Frame, frozen=True, omit_defaults=True):
    """Ask for a channel, perhaps from a position on."""

    channel: str = ""
    token: str = ""
    recover: bool = False
    epoch: str = ""
    offset: int = 0
    data: Raw = NO_DATA
    positioned: bool = False
    recoverable: bool = False
    join_leave: bool = False
    flag: int = 0


class ConnectRequest(_Frame, frozen=True, omit_defaults=True):
    """Open the session."""

    token: str = ""
    data: Raw = NO_DATA
    subs: dict[str, SubscribeRequest] = {}
    name: str = ""
    version: str = ""
    headers: dict[str, str] = {}


class ChannelRequest(_Frame, frozen=True, omit_defaults=True):
    """Name a channel (unsubscribe, presence, presence_stats)."""

    channel: str = ""


class PublishRequest(_Frame, frozen=True, omit_defaults=True):
    """Publish one event."""

    channel: str = ""
    data: Raw = NO_DATA


class HistoryRequest(_Frame, frozen=True, omit_defaults=True):
    """Read a channel's stream. limit 0: the position only; -1: all there is."""

    channel: str = ""
    limit: int = 0
    since: Position | None = None
    reverse: bool = False


class SendRequest(_Frame, frozen=True, omit_defaults=True):
    """A message nobody answers."""

    data: Raw = NO_DATA


class RpcRequest(_Frame, frozen=True, omit_defaults=True):
    """Call a method of the server."""

    data: Raw = NO_DATA
    method: str = ""


class TokenRequest(_Frame, frozen=True, omit_defaults=True):
    """Renew a token (refresh, sub_refresh)."""

    token: str = ""
    channel: str = ""


class Empty(_Frame, frozen=True, omit_defaults=True):
    """Nothing but its presence."""


class Command(_Frame, frozen=True, omit_defaults=True):
    """One command. Exactly one request is set; none at all is a pong."""

    id: int = 0
    connect: ConnectRequest | None = None
    subscribe: SubscribeRequest | None = None
    unsubscribe: ChannelRequest | None = None
    publish: PublishRequest | None = None
    presence: ChannelRequest | None = None
    presence_stats: ChannelRequest | None = None
    history: HistoryRequest | None = None
    ping: Empty | None = None
    send: SendRequest | None = None
    rpc: RpcRequest | None = None
    refresh: TokenRequest | None = None
    sub_refresh: TokenRequest | None = None


class SubscribeResult(_Frame, frozen=True, omit_defaults=True):
    """Where a subscription starts. `publications` follow the position asked for, oldest first."""

    expires: bool = False
    ttl: int = 0
    recoverable: bool = False
    epoch: str = ""
    publications: list[Publication] = []
    recovered: bool = False
    offset: int = 0
    positioned: bool = False
    data: Raw = NO_DATA
    was_recovering: bool = False


class ConnectResult(_Frame, frozen=True, omit_defaults=True):
    """The session is open. `ping` is in seconds; `pong`: the server wants one back."""

    client: str = ""
    version: str = ""
    expires: bool = False
    ttl: int = 0
    data: Raw = NO_DATA
    subs: dict[str, SubscribeResult] = {}
    ping: int = 0
    pong: bool = False
    session: str = ""
    node: str = ""
    time: int = 0


class PresenceResult(_Frame, frozen=True, omit_defaults=True):
    """Who is subscribed, by client id."""

    presence: dict[str, ClientInfo] = {}


class PresenceStatsResult(_Frame, frozen=True, omit_defaults=True):
    """How many are subscribed."""

    num_clients: int = 0
    num_users: int = 0


class HistoryResult(_Frame, frozen=True, omit_defaults=True):
    """A part of a stream and the position of its top."""

    publications: list[Publication] = []
    epoch: str = ""
    offset: int = 0


class RpcResult(_Frame, frozen=True, omit_defaults=True):
    """What a method returned."""

    data: Raw = NO_DATA


class RefreshResult(_Frame, frozen=True, omit_defaults=True):
    """A token was renewed; `ttl` in seconds."""

    client: str = ""
    version: str = ""
    expires: bool = False
    ttl: int = 0


class Presence(_Frame, frozen=True, omit_defaults=True):
    """Someone joined or left."""

    info: ClientInfo | None = None


class UnsubscribePush(_Frame, frozen=True, omit_defaults=True):
    """The server ended a subscription."""

    code: int = 0
    reason: str = ""


class SubscribePush(_Frame, frozen=True, omit_defaults=True):
    """The server began a subscription."""

    recoverable: bool = False
    epoch: str = ""
    offset: int = 0
    positioned: bool = False
    data: Raw = NO_DATA


class MessagePush(_Frame, frozen=True, omit_defaults=True):
    """A message to this connection alone."""

    data: Raw = NO_DATA


class DisconnectPush(_Frame, frozen=True, omit_defaults=True):
    """The connection is about to close."""

    code: int = 0
    reason: str = ""
    reconnect: bool = False


class RefreshPush(_Frame, frozen=True, omit_defaults=True):
    """The server renewed the connection's expiry."""

    expires: bool = False
    ttl: int = 0


class Push(_Frame, frozen=True, omit_defaults=True):
    """What the server says unasked."""

    channel: str = ""
    pub: Publication | None = None
    join: Presence | None = None
    leave: Presence | None = None
    unsubscribe: UnsubscribePush | None = None
    message: MessagePush | None = None
    subscribe: SubscribePush | None = None
    disconnect: DisconnectPush | None = None
    refresh: RefreshPush | None = None


class Reply(_Frame, frozen=True, omit_defaults=True):
    """An answer (id > 0), a push (id 0), or a ping (nothing set)."""

    id: int = 0
    error: ErrorFrame | None = None
    push: Push | None = None
    connect: ConnectResult | None = None
    subscribe: SubscribeResult | None = None
    unsubscribe: Empty | None = None
    publish: Empty | None = None
    presence: PresenceResult | None = None
    presence_stats: PresenceStatsResult | None = None
    history: HistoryResult | None = None
    ping: Empty | None = None
    rpc: RpcResult | None = None
    refresh: RefreshResult | None = None
    sub_refresh: RefreshResult | None = None

    @property
    def is_ping(self) -> bool:
        """Tell whether this is the server's heartbeat."""
        return self == PING


PING: Final = Reply()
PONG: Final = Command()

_COMMANDS: Final = msgspec.json.Decoder(Command)
_REPLIES: Final = msgspec.json.Decoder(Reply)
_ENCODER: Final = msgspec.json.Encoder()


def decode_commands(message: bytes | str) -> list[Command]:
    """Decode one WebSocket message into commands. Raises ProtocolError."""
    return [_decode(_COMMANDS, line) for line in _lines(message)]


def decode_replies(message: bytes | str) -> list[Reply]:
    """Decode one WebSocket message into replies. Raises ProtocolError."""
    return [_decode(_REPLIES, line) for line in _lines(message)]


def encode(frame: Command | Reply) -> bytes:
    """Encode one command or reply, without the newline that separates several."""
    return _ENCODER.encode(frame)


def encode_all(frames: Iterable[Command | Reply]) -> bytes:
    """Encode several commands or replies as one message, one a line."""
    return b"\n".join(map(_ENCODER.encode, frames))


def _lines(message: bytes | str) -> list[bytes]:
    raw = message.encode() if isinstance(message, str) else message
    lines = [line for line in raw.split(b"\n") if line.strip()]
    if not lines:
        raise ProtocolError("An empty message; send at least one JSON object.")
    return lines


def _decode(decoder: msgspec.json.Decoder[_F], line: bytes) -> _F:
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ProtocolError(f"Not a frame of the Centrifuge protocol: {error}") from error
