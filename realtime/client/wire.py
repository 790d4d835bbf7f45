"""Numbers commands, sends them, and knows what a reply answers. No states, no store.

Threads: driver only, but for `calls` and `emit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Final

import msgspec

from realtime.client.calls import ANSWER_S, Ack, Call, Calls, Purpose
from realtime.client.transport import Transport
from realtime.errors import NotConnected
from realtime.protocol.frames import PONG, Command, RpcRequest, encode, encode_all

_PONG: Final = encode(PONG)
_OFFLINE: Final = "There is no connection to the gateway now, and nothing was sent; try again when there is."


class Wire:
    """The way out, and what waits for an answer."""

    def __init__(self, *, now: Callable[[], float]) -> None:
        self.transport = Transport()
        self.calls = Calls()
        self.generation = 0
        self.on_open: Callable[[], None] = _nobody
        self._now = now
        self._emit_over: tuple[int, Callable[[bytes], None]] | None = None

    def numbered(self, purpose: Purpose, command: Command, *, channel: str = "", number: int = 0) -> Command:
        """Give a command its number and keep in mind what it is for. Raises NotConnected when too many wait."""
        call = Call(purpose, self.generation, self._now() + ANSWER_S, channel=channel, number=number)
        return msgspec.structs.replace(command, id=self.calls.open(call))

    def send(self, commands: Sequence[Command]) -> None:
        """Send commands as one message. Raises NotConnected."""
        if commands:
            self.transport.send(encode_all(commands))

    def pong(self) -> None:
        """Answer the server's heartbeat. Raises NotConnected."""
        self.transport.send(_PONG)

    @property
    def is_open(self) -> bool:
        """Tell whether an emit would leave now. Threads: any."""
        return self._emit_over is not None

    def begin_emits(self) -> None:
        """Let other threads send over the socket of now, and tell `on_open`, which runs on the driver's thread."""
        self._emit_over = (self.generation, self.transport.sender())
        self.on_open()

    def end_emits(self) -> None:
        """Let nobody else send."""
        self._emit_over = None

    def emit(
        self,
        events: msgspec.Raw,
        *,
        expected_offset: int | None = None,
        document: tuple[str, str] | None = None,
    ) -> Future[Ack]:
        """Send an `ingest` from the caller's thread, right onto the socket. Threads: any.

        The future fails with NotConnected when there is no connection, or it is lost before the answer.
        """
        future: Future[Ack] = Future()
        over = self._emit_over
        if over is None:
            return offline()
        try:
            generation, send = over
            deadline = self._now() + ANSWER_S
            call = Call(
                Purpose.INGEST, generation, deadline,
                future=future, expected_offset=expected_offset, document=document,
            )  # fmt: skip
            identifier = self.calls.open(call)
        except NotConnected as error:
            future.set_exception(error)
            return future
        try:
            send(encode(Command(id=identifier, rpc=RpcRequest(method="ingest", data=events))))
        except NotConnected as error:
            if self.calls.close(identifier) is not None:
                future.set_exception(error)
        return future


def _nobody() -> None:
    """Stand in for whoever wants to know that emits became possible."""


def offline() -> Future[Ack]:
    """Return a future that failed for want of a connection."""
    future: Future[Ack] = Future()
    future.set_exception(NotConnected(_OFFLINE))
    return future
