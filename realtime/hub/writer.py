"""Writes to one socket: at once while it takes what it is given, in batches when it doesn't. The one place that sends.

No protocol in here. Threads: the event loop's.

Where there is a straight way (straight.py) the transport is given the frame itself. Else, and where that way is barred
because the peer is slow, ASGI's `send` is called. With uvicorn one that the transport accepts never suspends, so the
coroutine's first step is run here, and no task is made or switched to. Only a send that does suspend gets a task, which
then drains what gathered meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, Final, TypeAlias

from starlette.websockets import WebSocketDisconnect

from realtime.hub.backlog import Backlog
from realtime.hub.outgoing import WRAPPING_BYTES, Outgoing
from realtime.hub.straight import Straight
from realtime.hub.tally import Tally

BATCH_BYTES: Final = 131_072
Send: TypeAlias = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]
LOST: Final = (WebSocketDisconnect, OSError, RuntimeError)
"""What an ASGI server may raise when the socket is gone or closing (RuntimeError: it was closed before)."""


class _Rest(Awaitable[None]):
    """Carries on with a coroutine whose first step has been run already and is waiting for a future."""

    __slots__ = ("_coroutine", "_future")

    def __init__(self, coroutine: Coroutine[Any, Any, None], future: Any) -> None:
        self._coroutine = coroutine
        self._future = future

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._future
        while True:
            try:
                got = yield waits_for
            except BaseException as error:  # cancellation goes to where the coroutine is, as `await` would do
                try:
                    waits_for = self._coroutine.throw(error)
                except StopIteration:
                    return
            else:
                try:
                    waits_for = self._coroutine.send(got)
                except StopIteration:
                    return


class Writer:
    """Sends lines to one socket in order."""

    __slots__ = (
        "_blocked", "_on_lost", "_on_slow", "_send", "_sending_bytes", "_straight", "_tally", "_turn", "backlog",
    )  # fmt: skip

    def __init__(
        self,
        send: Send,
        *,
        tally: Tally,
        limit_bytes: int,
        on_slow: Callable[[], None],
        on_lost: Callable[[], None],
        straight: Straight | None = None,
    ) -> None:
        self.backlog = Backlog(limit_bytes=limit_bytes)
        self._send = send
        self._straight = straight
        self._tally = tally
        self._on_slow = on_slow
        self._on_lost = on_lost
        self._blocked: asyncio.Task[None] | None = None
        self._sending_bytes = 0
        self._turn = -1

    @property
    def backlog_bytes(self) -> int:
        """Return how much the socket hasn't taken yet."""
        return self.backlog.size_bytes + (self._sending_bytes if self._blocked is not None else 0)

    def write(self, outgoing: Outgoing, turn: int) -> bool:
        """Send a line now, unless the socket is busy or had one in this `turn` of the loop already.

        Returns True when the line waits for `flush`.
        """
        if self._blocked is None and self._turn != turn and not self.backlog.size_bytes:
            self._turn = turn
            self._begin(outgoing)
            return False
        return self.later(outgoing)

    def later(self, outgoing: Outgoing) -> bool:
        """Queue a line for `flush`. Returns True unless the connection proved too slow."""
        has_room = self.backlog.add(outgoing)
        if self.backlog.size_bytes > self._tally.deepest_bytes:
            self._tally.deepest_bytes = self.backlog.size_bytes
        if has_room:
            return self._blocked is None
        self.backlog.clear()
        self._on_slow()
        return False

    def flush(self) -> None:
        """Send what waits, several lines in one message."""
        while self.backlog and self._blocked is None:
            self._begin(self.backlog.take(limit_bytes=BATCH_BYTES))

    def stop(self) -> None:
        """Forget what waits, and the send that waits for the peer."""
        self.backlog.clear()
        if self._blocked is not None:
            self._blocked.cancel()

    def _begin(self, outgoing: Outgoing) -> None:
        self._tally.bytes_out += outgoing.size_bytes
        if self._straight is not None and self._straight(outgoing.frame):
            return
        sending = self._send(outgoing.message)
        try:
            waits_for = sending.send(None)
        except StopIteration:
            return
        except LOST:
            self.backlog.clear()
            self._on_lost()
            return
        self._sending_bytes = outgoing.size_bytes + WRAPPING_BYTES
        self._blocked = asyncio.create_task(self._drain(_Rest(sending, waits_for)))

    async def _drain(self, rest: _Rest) -> None:
        try:
            await rest
            while self.backlog:
                outgoing = self.backlog.take(limit_bytes=BATCH_BYTES)
                self._sending_bytes = outgoing.size_bytes + WRAPPING_BYTES
                self._tally.bytes_out += outgoing.size_bytes
                await self._send(outgoing.message)
        except LOST:
            self.backlog.clear()
            self._on_lost()
        finally:
            self._blocked = None
