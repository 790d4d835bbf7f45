"""Says what the gateway needs of a log, whichever engine keeps it: SQLite for one gateway (`log`), Redis for several.

Threads: any, everything. What waits for a commit is answered by futures; everything else that reads may block, and
raises StorageError when it can't, except for what is said to be in memory.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import Future
from typing import Any, Final, Protocol

from realtime.gateway.records import (
    Accepted,
    Along,
    ChannelRow,
    CriticalAt,
    DeadLetter,
    DocumentPage,
    DocumentRow,
    HistoryPage,
    Owed,
    Record,
    Redelivery,
    Refusal,
    RefusalRow,
    Repeat,
    Stored,
)
from realtime.protocol.positions import Position

PAGE_BYTES: Final = 8_388_608
"""Most bytes of one page, of events or of documents; one that is larger itself is read alone."""


class Log(Protocol):
    """Every event, in order, durably: one stream a channel, and the documents that follow from it."""

    def append(
        self, accepted: Sequence[Accepted], *, expected: int | None = None, along: Along | None = None
    ) -> Future[list[Stored]]:
        """Store events, all or none of them; the future resolves when they are durable.

        The answers are in the order of `accepted`. `expected` is the offset that the document of the *first* event
        has to be at (`MUST_BE_NEW`: has to be missing). The future raises ConflictError, StorageError or StorageFull;
        append itself raises StorageError when too much is waiting or the log is closed. What comes `along` is kept in
        the same transaction, or not at all.
        """

    def keep_refusals(self, refusals: Sequence[Refusal]) -> Future[None]:
        """Keep why items were refused; the oldest are forgotten. Raises as `append` does."""

    # In memory

    def position(self, channel: str) -> Position:
        """Return the top of a channel. One that doesn't exist yet is at offset 0 of the epoch it is going to have."""

    def unfolded(self, channel: str) -> int:
        """Return how many commands of an inbox no snapshot holds yet."""

    def channels(self) -> list[ChannelRow]:
        """List the channels that have had an event, by name."""

    def channel(self, channel: str) -> ChannelRow | None:
        """Return what is known of a channel, None before its first event."""

    def has_channel(self, channel: str) -> bool:
        """Tell whether a channel has had an event."""

    @property
    def channel_count(self) -> int:
        """Return how many channels have had an event."""

    @property
    def trouble(self) -> str | None:
        """Return why it can't take events now, as far as that is known; None when it can."""

    @property
    def cut_off_s(self) -> float:
        """Return for how many seconds what is shared with other gateways couldn't be reached; 0 while it can."""

    # Reading

    def read(
        self,
        channel: str,
        *,
        since: Position | None = None,
        limit: int,
        reverse: bool = False,
        most_bytes: int = PAGE_BYTES,
    ) -> HistoryPage:
        """Read a part of a stream: after `since`, or from its retained beginning; at most `limit` events.

        Reversed it begins at the newest, or just before `since`. A page ends early once it has `most_bytes`. Whoever
        resumes needs `is_complete` and `reaches_top` both.
        """

    def get(self, collection: str, identifier: str) -> DocumentRow | None:
        """Read one document, or None."""

    def page(
        self, collection: str, *, limit: int, cursor: str | None = None, most_bytes: int = PAGE_BYTES
    ) -> DocumentPage:
        """Read a collection's documents in the order of their ids, from after `cursor`."""

    def collections(self) -> list[dict[str, Any]]:
        """List the collections: `{"name", "documents": count, "position": {epoch, offset}}`, by name."""

    def document_history(
        self, collection: str, identifier: str, *, before: int | None = None, limit: int = 100
    ) -> HistoryPage:
        """Read the retained events of one document, newest first, from before the offset `before`."""

    def records(self, channel: str, offsets: Sequence[int], *, reverse: bool, most_bytes: int) -> list[Record]:
        """Read those events of a channel that are still there, in order, up to `most_bytes`, at least one.

        `offsets` rise, or fall if `reverse`.
        """

    def documents(self, channel: str, ids: Sequence[str], *, most_bytes: int) -> list[tuple[dict[str, Any], int]]:
        """Read those documents of a channel that are still there, by id, with their offsets, up to `most_bytes`.

        At least one is read.
        """

    def left_alone(self, channel: str) -> tuple[int, list[tuple[bytes, int]]]:
        """Return up to where a stream is trimmed, and the documents (JSON, offset) unchanged since."""

    def repeat_of(self, duplicate_key: bytes) -> Repeat | None:
        """Find where an event stands that was stored before, None when it wasn't."""

    def refusals(self, *, limit: int, before: int | None = None) -> list[RefusalRow]:
        """List kept refusals, newest first, from before the number `before`."""

    def try_writing(self) -> Future[None]:
        """Find out whether anything can be written: `trouble` says so then."""

    # Notices

    def kept_inbox(self, channel: str) -> tuple[int, bytes] | None:
        """Return the newest kept fold of an inbox: up to which offset, and the fold."""

    def judged(self) -> dict[str, int]:
        """Return up to where channels were judged for notices."""

    def notes(self) -> dict[str, bytes]:
        """Return what judging remembers, by name."""

    # What consumers have yet to acknowledge

    def meet(self, consumer: str, *, present: Collection[str] = ()) -> Future[None]:
        """Know a consumer: from now on it is owed every critical event. Who is `present` isn't forgotten for it."""

    def acknowledge(self, consumer: str, events: Sequence[CriticalAt]) -> Future[list[Owed]]:
        """Take in that a consumer has these; the future tells which of them it had been owed."""

    def tend(self, *, present: Collection[str], unseen_s: float) -> Future[None]:
        """Note which consumers are here, and forget those that weren't for `unseen_s`: what they were owed is dead."""

    def owed_to(self, consumer: str) -> list[Owed]:
        """List what a consumer has yet to acknowledge, oldest first."""

    def redeliveries(self, consumer: str, wanted: Sequence[tuple[str, int]], *, most_bytes: int) -> list[Redelivery]:
        """Read those of `wanted` (channel, offset) that a consumer is still owed, up to `most_bytes`, at least one."""

    def dead_letters(self, *, limit: int, before: int | None = None) -> tuple[list[DeadLetter], int]:
        """List dead letters, newest first, from before the number `before`, and count all that are kept."""

    def close(self) -> None:
        """Write what is waiting and close. Appends after it raise StorageError."""
