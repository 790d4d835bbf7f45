"""Keeps the audit's rows on the disk: SQLite, append-only but for the retention. Decides nothing about their content.

A gateway and a command of the same machine may both write. Threads: each `AuditFile` one, each reading its own.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from realtime.errors import StartError, StorageError
from realtime.gateway.audit_chain import RETENTION, START, Break, Link, breaks, digest_of
from realtime.gateway.audit_words import Note
from realtime.migrations import bring_up_to_date
from realtime.protocol.audit import AuditRow

FILE_NAME: Final = "audit.db"
_OWNER_ONLY: Final = 0o600
_BUSY_S: Final = 5.0
_TABLES: Final = """
CREATE TABLE rows (
    number INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
    outcome TEXT NOT NULL, target TEXT NOT NULL, origin TEXT NOT NULL, detail TEXT NOT NULL, times INTEGER NOT NULL,
    hash BLOB NOT NULL
);
CREATE TABLE ends (name TEXT PRIMARY KEY, number INTEGER NOT NULL, hash BLOB NOT NULL);
"""
STEPS: Final = (_TABLES,)
_COLUMNS: Final = "number, time_ms, actor, action, outcome, target, origin, detail, times"
_INSERT: Final = f"INSERT INTO rows ({_COLUMNS}, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608  # our own
_SET_END: Final = "INSERT OR REPLACE INTO ends VALUES (?, ?, ?)"


class Search(msgspec.Struct, frozen=True):
    """What rows somebody wants: text that any column holds, exact words, a time from (incl.) and to (excl.)."""

    text: str = ""
    actor: str = ""
    action: str = ""
    outcome: str = ""
    since_ms: int | None = None
    until_ms: int | None = None


class AuditFile:
    """The writer's side. Raises StorageError where the disk doesn't take it; then nothing was written."""

    def __init__(self, connection: sqlite3.Connection, *, head: Link) -> None:
        self._connection = connection
        self._head = head

    @classmethod
    def open(cls, path: Path) -> AuditFile:
        """Open the file, made anew if there is none, for its owner alone. Raises StartError, one sentence."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY))
            path.chmod(_OWNER_ONLY)
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
        except (OSError, sqlite3.Error) as error:
            raise StartError(_words(path, error)) from error
        try:
            return cls(connection, head=_prepare(connection, path))
        except sqlite3.Error as error:
            connection.close()
            raise StartError(_words(path, error)) from error
        except StartError:
            connection.close()
            raise

    @property
    def head(self) -> Link:
        """Return the end of the chain."""
        return self._head

    def append(self, notes: Sequence[Note]) -> None:
        """Add notes to the chain, all or none. Who else adds to the file meanwhile adds before or behind."""
        with self._changing() as connection:
            head = _end(connection, "head")
            values: list[tuple[Any, ...]] = []
            for note in notes:
                row = AuditRow(head.number + 1, *note)
                head = Link(row.number, digest_of(head.digest, row))
                values.append((*msgspec.structs.astuple(row), head.digest))
            connection.executemany(_INSERT, values)
            connection.execute(_SET_END, ("head", head.number, head.digest))
        self._head = head

    def retain(self, *, most_rows: int, since_ms: int, now_ms: int) -> int:
        """Let go of rows beyond `most_rows` and of those before `since_ms`; returns how many went.

        Waits until a tenth of `most_rows` can go at once. The chain stays whole: the last hash that went is the anchor,
        and a row of its own says so.
        """
        with self._changing() as connection:
            head = _end(connection, "head")
            oldest = connection.execute("SELECT number, time_ms FROM rows ORDER BY number LIMIT 1").fetchone()
            first, oldest_ms = oldest or (None, now_ms)
            last = min(max(head.number - most_rows, 0), head.number - 1)
            if oldest_ms < since_ms:
                aged = connection.execute("SELECT max(number) FROM rows WHERE time_ms < ?", (since_ms,)).fetchone()[0]
                last = min(max(last, aged), head.number - 1)
            count = 0 if first is None else last - first + 1
            if count < max(1, most_rows // 10):
                return 0
            detail = f"rows {first} to {last} were let go by their age or number"
            row = AuditRow(head.number + 1, now_ms, "", RETENTION, "ok", f"row:{last}", "", detail)
            head = Link(row.number, digest_of(head.digest, row))
            (anchor,) = connection.execute("SELECT hash FROM rows WHERE number = ?", (last,)).fetchone()
            connection.execute("DELETE FROM rows WHERE number <= ?", (last,))
            connection.execute(_INSERT, (*msgspec.structs.astuple(row), head.digest))
            connection.execute(_SET_END, ("anchor", last, anchor))
            connection.execute(_SET_END, ("head", head.number, head.digest))
        self._head = head
        return int(count)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise StorageError(
                f"The audit can't be written now ({error}); check the disk of the data folder."
            ) from error


class AuditReader:
    """The reading side, for one thread at a time; writing goes on beside it. Raises StorageError."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            raise StorageError(f"There is no audit at {path}; name the data folder of a gateway that has run.")
        self._path = path

    def page(self, search: Search, *, limit: int, before: int | None = None) -> list[AuditRow]:
        """Read the newest rows that match, newest first, from before a row's number on."""
        where, values = _condition(search, before)
        select = f"SELECT {_COLUMNS} FROM rows WHERE {where} ORDER BY number DESC LIMIT ?"  # noqa: S608  # our own
        with self._reading() as connection:
            return [AuditRow(*found) for found in connection.execute(select, (*values, limit))]

    def all(self, search: Search) -> Iterator[tuple[AuditRow, bytes]]:
        """Read every row that matches with its hash, oldest first."""
        where, values = _condition(search, None)
        with self._reading() as connection:
            yield from _rows(connection, where, values)

    def verify(self, witness: Link | None = None) -> tuple[list[Break], Link, int]:
        """Walk the whole chain: where it is broken (at most a hundred places), its head, and how many rows it has."""
        found: list[Break] = []
        count = 0

        def counted(rows: Iterator[tuple[AuditRow, bytes]]) -> Iterator[tuple[AuditRow, bytes]]:
            nonlocal count
            for one in rows:
                count += 1
                yield one

        with self._reading() as connection:
            connection.execute("BEGIN")  # one state of the file, whatever is appended meanwhile
            anchor, head = _end(connection, "anchor"), _end(connection, "head")
            rows = counted(_rows(connection, "1", ()))
            for broken in breaks(rows, anchor=anchor, head=head, witness=witness):
                found.append(broken)
                if len(found) >= 100:
                    break
        return found, head, count

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, isolation_level=None)) as connection:
                connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_S * 1000)}")
                yield connection
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise StorageError(f"The audit {self._path} can't be read ({error}).") from error


