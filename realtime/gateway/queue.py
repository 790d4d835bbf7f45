"""Gathers what waits to be written, bounded in bytes, and gives it to a log's writer in groups (group commit).

Threads: `submit` and `close` any; `take` the writer's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any, Final, Generic, Protocol, TypeVar

from realtime.errors import StorageError
from realtime.gateway.records import Accepted, Along, Refusal, Stored

GROUP_EVENTS: Final = 4096
EVENT_OVERHEAD_BYTES: Final = 256
QUEUE_BYTES: Final = 33_554_432


class Task(Protocol):
    """Something to write, and who waits for it."""

    size_bytes: int
    weight: int
    future: Future[Any]


T = TypeVar("T", bound=Task)


class Append:
    """Events that are stored together or not at all, what is kept along with them, and who waits for it."""

    __slots__ = ("accepted", "along", "expected", "future", "keys", "size_bytes", "weight")

    def __init__(self, accepted: Sequence[Accepted], *, expected: int | None, along: Along | None = None) -> None:
        self.accepted = accepted
        self.expected = expected
        self.along = along
        self.keys: list[bytes] = []
        self.size_bytes = sum(len(one.raw) + EVENT_OVERHEAD_BYTES for one in accepted)
        self.size_bytes += along.size_bytes if along is not None else 0
        self.weight = len(accepted)
        self.future: Future[list[Stored]] = Future()


class Note:
    """Refusals to keep, and who waits for that."""

    __slots__ = ("future", "refusals", "size_bytes", "weight")

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        self.refusals = refusals
        self.size_bytes = sum(len(one.reason) + EVENT_OVERHEAD_BYTES for one in refusals)
        self.weight = len(refusals)
        self.future: Future[None] = Future()


class TaskQueue(Generic[T]):
    """What waits. `most_bytes` bounds it, but one task always finds room."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._waiting: deque[T] = deque()
        self._waiting_bytes = 0
        self._is_closing = False
        self._changed = threading.Condition()

    def submit(self, task: T) -> None:
        """Queue a task. Raises StorageError when the queue is full or closed."""
        with self._changed:
            if self._is_closing:
                raise StorageError("The log is closed, nothing was stored; send it again when the gateway is back.")
            if self._waiting and self._waiting_bytes + task.size_bytes > self._most_bytes:
                raise StorageError("Too much is waiting to be written, nothing was stored; send it again in a moment.")
            self._waiting.append(task)
            self._waiting_bytes += task.size_bytes
            self._changed.notify()

    def close(self) -> None:
        """Take no more; what waits is still given out."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()

    def take(self) -> list[T] | None:
        """Wait for work. Returns what is waiting, about 4,096 events at most; None at the end."""
        with self._changed:
            while not self._waiting and not self._is_closing:
                self._changed.wait()
            if not self._waiting:
                return None
            group: list[T] = []
            events = 0
            while self._waiting and events < GROUP_EVENTS:
                task = self._waiting.popleft()
                self._waiting_bytes -= task.size_bytes
                if task.future.set_running_or_notify_cancel():
                    group.append(task)
                    events += task.weight
            return group
