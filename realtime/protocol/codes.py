"""Numbers of the Centrifuge protocol: errors, disconnects, unsubscribes. Pure.

Source: Centrifugo documentation, "Client protocol codes".
"""

from __future__ import annotations

from enum import IntEnum
from math import ceil
from typing import Final

from realtime.errors import CommandError, Disconnect, TooFast
from realtime.protocol.retrying import WORDS


class ErrorCode(IntEnum):
    """Answers one command; the connection lives on."""

    INTERNAL = 100
    UNAUTHORIZED = 101
    UNKNOWN_CHANNEL = 102
    PERMISSION_DENIED = 103
    METHOD_NOT_FOUND = 104
    ALREADY_SUBSCRIBED = 105
    LIMIT_EXCEEDED = 106
    BAD_REQUEST = 107
    NOT_AVAILABLE = 108
    TOKEN_EXPIRED = 109
    EXPIRED = 110
    TOO_MANY_REQUESTS = 111
    UNRECOVERABLE_POSITION = 112
    CONCURRENT_PAGINATION = 113


class DisconnectCode(IntEnum):
    """Ends a connection."""

    CONNECTION_CLOSED = 3000
    SHUTDOWN = 3001
    SERVER_ERROR = 3004
    EXPIRED = 3005
    SUB_EXPIRED = 3006
    SLOW = 3008
    WRITE_ERROR = 3009
    INSUFFICIENT_STATE = 3010
    FORCE_RECONNECT = 3011
    NO_PONG = 3012
    TOO_MANY_REQUESTS = 3013
    INVALID_TOKEN = 3500
    BAD_REQUEST = 3501
    STALE = 3502
    FORCE_NO_RECONNECT = 3503
    CONNECTION_LIMIT = 3504
    CHANNEL_LIMIT = 3505
    INAPPROPRIATE_PROTOCOL = 3506
    PERMISSION_DENIED = 3507
    NOT_AVAILABLE = 3508
    TOO_MANY_ERRORS = 3509
    WEBSOCKET_OFF = 4200


class UnsubscribeCode(IntEnum):
    """Ends a subscription; from 2500 on the client subscribes again."""

    SERVER = 2000
    INSUFFICIENT_STATE = 2500
    EXPIRED = 2501


# Centrifugo's newer word for "forget tokens and positions"; our gateway never says it, a Centrifugo may.
STATE_INVALIDATED: Final = 3014
SUBSCRIPTION_INVALIDATED: Final = 2502

_ERROR_TEXT: Final = {
    ErrorCode.INTERNAL: "internal server error",
    ErrorCode.UNAUTHORIZED: "unauthorized",
    ErrorCode.UNKNOWN_CHANNEL: "unknown channel",
    ErrorCode.PERMISSION_DENIED: "permission denied",
    ErrorCode.METHOD_NOT_FOUND: "method not found",
    ErrorCode.ALREADY_SUBSCRIBED: "already subscribed",
    ErrorCode.LIMIT_EXCEEDED: "limit exceeded",
    ErrorCode.BAD_REQUEST: "bad request",
    ErrorCode.NOT_AVAILABLE: "not available",
    ErrorCode.TOKEN_EXPIRED: "token expired",
    ErrorCode.EXPIRED: "expired",
    ErrorCode.TOO_MANY_REQUESTS: "too many requests",
    ErrorCode.UNRECOVERABLE_POSITION: "unrecoverable position",
    ErrorCode.CONCURRENT_PAGINATION: "concurrent pagination",
}
_TEMPORARY: Final = {ErrorCode.INTERNAL, ErrorCode.TOO_MANY_REQUESTS, ErrorCode.CONCURRENT_PAGINATION}

_DISCONNECT_TEXT: Final = {
    DisconnectCode.CONNECTION_CLOSED: "connection closed",
    DisconnectCode.SHUTDOWN: "shutdown",
    DisconnectCode.SERVER_ERROR: "internal server error",
    DisconnectCode.EXPIRED: "connection expired",
    DisconnectCode.SUB_EXPIRED: "subscription expired",
    DisconnectCode.SLOW: "slow",
    DisconnectCode.WRITE_ERROR: "write error",
    DisconnectCode.INSUFFICIENT_STATE: "insufficient state",
    DisconnectCode.FORCE_RECONNECT: "force reconnect",
    DisconnectCode.NO_PONG: "no pong",
    DisconnectCode.TOO_MANY_REQUESTS: "too many requests",
    DisconnectCode.INVALID_TOKEN: "invalid token",
    DisconnectCode.BAD_REQUEST: "bad request",
    DisconnectCode.STALE: "stale",
    DisconnectCode.FORCE_NO_RECONNECT: "force disconnect",
    DisconnectCode.CONNECTION_LIMIT: "connection limit",
    DisconnectCode.CHANNEL_LIMIT: "channel limit",
    DisconnectCode.INAPPROPRIATE_PROTOCOL: "inappropriate protocol",
    DisconnectCode.PERMISSION_DENIED: "permission denied",
    DisconnectCode.NOT_AVAILABLE: "not available",
    DisconnectCode.TOO_MANY_ERRORS: "too many errors",
    # Ours, from the range that is free to applications: come back, and poll meanwhile.
    DisconnectCode.WEBSOCKET_OFF: "websocket switched off",
}


def refuse(code: ErrorCode, *, message: str | None = None) -> CommandError:
    """Build the error that answers one command, in the protocol's own words unless `message` is given."""
    return CommandError(int(code), message or _ERROR_TEXT[code], is_temporary=code in _TEMPORARY)


def too_fast(wait_s: float) -> TooFast:
    """Build the error that answers what came too fast, 111; it may come again in `wait_s` seconds."""
    code = ErrorCode.TOO_MANY_REQUESTS
    return TooFast(int(code), f"{_ERROR_TEXT[code]}: {WORDS} {max(1, ceil(wait_s))} s", retry_s=wait_s)


def hang_up(code: DisconnectCode, *, reason: str | None = None) -> Disconnect:
    """Build the disconnect that ends a connection, in the protocol's own words unless `reason` is given."""
    return Disconnect(int(code), reason or _DISCONNECT_TEXT[code])


def may_reconnect(code: int) -> bool:
    """Tell whether a close code invites the client back.

    3500–3999 and 4500–4999 are terminal; everything else, the WebSocket standard's own codes
    included, is temporary. One exception as in the public SDKs: 1009 (message too big) is terminal,
    since the same message would be too big again.
    """
    return not (3500 <= code < 4000 or 4500 <= code < 5000 or code == 1009)
