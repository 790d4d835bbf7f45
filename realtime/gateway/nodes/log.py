"""Keeps every event in Redis, for all nodes together: one stream a channel, and the documents that follow from it.

The same port as the log on SQLite (gateway/log.py), where `ports.Log` says what each method promises.
Threads: any. One thread writes, one follows what all nodes write.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from realtime.errors import StartError, StorageError
from realtime.gateway.nodes.adopting import run_adopted
from realtime.gateway.nodes.catching_up import CatchingUp
from realtime.gateway.nodes.copy import Copy
from realtime.gateway.nodes.copy_file import CopyFile
from realtime.gateway.nodes.follower import ANEW, Follower
from realtime.gateway.nodes.late import Late, PutBack
from realtime.gateway.nodes.ledger import Ledger
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.memory import Memory
from realtime.gateway.nodes.own import OwnCommits
from realtime.gateway.nodes.reader import Reader
from realtime.gateway.nodes.scripts import Scripts
from realtime.gateway.nodes.server import Server
from realtime.gateway.nodes.writer import FEED_BYTES, Errand, Writer
from realtime.gateway.ports import PAGE_BYTES
from realtime.gateway.queue import QUEUE_BYTES, Append, Note
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
from realtime.protocol.channels import collection_channel, collection_of
from realtime.protocol.positions import Position

_T = TypeVar("_T")


class RedisLog:
    """The log that several nodes share. Open it with `RedisLog.open`, and close it."""

    def __init__(
        self,
        link: Link,
        server: Server,
        *,
        memory: Memory,
        reader: Reader,
        follower: Follower,
        writer: Writer,
        copy: Copy | None,
    ) -> None:
        self._link = link
        self._server = server
        self._memory = memory
        self._reader = reader
        self._ledger = Ledger(server)
        self.follower = follower
        self._writer = writer
        self.copy = copy

    @classmethod
    def open(
        cls,
        link: Link,
        *,
        node: str,
        retention_events: int,
        on_commit: Callable[[Sequence[Stored]], None],
        on_anew: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.time,
        refusals_kept: int = 1000,
        queue_bytes: int = QUEUE_BYTES,
        critical_kept: int = 1000,
        replicas: int = 0,
        copy_path: Path | None = None,
    ) -> RedisLog:
        """Begin to follow and write what is in Redis. Raises StartError.

        `on_commit` is called by the follower's thread with what any node has stored, in the order of the feed, and
        before this node's own appends are answered; `on_anew` when every epoch has changed. `node` is unlike any other
        node's. A write is answered once `replicas` replicas have it, too, and the copy at `copy_path`, if there is one.
        """
        server = Server(link, Scripts(), now=now)
        server.node = node
        memory, own, reader = Memory(), OwnCommits(node), Reader(server)
        writers: list[Writer] = []

        def put_back(accepted: Sequence[Accepted], expected: int | None) -> Future[list[Stored]]:
            task = Append(accepted, expected=expected)
            writers[0].submit(task)
            return task.future

        copy = None if copy_path is None else _copy(copy_path, server, reader, put_back=put_back)
        follower = Follower(
            link, server, reader, memory=memory, own=own, on_commit=on_commit, copy=copy, critical_kept=critical_kept
        )
        follower.on(ANEW, lambda _: on_anew())
        writer = Writer(
            server, follower, own=own, retention_events=retention_events, refusals_kept=refusals_kept,
            queue_bytes=queue_bytes, critical_kept=critical_kept, replicas=replicas, copy=copy,
        )  # fmt: skip
        writers.append(writer)
        try:
            link.check()
            if copy is not None:
                copy.start()
            follower.start()
        except (StorageError, StartError) as error:
            if copy is not None:
                copy.stop()
            link.close()
            raise StartError(f"Redis can't be used: {error}") from error
        writer.start()
        return cls(link, server, memory=memory, reader=reader, follower=follower, writer=writer, copy=copy)

    @property
    def server(self) -> Server:
        """Return the way to ask Redis."""
        return self._server

    def append(
        self, accepted: Sequence[Accepted], *, expected: int | None = None, along: Along | None = None
    ) -> Future[list[Stored]]:
        """Store events, all or none of them; the future resolves when Redis has them."""
        task = Append(accepted, expected=expected, along=along)
        self._writer.submit(task)
        return task.future

    def keep_refusals(self, refusals: Sequence[Refusal]) -> Future[None]:
        """Keep why items were refused; the oldest are forgotten."""
        task = Note(refusals)
        self._writer.submit(task)
        return task.future

    def tell(self, kind: str, body: bytes = b"") -> None:
        """Tell all nodes something (UTF-8), this one included. Raises StorageError."""
        keys = [self._server.keys.meta, self._server.keys.feed]
        run_adopted(self._server, "tell", keys, [kind, body.decode(), FEED_BYTES], int)

    # In memory

    def position(self, channel: str) -> Position:
        """Return the top of a channel."""
        return self._memory.position(channel)

    def unfolded(self, channel: str) -> int:
        """Return how many commands of an inbox no snapshot holds yet."""
        top = self._memory.top(channel)
        return max(0, top - self._memory.folded_to(channel)) if top else 0

    def channels(self) -> list[ChannelRow]:
        """List the channels that have had an event, by name."""
        return sorted(self._memory.rows.values(), key=lambda row: row.name)

    def channel(self, channel: str) -> ChannelRow | None:
        """Return what is known of a channel, None before its first event."""
        return self._memory.rows.get(channel)

    def has_channel(self, channel: str) -> bool:
        """Tell whether a channel has had an event."""
        return channel in self._memory.rows

    @property
    def channel_count(self) -> int:
        """Return how many channels have had an event."""
        return len(self._memory.rows)

    @property
    def trouble(self) -> str | None:
        """Return why it can't take events now, None when it can."""
        return self.follower.trouble or (self.copy and self.copy.trouble) or self._writer.trouble

    @property
    def cut_off_s(self) -> float:
        """Return for how many seconds Redis couldn't be reached; 0 while it can."""
        return self.follower.cut_off_s

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
        """Read a part of a stream: after `since`, or from its retained beginning; at most `limit` events."""
        return self._reader.read(channel, since=since, limit=limit, reverse=reverse, most_bytes=most_bytes)

    def get(self, collection: str, identifier: str) -> DocumentRow | None:
        """Read one document, or None."""
        return self._reader.document(collection, identifier)

    def page(
        self, collection: str, *, limit: int, cursor: str | None = None, most_bytes: int = PAGE_BYTES
    ) -> DocumentPage:
        """Read a collection's documents in the order of their ids, from after `cursor`."""
        return self._reader.page(collection, limit=limit, cursor=cursor, most_bytes=most_bytes)

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
        return self._reader.document_history(channel, identifier, before=before, limit=limit)

    def records(self, channel: str, offsets: Sequence[int], *, reverse: bool, most_bytes: int) -> list[Record]:
        """Read those events of a channel that are still there, in order, up to `most_bytes`, at least one."""
        ordered = sorted(offsets, reverse=reverse)
        return self._reader.records(channel, ordered, most_bytes=most_bytes)

    def documents(self, channel: str, ids: Sequence[str], *, most_bytes: int) -> list[tuple[dict[str, Any], int]]:
        """Read those documents of a channel that are still there, by id, with their offsets, up to `most_bytes`."""
        ordered = sorted(ids, key=lambda identifier: identifier.encode())
        return self._reader.documents(channel, ordered, most_bytes=most_bytes)

    def left_alone(self, channel: str) -> tuple[int, list[tuple[bytes, int]]]:
        """Return up to where a stream is trimmed, and the documents (JSON, offset) unchanged since."""
        return self._reader.left_alone(channel)

    def repeat_of(self, duplicate_key: bytes) -> Repeat | None:
        """Find where an event stands that was stored before, None when it wasn't."""
        return self._reader.repeat_of(duplicate_key)

    def refusals(self, *, limit: int, before: int | None = None) -> list[RefusalRow]:
        """List kept refusals, newest first, from before the number `before`."""
        return self._reader.refusals(limit=limit, before=before)

    def try_writing(self) -> Future[None]:
        """Find out whether Redis takes anything: `trouble` says so then."""
        return self.append(())  # type: ignore[return-value]  # what it resolves to is nobody's business

    # Notices

    def kept_inbox(self, channel: str) -> tuple[int, bytes] | None:
        """Return the newest kept fold of an inbox: up to which offset, and the fold."""
        _, [kept] = self._server.read(lambda pipeline: pipeline.hget(self._server.keys.folds, channel))
        if kept is None:
            return None
        offset, fold = kept.split(b" ", 1)
        return int(offset), fold

    def judged(self) -> dict[str, int]:
        """Return up to where channels were judged for notices."""
        _, [kept] = self._server.read(lambda pipeline: pipeline.hgetall(self._server.keys.judged))
        return {channel.decode(): int(offset) for channel, offset in kept.items()}

    def notes(self) -> dict[str, bytes]:
        """Return what judging remembers, by name."""
        _, [kept] = self._server.read(lambda pipeline: pipeline.hgetall(self._server.keys.notes))
        return {name.decode(): value for name, value in kept.items()}

    # What consumers have yet to acknowledge

    def meet(self, consumer: str, *, present: Collection[str] = ()) -> Future[None]:
        """Know a consumer: from now on it is owed every critical event."""
        here = tuple(present)
        return self._errand(lambda: self._ledger.meet(consumer, here))

    def acknowledge(self, consumer: str, events: Sequence[CriticalAt]) -> Future[list[Owed]]:
        """Take in that a consumer has these; the future tells which of them it had been owed."""
        places = [(event.channel, event.offset) for event in events if event.epoch == self._memory.epoch(event.channel)]
        return self._errand(lambda: self._ledger.acknowledge(consumer, places))

    def tend(self, *, present: Collection[str], unseen_s: float) -> Future[None]:
        """Note which consumers are here, and forget those that weren't for `unseen_s`."""
        here, unseen_ms = tuple(present), int(unseen_s * 1000)
        return self._errand(lambda: self._ledger.tend(here, before_ms=self._server.now_ms - unseen_ms))

    def owed_to(self, consumer: str) -> list[Owed]:
        """List what a consumer has yet to acknowledge, oldest first."""
        return self._ledger.owed_to(consumer)

    def redeliveries(self, consumer: str, wanted: Sequence[tuple[str, int]], *, most_bytes: int) -> list[Redelivery]:
        """Read those of `wanted` (channel, offset) that a consumer is still owed."""
        return self._ledger.redeliveries(consumer, wanted, most_bytes=most_bytes)

    def dead_letters(self, *, limit: int, before: int | None = None) -> tuple[list[DeadLetter], int]:
        """List dead letters, newest first, from before the number `before`, and count all that are kept."""
        return self._ledger.dead_letters(limit=limit, before=before)

    def _errand(self, run: Callable[[], _T]) -> Future[_T]:
        task = Errand(run)
        self._writer.submit(task)
        return task.future

    def close(self) -> None:
        """Write what is waiting and end. Appends after it raise StorageError."""
        self._writer.close()
        self.follower.finish()
        self.follower.stop()
        if self.copy is not None:
            self.copy.stop()
        self._link.close()


def _copy(path: Path, server: Server, reader: Reader, *, put_back: PutBack) -> Copy:
    file = CopyFile(path, prefix=server.keys.prefix)
    copy = Copy(file, server, CatchingUp(file, reader), Late(file, server, put_back=put_back))
    server.offer = copy.offer
    return copy
