"""Opens the log's SQLite database and keeps its tables. No SQL of reading or writing events in here."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

from realtime.errors import StartError, StorageError, StorageFull
from realtime.migrations import bring_up_to_date

BUSY_TIMEOUT_S: Final = 2.0
_OFFSET_BITS: Final = 40

# An event's rowid is its channel's key and its offset in one number: appends go to the end of a channel's range,
# a part of a stream is one range scan, and trimming is one range delete, all without an index of their own.
_TABLES: Final = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE channels (
    key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, epoch TEXT NOT NULL,
    top INTEGER NOT NULL, trimmed_to INTEGER NOT NULL, documents INTEGER NOT NULL
);
CREATE TABLE events (
    place INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, document_id TEXT,
    duplicate_key BLOB NOT NULL, raw BLOB NOT NULL
);
CREATE UNIQUE INDEX events_duplicate_key ON events (duplicate_key);
CREATE INDEX events_document_id ON events (document_id) WHERE document_id IS NOT NULL;
CREATE TABLE documents (
    key TEXT PRIMARY KEY, channel INTEGER NOT NULL, id TEXT NOT NULL, offset INTEGER NOT NULL, document BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE refusals (
    number INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, item INTEGER NOT NULL,
    code TEXT NOT NULL, reason TEXT NOT NULL, excerpt TEXT NOT NULL
);
"""

# Since version 2. A critical event is kept here, whole, while any consumer hasn't acknowledged it, whatever becomes of
# the stream; `waiting` counts those. A slot is a consumer's key and a critical's number in one.
_CRITICALS: Final = """
CREATE TABLE consumers (
    key INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first_seen_ms INTEGER NOT NULL, seen_ms INTEGER NOT NULL
);
CREATE TABLE criticals (
    number INTEGER PRIMARY KEY AUTOINCREMENT, place INTEGER NOT NULL UNIQUE, time_ms INTEGER NOT NULL,
    waiting INTEGER NOT NULL, raw BLOB NOT NULL
);
CREATE TABLE unacked (slot INTEGER PRIMARY KEY);
CREATE TABLE dead_letters (
    number INTEGER PRIMARY KEY AUTOINCREMENT, time_ms INTEGER NOT NULL, consumer TEXT NOT NULL,
    place INTEGER NOT NULL, stored_ms INTEGER NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL
);
"""

# Since version 3. `inboxes` holds folds of inboxes up to an offset, `judged` up to where each channel's events were
# judged for notices, `notebook` what judging remembers.
_NOTICES: Final = """
CREATE TABLE inboxes (channel TEXT PRIMARY KEY, offset INTEGER NOT NULL, inbox BLOB NOT NULL);
CREATE TABLE judged (channel TEXT PRIMARY KEY, offset INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE notebook (name TEXT PRIMARY KEY, value BLOB NOT NULL);
"""

_SEED: Final = "INSERT INTO meta VALUES ('seed', lower(hex(randomblob(16))));"
STEPS: Final = (_TABLES + _SEED, _CRITICALS, _NOTICES)


LOG_NAME: Final = "log.db"


def place_of(channel: int, offset: int) -> int:
    """Return the rowid of an event from its channel's key and its offset."""
    return channel << _OFFSET_BITS | offset


def channel_and_offset(place: int) -> tuple[int, int]:
    """Take an event's rowid apart."""
    return place >> _OFFSET_BITS, place & ((1 << _OFFSET_BITS) - 1)


def slot_of(consumer: int, number: int) -> int:
    """Return the row that says that a consumer has yet to acknowledge a critical event."""
    return consumer << _OFFSET_BITS | number


def consumer_and_number(slot: int) -> tuple[int, int]:
    """Take a slot apart."""
    return channel_and_offset(slot)


def document_key(channel: int, identifier: str) -> str:
    """Return the key of a document: one column, since SQLite searches no index for a list of pairs.

    A channel's keys lie between `document_key(channel, "")` and `documents_end(channel)`, ordered by id.
    """
    return f"{channel}/{identifier}"


def documents_end(channel: int) -> str:
    """Return what is just after every document key of a channel."""
    return f"{channel}0"  # '0' comes right after '/'


def epoch_of(seed: str, channel: str) -> str:
    """Return the epoch of a channel.

    It follows from the database's random seed, so that a channel nobody has posted to already has the epoch its
    first event will have: a subscription made early stays in step.
    """
    return hashlib.blake2b(channel.encode("utf-8", "surrogatepass"), key=bytes.fromhex(seed), digest_size=6).hexdigest()


def open_writer(path: Path) -> tuple[sqlite3.Connection, str]:
    """Open the database for writing, make its tables when it is new; return it with its seed. Raises StartError."""
    try:
        connection = connect(path)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        # There is a thread for it (checkpointer.py); an automatic one would sit in some producer's latency.
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        connection.execute("PRAGMA cache_size = -16384")
        return connection, _seed(connection, path)
    except sqlite3.Error as error:
        raise StartError(
            f"The log {path} can't be opened ({error}); check the data folder or move the file away."
        ) from error


def begin_anew(path: Path) -> None:
    """Give every stream of a log that nobody uses another epoch: it goes on from where its followers weren't.

    Raises sqlite3.Error.
    """
    with closing(connect(path)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE meta SET value = lower(hex(randomblob(16))) WHERE name = 'seed'")
        (seed,) = connection.execute("SELECT value FROM meta WHERE name = 'seed'").fetchone()
        names = [name for (name,) in connection.execute("SELECT name FROM channels")]
        rows = [(epoch_of(seed, name), name) for name in names]
        connection.executemany("UPDATE channels SET epoch = ? WHERE name = ?", rows)
        connection.execute("COMMIT")


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the database for reading only, text as bytes. Raises StorageError."""
    try:
        connection = connect(path)
        connection.execute("PRAGMA query_only = ON")
        connection.text_factory = bytes
    except sqlite3.Error as error:
        raise storage_error(error) from error
    return connection


def storage_error(error: sqlite3.Error) -> StorageError:
    """Say what an error of SQLite means to who asked."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF == sqlite3.SQLITE_FULL:
        return StorageFull("The disk is full, nothing was stored; free some space, then send it again.")
    return StorageError(f"The log can't be used now ({error}), nothing was stored; send it again in a moment.")


def connect(path: Path) -> sqlite3.Connection:
    """Open a connection of any use. Raises sqlite3.Error."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=256, timeout=BUSY_TIMEOUT_S
    )
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _seed(connection: sqlite3.Connection, path: Path) -> str:
    bring_up_to_date(connection, path, steps=STEPS)
    (kept,) = connection.execute("SELECT value FROM meta WHERE name = 'seed'").fetchone()
    return str(kept)
