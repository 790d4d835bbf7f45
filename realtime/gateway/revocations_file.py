"""Keeps what is out in a file of the data folder. What it means, and what is asked in memory: revocations.

Threads: any; one lock around the one connection.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from realtime.errors import StartError
from realtime.gateway.revocations import Bar, Revocations
from realtime.gateway.schema import storage_error
from realtime.migrations import bring_up_to_date

FILE_NAME: Final = "access.db"
_BUSY_S: Final = 2.0

STEPS: Final = (
    """
CREATE TABLE bars (
    kind TEXT NOT NULL, name TEXT NOT NULL, at REAL NOT NULL, until REAL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
""",
)


class RevocationFile(Revocations):
    """The list of what is out, in a file of one's own."""

    def __init__(self, connection: sqlite3.Connection, *, now: Callable[[], float]) -> None:
        rows = connection.execute("SELECT kind, name, at, until FROM bars")
        super().__init__((Bar(*row) for row in rows), now=now)
        self._connection = connection
        self._disk = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, now: Callable[[], float]) -> RevocationFile:
        """Open the file, made anew for its owner alone if there is none. Raises StartError, one sentence."""
        try:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_BUSY_S)
        except (OSError, sqlite3.Error) as error:
            raise StartError(_words(path, error)) from error
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            bring_up_to_date(connection, path, steps=STEPS)
            return cls(connection, now=now)
        except sqlite3.Error as error:
            connection.close()
            raise StartError(_words(path, error)) from error
        except StartError:
            connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        with self._disk:
            self._connection.close()

    def _keep(self, bar: Bar) -> Bar:
        self._execute("INSERT OR REPLACE INTO bars VALUES (?, ?, ?, ?)", (bar.kind, bar.name, bar.at, bar.until))
        return bar

    async def _let_go(self, bar: Bar) -> None:
        statement = "DELETE FROM bars WHERE kind = ? AND name = ?"
        await asyncio.to_thread(self._execute, statement, (bar.kind, bar.name))

    def _execute(self, statement: str, values: tuple[str | float | None, ...]) -> None:
        with self._disk:
            try:
                self._connection.execute(statement, values)
                self._connection.execute("DELETE FROM bars WHERE until < ?", (self._now(),))
            except sqlite3.Error as error:
                raise storage_error(error) from error


def _words(path: Path, error: Exception) -> str:
    why = error.strerror if isinstance(error, OSError) else error
    return f"The list of revoked tokens {path} can't be opened ({why}); check the data folder, don't delete the file."
