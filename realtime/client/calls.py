"""Keeps the commands that wait for their reply, by id. No sockets, no clock.

Threads: any. One lock, memory work only.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from enum import Enum
from itertools import count
from typing import Final

import msgspec

from realtime.errors import NotConnected
from realtime.protocol.positions import Position

CALLS_KEPT: Final = 10_000
ANSWER_S: Final = 10.0


class Purpose(Enum):
    """What a command was sent for."""

    CONNECT = "connect"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    HISTORY = "history"
    TOP = "top"
    RENEW = "renew"
    INGEST = "ingest"
    ACK = "ack"


class Ack(msgspec.Struct, frozen=True):
    """The gateway's word that an event is stored: now, or earlier already (`is_duplicate`)."""

    channel: str
    position: Position
    is_duplicate: bool = False


class Call(msgspec.Struct, frozen=True):
    """A command under way. `number` tells loads of one channel apart."""

    purpose: Purpose
    generation: int
    deadline: float
    channel: str = ""
    number: int = 0
    future: Future[Ack] | None = None
    expected_offset: int | None = None
    document: tuple[str, str] | None = None  # whose offset is expected


class Calls:
    """Commands by id, at most CALLS_KEPT of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids = count(1)
        self._calls: dict[int, Call] = {}

    def open(self, call: Call) -> int:
        """Keep a command and return its id. Raises NotConnected when too many wait already."""
        with self._lock:
            if len(self._calls) >= CALLS_KEPT:
                raise NotConnected(f"{CALLS_KEPT:,} commands wait for the gateway already; try again in a moment.")
            identifier = next(self._ids)
            self._calls[identifier] = call
            return identifier

    def close(self, identifier: int) -> Call | None:
        """Return the command that a reply answers and forget it; None if nothing waits for it."""
        with self._lock:
            return self._calls.pop(identifier, None)

    def overdue(self, now: float) -> Call | None:
        """Return a command that should have been answered by now."""
        with self._lock:
            # Commands wait about equally long, so that the oldest is overdue first.
            oldest = next(iter(self._calls.values()), None)
        return oldest if oldest is not None and oldest.deadline <= now else None

    def drop_all(self) -> list[Call]:
        """Forget every command and return them."""
        with self._lock:
            dropped, self._calls = list(self._calls.values()), {}
        return dropped
