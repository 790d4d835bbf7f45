"""Lets connections in one after the other, so that a herd that comes back at once doesn't stop what is going on.

First come, first served: at most so many at a time and so many a second; who finds too many before it is sent away with
a code that means "come back". How fast: `pace`. Threads: the event loop's.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from realtime.hub.pace import Pace
from realtime.protocol.codes import DisconnectCode, hang_up

AT_ONCE: Final = 32
PER_S: Final = 250.0
BURST: Final = 100
MOST_WAITING: Final = 1000
"""Four seconds' worth: the last of them is let in before its own patience, five seconds in the public SDKs, is out."""


class Door:
    """The one door of a hub."""

    def __init__(
        self,
        *,
        at_once: int = AT_ONCE,
        per_s: float = PER_S,
        burst: int = BURST,
        most_waiting: int = MOST_WAITING,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.waiting = 0
        self._most_waiting = most_waiting
        self._clock = clock
        self._pace = Pace(per_s=per_s, burst=burst)
        self._seats = asyncio.Semaphore(at_once)  # wakes in the order of asking

    @asynccontextmanager
    async def passing(self, *, is_gone: Callable[[], bool]) -> AsyncIterator[None]:
        """Wait for one's turn, and pass while the block runs; who `is_gone` by then takes no turn from others.

        Raises Disconnect 3013 when too many wait already.
        """
        if self.waiting >= self._most_waiting:
            raise hang_up(DisconnectCode.TOO_MANY_REQUESTS)
        self.waiting += 1
        try:
            await self._seats.acquire()
            try:
                if not is_gone():
                    now = self._clock()
                    wait_s = self._pace.turn(now) - now
                    if wait_s > 0:
                        await asyncio.sleep(wait_s)
            except BaseException:
                self._seats.release()
                raise
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._seats.release()
