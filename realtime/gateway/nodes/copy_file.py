"""Keeps on this node's disk what Redis retains: events, documents, folds, side tables. Asks Redis nothing.

What comes twice, or in another order than it was stored, does no harm: an event has one place, and of a document the
newest state holds. Threads: the copy's, everything; a `Reading` is whose it is.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from realtime.errors import StartError
from realtime.gateway.batches import execute_rows
from realtime.gateway.nodes.replies import ChannelAt
from realtime.gateway.records import Accepted
from realtime.gateway.schema import connect, document_key, documents_end, place_of
from realtime.migrations import bring_up_to_date
from realtime.protocol.channels import inbox_of
from realtime.protocol.events import CollectionCreated, CollectionDeleted, CollectionUpdated

_LOG: Final = logging.getLogger(__name__)
FILE_NAME: Final = "copy.db"
STEPS: Final = (
    """
    CREATE TABLE facts (number INTEGER PRIMARY KEY CHECK (number = 1), at BLOB NOT NULL);
    CREATE TABLE channels (
        key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
        top INTEGER NOT NULL, solid INTEGER NOT NULL, trimmed_to INTEGER NOT NULL
    );
    CREATE TABLE events (place INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, raw BLOB NOT NULL);
    CREATE TABLE documents (
        key TEXT PRIMARY KEY, channel INTEGER NOT NULL, id TEXT NOT NULL, offset INTEGER NOT NULL, document BLOB
    ) WITHOUT ROWID;
    CREATE INDEX documents_gone ON documents (channel, offset) WHERE document IS NULL;
    CREATE TABLE folds (channel TEXT PRIMARY KEY, offset INTEGER NOT NULL, fold BLOB NOT NULL);
    CREATE TABLE sides (number INTEGER PRIMARY KEY CHECK (number = 1), side BLOB NOT NULL);
    CREATE TABLE late (
        number INTEGER PRIMARY KEY AUTOINCREMENT, channel TEXT NOT NULL, fork INTEGER NOT NULL, raw BLOB NOT NULL
    );
    """,
    """
    CREATE TABLE judgements (
        number INTEGER PRIMARY KEY, seed TEXT NOT NULL, seq INTEGER NOT NULL, packed BLOB NOT NULL
    );
    """,
)
NOTHING_YET: Final = -1
"""As `solid` of a channel: not even its documents were read."""
_SWEEP: Final = 64
_ENCODER: Final = msgspec.json.Encoder()
_UPSERT: Final = (
    "INSERT INTO documents VALUES {rows} ON CONFLICT (key) DO UPDATE SET offset = excluded.offset,"
    " document = excluded.document WHERE excluded.offset > documents.offset"
)


class At(msgspec.Struct, frozen=True, array_like=True):
    """Which data a copy is of, and up to where in the feed. `lineage` outlives adoptions, `generation` counts them."""

    prefix: str
    lineage: str = ""
    generation: int = 0
    seed: str = ""
    term: int = 0
    seq: int = 0


class Side(msgspec.Struct, frozen=True, array_like=True):
    """Small tables as they stood at one moment; `packed` is for lua/fill.lua alone."""

    seed: str
    seq: int
    tops: dict[str, int]
    packed: bytes


@dataclass(slots=True)
class Kept:
    """A channel: all events after `trimmed_to` are here up to `solid`, and some up to `top`."""

    key: int
    name: str
    top: int
    solid: int
    trimmed_to: int
    swept_to: int


@dataclass(frozen=True, slots=True)
class Row:
    """An event to keep."""

    channel: str
    offset: int
    time_ms: int
    accepted: Accepted


class CopyFile:
    """The file. Every method that writes is one transaction, or part of the one that `writing` opens."""

    def __init__(self, path: Path, *, prefix: str) -> None:
        """Open it, made when missing. Raises StartError."""
        self.path = path
        self._prefix = prefix
        self._open()
        if self.at.prefix != prefix:
            self.put_aside()

    def _open(self) -> None:
        try:
            self._connection = connect(self.path)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.execute("PRAGMA journal_size_limit = 67108864")
            bring_up_to_date(self._connection, self.path, steps=STEPS)
            self.reload()
        except sqlite3.Error as error:
            raise StartError(
                f"The copy {self.path} can't be opened ({error}); check the data folder, or move the file away: "
                "it is made anew from Redis."
            ) from error

    def reload(self) -> None:
        """Read what the last transaction left."""
        found = self._connection.execute("SELECT at FROM facts").fetchone()
        self.at = At(self._prefix) if found is None else msgspec.json.decode(found[0], type=At)
        columns = "key, name, top, solid, trimmed_to"
        rows = self._connection.execute(f"SELECT {columns} FROM channels ORDER BY key").fetchall()  # noqa: S608
        self.channels = {name: Kept(key, name, top, solid, trim, trim) for key, name, top, solid, trim in rows}
        self.folded = dict(self._connection.execute("SELECT channel, offset FROM folds"))
        self.behind = {name for name, kept in self.channels.items() if kept.solid < kept.top}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Do everything in the block or nothing. Raises sqlite3.Error."""
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self.reload()
            raise

    def move_to(self, at: At) -> None:
        """Note which data this is now, and up to where."""
        self._connection.execute("INSERT OR REPLACE INTO facts VALUES (1, ?)", (msgspec.json.encode(at),))
        self.at = at

    def add(self, rows: Sequence[Row], *, is_in_turn: bool = True) -> None:
        """Keep events, and the documents that follow. Not `is_in_turn`: `solid` is the caller's to move."""
        events: list[tuple[int, int, bytes]] = []
        documents: list[tuple[str, int, str, int, bytes | None]] = []
        touched: dict[str, Kept] = {}
        for row in rows:
            kept = touched.get(row.channel) or self._channel(row.channel)
            touched[row.channel] = kept
            if row.offset <= kept.trimmed_to:
                continue
            if is_in_turn and kept.solid == kept.top == row.offset - 1:
                kept.solid = row.offset
            kept.top = max(kept.top, row.offset)
            events.append((place_of(kept.key, row.offset), row.time_ms, row.accepted.raw))
            if (document := _document(row, kept.key)) is not None:
                documents.append(document)
        execute_rows(self._connection, "INSERT OR IGNORE INTO events VALUES {rows}", events)
        execute_rows(self._connection, _UPSERT, documents)
        for kept in touched.values():
            self._save(kept)

    def add_documents(self, channel: str, documents: Iterable[tuple[str, int, bytes]]) -> None:
        """Keep documents (id, offset, JSON) as they were read."""
        key = self._channel(channel).key
        rows = [(document_key(key, one), key, one, offset, document) for one, offset, document in documents]
        execute_rows(self._connection, _UPSERT, rows)

    def learn(self, channels: Iterable[ChannelAt]) -> None:
        """Take in how far channels are, so that what is missing here shows; and let go of what they have trimmed."""
        for one in channels:
            kept = self._channel(one.name)
            kept.top = max(kept.top, one.top)
            upto = one.trimmed_to
            if inbox_of(one.name) is not None:  # of an inbox only what our fold holds may go
                upto = min(upto, self.folded.get(one.name, 0))
            kept.trimmed_to = max(kept.trimmed_to, upto)
            if kept.trimmed_to - kept.swept_to >= _SWEEP:
                self._sweep(kept)
            self._save(kept)

    def caught_up(self, channel: str, *, solid: int, trimmed_to: int | None = None) -> None:
        """Note up to where a channel is here without a hole."""
        kept = self._channel(channel)
        if trimmed_to is not None and inbox_of(channel) is None:
            kept.trimmed_to = max(kept.trimmed_to, trimmed_to)
        kept.solid = kept.top if solid >= kept.top else solid
        self._save(kept)

    def keep_folds(self, folds: Iterable[tuple[str, int, bytes]]) -> None:
        """Keep folds of inboxes."""
        for channel, offset, fold in folds:
            self._connection.execute("INSERT OR REPLACE INTO folds VALUES (?, ?, ?)", (channel, offset, fold))
            self.folded[channel] = offset

    def keep_side(self, side: Side) -> None:
        """Keep side tables in place of those of before, and of the judgements those that aren't among them."""
        self._connection.execute("INSERT OR REPLACE INTO sides VALUES (1, ?)", (msgspec.msgpack.encode(side),))
        self._connection.execute("DELETE FROM judgements WHERE seed <> ? OR seq <= ?", (side.seed, side.seq))

    def add_judgement(self, seq: int, packed: bytes) -> None:
        """Keep what was judged at a place in the feed: side tables are read now and then, inboxes are kept at once."""
        row = (self.at.seed, seq, packed)
        self._connection.execute("INSERT INTO judgements (seed, seq, packed) VALUES (?, ?, ?)", row)

    def forget_judgements(self) -> None:
        """Forget them: what they are about isn't there any more."""
        self._connection.execute("DELETE FROM judgements")

    def drop_documents(self, channel: str, *, upto: int, but: Collection[str]) -> None:
        """Forget the documents up to an offset that Redis hasn't any more."""
        kept = self.channels[channel]
        rows = self._connection.execute(
            "SELECT key, id FROM documents WHERE key >= ? AND key < ? AND offset <= ? AND document IS NOT NULL",
            (document_key(kept.key, ""), documents_end(kept.key), upto),
        ).fetchall()
        gone = [(key,) for key, identifier in rows if identifier not in but]
        execute_rows(self._connection, "DELETE FROM documents WHERE key IN (VALUES {rows})", gone)

    def forget_sides(self) -> None:
        """Forget what belongs to data that isn't there any more."""
        for table in ("folds", "sides", "judgements"):
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608
        self.folded = {}

    def part_ways(self, channel: str, *, fork: int) -> int:
        """Take the events after `fork`, which Redis has no more, out of the channel and onto the list of what it has
        to get yet; return how many."""
        kept = self.channels[channel]
        span = (place_of(kept.key, fork), place_of(kept.key + 1, 0))
        count = self._connection.execute(
            "INSERT INTO late (channel, fork, raw) SELECT ?, ?, raw FROM events WHERE place > ? AND place < ?"
            " ORDER BY place",
            (channel, fork, *span),
        ).rowcount
        self._connection.execute("DELETE FROM events WHERE place > ? AND place < ?", span)
        self._connection.execute(
            "DELETE FROM documents WHERE key >= ? AND key < ? AND offset > ?",
            (document_key(kept.key, ""), documents_end(kept.key), fork),
        )
        kept.top = min(kept.top, fork)
        kept.trimmed_to = min(kept.trimmed_to, fork)
        kept.solid = NOTHING_YET
        self._save(kept)
        return count

    def add_late(self, channel: str, raw: bytes) -> None:
        """Put one more event on that list."""
        self._connection.execute("INSERT INTO late (channel, fork, raw) VALUES (?, 0, ?)", (channel, raw))

    def late(self, limit: int) -> list[tuple[int, str, int, bytes]]:
        """List what Redis has to get yet, oldest first: number, channel, offset at which ways parted, envelope."""
        rows = self._connection.execute("SELECT number, channel, fork, raw FROM late ORDER BY number LIMIT ?", (limit,))
        return [(number, channel, fork, bytes(raw)) for number, channel, fork, raw in rows]

    def drop_late(self, upto: int) -> None:
        """Note that Redis has these."""
        self._connection.execute("DELETE FROM late WHERE number <= ?", (upto,))

    def unretained(self, channel: str) -> list[tuple[str, int, bytes]]:
        """List the documents of a channel whose events aren't here any more: id, offset, JSON."""
        return unretained_of(self._connection, self.channels[channel])

    def put_aside(self) -> None:
        """Begin anew, and leave the file beside it for people to look at. Raises StartError."""
        if self.channels:
            _LOG.warning("%s is of another Redis, or of another prefix: it is set aside", self.path)
        self.close()
        for ending in ("-wal", "-shm", ""):
            old = self.path.with_name(self.path.name + ending)
            if old.exists():
                old.rename(self.path.with_name(self.path.stem + "-aside.db" + ending))
        self._open()

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _channel(self, name: str) -> Kept:
        kept = self.channels.get(name)
        if kept is None:
            (key,) = self._connection.execute(
                "INSERT INTO channels (name, top, solid, trimmed_to) VALUES (?, 0, 0, 0) RETURNING key", (name,)
            ).fetchone()
            kept = self.channels[name] = Kept(key, name, 0, 0, 0, 0)
        return kept

    def _save(self, kept: Kept) -> None:
        statement = "UPDATE channels SET top = ?, solid = ?, trimmed_to = ? WHERE key = ?"
        self._connection.execute(statement, (kept.top, kept.solid, kept.trimmed_to, kept.key))
        if kept.solid < kept.top:
            self.behind.add(kept.name)
        else:
            self.behind.discard(kept.name)

    def _sweep(self, kept: Kept) -> None:
        span = (place_of(kept.key, 0), place_of(kept.key, kept.trimmed_to))
        self._connection.execute("DELETE FROM events WHERE place > ? AND place <= ?", span)
        gone = (kept.key, kept.trimmed_to)
        self._connection.execute("DELETE FROM documents WHERE document IS NULL AND channel = ? AND offset <= ?", gone)
        kept.swept_to = kept.trimmed_to


def _document(row: Row, key: int) -> tuple[str, int, str, int, bytes | None] | None:
    event, identifier = row.accepted.event, row.accepted.document_id
    if identifier is None:
        return None
    if isinstance(event, CollectionCreated | CollectionUpdated):
        return document_key(key, identifier), key, identifier, row.offset, _ENCODER.encode(event.document)
    if isinstance(event, CollectionDeleted):
        return document_key(key, identifier), key, identifier, row.offset, None
    return None


def unretained_of(connection: sqlite3.Connection, kept: Kept) -> list[tuple[str, int, bytes]]:
    """List the documents of a channel whose events aren't in the file: id, offset, JSON."""
    rows = connection.execute(
        "SELECT id, offset, document FROM documents WHERE key >= ? AND key < ? AND document IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM events WHERE place = ? | offset)",
        (document_key(kept.key, ""), documents_end(kept.key), place_of(kept.key, 0)),
    )
    return [(identifier, offset, bytes(document)) for identifier, offset, document in rows]
