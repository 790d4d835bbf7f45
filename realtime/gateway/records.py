"""What goes into the log and what comes out of it. Frozen values only: no storage, no HTTP.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from realtime.protocol.channels import SYSTEM
from realtime.protocol.events import Envelope, Event, document_id_of, is_critical
from realtime.protocol.positions import Position

MUST_BE_NEW: Final = 0
"""As `expected` of an append: the document may not exist yet (offsets start at 1)."""


class Accepted(msgspec.Struct, frozen=True):
    """A judged event that isn't stored yet. `raw` is the encoded envelope, exactly as it will be published."""

    envelope: Envelope
    event: Event
    channel: str
    raw: bytes

    @property
    def document_id(self) -> str | None:
        """Return the id of the document it is about, if it is about one."""
        return document_id_of(self.event)

    @property
    def is_critical(self) -> bool:
        """Tell whether it has to be acknowledged. Cheap for nearly all: only `system` has events critical by type."""
        return self.envelope.critical or (self.channel == SYSTEM and is_critical(self.envelope, self.event))


class Refusal(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Why one posted item was refused. `index` is its place in the batch, `excerpt` its first characters."""

    index: int
    code: str
    reason: str
    excerpt: str


class Stored(msgspec.Struct, frozen=True):
    """Where an event is in the log. Of a duplicate: where the first one is; its `accepted` is the repeat."""

    channel: str
    position: Position
    is_duplicate: bool
    accepted: Accepted
    time_ms: int

    @property
    def is_first_of_channel(self) -> bool:
        """Tell whether this event brought the channel into being."""
        return self.position.offset == 1 and not self.is_duplicate


class Record(msgspec.Struct, frozen=True):
    """One event as it stands in the log. `time_ms` is when it was stored, Unix milliseconds."""

    offset: int
    raw: bytes
    time_ms: int
    document_id: str | None


class HistoryPage(msgspec.Struct, frozen=True):
    """A part of a channel's stream.

    `is_complete` is False when `since` was of another epoch, has been trimmed, or lies beyond the top; there are
    no publications then (promise 2: never a part). A page may end before the top: look at `reaches_top`.
    """

    publications: tuple[Record, ...]
    top: Position
    is_complete: bool
    reaches_top: bool


class DocumentRow(msgspec.Struct, frozen=True):
    """A document as JSON bytes and the offset of the event that made it so."""

    id: str
    document: bytes
    offset: int


class DocumentPage(msgspec.Struct, frozen=True):
    """A part of a collection, ordered by id. `position` was read before the documents; `cursor` is None at the end.

    `documents` is one JSON array, as bytes; `offsets` are those of its members, in the same order.
    """

    documents: bytes
    offsets: tuple[int, ...]
    cursor: str | None
    position: Position


class Along(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept in the very transaction that stores events, or not at all: what follows from the log.

    `inboxes`: folds of inboxes, channel → (up to which offset, the fold); an older one than is kept changes nothing.
    `judged`: up to where channels were judged for notices. `notes`: what judging remembers, by name; `gone` is let go.
    """

    inboxes: Mapping[str, tuple[int, bytes]] = {}
    judged: Mapping[str, int] = {}
    notes: Mapping[str, bytes] = {}
    gone: Sequence[str] = ()

    @property
    def size_bytes(self) -> int:
        """Return about how much it is."""
        return sum(map(len, self.notes.values())) + sum(len(inbox) for _, inbox in self.inboxes.values())


class Repeat(msgspec.Struct, frozen=True):
    """Where an event stands that was stored before. `time_ms` is when, Unix milliseconds."""

    channel: str
    position: Position
    time_ms: int


class ChannelRow(msgspec.Struct, frozen=True):
    """A channel: its key in the log, its top, how much of its beginning is trimmed, and its documents' count."""

    key: int
    name: str
    position: Position
    trimmed_to: int = 0
    documents: int = 0


class RefusalRow(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A refusal as it was kept. `number` rises by one per refusal; `time_ms` is Unix milliseconds."""

    number: int
    time_ms: int
    index: int
    code: str
    reason: str
    excerpt: str


class CriticalAt(msgspec.Struct, frozen=True):
    """Where a critical event stands, as it is acknowledged."""

    channel: str
    epoch: str
    offset: int


class Owed(msgspec.Struct, frozen=True):
    """A critical event that a consumer has yet to acknowledge. `time_ms` is when it was stored, Unix milliseconds."""

    channel: str
    offset: int
    time_ms: int


class Redelivery(msgspec.Struct, frozen=True):
    """A critical event as it is given again to who hasn't acknowledged it."""

    channel: str
    epoch: str
    offset: int
    event: msgspec.Raw


class DeadLetter(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A critical event that a consumer never acknowledged and won't be given any more, and why.

    `number` rises by one; times are Unix milliseconds.
    """

    number: int
    time_ms: int
    stored_ms: int
    consumer: str
    channel: str
    epoch: str
    offset: int
    reason: str
    event: msgspec.Raw
