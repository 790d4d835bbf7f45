"""Keeps every event, in order, durably: one stream a channel, and the documents that follow from it, on SQLite.

No judging of events and no HTTP in here.
Threads: any. One thread writes; readers have connections of their own; what `position` tells is in memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from realtime.gateway import chosen, owed
from realtime.gateway.checkpointer import Checkpointer
from realtime.gateway.ledger import Ledger
from realtime.gateway.ports import PAGE_BYTES
from realtime.gateway.queue import QUEUE_BYTES, Append, Note
from realtime.gateway.reader import Reader
from realtime.gateway.records import (
    MUST_BE_NEW,
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
from realtime.gateway.schema import channel_and_offset, epoch_of, open_writer, place_of
from realtime.gateway.shelf import read_inbox_row, read_judged, read_notes
from realtime.gateway.writer import Errand, Writer
from realtime.protocol.channels import collection_channel, collection_of
from realtime.protocol.positions import Position

__all__ = [
    "MUST_BE_NEW", "Accepted", "Along", "ChannelRow", "CriticalAt", "DeadLetter", "DocumentPage", "DocumentRow",
    "EventLog", "HistoryPage", "Owed", "Record", "Redelivery", "Refusal", "RefusalRow", "Stored",
]  # fmt: skip

_T = TypeVar("_T")


class EventLog:
    """The log of all channels. Open it with `EventLog.open`; close it, or what waits for a commit may be lost."""

    def __init__(self, *, writer: Writer, reader: Reader, seed: str) -> None:
        self._writer = writer
        self._reader = reader
        self._seed = seed

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        retention_events: int,
        on_commit: Callable[[Sequence[Stored]], None],
        now: Callable[[], float] = time.time,
        refusals_kept: int = 1000,
        queue_bytes: int = QUEUE_BYTES,
        critical_kept: int = 1000,
    ) -> EventLog:
        """Open the log at `path`, made when missing; its folder has to exist. Raises StartError.

        `on_commit` is called by the writer thread after each commit that stored something, in commit order and before
        the appends are answered, with the new events only (no duplicates). `queue_bytes` bounds what waits to be
        written. A channel keeps its last `retention_events` events, and a consumer is owed at most `critical_kept`.
        """
        connection, seed = open_writer(path)
        writer = Writer(
            connection, checkpointer=Checkpointer(path), seed=seed, retention_events=retention_events,
            refusals_kept=refusals_kept, queue_bytes=queue_bytes, critical_kept=critical_kept,
            on_commit=on_commit, now=now,
        )  # fmt: skip
        return cls(writer=writer, reader=Reader(path), seed=seed)

    def append(
        self,
        accepted: Sequence[Accepted],
        *,
        expected: int | None = None,
        along: Along | None = None,
    ) -> Future[list[Stored]]:
        """Store events, all or none of them; the future resolves when they are durable.

        The answers are in the order of `accepted`. `expected` is the offset that the document of the *first* event
        has to be at (`MUST_BE_NEW`: has to be missing). The future raises ConflictError, StorageError or StorageFull;
        append itself raises StorageError when too much is waiting or the log is closed. What comes `along` is kept in
        the same transaction, or not at all.
        """
        task = Append(accepted, expected=expected, along=along)
        self._writer.submit(task)
        return task.future

    def keep_refusals(self, refusals: Sequence[Refusal]) -> Future[None]:
        """Keep why items were refused; the oldest are forgotten. Raises as `append` does."""
        task = Note(refusals)
        self._writer.submit(task)
        return task.future

    def position(self, channel: str) -> Position:
        """Return the top of a channel. One that doesn't exist yet is at offset 0 of the epoch it is going to have."""
        row = self._writer.channels.get(channel)
        return row.position if row is not None else Position(epoch_of(self._seed, channel), 0)

    def unfolded(self, channel: str) -> int:
        """Return how many commands of an inbox no snapshot holds yet."""
        return self._writer.unfolded(channel)

    def kept_inbox(self, channel: str) -> tuple[int, bytes] | None:
        """Return the newest kept fold of an inbox: up to which offset, and the fold. Raises StorageError."""
        return self._reader.ask(partial(read_inbox_row, channel))

    def judged(self) -> dict[str, int]:
        """Return up to where channels were judged for notices. Raises StorageError."""
        return self._reader.ask(read_judged)

    def notes(self) -> dict[str, bytes]:
        """Return what judging remembers, by name. Raises StorageError."""
        return self._reader.ask(read_notes)

    def records(self, channel: str, offsets: Sequence[int], *, reverse: bool, most_bytes: int) -> list[Record]:
        """Read those events of a channel that are still there, in order, up to `most_bytes`, at least one.

        `offsets` rise, or fall if `reverse`. Raises StorageError.
        """
        read = partial(chosen.records, channel, offsets, reverse=reverse, most_bytes=most_bytes)
        return self._reader.ask(lambda connection: read(connection=connection))

    def documents(self, channel: str, ids: Sequence[str], *, most_bytes: int) -> list[tuple[dict[str, Any], int]]:
        """Read those documents of a channel that are still there, by id, with their offsets, up to `most_bytes`.

        At least one is read. Raises StorageError.
        """
        read = partial(chosen.documents, channel, ids, most_bytes=most_bytes)
        return self._reader.ask(lambda connection: read(connection=connection))

    def left_alone(self, channel: str) -> tuple[int, list[tuple[bytes, int]]]:
        """Return up to where a stream is trimmed, and the documents (JSON, offset) unchanged since.

        Raises StorageError.
        """
        return self._reader.ask(partial(chosen.left_alone, channel))

    def repeat_of(self, duplicate_key: bytes) -> Repeat | None:
        """Find where an event stands that was stored before, None when it wasn't. Raises StorageError."""
        return self._reader.ask(partial(chosen.repeat_of, duplicate_key))

    def channels(self) -> list[ChannelRow]:
        """List the channels that have had an event, by name."""
        return sorted(self._writer.channels.values(), key=lambda row: row.name)

    def channel(self, channel: str) -> ChannelRow | None:
        """Return what is known of a channel, None before its first event."""
        return self._writer.channels.get(channel)

    def has_channel(self, channel: str) -> bool:
        """Tell whether a channel has had an event."""
        return channel in self._writer.channels

    @property
    def channel_count(self) -> int:
        """Return how many channels have had an event."""
        return len(self._writer.channels)

    @property
    def trouble(self) -> str | None:
        """Return why the last commit failed, or None when it didn't."""
        return self._writer.trouble

    @property
    def cut_off_s(self) -> float:
        """Return 0: the disk is never out of reach, only in trouble."""
        return 0.0

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
        resumes needs `is_complete` and `reaches_top` both. Raises StorageError.
        """
        return self._reader.read(
            channel, unborn=self.position(channel), since=since, limit=limit, reverse=reverse, most_bytes=most_bytes
        )

    def get(self, collection: str, identifier: str) -> DocumentRow | None:
        """Read one document, or None. Raises StorageError."""
        row = self._writer.channels.get(collection_channel(collection))
        return None if row is None else self._reader.document(row.key, identifier)

    def page(
        self, collection: str, *, limit: int, cursor: str | None = None, most_bytes: int = PAGE_BYTES
    ) -> DocumentPage:
        """Read a collection's documents in the order of their ids, from after `cursor`. Raises StorageError."""
        channel = collection_channel(collection)
        return self._reader.documents(
            channel, unborn=self.position(channel), limit=limit, cursor=cursor, most_bytes=most_bytes
        )

    def collections(self) -> list[dict[str, Any]]:
        """List the collections: `{"name", "documents": count, "position": {epoch, offset}}`, by name."""
        return [
            {"name": name, "documents": row.documents, "position": msgspec.to_builtins(row.position)}
            for row in self.channels()
            if (name := collection_of(row.name)) is not None
        ]

    def document_history(
        self, collection: str, identifier: str, *, before: int | None = None, limit: int = 100
    ) -> HistoryPage:
        """Read the retained events of one document, newest first, from before the offset `before`."""
        channel = collection_channel(collection)
        return self._reader.document_history(
            channel, identifier, unborn=self.position(channel), before=before, limit=limit
        )

    def refusals(self, *, limit: int, before: int | None = None) -> list[RefusalRow]:
        """List kept refusals, newest first, from before the number `before`. Raises StorageError."""
        return self._reader.refusals(limit=limit, before=before)

    def try_writing(self) -> Future[None]:
        """Find out whether the disk takes anything: `trouble` says so then. Raises StorageError, as the future does."""
        return self._errand(lambda ledger, _now_ms: ledger.try_writing())

    # What consumers have yet to acknowledge

    def meet(self, consumer: str, *, present: Collection[str] = ()) -> Future[None]:
        """Know a consumer: from now on it is owed every critical event. Who is `present` isn't forgotten for it."""
        here = tuple(present)
        return self._errand(lambda ledger, now_ms: ledger.meet(consumer, present=here, now_ms=now_ms))

    def acknowledge(self, consumer: str, events: Sequence[CriticalAt]) -> Future[list[Owed]]:
        """Take in that a consumer has these; the future tells which of them it had been owed."""
        places: dict[int, str] = {}
        for event in events:
            row = self._writer.channels.get(event.channel)
            if row is not None and event.epoch == row.position.epoch and 0 < event.offset <= row.position.offset:
                places[place_of(row.key, event.offset)] = event.channel

        def run(ledger: Ledger, now_ms: int) -> list[Owed]:
            settled = ledger.acknowledge(consumer, list(places), now_ms=now_ms)
            return [Owed(places[place], channel_and_offset(place)[1], time_ms) for place, time_ms in settled]

        return self._errand(run)

    def tend(self, *, present: Collection[str], unseen_s: float) -> Future[None]:
        """Note which consumers are here, and forget those that weren't for `unseen_s`: what they were owed is dead."""
        here, unseen_ms = tuple(present), int(unseen_s * 1000)
        return self._errand(
            lambda ledger, now_ms: ledger.tend(present=here, before_ms=now_ms - unseen_ms, now_ms=now_ms)
        )

    def owed_to(self, consumer: str) -> list[Owed]:
        """List what a consumer has yet to acknowledge, oldest first. Raises StorageError."""
        return self._reader.ask(partial(owed.owed_to, consumer))

    def redeliveries(self, consumer: str, wanted: Sequence[tuple[str, int]], *, most_bytes: int) -> list[Redelivery]:
        """Read those of `wanted` (channel, offset) that a consumer is still owed, up to `most_bytes`, at least one."""
        return self._reader.ask(
            lambda connection: owed.redeliveries(consumer, wanted, most_bytes=most_bytes, connection=connection)
        )

    def dead_letters(self, *, limit: int, before: int | None = None) -> tuple[list[DeadLetter], int]:
        """List dead letters, newest first, from before the number `before`, and count all that are kept."""
        return self._reader.ask(
            lambda connection: (
                owed.dead_letters(connection, limit=limit, before=before),
                owed.dead_letter_count(connection),
            )
        )

    def _errand(self, run: Callable[[Ledger, int], _T]) -> Future[_T]:
        task = Errand(run)
        self._writer.submit(task)
        return task.future

    def close(self) -> None:
        """Write what is waiting and close. Appends after it raise StorageError."""
        self._writer.close()
        self._reader.close()
