"""The outbox's file: what was written is there again, for its owner alone, one process at a time."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import msgspec
import pytest

from realtime.client.outbox_file import FILE_NAME, OutboxFile
from realtime.errors import OutboxError, StartError
from realtime.store import OutboxEntry, OutboxState

ENTRY = OutboxEntry(
    number=0, key=("/t", "e1"), type="collection:updated", envelope=b'{"id":"e1"}', created_at=12.5,
    document=("orders", "a"), expected_offset=0, follows=7,
)  # fmt: skip


def test_what_was_written_is_there_again(tmp_path: Path) -> None:
    """With every field; what was on its way is pending, what was refused is still refused."""
    file = OutboxFile.open(tmp_path / FILE_NAME)
    first = file.insert(ENTRY)
    loose = file.insert(msgspec.structs.replace(ENTRY, key=("/t", "e2"), document=None, expected_offset=None))
    sent = file.insert(msgspec.structs.replace(ENTRY, key=("/t", "e3"), state=OutboxState.SENT))
    refused = msgspec.structs.replace(loose, state=OutboxState.REFUSED, reason="no", is_conflict=True)
    file.settle(gone=[first.number], changed=[refused])
    file.close()
    again = OutboxFile.open(tmp_path / FILE_NAME)
    assert again.load() == [refused, msgspec.structs.replace(sent, state=OutboxState.PENDING)]
    assert again.insert(ENTRY).number > sent.number
    again.close()


def test_a_number_is_never_given_twice(tmp_path: Path) -> None:
    """One that is gone mustn't name another entry."""
    file = OutboxFile.open(tmp_path / FILE_NAME)
    number = file.insert(ENTRY).number
    file.settle(gone=[number], changed=[])
    file.close()
    again = OutboxFile.open(tmp_path / FILE_NAME)
    assert again.insert(ENTRY).number > number
    again.close()


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    """What people typed is in it: also when it was there before with wider rights, and what SQLite puts beside it."""
    path = tmp_path / "new" / FILE_NAME
    file = OutboxFile.open(path)
    file.insert(ENTRY)
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()} == {0o600}
    file.close()
    path.chmod(0o644)
    OutboxFile.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_process_is_kept_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two would send everything twice."""
    monkeypatch.setattr("realtime.client.outbox_file._BUSY_S", 0.0)
    file = OutboxFile.open(tmp_path / FILE_NAME)
    with pytest.raises(StartError, match="in use by another"):
        OutboxFile.open(tmp_path / FILE_NAME)
    file.close()
    OutboxFile.open(tmp_path / FILE_NAME).close()


def test_what_is_no_outbox_is_one_sentence(tmp_path: Path) -> None:
    """A broken file, one of another version, a folder in its place, a folder that isn't one."""
    (tmp_path / "broken").write_bytes(b"x" * 8192)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("")
    with sqlite3.connect(tmp_path / "newer") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    for name, words in {"broken": "can't be opened", "folder": "can't be opened", "newer": "format 99"}.items():
        with pytest.raises(StartError, match=words):
            OutboxFile.open(tmp_path / name)
    with pytest.raises(StartError, match="can't be opened"):
        OutboxFile.open(tmp_path / "file" / FILE_NAME)


def test_a_disk_that_cant_be_written_is_said_and_nothing_is_half_done(tmp_path: Path) -> None:
    """What was there stays; a change is all or none; it works again when the disk does."""
    file = OutboxFile.open(tmp_path / FILE_NAME)
    first = file.insert(ENTRY)
    connection = file._connection
    connection.execute("PRAGMA query_only = ON")
    with pytest.raises(OutboxError, match="check the disk"):
        file.insert(msgspec.structs.replace(ENTRY, key=("/t", "e2")))
    with pytest.raises(OutboxError):
        file.settle(gone=[first.number], changed=[])
    connection.execute("PRAGMA query_only = OFF")
    assert file.load() == [first]
    file.settle(gone=[first.number], changed=[])
    assert file.load() == []
    file.close()
    with pytest.raises(StartError, match="can't be read"):
        file.load()
