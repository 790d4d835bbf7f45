"""Brings a SQLite file's tables up to this version, step by step. Knows no tables itself.

A file's version is its `user_version`: how many of its room's steps it has had. Steps are never changed once released.
Threads: the one that opens the file.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from realtime.errors import StartError

_VERSION: Final = "PRAGMA user_version"


def bring_up_to_date(connection: sqlite3.Connection, path: Path, *, steps: Sequence[str]) -> int:
    """Apply the SQL scripts in `steps` that the file lacks, all in one transaction; return the version it had.

    Raises StartError, one sentence, for a file that a newer version of Tideboard has written; it is left as it is.
    Raises sqlite3.Error when the tables can't be made; then nothing was changed.
    """
    found = version_of(connection)
    if found > len(steps):
        raise StartError(too_new(path, found, known=len(steps)))
    if found == len(steps):
        return found
    connection.execute("BEGIN IMMEDIATE")
    try:
        found = version_of(connection)  # another process may have been quicker
        for script in steps[found:]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"{_VERSION} = {len(steps)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return found


def check_format(path: Path, *, known: int) -> None:
    """Refuse a file that a newer version of Tideboard has written, before anything is opened. Raises StartError.

    What isn't there, or can't be read, is left for its own room to say.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = version_of(connection)
    except (sqlite3.Error, ValueError):
        return
    if found > known:
        raise StartError(too_new(path, found, known=known))


def version_of(connection: sqlite3.Connection) -> int:
    """Read a file's version; 0 when it has no tables yet. Raises sqlite3.Error."""
    with closing(connection.execute(_VERSION)) as rows:
        (version,) = rows.fetchone()
    return int(version)


def too_new(path: Path, found: int, *, known: int) -> str:
    """Say that a file is of a later version than this one."""
    return (
        f"{path} has format {found}, this version of Tideboard knows {known}; "
        "start the version that wrote it, or restore a backup from before."
    )


def _statements(script: str) -> Iterator[str]:
    """Split a script where SQLite itself sees a statement's end: `executescript` would commit in between."""
    statement = ""
    for part in script.split(";"):
        statement += f"{part};"
        if sqlite3.complete_statement(statement):
            if statement.strip(" \n;"):
                yield statement
            statement = ""
