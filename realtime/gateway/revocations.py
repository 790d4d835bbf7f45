"""Remembers which tokens and which people are out, whatever else they bring. Checks no token itself.

Asked in memory, kept in SQLite: what was taken back stays so through a restart. Threads: the event loop's; the disk is
written on another.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final, Literal, TypeAlias, get_args

import msgspec

from realtime.errors import StartError, StorageError
from realtime.gateway.schema import storage_error
from realtime.migrations import bring_up_to_date

FILE_NAME: Final = "access.db"
MOST_BARS: Final = 100_000
_BUSY_S: Final = 2.0
Kind: TypeAlias = Literal["token", "user", "block"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
PEOPLE: Final[tuple[Kind, ...]] = ("user", "block")

STEPS: Final = (
    """
CREATE TABLE bars (
    kind TEXT NOT NULL, name TEXT NOT NULL, at REAL NOT NULL, until REAL, PRIMARY KEY (kind, name)
) WITHOUT ROWID;
""",
)


class Bar(msgspec.Struct, frozen=True):
    """One thing that is out, since `at`: a token by its id, a user's tokens issued up to then, or a user altogether.

    `until` is when it may be forgotten, as the token has expired by then; None for never. Unix seconds.
    """

    kind: Kind
    name: str
    at: float
    until: float | None = None


class Revocations:
    """The list of what is out."""

    def __init__(self, connection: sqlite3.Connection, *, now: Callable[[], float]) -> None:
        self._connection = connection
        self._now = now
        self._disk = threading.Lock()
        self._bars: dict[tuple[Kind, str], Bar] = {}
        self.on_bar: Callable[[Bar], None] = lambda _: None
        """Called with what has just been barred, before it is on the disk."""
        self.on_change: Callable[[], None] = lambda: None
        """Called after `on_bar`, and when something is lifted."""
        for kind, name, at, until in connection.execute("SELECT kind, name, at, until FROM bars"):
            self._bars[kind, name] = Bar(kind, name, at, until)

    @classmethod
    def open(cls, path: Path, *, now: Callable[[], float]) -> Revocations:
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

    def is_revoked(self, token: str, *, user: str, issued_at: float | None) -> bool:
        """Tell whether a token (by its id) was taken back, or all that its user had up to some moment.

        A token that doesn't say when it was issued counts as older than that.
        """
        if ("token", token) in self._bars:
            return True
        bar = self._bars.get(("user", user))
        return bar is not None and (issued_at is None or issued_at <= bar.at)

    def is_blocked(self, user: str) -> bool:
        """Tell whether a user is kept out."""
        return ("block", user) in self._bars

    def all(self, *, of: Collection[Kind] = KINDS) -> list[Bar]:
        """List what is out, newest first."""
        return sorted((bar for bar in self._bars.values() if bar.kind in of), key=lambda bar: -bar.at)

    async def bar(self, kind: Kind, name: str, *, until: float | None = None) -> Bar:
        """Put out a token or a user, from now on, at once; returns when that is durable.

        Raises StorageError when it can't be kept (it holds until a restart then), or when there is no more room.
        """
        self._forget_expired()
        if len(self._bars) >= MOST_BARS and (kind, name) not in self._bars:
            raise StorageError(f"{MOST_BARS} tokens and users are revoked already; change the secret instead.")
        made = self._bars[kind, name] = Bar(kind, name, self._now(), until)
        self.on_bar(made)
        self.on_change()
        await asyncio.to_thread(
            self._write, "INSERT OR REPLACE INTO bars VALUES (?, ?, ?, ?)", (kind, name, made.at, until)
        )
        return made

    async def lift(self, kind: Kind, name: str) -> bool:
        """Let a token or user in again; returns whether it was out. Raises StorageError, and then it still is."""
        if (kind, name) not in self._bars:
            return False
        await asyncio.to_thread(self._write, "DELETE FROM bars WHERE kind = ? AND name = ?", (kind, name))
        self._bars.pop((kind, name), None)
        self.on_change()
        return True

    def close(self) -> None:
        """Close the file."""
        with self._disk:
            self._connection.close()

    def _forget_expired(self) -> None:
        """Forget tokens that have expired anyway; the disk is told at the next start's reading."""
        now = self._now()
        for key, bar in list(self._bars.items()):
            if bar.until is not None and bar.until < now:
                del self._bars[key]

    def _write(self, statement: str, values: tuple[str | float | None, ...]) -> None:
        with self._disk:
            try:
                self._connection.execute(statement, values)
                self._connection.execute("DELETE FROM bars WHERE until < ?", (self._now(),))
            except sqlite3.Error as error:
                raise storage_error(error) from error


def _words(path: Path, error: Exception) -> str:
    why = error.strerror if isinstance(error, OSError) else error
    return f"The list of revoked tokens {path} can't be opened ({why}); check the data folder, don't delete the file."
