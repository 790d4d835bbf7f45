"""Decides what the outbox sends next: order per document, states, bounds, when to try again. Pure.

The caller writes entries to the disk, sends them, and brings the answers and the time.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Collection
from typing import Final, TypeAlias

import msgspec

from realtime.errors import OutboxFull
from realtime.store import OutboxEntry, OutboxState

BASE_S: Final = 0.25
CAP_S: Final = 10.0
ENTRY_BYTES: Final = 256
"""What an entry takes beside its envelope."""
CONFIRMED_KEPT: Final = 100

_log = logging.getLogger(__name__)
_Queue: TypeAlias = tuple[str, str] | int

# Where an entry may go from where it is; CONFIRMED is for the eye only, the entry is gone from the disk.
TRANSITIONS: Final[dict[OutboxState, frozenset[OutboxState]]] = {
    OutboxState.PENDING: frozenset({OutboxState.SENT}),
    OutboxState.SENT: frozenset({OutboxState.PENDING, OutboxState.REFUSED, OutboxState.CONFIRMED}),
    OutboxState.REFUSED: frozenset({OutboxState.PENDING}),
    OutboxState.CONFIRMED: frozenset(),
}


class Plan:
    """The entries of an outbox. What is about one document goes in order, the rest side by side.

    `jitter` returns 0..1. Methods that change an entry return it as it is then, for the caller to write down.
    """

    def __init__(self, *, most_events: int, most_bytes: int, jitter: Callable[[], float]) -> None:
        self.size_bytes = 0
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._jitter = jitter
        self._entries: dict[int, OutboxEntry] = {}
        self._numbers: dict[tuple[str, str], int] = {}
        self._queues: dict[_Queue, deque[int]] = {}
        self._ready: dict[int, float] = {}  # first of its queue and pending -> when it may be sent
        self._confirmed: deque[OutboxEntry] = deque(maxlen=CONFIRMED_KEPT)

    # Reading

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, number: int) -> OutboxEntry | None:
        """Return an entry that waits or is refused."""
        return self._entries.get(number)

    def find(self, key: tuple[str, str]) -> OutboxEntry | None:
        """Return the entry of an envelope, if it waits or is refused."""
        return self._entries.get(self._numbers.get(key, -1))

    def confirmed(self, number: int) -> OutboxEntry | None:
        """Return an entry that was acknowledged lately."""
        return next((entry for entry in self._confirmed if entry.number == number), None)

    def listing(self) -> tuple[OutboxEntry, ...]:
        """Return what was acknowledged lately, then what waits or is refused, each in order."""
        return (*self._confirmed, *self._entries.values())

    def due(self, now: float) -> list[OutboxEntry]:
        """List what may be sent now, in order."""
        return [self._entries[number] for number in sorted(self._ready) if self._ready[number] <= now]

    @property
    def due_at(self) -> float | None:
        """Return when something may be sent, None when nothing may."""
        return min(self._ready.values(), default=None)

    def check_room(self, size_bytes: int, *, promised: Collection[int] = ()) -> None:
        """Raise OutboxFull when there is no room for one more envelope, beside those of the sizes `promised`."""
        count = len(self._entries) + len(promised)
        if count >= self._most_events:
            raise OutboxFull(
                f"{count:,} changes wait to be sent already, so this one isn't taken; try again when they are."
            )
        taken = self.size_bytes + sum(promised) + ENTRY_BYTES * len(promised)
        if taken + size_bytes + ENTRY_BYTES > self._most_bytes:
            raise OutboxFull(
                f"What waits to be sent takes {taken:,} bytes already, so this isn't taken; try again when it is sent."
            )

    # What happens

    def add(self, entry: OutboxEntry) -> OutboxEntry:
        """Take an entry in, behind whatever waits about the same document.

        One that follows an entry acknowledged meanwhile gets its version here.
        """
        before = self.confirmed(entry.follows) if entry.follows is not None else None
        if before is not None:
            entry = msgspec.structs.replace(entry, expected_offset=before.offset, follows=None)
        self._entries[entry.number] = entry
        self._numbers[entry.key] = entry.number
        self.size_bytes += len(entry.envelope) + ENTRY_BYTES
        queue = self._queues.setdefault(_queue_of(entry), deque())
        queue.append(entry.number)
        self._look_at(queue)
        return entry

    def sent(self, number: int) -> OutboxEntry:
        """Take in that an entry is on its way."""
        entry = self._entries[number]
        return self._set(entry, OutboxState.SENT, attempts=entry.attempts + 1)

    def acknowledged(self, number: int, *, offset: int, now: float) -> list[OutboxEntry]:
        """Take in that an entry is stored, at `offset`; return those whose expected version follows from it."""
        entry = self._set(self._entries[number], OutboxState.CONFIRMED, settled_at=now, offset=offset, reason=None)
        self._confirmed.append(msgspec.structs.replace(entry, envelope=b""))
        followers = [
            msgspec.structs.replace(self._entries[other], expected_offset=offset, follows=None)
            for other in self._queues[_queue_of(entry)]
            if other != number and self._entries[other].follows == number
        ]
        self._entries.update((each.number, each) for each in followers)
        self._forget(entry)
        return followers

    def failed(self, number: int, *, reason: str, now: float, wait_s: float = 0.0) -> OutboxEntry:
        """Take in that an attempt came to nothing for now; it is tried again later, or when the way opens.

        `wait_s`: the gateway asked not to be asked sooner.
        """
        entry = self._set(self._entries[number], OutboxState.PENDING, reason=reason)
        ceiling = min(CAP_S, BASE_S * 2.0 ** min(entry.attempts - 1, 16))
        self._ready[number] = now + wait_s + ceiling * (0.5 + self._jitter() / 2)
        return entry

    def refused(self, number: int, *, reason: str, is_conflict: bool, now: float) -> OutboxEntry:
        """Take in that the gateway won't have an entry; it and what comes after it wait for a person."""
        entry = self._entries[number]
        return self._set(entry, OutboxState.REFUSED, reason=reason, is_conflict=is_conflict, settled_at=now)

    def retried(self, number: int, *, expected_offset: int | None = None) -> OutboxEntry:
        """Take in that a person wants a refused entry sent again, perhaps over a newer version of the document."""
        entry = self._entries[number]
        expected = entry.expected_offset if expected_offset is None else expected_offset
        return self._set(
            entry, OutboxState.PENDING, reason=None, is_conflict=False, settled_at=None, attempts=0,
            expected_offset=expected,
        )  # fmt: skip

    def discarded(self, number: int) -> bool:
        """Forget an entry because a person said so; tell whether there was one. Never one that is on its way."""
        entry = self._entries.get(number)
        if entry is None or entry.state is OutboxState.SENT:
            return False
        self._forget(entry)
        return True

    def opened(self) -> None:
        """Take in that emits are possible: what waited for its next attempt is due at once."""
        self._ready = dict.fromkeys(self._ready, 0.0)

    # Inside

    def _set(self, entry: OutboxEntry, state: OutboxState, **changes: object) -> OutboxEntry:
        """Move an entry to a state. Raises ValueError, changing nothing, when the table has no such step."""
        if state not in TRANSITIONS[entry.state]:
            raise ValueError(f"An entry of the outbox can't go from {entry.state} to {state}.")
        _log.debug("outbox entry %d: %s -> %s", entry.number, entry.state, state)
        changed = msgspec.structs.replace(entry, state=state, **changes)
        self._entries[entry.number] = changed
        self._ready.pop(entry.number, None)
        self._look_at(self._queues[_queue_of(entry)])
        return changed

    def _look_at(self, queue: deque[int]) -> None:
        """Make the first of a queue ready if it is pending."""
        if queue and queue[0] not in self._ready and self._entries[queue[0]].state is OutboxState.PENDING:
            self._ready[queue[0]] = 0.0

    def _forget(self, entry: OutboxEntry) -> None:
        del self._entries[entry.number]
        self._numbers.pop(entry.key, None)
        self._ready.pop(entry.number, None)
        self.size_bytes -= len(entry.envelope) + ENTRY_BYTES
        queue = self._queues[_queue_of(entry)]
        queue.remove(entry.number)
        if queue:
            self._look_at(queue)
        else:
            del self._queues[_queue_of(entry)]


def _queue_of(entry: OutboxEntry) -> _Queue:
    return entry.number if entry.document is None else entry.document
