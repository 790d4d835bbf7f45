"""Moves what the write-ahead log holds into the database, beside the writer and not in its way. Knows no events.

Threads: `wrote` and `is_due_inline` are the writer's, the rest is this thread's own.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from pathlib import Path
from typing import Final

from realtime.gateway.schema import connect

_LOG: Final = logging.getLogger(__name__)
_PAGES: Final = 500
_MOST_PAGES: Final = 16_384


class Checkpointer:
    """A thread that checkpoints after every couple of megabytes.

    A short write-ahead log is written over again and again, which is quicker to make durable than one that grows.
    Only between two writes can it start over, so under unbroken load it grows; then the writer does the last part.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._pages = 0
        self._is_grown = False
        self._is_closing = False
        self._asked = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tideboard-log-checkpointer", daemon=True)
        self._thread.start()

    def wrote(self, pages: int) -> None:
        """Learn of a commit of about so many pages. Threads: the writer's."""
        self._pages += pages
        if self._pages >= _PAGES:
            self._pages = 0
            self._asked.set()

    @property
    def is_due_inline(self) -> bool:
        """Tell whether the write-ahead log has grown so long that the writer has to help. Threads: the writer's."""
        return self._is_grown

    def helped(self) -> None:
        """Learn that the writer did. Threads: the writer's."""
        self._is_grown = False

    def close(self) -> None:
        """End the thread. Threads: the writer's."""
        self._is_closing = True
        self._asked.set()
        self._thread.join()

    def _run(self) -> None:
        connection = connect(self._path)
        while True:
            self._asked.wait()
            self._asked.clear()
            if self._is_closing:
                break
            self._is_grown = checkpoint(connection, "PASSIVE") > _MOST_PAGES
        connection.close()


def checkpoint(connection: sqlite3.Connection, mode: str) -> int:
    """Checkpoint; returns how many pages the write-ahead log holds. A failure is logged: the next one repairs it."""
    try:
        _, pages, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    except sqlite3.Error as error:
        _LOG.warning("checkpoint failed, the next one repairs it: %s", error)
        return 0
    return int(pages)
