"""Gives a node what it has in common with the others besides the log: flags, revocations, limits, census, a lease.

What one of them needs to know anew, after Redis was away or lost something, is asked until it is known.
Threads: `on_anew` any; the rest the event loop's.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from realtime.errors import StartError, StorageError
from realtime.gateway.census import About, Crowd
from realtime.gateway.nodes import census, flags, revocations
from realtime.gateway.nodes.census import SharedCensus
from realtime.gateway.nodes.flags import SharedFlags
from realtime.gateway.nodes.lease import Lease
from realtime.gateway.nodes.log import RedisLog
from realtime.gateway.nodes.log_keys import NOTIFIER
from realtime.gateway.nodes.rates import SharedWindows
from realtime.gateway.nodes.revocations import SharedRevocations, told_rows

_LOG: Final = logging.getLogger(__name__)
_AGAIN_S: Final = 0.5
_MOST_AGAIN_S: Final = 5.0


class Commons:
    """What nodes share besides the log. Open it, run it, and leave."""

    def __init__(
        self,
        log: RedisLog,
        *,
        node: str,
        crowd: Callable[[], Crowd],
        about: Callable[[], About],
        windows: SharedWindows,
        replicas: int = 0,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._windows = windows
        self._unsettled = asyncio.Event()
        server = log.server
        self.flags = SharedFlags(server, now=now, replicas=replicas)
        self.revocations = SharedRevocations(server, now=now, replicas=replicas)
        self.census = SharedCensus(server, crowd, node=node, about=about, tell=log.tell)
        self.lease = Lease(server, NOTIFIER, node=node)

    async def open(self) -> None:
        """Learn how everything stands, and follow what others do. Raises StartError."""
        follower = self._log.follower
        follower.on(flags.KIND, self._heard_of_flags)
        follower.on(revocations.KIND, self._heard_of_bars)
        follower.on(census.KIND, self._heard_of_end)
        try:
            await self._settle()
        except StorageError as error:
            raise StartError(f"Redis can't be used: {error}") from error
        self.revocations.on_unkept = self.on_anew
        self._windows.attach(self._log.server, is_away=lambda: self._log.cut_off_s > 0)
        self.lease.start()

    def on_anew(self) -> None:
        """Learn that something was missed, or lost by Redis. Threads: any."""
        self._loop.call_soon_threadsafe(self._unsettled.set)
        self._loop.call_soon_threadsafe(self.census.touch)

    async def run(self) -> None:
        """Settle what has to be, until cancelled."""
        wait_s = _AGAIN_S
        while True:
            await self._unsettled.wait()
            self._unsettled.clear()
            try:
                await self._settle()
                wait_s = _AGAIN_S
            except Exception as error:
                if not isinstance(error, StorageError):
                    _LOG.exception("settling what nodes share failed")
                _LOG.warning("what nodes share can't be settled now, it is tried again: %s", error)
                self._unsettled.set()
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, _MOST_AGAIN_S)

    async def leave(self) -> None:
        """Be no node any more. Where Redis can't be reached the others find out by themselves."""
        self._windows.detach()
        can_say = self._log.cut_off_s == 0
        await asyncio.gather(
            asyncio.to_thread(self.lease.stop, gives_up=can_say), *([self.census.leave()] if can_say else [])
        )

    async def _settle(self) -> None:
        await asyncio.to_thread(self.flags.settle)
        await self.revocations.settle()

    # The follower's thread

    def _heard_of_flags(self, body: bytes) -> None:
        if body:
            self.flags.heard(body)
        else:
            self.on_anew()

    def _heard_of_bars(self, body: bytes) -> None:
        if body:
            self._loop.call_soon_threadsafe(self.revocations.take, told_rows(body))
        else:
            self.on_anew()

    def _heard_of_end(self, body: bytes) -> None:
        if body:  # what was missed can't be asked for; who was cut off for long has sent everybody away
            self._loop.call_soon_threadsafe(self.census.ended, body)
