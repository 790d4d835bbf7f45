"""Follows one channel of a gateway over the Centrifuge protocol: an iterator that reconnects and misses nothing.

One thread, blocking. Prints nothing; what people should know is told to `say`.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

import websocket

from realtime.cli.address import Address
from realtime.errors import CommandError, Disconnect, NotConnected, ProtocolError
from realtime.protocol.codes import ErrorCode, may_reconnect
from realtime.protocol.frames import (
    PONG,
    Command,
    ConnectRequest,
    HistoryRequest,
    HistoryResult,
    Publication,
    Reply,
    SubscribeRequest,
    SubscribeResult,
    decode_replies,
    encode,
)
from realtime.protocol.positions import Position

_DIAL_TIMEOUT_S: Final = 10.0
_SLACK_S: Final = 10.0
_PAGE: Final = 500
_CAP_S: Final = 4.0
_NORMAL_CLOSURE: Final = 1000
_Fault = (OSError, websocket.WebSocketException)


class Wire:
    """One connection: asks, and keeps what is pushed meanwhile."""

    def __init__(self, address: Address) -> None:
        """Connect. Raises NotConnected, CommandError, Disconnect."""
        try:
            self._socket = websocket.create_connection(
                address.socket_url, timeout=_DIAL_TIMEOUT_S, enable_multithread=False, skip_utf8_validation=True
            )
        except (*_Fault, ValueError) as error:
            reason = f"{address.url} doesn't answer ({error or type(error).__name__}). Is Tideboard running there?"
            raise NotConnected(reason) from error
        self._waiting: deque[Reply] = deque()
        self._pushed: deque[Reply] = deque()
        self._last_id = 0
        try:
            self._greet(address.token or "")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection."""
        self._socket.close(timeout=0)
        # After the server's own close frame `close` does nothing, and would leave the descriptor open.
        self._socket.shutdown()  # type: ignore[no-untyped-call]

    def ask(self, command: Command) -> Reply:
        """Send a command and wait for its reply. Raises CommandError, Disconnect, NotConnected."""
        self._last_id += 1
        numbered = Command(
            id=self._last_id, connect=command.connect, subscribe=command.subscribe, history=command.history
        )
        self._write(numbered)
        while True:
            reply = self._next()
            if reply.id != self._last_id:
                self._pushed.append(reply)
            elif reply.error is not None:
                raise CommandError(reply.error.code, reply.error.message, is_temporary=reply.error.temporary)
            else:
                return reply

    def pushes(self) -> Iterator[Reply]:
        """Yield what the server pushes. Raises Disconnect, NotConnected."""
        while True:
            yield self._pushed.popleft() if self._pushed else self._next()

    def _greet(self, token: str) -> None:
        result = self.ask(Command(connect=ConnectRequest(token=token, name="tideboard-tail"))).connect
        if result is not None and result.ping:
            self._socket.settimeout(result.ping + _SLACK_S)

    def _next(self) -> Reply:
        while True:
            while not self._waiting:
                self._waiting.extend(self._read())
            reply = self._waiting.popleft()
            if reply.is_ping:
                self._write(PONG)
            elif reply.push is not None and reply.push.disconnect is not None:
                raise Disconnect(reply.push.disconnect.code, reply.push.disconnect.reason)
            else:
                return reply

    def _read(self) -> list[Reply]:
        try:
            opcode, raw = self._socket.recv_data()
        except _Fault as error:
            raise NotConnected(f"The connection is lost ({error or type(error).__name__}).") from error
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            code = int.from_bytes(raw[:2], "big") if len(raw) >= 2 else _NORMAL_CLOSURE
            raise Disconnect(code, raw[2:].decode("utf-8", "replace") or "closed by the server")
        return decode_replies(raw)

    def _write(self, command: Command) -> None:
        try:
            self._socket.send(encode(command))
        except _Fault as error:
            raise NotConnected(f"The connection is lost ({error or type(error).__name__}).") from error


