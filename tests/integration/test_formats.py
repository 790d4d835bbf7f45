"""Data folders of other versions: older databases are brought up to date with what is in them, newer ones refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from realtime.bench.process import Process
from realtime.client.memory import FILE_NAME as MEMORY_NAME
from realtime.client.memory import STEPS as MEMORY_STEPS
from realtime.client.memory import Memory
from realtime.client.outbox_file import FILE_NAME as OUTBOX_NAME
from realtime.client.outbox_file import STEPS as OUTBOX_STEPS
from realtime.client.outbox_file import OutboxFile
from realtime.errors import StartError
from realtime.gateway import audit_file, derived_file, flags, revocations_file, schema
from realtime.gateway.nodes import copy_file
from realtime.migrations import bring_up_to_date, check_format, version_of
from realtime.server import FORMATS
from tests.gateway.making import NOON, accepted, opened
from tests.integration.test_start import last_words
from tests.support.engines import sqlite_only
from tests.support.processes import start_app, start_gateway

LOG_ROWS = """
INSERT INTO channels VALUES (1, 'collection:orders', 'e1', 1, 0, 1);
INSERT INTO events VALUES ((1 << 40) | 1, 1767268800000, 'd1', x'00', CAST('{"id":"e1"}' AS BLOB));
INSERT INTO documents VALUES ('1/d1', 1, 'd1', 1, CAST('{"id":"d1"}' AS BLOB));
"""


def made(path: Path, steps: tuple[str, ...], rows: str = "") -> None:
    """Make a database as the version with so many steps did."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        bring_up_to_date(connection, path, steps=steps)
        connection.executescript(rows)


def version(path: Path) -> int:
    """Read a database's version."""
    with closing(sqlite3.connect(path)) as connection:
        return version_of(connection)


@sqlite_only
@pytest.mark.parametrize("steps", range(1, len(schema.STEPS)))
def test_a_log_of_every_older_version_is_brought_up_to_date(tmp_path: Path, steps: int) -> None:
    """Stream, documents and epoch are what they were, and it goes on."""
    made(tmp_path / "log.db", schema.STEPS[:steps], LOG_ROWS)
    with opened(tmp_path) as log:
        assert log.position("collection:orders").epoch == "e1"
        document = log.get("orders", "d1")
        assert document is not None
        assert document.document == b'{"id":"d1"}'
        log.meet("app").result()
        assert log.append([accepted(2)]).result()[0].position.offset == 2
    assert version(tmp_path / "log.db") == len(schema.STEPS)


OPENERS: dict[str, tuple[tuple[str, ...], Callable[[Path], object]]] = {
    "log.db": (schema.STEPS, lambda path: schema.open_writer(path)[0]),
    "audit.db": (audit_file.STEPS, audit_file.AuditFile.open),
    "access.db": (revocations_file.STEPS, lambda path: revocations_file.RevocationFile.open(path, now=lambda: NOON)),
    "flags.db": (flags.STEPS, lambda path: flags.FlagFile.open(path, now=lambda: NOON)),
    "derived.db": (derived_file.STEPS, derived_file.DerivedFile.open),
    "copy.db": (copy_file.STEPS, lambda path: copy_file.CopyFile(path, prefix="tideboard")),
    OUTBOX_NAME: (OUTBOX_STEPS, OutboxFile.open),
    MEMORY_NAME: (MEMORY_STEPS, Memory.open),
}


def test_every_database_is_known() -> None:
    """Else one of them could be of a later version unnoticed until it is opened."""
    assert {name: len(steps) for name, (steps, _) in OPENERS.items()} == FORMATS


@pytest.mark.parametrize("name", sorted(OPENERS))
def test_a_newer_database_is_refused_with_one_sentence_and_left_alone(tmp_path: Path, name: str) -> None:
    """By its room, and before anything is opened."""
    steps, open_it = OPENERS[name]
    later = "CREATE TABLE of_the_future (a)"
    made(tmp_path / name, (*steps, later))
    refusal = f"{name} has format {len(steps) + 1}, this version of Tideboard knows {len(steps)}"
    with pytest.raises(StartError, match=refusal):
        open_it(tmp_path / name)
    with pytest.raises(StartError, match=refusal):
        check_format(tmp_path / name, known=len(steps))
    assert version(tmp_path / name) == len(steps) + 1
    check_format(tmp_path / name, known=len(steps) + 1)
    check_format(tmp_path / "missing.db", known=1)


@pytest.mark.parametrize("start", [start_app, start_gateway])
def test_a_process_on_a_newer_folder_ends_with_that_sentence(tmp_path: Path, start: Callable[[Path], Process]) -> None:
    """Nothing else is printed, and nothing is written."""
    (tmp_path / "data").mkdir()
    made(tmp_path / "data" / "log.db", (*schema.STEPS, "CREATE TABLE of_the_future (a)"))
    assert "log.db has format" in last_words(start(tmp_path / "data"))