def _rows(connection: sqlite3.Connection, where: str, values: tuple[Any, ...]) -> Iterator[tuple[AuditRow, bytes]]:
    select = f"SELECT {_COLUMNS}, hash FROM rows WHERE {where} ORDER BY number"  # noqa: S608  # our own conditions
    for *columns, digest in connection.execute(select, values):
        yield AuditRow(*columns), bytes(digest)


def _condition(search: Search, before: int | None) -> tuple[str, tuple[Any, ...]]:
    parts: list[tuple[str, tuple[Any, ...]]] = [
        (f"{name} = ?", (wanted,)) for name in ("actor", "action", "outcome") if (wanted := getattr(search, name))
    ]
    if search.text:
        columns = ("actor", "action", "outcome", "target", "origin", "detail")
        pattern = f"%{_escaped(search.text)}%"
        told = " OR ".join(f"{name} LIKE ? ESCAPE '\\'" for name in columns)
        parts.append((f"({told})", (pattern,) * len(columns)))
    if search.since_ms is not None:
        parts.append(("time_ms >= ?", (search.since_ms,)))
    if search.until_ms is not None:
        parts.append(("time_ms < ?", (search.until_ms,)))
    if before is not None:
        parts.append(("number < ?", (before,)))
    return " AND ".join(text for text, _ in parts) or "1", tuple(value for _, some in parts for value in some)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _end(connection: sqlite3.Connection, name: str) -> Link:
    found = connection.execute("SELECT number, hash FROM ends WHERE name = ?", (name,)).fetchone()
    return START if found is None else Link(int(found[0]), bytes(found[1]))


def _prepare(connection: sqlite3.Connection, path: Path) -> Link:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_size_limit = 4194304")
    bring_up_to_date(connection, path, steps=STEPS)
    return _end(connection, "head")


def _words(path: Path, error: Exception) -> str:
    why = error.strerror if isinstance(error, OSError) else error
    return f"The audit {path} can't be opened ({why}); check the data folder or move the file away."
