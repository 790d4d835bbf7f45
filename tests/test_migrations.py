"""Claims about files of other versions: older ones are brought up to date, newer ones are refused and left alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from realtime.errors import StartError
from realtime.migrations import bring_up_to_date, version_of

FIRST = "CREATE TABLE one (a TEXT); INSERT INTO one VALUES ('x;y');"
SECOND = """
CREATE TABLE two (b TEXT);
CREATE TRIGGER copied AFTER INSERT ON one BEGIN INSERT INTO two VALUES (new.a); END;
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Name a file that isn't there yet."""
    return tmp_path / "some.db"


@pytest.fixture
def connection(file: Path) -> Iterator[sqlite3.Connection]:
    """Open it."""
    with closing(sqlite3.connect(file)) as opened:
        yield opened


def test_a_new_file_gets_every_step_once(connection: sqlite3.Connection, file: Path) -> None:
    """Opening it again changes nothing; a semicolon in a text or in a trigger ends no statement."""
    assert bring_up_to_date(connection, file, steps=[FIRST, SECOND]) == 0
    assert bring_up_to_date(connection, file, steps=[FIRST, SECOND]) == 2
    connection.execute("INSERT INTO one VALUES ('z')")
    assert connection.execute("SELECT a FROM one").fetchall() == [("x;y",), ("z",)]
    assert connection.execute("SELECT b FROM two").fetchall() == [("z",)]


def test_an_older_file_keeps_what_is_in_it(connection: sqlite3.Connection, file: Path) -> None:
    """Only the steps that it lacks are taken."""
    bring_up_to_date(connection, file, steps=[FIRST])
    connection.execute("INSERT INTO one VALUES ('kept')")
    connection.commit()
    assert bring_up_to_date(connection, file, steps=[FIRST, SECOND]) == 1
    assert version_of(connection) == 2
    assert connection.execute("SELECT a FROM one").fetchall() == [("x;y",), ("kept",)]


def test_a_newer_file_is_refused_in_one_sentence_and_left_alone(connection: sqlite3.Connection, file: Path) -> None:
    """It says which version the file has, which one is known, and what to do."""
    bring_up_to_date(connection, file, steps=[FIRST, SECOND])
    with pytest.raises(StartError, match=r"has format 2, this version of Tideboard knows 1; start the version"):
        bring_up_to_date(connection, file, steps=[FIRST])
    assert version_of(connection) == 2


def test_a_step_that_fails_leaves_the_file_as_it_was(connection: sqlite3.Connection, file: Path) -> None:
    """Neither the version nor any of the tables is there halfway."""
    bring_up_to_date(connection, file, steps=[FIRST])
    with pytest.raises(sqlite3.OperationalError):
        bring_up_to_date(connection, file, steps=[FIRST, "CREATE TABLE half (a); CREATE TABLE one (a);"])
    assert version_of(connection) == 1
    assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    assert bring_up_to_date(connection, file, steps=[FIRST, SECOND]) == 1