class Follower:
    """Follows one channel: what is kept since a position, then what comes."""

    def __init__(
        self,
        address: Address,
        channel: str,
        *,
        since: Position | int | None,
        say: Callable[[str], None],
        pause: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """`since`: an offset (of the present epoch), a position, or None for only what comes from now on."""
        self._address = address
        self._channel = channel
        self._since = since
        self._say = say
        self._pause = pause
        self._jitter = jitter
        self._failures = 0

    def publications(self) -> Iterator[Publication]:
        """Yield publications in order, for ever. Raises CommandError, Disconnect or NotConnected when that is over.

        A gateway that isn't there at the first dial is an error; one that goes away later is waited for.
        """
        has_connected = False
        while True:
            wire: Wire | None = None
            try:
                wire = Wire(self._address)
                has_connected = True
                yield from self._follow(wire)
            except (NotConnected, ProtocolError, Disconnect) as error:
                is_over = isinstance(error, Disconnect) and not may_reconnect(error.code)
                if not has_connected or is_over:
                    raise
                self._say(f"{str(error).rstrip('.')}; trying again.")
            finally:
                if wire is not None:
                    wire.close()
            self._pause(self._jitter() * min(_CAP_S, 0.1 * 2**self._failures))
            self._failures = min(self._failures + 1, 10)

    def _follow(self, wire: Wire) -> Iterator[Publication]:
        if self._since is not None:
            yield from self._catch_up(wire)
        result = self._subscribe(wire)
        for publication in result.publications:
            self._since = Position(result.epoch, publication.offset)
            yield publication
        if self._since is None or not result.recovered:
            self._since = Position(result.epoch, result.offset)
        self._failures = 0
        for reply in wire.pushes():
            push = reply.push
            if push is None or push.channel != self._channel:
                continue
            if push.unsubscribe is not None:
                raise NotConnected(f"The subscription ended ({push.unsubscribe.reason}).")
            if push.pub is not None:
                self._since = Position(result.epoch, push.pub.offset)
                yield push.pub

    def _subscribe(self, wire: Wire) -> SubscribeResult:
        request = SubscribeRequest(channel=self._channel, positioned=True, recoverable=True)
        if isinstance(self._since, Position):
            request = SubscribeRequest(
                channel=self._channel, recover=True, epoch=self._since.epoch, offset=self._since.offset,
                positioned=True, recoverable=True,
            )  # fmt: skip
        result = wire.ask(Command(subscribe=request)).subscribe or SubscribeResult()
        if request.recover and not result.recovered:
            self._say("Some events are not kept any more; going on with what comes now.")
        return result

    def _catch_up(self, wire: Wire) -> Iterator[Publication]:
        """Read the stream page by page up to its top, so that a resume has little left to give."""
        since = self._position(wire)
        while True:
            page = self._page(wire, since)
            for publication in page.publications:
                self._since = since = Position(page.epoch, publication.offset)
                yield publication
            if not page.publications or page.publications[-1].offset >= page.offset:
                self._since = since or Position(page.epoch, page.offset)
                return

    def _position(self, wire: Wire) -> Position:
        if isinstance(self._since, Position):
            return self._since
        top = wire.ask(Command(history=HistoryRequest(channel=self._channel, limit=0))).history or HistoryResult()
        return Position(top.epoch, self._since or 0)

    def _page(self, wire: Wire, since: Position | None) -> HistoryResult:
        request = HistoryRequest(channel=self._channel, limit=_PAGE, since=since)
        try:
            return wire.ask(Command(history=request)).history or HistoryResult()
        except CommandError as error:
            if error.code != ErrorCode.UNRECOVERABLE_POSITION:
                raise
        self._say("That far back nothing is kept any more; beginning with the oldest event there is.")
        oldest = HistoryRequest(channel=self._channel, limit=_PAGE)
        return wire.ask(Command(history=oldest)).history or HistoryResult()
