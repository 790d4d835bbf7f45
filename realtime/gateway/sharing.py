"""Lets those who ask for the same at the same moment share one reading of it. Knows nothing of what is read.

Threads: the event loop's only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class SharedReads(Generic[T]):
    """Readings under way, by what is read."""

    def __init__(self) -> None:
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}

    async def read(self, key: Hashable, read: Callable[[], Awaitable[T]], *, is_fresh: Callable[[T], bool]) -> T:
        """Return what the reading under way brings, if that `is_fresh` enough for the caller, or else read anew."""
        while True:
            task = self._under_way.get(key)
            is_own = task is None
            if task is None:
                task = self._under_way[key] = asyncio.ensure_future(self._once(key, read))
            # One who leaves doesn't take the reading away from the others.
            found = await asyncio.shield(task)
            if is_own or is_fresh(found):
                return found

    async def _once(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        try:
            return await read()
        finally:
            del self._under_way[key]
