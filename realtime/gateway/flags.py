"""Keeps what an operator has switched, in the data folder. How it is held, and who is told: switchboard.

Threads: any; the switchboard lets one write at a time.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from realtime.errors import StartError, StorageError
from realtime.gateway.switchboard import Switchboard, Switched
from realtime.migrations import bring_up_to_date
from realtime.pulse import PULSE, Pulse

FILE_NAME: Final = "flags.db"
CHANGES_KEPT: Final = 1_000
_OWNER_ONLY: Final = 0o600
_BUSY_S: Final = 2.0
STEPS: Final = (
    """
CREATE TABLE changes (
    number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, percent INTEGER NOT NULL, changed_at REAL NOT NULL,
    changed_by TEXT NOT NULL, why TEXT NOT NULL, before TEXT NOT NULL
);
CREATE INDEX changes_name ON changes (name, number);
""",
)
_NEWEST: Final = """
SELECT number, name, percent, changed_at, changed_by, why, before FROM changes
WHERE number IN (SELECT max(number) FROM changes GROUP BY name)
"""
_TRIM: Final = """
DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - ?
AND number NOT IN (SELECT max(number) FROM changes GROUP BY name)
"""
_INSERT: Final = "INSERT INTO changes (name, percent, changed_at, changed_by, why, before) VALUES (?, ?, ?, ?, ?, ?)"


class FlagFile(Switchboard):
    """Where the flags stand, in a file of one's own."""

    def __init__(self, connection: sqlite3.Connection, *, now: Callable[[], float], pulse: Pulse) -> None:
        super().__init__(now=now, pulse=pulse)
        self._connection = connection
        self._learn(self._read())

    @classmethod
    def open(cls, path: Path, *, now: Callable[[], float], pulse: Pulse = PULSE) -> FlagFile:
        """Open the file, made anew if there is none. Raises StartError, one sentence."""
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _OWNER_ONLY))
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
        except (OSError, sqlite3.Error) as error:
            raise StartError(_words(path, error)) from error
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            bring_up_to_date(connection, path, steps=STEPS)
            return cls(connection, now=now, pulse=pulse)
        except sqlite3.Error as error:
            connection.close()
            raise StartError(_words(path, error)) from error
        except StartError:
            connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._writing:
            self._connection.close()

    def _write(self, wanted: Mapping[str, int], *, by: str, why: str, before: str) -> list[Switched]:
        now = self._now()
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            rows = [(name, percent, now, by, why, before) for name, percent in wanted.items()]
            self._connection.executemany(_INSERT, rows)
            self._connection.execute(_TRIM, (CHANGES_KEPT,))
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise StorageError(f"The flags can't be written now ({error}), nothing was switched; try again.") from error
        return self._read()

    def _read(self) -> list[Switched]:
        return [Switched(*row) for row in self._connection.execute(_NEWEST)]


def _words(path: Path, error: Exception) -> str:
    why = error.strerror if isinstance(error, OSError) else error
    return f"The flags {path} can't be opened ({why}); check the data folder or move the file away."
