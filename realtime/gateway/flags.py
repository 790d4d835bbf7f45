"""Keeps what an operator has switched, in the data folder, and tells who listens. What a flag means: protocol.flags.

Threads: any. What `current` returns is immutable; one lock around the one connection.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from realtime.errors import EventError, StartError, StorageError
from realtime.metrics import FLAG_PERCENT
from realtime.migrations import bring_up_to_date
from realtime.protocol.flags import EVERYBODY, MOST_WHY_CHARS, UNTOUCHED, USUAL, Flag, Flags
from realtime.pulse import PULSE, Figures, Pulse

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
Listener = Callable[[Flags], object]


class Switches(Protocol):
    """What an operator has switched, as others ask for it."""

    @property
    def current(self) -> Flags:
        """Return where all flags stand now."""

    def is_on(self, name: str, person: str = "") -> bool:
        """Tell whether a flag is on for a person. Raises KeyError for an unknown name."""


class Untouched:
    """Stands where there is nobody to switch anything."""

    current: Final = UNTOUCHED

    def is_on(self, name: str, person: str = "") -> bool:
        """Tell whether a flag is usually on."""
        return UNTOUCHED.is_on(name, person)


class FlagFile:
    """Where the flags stand, durably, and how things were in the minute before each was changed."""

    def __init__(self, connection: sqlite3.Connection, *, now: Callable[[], float], pulse: Pulse) -> None:
        self._connection = connection
        self._now = now
        self._pulse = pulse
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._current = UNTOUCHED
        self._before: Mapping[str, Mapping[str, Figures]] = {}
        self._load()

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

    @property
    def current(self) -> Flags:
        """Return where all flags stand now."""
        return self._current

    def is_on(self, name: str, person: str = "") -> bool:
        """Tell whether a flag is on for a person. Raises KeyError for an unknown name."""
        return self._current.is_on(name, person)

    def before(self, name: str) -> Mapping[str, Figures]:
        """Return the figures of the minute before a flag was last changed, by subject; none if it never was."""
        return self._before.get(name, {})

    def watch(self, listener: Listener) -> None:
        """Call `listener` with the flags after each change, on the thread that made it."""
        self._listeners.append(listener)

    def set(self, changes: Mapping[str, Any], *, by: str, why: str = "") -> Flags:
        """Put flags to shares of the people, 0 to 100, all or none; durable when this returns.

        One that stands there already is left as it is. Raises EventError `bad_flag`, and StorageError.
        """
        wanted = {name: _checked(name, percent) for name, percent in changes.items()}
        if len(why) > MOST_WHY_CHARS:
            raise EventError("bad_flag", f"Say why in at most {MOST_WHY_CHARS} characters.")
        with self._lock:
            wanted = {name: percent for name, percent in wanted.items() if self._current.get(name).percent != percent}
            if wanted:
                self._write(wanted, by=by, why=why)
                self._load()
            flags = self._current
        if wanted:
            for listener in self._listeners:
                listener(flags)
        return flags

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._connection.close()

    def _write(self, wanted: Mapping[str, int], *, by: str, why: str) -> None:
        now = self._now()
        before = msgspec.json.encode(self._pulse.all_figures()).decode()
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

    def _load(self) -> None:
        rows = {row[1]: row for row in self._connection.execute(_NEWEST)}
        flags = [
            Flag(name, rows[name][2], rows[name][3], rows[name][4], rows[name][5])
            if name in rows
            else Flag(name, usual)
            for name, usual in USUAL.items()
        ]
        self._before = {name: msgspec.json.decode(row[6], type=dict[str, Figures]) for name, row in rows.items()}
        self._current = Flags(max((row[0] for row in rows.values()), default=0), tuple(flags))
        for flag in flags:
            FLAG_PERCENT.labels(flag=flag.name).set(flag.percent)


def _checked(name: str, percent: Any) -> int:
    if name not in USUAL:
        raise EventError("bad_flag", f"There is no flag {name[:40]!r}; there are {', '.join(USUAL)}.")
    if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent <= EVERYBODY:
        raise EventError("bad_flag", f"{name!r} has to be a whole number from 0 (nobody) to 100 (everybody).")
    return percent


def _words(path: Path, error: Exception) -> str:
    why = error.strerror if isinstance(error, OSError) else error
    return f"The flags {path} can't be opened ({why}); check the data folder or move the file away."
