"""Keeps on disk what outlives the app's process: how far the store had come, the connection's life. Decides nothing.

Written behind, once a second at most and at the end: a `kill -9` costs the last seconds, and nothing depends on them.
A file that can't be read or written costs the history alone: the app runs on without.
Threads: any; the writing is done by one of its own.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from realtime.migrations import bring_up_to_date
from realtime.protocol.positions import Position
from realtime.store import ConnectionState, Span, Store
from realtime.store.timeline import SPANS_KEPT

FILE_NAME: Final = "app.db"
_INTERVAL_S: Final = 1.0
_RUNNING_S: Final = 5.0
"""The running span grows with every look; how long it is is written down this often."""
_PATIENCE_S: Final = 2.0
_BUSY_S: Final = 0.5
_SCHEMA: Final = """
CREATE TABLE positions (channel TEXT PRIMARY KEY, epoch TEXT NOT NULL, offset INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE spans (
    number INTEGER PRIMARY KEY, state TEXT NOT NULL, transport TEXT NOT NULL, begin REAL NOT NULL, finish REAL NOT NULL,
    reason TEXT, dials INTEGER NOT NULL, connect_s REAL, is_first INTEGER NOT NULL
);
"""
STEPS: Final = (_SCHEMA,)
_COLUMNS: Final = "state, transport, begin, finish, reason, dials, connect_s, is_first"
_PUT_SPAN: Final = "INSERT OR REPLACE INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
_PUT_POSITION: Final = "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)"
_log = logging.getLogger(__name__)


class Memory:
    """What the app remembers. `start` begins to keep a store's positions and spans; `stop` writes the last and ends."""

    def __init__(self, connection: sqlite3.Connection | None) -> None:
        """Read all there is; None: nothing is kept. Raises sqlite3.Error or ValueError when it isn't ours."""
        self._connection = connection
        self._positions = {} if connection is None else _read_positions(connection)
        self._spans = () if connection is None else _read_spans(connection)
        self._written = dict(self._positions)
        self._written_spans = self._spans
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._is_failing = False

    @classmethod
    def open(cls, path: Path) -> Memory:
        """Open what an earlier process left; what can't be read is put aside, and said.

        Raises StartError for a file of a newer version of Tideboard: that one isn't broken.
        """
        try:
            return cls._opened(path)
        except (OSError, sqlite3.Error, ValueError) as error:
            _log.warning("The app's memory %s can't be read (%s); it begins anew.", path, error)
        try:
            path.replace(path.with_suffix(".broken"))
            return cls._opened(path)
        except (OSError, sqlite3.Error, ValueError) as error:
            _log.warning("The app's memory %s can't be kept (%s); a restart will forget.", path, error)
            return cls(None)

    def positions(self) -> dict[str, Position]:
        """Return up to where an earlier process had applied each channel."""
        return dict(self._positions)

    def spans(self) -> tuple[Span, ...]:
        """Return the connection's life as earlier processes saw it, oldest first."""
        return self._spans

    def start(self, store: Store, *, now: Callable[[], float] = time.time) -> None:
        """Give the store its past, and keep what it holds from now on. Begins a thread. Call it once."""
        store.restore_spans(self._spans)
        if self._connection is not None:
            self._thread = threading.Thread(
                target=self._run, args=(store, now, self._connection), name="tideboard-memory", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Write the last and end; returns when that is done, or the disk takes too long for it."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)
        elif self._connection is not None:
            self._connection.close()

    @classmethod
    def _opened(cls, path: Path) -> Memory:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(path)
        try:
            return cls(connection)
        except BaseException:
            connection.close()
            raise

    def _run(self, store: Store, now: Callable[[], float], connection: sqlite3.Connection) -> None:
        is_over = False
        while not is_over:
            is_over = self._stopped.wait(_INTERVAL_S)
            self._keep(store, connection, now=now(), is_last=is_over)
        connection.close()

    def _keep(self, store: Store, connection: sqlite3.Connection, *, now: float, is_last: bool) -> None:
        """Write what changed since the last time, in one transaction; say once when that can't be done."""
        positions = {
            channel: position
            for channel, position in store.positions().items()
            if self._written.get(channel) != position
        }
        spans = store.health(now=now).spans[-SPANS_KEPT:]
        is_longer = _is_longer(spans, self._written_spans, by_s=0.0 if is_last else _RUNNING_S)
        if not positions and not is_longer:
            return
        try:
            with connection:
                connection.executemany(_PUT_POSITION, [(name, at.epoch, at.offset) for name, at in positions.items()])
                if is_longer:
                    _put_spans(connection, spans, before=self._written_spans)
        except sqlite3.Error as error:
            if not self._is_failing:
                _log.warning("The app's memory can't be written (%s); a restart will forget the newest.", error)
            self._is_failing = True
            return
        self._is_failing = False
        self._written.update(positions)
        self._written_spans = spans if is_longer else self._written_spans


def _is_longer(spans: Sequence[Span], written: Sequence[Span], *, by_s: float) -> bool:
    """Tell whether spans are worth writing: there are others, or the running one has grown by so much."""
    if not spans or len(spans) != len(written) or spans[:-1] != written[:-1]:
        return bool(spans)
    newest, known = spans[-1], written[-1]
    has_changed = (newest.state, newest.reason, newest.dials) != (known.state, known.reason, known.dials)
    return has_changed or newest.end - known.end > by_s


def _put_spans(connection: sqlite3.Connection, spans: Sequence[Span], *, before: Sequence[Span]) -> None:
    """Write the newest span alone where it alone is another: else the disk would get all of them every few seconds."""
    if len(spans) == len(before) and spans[:-1] == before[:-1]:
        connection.execute(_PUT_SPAN, _row(len(spans), spans[-1]))
        return
    connection.execute("DELETE FROM spans")
    connection.executemany(_PUT_SPAN, [_row(number, each) for number, each in enumerate(spans, 1)])


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file, readable by its owner alone. Raises OSError, sqlite3.Error, StartError."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        # Nothing depends on the last seconds: NORMAL never waits for the disk, and WAL is never broken by that.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        bring_up_to_date(connection, path, steps=STEPS)
    except BaseException:
        connection.close()
        raise
    return connection


def _read_positions(connection: sqlite3.Connection) -> dict[str, Position]:
    rows = connection.execute("SELECT channel, epoch, offset FROM positions").fetchall()
    return {channel: Position(epoch, offset) for channel, epoch, offset in rows}


def _read_spans(connection: sqlite3.Connection) -> tuple[Span, ...]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM spans ORDER BY number").fetchall()  # noqa: S608  # no one's text
    return tuple(
        Span(
            ConnectionState(state), transport, begin, finish,
            reason=reason, dials=dials, connect_s=connect_s, is_first=bool(is_first),
        )
        for state, transport, begin, finish, reason, dials, connect_s, is_first in rows
    )  # fmt: skip


def _row(number: int, each: Span) -> tuple[Any, ...]:
    return (
        number, str(each.state), each.transport, each.begin, each.end,
        each.reason, each.dials, each.connect_s, each.is_first,
    )  # fmt: skip
