"""Numbers commands, sends them, and knows what a reply answers. No states, no store.

Threads: driver only, but for `calls` and `emit`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Final

import msgspec

from realtime.client.calls import ANSWER_S, Ack, Call, Calls, Purpose
from realtime.client.emits import fail
from realtime.client.polling import Polling
from realtime.client.posting import Poster
from realtime.client.transport import Transport
from realtime.errors import NotConnected
from realtime.protocol.frames import PONG, Command, RpcRequest, encode, encode_all

_PONG: Final = encode(PONG)
_OFFLINE: Final = "There is no connection to the gateway now, and nothing was sent; try again when there is."


class Wire:
    """The way out, socket or polls, and what waits for an answer."""

    def __init__(self, *, now: Callable[[], float], polling: Polling, poster: Poster) -> None:
        self.transport = Transport()
        self.polling = polling
        self.calls = Calls()
        self.generation = 0
        self.on_open: Callable[[], None] = _nobody
        self._now = now
        self._poster = poster
        self._emit_over: Callable[[Call, msgspec.Raw], None] | None = None

    def numbered(self, purpose: Purpose, command: Command, *, channel: str = "", number: int = 0) -> Command:
        """Give a command its number and keep in mind what it is for. Raises NotConnected when too many wait."""
        call = Call(purpose, self.generation, self._now() + ANSWER_S, channel=channel, number=number)
        return msgspec.structs.replace(command, id=self.calls.open(call))

    def send(self, commands: Sequence[Command]) -> None:
        """Send commands as one message, or with the next poll. Raises NotConnected."""
        if self.polling.is_open:
            self.polling.send(commands)
        elif commands:
            self.transport.send(encode_all(commands))

    def pong(self) -> None:
        """Answer the server's heartbeat. Raises NotConnected."""
        self.transport.send(_PONG)

    @property
    def is_open(self) -> bool:
        """Tell whether an emit would leave now. Threads: any."""
        return self._emit_over is not None

    def begin_emits(self) -> None:
        """Let other threads send over the socket of now, or by posts; tell `on_open`, on the driver's thread."""
        if self.polling.is_open:
            self._poster.begin()
            self._emit_over = self._poster.post
        else:
            self._emit_over = partial(self._send_over, self.transport.sender())
        self.on_open()

    def end_emits(self) -> None:
        """Let nobody else send."""
        self._emit_over = None
        self._poster.end()

    def hang_up(self) -> None:
        """Close the socket and stop polling."""
        self.transport.hang_up()
        self.polling.close()

    def close(self) -> None:
        """Give everything back."""
        self.hang_up()
        self.transport.close()
        self._poster.close()

    def emit(
        self,
        events: msgspec.Raw,
        *,
        expected_offset: int | None = None,
        document: tuple[str, str] | None = None,
    ) -> Future[Ack]:
        """Send an `ingest` from the caller's thread, right onto the socket; while polling, a thread posts it.

        The future fails with NotConnected when there is no connection, or it is lost before the answer. Threads: any.
        """
        over = self._emit_over
        if over is None:
            return offline()
        future: Future[Ack] = Future()
        call = Call(
            Purpose.INGEST, self.generation, self._now() + ANSWER_S,
            future=future, expected_offset=expected_offset, document=document,
        )  # fmt: skip
        try:
            over(call, events)
        except NotConnected as error:
            fail(call, str(error))
        return future

    def _send_over(self, send: Callable[[bytes], None], call: Call, events: msgspec.Raw) -> None:
        """Send an emit and wait for its reply. Raises NotConnected, unless whoever hung up has settled it already."""
        identifier = self.calls.open(call)
        try:
            send(encode(Command(id=identifier, rpc=RpcRequest(method="ingest", data=events))))
        except NotConnected:
            if self.calls.close(identifier) is not None:
                raise


def _nobody() -> None:
    """Stand in for whoever wants to know that emits became possible."""


def offline() -> Future[Ack]:
    """Return a future that failed for want of a connection."""
    future: Future[Ack] = Future()
    future.set_exception(NotConnected(_OFFLINE))
    return future
