"""Holds one WebSocket: open, send, receive, close. Knows neither frames nor states.

Threads: any may ring, and call what `sender` returned (websocket-client locks each frame); the rest is the driver's.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Final
from urllib.parse import urlsplit

import websocket

from realtime.client.connection import ABNORMAL
from realtime.errors import Disconnect, NotConnected

_SOCKET_OPTIONS: Final = ((socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),)
_IO_S: Final = 5.0


class Transport:
    """A WebSocket to the gateway and a bell that other threads ring to end a wait."""

    def __init__(self) -> None:
        self.bytes_in = 0
        self.bytes_out = 0
        self._socket: websocket.WebSocket | None = None
        self._raw: socket.socket | None = None
        self._bell_in, self._bell_out = socket.socketpair()
        self._bell_in.setblocking(False)
        self._bell_out.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._bell_out, selectors.EVENT_READ)

    def open(self, url: str) -> None:
        """Dial. Raises NotConnected with the reason for people."""
        try:
            dialed = _dialed(url, timeout_s=_IO_S)
        except websocket.WebSocketBadStatusException as error:
            raise NotConnected(f"The gateway answered HTTP {error.status_code} instead of a WebSocket.") from error
        except (OSError, websocket.WebSocketException, ValueError) as error:
            place = urlsplit(url).netloc
            raise NotConnected(f"The gateway at {place} can't be reached: {_words(error)}.") from error
        self._socket = dialed
        raw: socket.socket | None = dialed.sock
        if raw is None:
            raise NotConnected("The gateway hung up at once.")
        self._raw = raw  # websocket-client forgets its own when it breaks, and the selector has to be told
        self._selector.register(raw, selectors.EVENT_READ)

    def wait(self, timeout_s: float | None) -> bool:
        """Wait for something to read, the bell, or the time; tell whether there is something to read."""
        current = self._socket
        if current is not None and _has_pending(current):
            return True
        is_readable = False
        for key, _ in self._selector.select(timeout_s):
            if key.fileobj is self._bell_out:
                with contextlib.suppress(BlockingIOError):
                    self._bell_out.recv(4096)
            else:
                is_readable = True
        return is_readable

    def ring(self) -> None:
        """End the driver's wait. Threads: any."""
        with contextlib.suppress(OSError):  # full: it is ringing already; closed: nobody waits
            self._bell_in.send(b"\0")

    def receive(self) -> bytes | None:
        """Read one message, None when it was only a sign of life. Raises Disconnect with the close code."""
        current = self._socket
        if current is None:
            raise Disconnect(ABNORMAL, "The connection is closed.")
        try:
            opcode, frame = current.recv_data_frame(control_frame=True)
        except websocket.WebSocketTimeoutException:
            return None  # part of a frame; the rest will come, or silence will end it
        except (OSError, websocket.WebSocketException, AttributeError) as error:
            raise Disconnect(ABNORMAL, f"The connection was cut: {_words(error)}.") from error
        content: bytes = frame.data
        self.bytes_in += len(content)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            raise _disconnect(content)
        return content if opcode in (websocket.ABNF.OPCODE_TEXT, websocket.ABNF.OPCODE_BINARY) else None

    def sender(self) -> Callable[[bytes], None]:
        """Return what sends a message over the socket of now, never over a later one. Raises NotConnected there."""
        return partial(self._send_over, self._socket, opcode=websocket.ABNF.OPCODE_TEXT)

    def send(self, message: bytes) -> None:
        """Send one message. Raises NotConnected."""
        self._send_over(self._socket, message, opcode=websocket.ABNF.OPCODE_TEXT)

    def ping(self) -> None:
        """Provoke a pong. Raises NotConnected."""
        self._send_over(self._socket, b"", opcode=websocket.ABNF.OPCODE_PING)

    def hang_up(self) -> None:
        """Close the socket, telling the other side without waiting for its answer."""
        current, self._socket = self._socket, None
        if current is None:
            return
        if self._raw is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(self._raw)
        with contextlib.suppress(OSError, websocket.WebSocketException, AttributeError):
            current.settimeout(0.2)
            current.send_close()
        current.shutdown()  # type: ignore[no-untyped-call]

    def close(self) -> None:
        """Give everything back."""
        self.hang_up()
        self._selector.close()
        self._bell_in.close()
        self._bell_out.close()

    def _send_over(self, current: websocket.WebSocket | None, message: bytes, *, opcode: int) -> None:
        if current is None:
            raise NotConnected("There is no connection to the gateway now; try again when there is.")
        try:
            self.bytes_out += current.send(message, opcode)
        except (OSError, websocket.WebSocketException, AttributeError) as error:
            raise NotConnected(f"The connection was cut while sending: {_words(error)}.") from error


def can_be_had(url: str, *, hello: bytes, timeout_s: float) -> bool:
    """Tell whether a socket can be opened and something answers a message there; takes a few times `timeout_s`."""
    try:
        probed = _dialed(url, timeout_s=timeout_s)
    except (OSError, websocket.WebSocketException, ValueError):
        return False
    try:
        probed.send(hello)
        return bool(probed.recv())
    except (OSError, websocket.WebSocketException, AttributeError):
        return False
    finally:
        with contextlib.suppress(OSError, websocket.WebSocketException, AttributeError):
            probed.send_close()
        probed.shutdown()  # type: ignore[no-untyped-call]


def _dialed(url: str, *, timeout_s: float) -> websocket.WebSocket:
    return websocket.create_connection(
        url,
        timeout=timeout_s,
        sockopt=_SOCKET_OPTIONS,
        enable_multithread=True,
        skip_utf8_validation=True,  # the JSON decoder does it, in C
        suppress_origin=True,  # we are no browser
    )


def _has_pending(current: websocket.WebSocket) -> bool:
    """Tell whether TLS has decrypted bytes that the selector can't see."""
    pending = getattr(current.sock, "pending", None)
    return pending is not None and pending() > 0


def _disconnect(content: bytes) -> Disconnect:
    if len(content) < 2:
        return Disconnect(ABNORMAL, "The gateway closed the connection.")
    (code,) = struct.unpack("!H", content[:2])
    reason = content[2:].decode(errors="replace")
    return Disconnect(code, f"The gateway closed the connection: {reason or 'no reason given'} (code {code}).")


def _words(error: BaseException) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, TimeoutError | websocket.WebSocketTimeoutException):
        return "no answer in time"
    return (str(error) or type(error).__name__).rstrip(".")
