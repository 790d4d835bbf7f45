"""Finds the shortest way to a WebSocket: past ASGI's wrappers to the transport. The one place that looks into uvicorn.

Through ASGI each line to each socket passes a coroutine of every middleware, and is encoded and framed anew: a third of
what a delivery costs. But what a server sends isn't masked (RFC 6455, section 5.1), so without compression a frame is
the same for all, and the transport can be given the very bytes. Where the server isn't the one we know, or the socket
isn't plainly open, there is no such way, and ASGI's is taken.
Threads: the event loop's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

SERVER_SEND: Final = "tideboard.send"
"""Where a scope keeps the server's own `send`, before anything was put around it."""
Straight: TypeAlias = Callable[[bytes], bool]
"""Gives a whole frame to the transport; False when it can't be now, and nothing was written then."""


def remembering(app: ASGIApp) -> ASGIApp:
    """Put this outermost: it keeps the server's own `send` for the hub."""

    async def remember(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            scope[SERVER_SEND] = send
        await app(scope, receive, send)

    return remember


def straight_of(scope: Scope) -> Straight | None:
    """Return the straight way of an accepted WebSocket, None where there is none."""
    protocol: Any = getattr(scope.get(SERVER_SEND), "__self__", None)
    if not isinstance(protocol, WebSocketsSansIOProtocol) or protocol.conn.extensions:
        return None
    if not all(hasattr(protocol, name) for name in ("writable", "disconnected")):
        return None
    conn, is_writable, write = protocol.conn, protocol.writable.is_set, protocol.transport.write

    def straight(frame: bytes) -> bool:
        if conn.state is not State.OPEN or protocol.disconnected or not is_writable():
            return False
        write(frame)
        return True

    return straight


def text_frame(payload: bytes) -> bytes:
    """Put a server's text message into one frame (RFC 6455, section 5.2)."""
    size = len(payload)
    if size < 126:
        return b"\x81%c%b" % (size, payload)
    if size < 65_536:
        return b"\x81\x7e%b%b" % (size.to_bytes(2, "big"), payload)
    return b"\x81\x7f%b%b" % (size.to_bytes(8, "big"), payload)
