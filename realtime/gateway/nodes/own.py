"""Turns what the feed tells into events, and remembers those of this node, so that they needn't be read again.

Threads: any.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

from realtime.gateway.nodes.replies import Commit
from realtime.gateway.records import Accepted, Stored
from realtime.protocol.events import event_of, read_envelope
from realtime.protocol.positions import Position


class OwnCommits:
    """What this node is storing, by the number of the commit, until the feed tells of it."""

    def __init__(self, node: str) -> None:
        self.node = node
        self._lock = threading.Lock()
        self._commits: dict[int, Sequence[Accepted]] = {}

    def expect(self, number: int, accepted: Sequence[Accepted]) -> None:
        """Remember what is about to be stored."""
        with self._lock:
            self._commits[number] = accepted

    def take(self, node: str, number: int) -> Sequence[Accepted]:
        """Return what a commit of this node holds, once; nothing if it is another's."""
        if node != self.node:
            return ()
        with self._lock:
            return self._commits.pop(number, ())

    def drop(self, number: int) -> None:
        """Forget a commit that has nothing to tell, or failed."""
        with self._lock:
            self._commits.pop(number, None)

    def forget(self) -> None:
        """Forget all: what was to be told is read from the streams."""
        with self._lock:
            self._commits.clear()


def told_of(commit: Commit, *, own: Sequence[Accepted], epoch: Callable[[str], str]) -> list[Stored]:
    """Return the events of a commit; of those in `own`, which are in the same order, nothing is read again."""
    found: list[Stored] = []
    known = iter(own)
    for told in commit.events:
        raw = told.raw.encode()
        accepted = next((one for one in known if one.raw == raw), None) or accepted_of(told.channel, raw)
        position = Position(epoch(told.channel), told.offset)
        found.append(Stored(told.channel, position, False, accepted, told.time_ms))
    return found


def accepted_of(channel: str, raw: bytes) -> Accepted:
    """Read a stored envelope."""
    envelope = read_envelope(raw)
    return Accepted(envelope, event_of(envelope), channel, raw)


def stored_of(channel: str, epoch: str, offset: int, raw: bytes, time_ms: int) -> Stored:
    """Return an event as a stream holds it."""
    return Stored(channel, Position(epoch, offset), False, accepted_of(channel, raw), time_ms)
