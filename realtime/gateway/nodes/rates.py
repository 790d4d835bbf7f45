"""Counts what somebody asked for lately for all nodes together, in Redis; while that is away each node counts alone.

Permits are taken from Redis a few at a time and used up here, so that most requests ask nobody.
Threads: the event loop's; Redis is asked on two of its own, so that a frozen one holds up nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

import msgspec

from realtime.errors import StorageError
from realtime.gateway.nodes.server import Server
from realtime.gateway.rates import MOST_COUNTED, MemoryWindows

_LOG: Final = logging.getLogger(__name__)
PART_OF_MOST: Final = 50
"""One fiftieth of what may be is taken at once: what nodes have and don't use is all that the limit is off by."""
ALONE_S: Final = 1.0
"""How long nobody asks Redis after it couldn't be asked."""
_THREADS: Final = 2


class Taken(msgspec.Struct, array_like=True, frozen=True):
    """How many permits were given, and what is counted in the window before and in this one."""

    given: int
    before: int
    here: int


@dataclass(slots=True)
class _Purse:
    """Permits that were taken and aren't used yet; they are worth something in one window alone."""

    window: int = -1
    left: int = 0
    counted: tuple[int, int] = (0, 0)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def pay(self, amount: int, *, window: int) -> bool:
        """Use up permits, if there are enough."""
        if self.window != window or self.left < amount:
            return False
        self.left -= amount
        return True


class SharedWindows(MemoryWindows):
    """A storage for the library that all nodes share, from `attach` on. `clock` gives Unix seconds."""

    def __init__(
        self,
        clock: Callable[[], float] = time.time,
        *,
        steady: Callable[[], float] = time.monotonic,
        most_keys: int = MOST_COUNTED,
    ) -> None:
        super().__init__(clock, most_keys=most_keys)
        self._steady = steady
        self._server: Server | None = None
        self._is_away: Callable[[], bool] = lambda: False
        self._threads: ThreadPoolExecutor | None = None
        self._alone_until = float("-inf")
        self._purses: dict[str, _Purse] = {}

    def attach(self, server: Server, *, is_away: Callable[[], bool]) -> None:
        """Count in Redis from now on, except while `is_away` says that it can't be reached."""
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tideboard-rates")
        self._server, self._is_away = server, is_away

    def detach(self) -> None:
        """Count alone from now on."""
        self._server = None
        self._purses.clear()
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` if at most `limit` then fell into the window, on all nodes together."""
        if not self._is_shared:
            return await super().acquire_sliding_window_entry(key, limit, expiry, amount)
        purse, window = self._purse(key), int(self._clock() // expiry)
        if purse.pay(amount, window=window):
            return True
        async with purse.asking:  # of many that find it empty, one asks
            if purse.pay(amount, window=window):
                return True
            wanted = max(amount, limit // PART_OF_MOST)
            taken = await self._ask(key, [self._now_ms, expiry * 1000, limit, wanted, amount])
            if taken is None:
                return await super().acquire_sliding_window_entry(key, limit, expiry, amount)
            left = purse.left if purse.window == window else 0
            purse.window, purse.left, purse.counted = window, left + taken.given, (taken.before, taken.here)
            return purse.pay(amount, window=window)

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return the count before and how long it fades yet, the count now and how long it will be remembered."""
        purse = self._purses.get(key)
        if not self._is_shared or purse is None or purse.window != int(self._clock() // expiry):
            return await super().get_sliding_window(key, expiry)
        before, here = purse.counted
        left_s = (1 - (self._clock() / expiry) % 1) * expiry
        return before, left_s if before else 0.0, here, left_s + expiry

    @property
    def _is_shared(self) -> bool:
        return self._server is not None and not self._is_away() and self._steady() >= self._alone_until

    @property
    def _now_ms(self) -> int:
        return int(self._clock() * 1000)

    def _purse(self, key: str) -> _Purse:
        purse = self._purses.pop(key, None) or _Purse()
        self._purses[key] = purse
        if len(self._purses) > self._most_keys:
            del self._purses[next(iter(self._purses))]
        return purse

    async def _ask(self, key: str, request: list[int]) -> Taken | None:
        """Take permits from Redis; None when it can't be asked."""
        server, threads = self._server, self._threads
        if server is None or threads is None:
            return None
        names = [server.keys.of("w", key)]
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(threads, server.run, "window", names, request, Taken)
        except StorageError as error:
            if self._steady() >= self._alone_until:
                _LOG.warning("Limits are counted on this node alone for now: %s", error)
            self._alone_until = self._steady() + ALONE_S
            return None
