"""Keeps derived streams on the disk, so that their offsets outlive a restart. Folds nothing itself.

What isn't here yet is folded anew from the log: nothing is lost but time. Threads: any, one at a time (a lock).
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from realtime.errors import StartError
from realtime.gateway.derived import Derived, News
from realtime.migrations import bring_up_to_date

FILE_NAME: Final = "derived.db"
STREAMS_KEPT: Final = 2_000
_LOG: Final = logging.getLogger(__name__)
_OFFSET_BITS: Final = 40
STEPS: Final = (
    """
    CREATE TABLE streams (
        key INTEGER PRIMARY KEY, rows TEXT NOT NULL, channel TEXT NOT NULL, epoch TEXT NOT NULL, nonce TEXT NOT NULL,
        base INTEGER NOT NULL, upto INTEGER NOT NULL, used_ms INTEGER NOT NULL, UNIQUE (rows, channel)
    );
    CREATE TABLE entries (place INTEGER PRIMARY KEY, origin INTEGER NOT NULL, kind INTEGER NOT NULL);
    CREATE TABLE members (
        stream INTEGER NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (stream, id)
    ) WITHOUT ROWID;
    """,
)


class DerivedFile:
    """The file. Errors are logged: a stream that can't be kept is one that begins anew after a restart."""

    def __init__(self, connection: sqlite3.Connection, *, kept: int = STREAMS_KEPT) -> None:
        """Use a connection; at most `kept` streams are, those of longest ago go first."""
        self._kept = kept
        self._lock = threading.Lock()
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> DerivedFile:
        """Open the file, or begin it anew when it is broken. Raises StartError."""
        try:
            return cls(_connected(path))
        except sqlite3.DatabaseError as error:
            _LOG.warning("%s can't be used (%s): derived streams begin anew", path, error)
        try:
            for each in (path, path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")):
                each.unlink(missing_ok=True)
            return cls(_connected(path))
        except (sqlite3.Error, OSError) as error:
            raise StartError(f"{path} can't be written ({error}); check the data folder.") from error

    def load(self, rows: str, channel: str, *, epoch: str) -> Derived | None:
        """Return a stream as it was kept; None when it wasn't, or when the channel has begun anew since."""
        with self._lock:
            try:
                return self._load(rows, channel, epoch=epoch)
            except sqlite3.Error as error:
                _LOG.warning("the derived stream of %s can't be read and begins anew: %s", channel, error)
                return None

    def save(self, news: Sequence[tuple[str, str, str, News]], *, now_ms: int) -> bool:
        """Write what is new of streams (rows, channel, epoch, news), all or nothing; False when it can't be done."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                for rows, channel, epoch, one in news:
                    self._save(rows, channel, epoch, one, now_ms=now_ms)
                self._drop_oldest()
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                _LOG.warning("derived streams can't be kept now: %s", error)
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                return False
            return True

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _load(self, rows: str, channel: str, *, epoch: str) -> Derived | None:
        found = self._connection.execute(
            "SELECT key, epoch, nonce, base, upto FROM streams WHERE rows = ? AND channel = ?", (rows, channel)
        ).fetchone()
        if found is None or found[1] != epoch:
            return None
        key, _, nonce, base, upto = found
        bounds = (key << _OFFSET_BITS, (key + 1) << _OFFSET_BITS)
        entries = self._connection.execute(
            "SELECT origin, kind FROM entries WHERE place > ? AND place < ? ORDER BY place", bounds
        ).fetchall()
        members = dict(self._connection.execute("SELECT id, version FROM members WHERE stream = ?", (key,)))
        return Derived(nonce=nonce, upto=upto, base=base, members=members, entries=entries, is_kept=True)

    def _save(self, rows: str, channel: str, epoch: str, news: News, *, now_ms: int) -> None:
        if news.is_whole:
            for (old,) in self._connection.execute(
                "SELECT key FROM streams WHERE rows = ? AND channel = ?", (rows, channel)
            ).fetchall():
                self._drop(old)
        (key,) = self._connection.execute(
            "INSERT INTO streams (rows, channel, epoch, nonce, base, upto, used_ms) VALUES (?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (rows, channel) DO UPDATE SET base = excluded.base, upto = excluded.upto,"
            " used_ms = excluded.used_ms RETURNING key",
            (rows, channel, epoch, news.nonce, news.base, news.upto, now_ms),
        ).fetchone()
        start = key << _OFFSET_BITS
        added = [(start + entry.offset, entry.origin, int(entry.kind)) for entry in news.entries]
        self._connection.executemany("INSERT INTO entries VALUES (?, ?, ?)", added)
        self._connection.execute("DELETE FROM entries WHERE place > ? AND place <= ?", (start, start + news.base))
        gone = [(key, identifier) for identifier, version in news.members.items() if version is None]
        here = [(key, identifier, version) for identifier, version in news.members.items() if version is not None]
        self._connection.executemany("DELETE FROM members WHERE stream = ? AND id = ?", gone)
        self._connection.executemany("INSERT OR REPLACE INTO members VALUES (?, ?, ?)", here)

    def _drop_oldest(self) -> None:
        for (key,) in self._connection.execute(
            "SELECT key FROM streams ORDER BY used_ms DESC LIMIT -1 OFFSET ?", (self._kept,)
        ).fetchall():
            self._drop(key)

    def _drop(self, key: int) -> None:
        bounds = (key << _OFFSET_BITS, (key + 1) << _OFFSET_BITS)
        self._connection.execute("DELETE FROM entries WHERE place > ? AND place < ?", bounds)
        self._connection.execute("DELETE FROM members WHERE stream = ?", (key,))
        self._connection.execute("DELETE FROM streams WHERE key = ?", (key,))


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        bring_up_to_date(connection, path, steps=STEPS)
    except BaseException:
        connection.close()
        raise
    return connection
