"""Keeps the outbox's entries on the disk: SQLite, each write durable before it returns. Decides nothing.

Threads: any. One lock around the one connection; it is held while the disk is written, and nothing is called under it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from realtime.errors import OutboxError, StartError
from realtime.migrations import bring_up_to_date
from realtime.store import OutboxEntry, OutboxState

FILE_NAME: Final = "outbox.db"
_OWNER_ONLY: Final = 0o600
_BUSY_S: Final = 2.0
# Numbers are never given again: one that is gone must not name another entry.
_TABLE: Final = """
CREATE TABLE entries (
    number INTEGER PRIMARY KEY AUTOINCREMENT, source TEXT NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL,
    envelope BLOB NOT NULL, created_at REAL NOT NULL, collection TEXT, document_id TEXT,
    expected_offset INTEGER, follows INTEGER, is_refused INTEGER NOT NULL, is_conflict INTEGER NOT NULL, reason TEXT,
    UNIQUE (source, id)
)
"""
STEPS: Final = (_TABLE,)
_COLUMNS: Final = (
    "number", "source", "id", "type", "envelope", "created_at", "collection", "document_id", "expected_offset",
    "follows", "is_refused", "is_conflict", "reason",
)  # fmt: skip
_SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM entries ORDER BY number"  # noqa: S608  # our own names
_INSERT: Final = f"INSERT INTO entries ({', '.join(_COLUMNS[1:])}) VALUES ({', '.join('?' * (len(_COLUMNS) - 1))})"  # noqa: S608
_UPDATE: Final = (
    "UPDATE entries SET expected_offset = ?, follows = ?, is_refused = ?, is_conflict = ?, reason = ? WHERE number = ?"
)


class OutboxFile:
    """The table of entries. One process at a time has it open; the kernel's lock goes with the process."""

    def __init__(self, connection: sqlite3.Connection, *, claim: int) -> None:
        """Take over an open connection, and the descriptor that keeps other processes out."""
        self._lock = threading.Lock()
        self._connection = connection
        self._claim = claim

    @classmethod
    def open(cls, path: Path) -> OutboxFile:
        """Open the file, made anew if there is none, for its owner alone. Raises StartError, one sentence."""
        claim = _claim(path)
        try:
            return cls(_connection(path), claim=claim)
        except BaseException:
            os.close(claim)
            raise

    def load(self) -> list[OutboxEntry]:
        """Read every entry, in order; what was on its way is pending again. Raises StartError."""
        try:
            with self._lock:
                rows = self._connection.execute(_SELECT).fetchall()
        except sqlite3.Error as error:
            raise StartError(f"The outbox can't be read ({error}); check the data folder.") from error
        return [_entry_of(row) for row in rows]

    def insert(self, entry: OutboxEntry) -> OutboxEntry:
        """Write a new entry and return it with its number. Raises OutboxError; then nothing was written."""
        with self._lock:
            cursor = self._run(_INSERT, _row_of(entry))
        return msgspec.structs.replace(entry, number=cursor.lastrowid)

    def settle(self, *, gone: Sequence[int], changed: Iterable[OutboxEntry]) -> None:
        """Forget entries and write down changes of others, all or none. Raises OutboxError."""
        with self._lock:
            self._run("BEGIN IMMEDIATE")
            try:
                for number in gone:
                    self._run("DELETE FROM entries WHERE number = ?", (number,))
                for one in changed:
                    is_refused = one.state is OutboxState.REFUSED
                    values = (one.expected_offset, one.follows, is_refused, one.is_conflict, one.reason, one.number)
                    self._run(_UPDATE, values)
                self._run("COMMIT")
            except OutboxError:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()
            if self._claim >= 0:
                os.close(self._claim)
            self._claim = -1

    def _run(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(statement, values)
        except sqlite3.Error as error:
            raise OutboxError(
                f"This can't be kept safe until it is sent ({error}), so it isn't taken; check the disk of the data "
                "folder, then try again."
            ) from error


def _claim(path: Path) -> int:
    """Keep other processes out: two would send everything twice, and both would answer for it. Raises StartError.

    A lock beside the file and not SQLite's own, so that a backup can read the file meanwhile.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        claim = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY)
    except OSError as error:
        raise StartError(_words(path, error)) from error
    try:
        fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(claim)
        raise StartError(_in_use(path)) from None
    return claim


def _connection(path: Path) -> sqlite3.Connection:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY))
        path.chmod(_OWNER_ONLY)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
    except (OSError, sqlite3.Error) as error:
        raise StartError(_words(path, error)) from error
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise StartError(_words(path, error)) from error
    except StartError:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 4194304")
    bring_up_to_date(connection, path, steps=STEPS)


def _words(path: Path, error: Exception) -> str:
    if "locked" in str(error):
        return _in_use(path)
    why = error.strerror if isinstance(error, OSError) else error
    return f"The outbox {path} can't be opened ({why}); check the data folder or move the file away."


def _in_use(path: Path) -> str:
    return f"The outbox {path} is in use by another Tideboard; stop that one or choose another data folder."


def _row_of(entry: OutboxEntry) -> tuple[Any, ...]:
    collection, identifier = entry.document or (None, None)
    return (
        *entry.key, entry.type, entry.envelope, entry.created_at, collection, identifier, entry.expected_offset,
        entry.follows, entry.state is OutboxState.REFUSED, entry.is_conflict, entry.reason,
    )  # fmt: skip


def _entry_of(row: tuple[Any, ...]) -> OutboxEntry:
    values = dict(zip(_COLUMNS, row, strict=True))
    collection, identifier = values["collection"], values["document_id"]
    return OutboxEntry(
        number=values["number"], key=(values["source"], values["id"]), type=values["type"],
        envelope=values["envelope"], created_at=values["created_at"],
        document=None if collection is None else (collection, identifier),
        expected_offset=values["expected_offset"], follows=values["follows"],
        state=OutboxState.REFUSED if values["is_refused"] else OutboxState.PENDING,
        is_conflict=bool(values["is_conflict"]), reason=values["reason"],
    )  # fmt: skip
