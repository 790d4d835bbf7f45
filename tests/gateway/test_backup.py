"""Claims about backups: whole or not at all, sound, of one moment under writing; and about putting one in its place."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import StartError, StorageError
from realtime.gateway.backup import MANIFEST, OUTBOX_LOCK, back_up, check, restore
from realtime.gateway.flags import FILE_NAME as FLAGS_NAME
from realtime.gateway.flags import FlagFile
from realtime.gateway.folder import RESTORING, claimed
from realtime.gateway.schema import STEPS as LOG_STEPS
from realtime.protocol.flags import WEBSOCKET
from tests.gateway.making import NOON, accepted, opened
from tests.support.engines import sqlite_only

pytestmark = sqlite_only

ORDERS = "collection:orders"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Make a data folder with three events, a flag, a key and what no backup needs."""
    folder = tmp_path / "data"
    folder.mkdir()
    with opened(folder) as log:
        log.append([accepted(number) for number in range(3)]).result()
    flags = FlagFile.open(folder / FLAGS_NAME, now=lambda: NOON)
    flags.set({WEBSOCKET: 0}, by="ann")
    flags.close()
    (folder / "secret").write_text("hush")
    (folder / "secret").chmod(0o600)
    (folder / "tideboard.lock").touch()
    (folder / "app.broken").touch()
    return folder


def backed_up(data: Path, name: str = "backup") -> Path:
    """Take a backup beside a data folder."""
    destination = data.parent / name
    back_up(data, destination, version="9", now=NOON)
    return destination


def test_a_backup_holds_everything_that_matters_for_its_owner_alone(data: Path) -> None:
    """One plain file a database, no locks, no leftovers; what is there is listed and sound."""
    backup = backed_up(data)
    assert {path.name for path in backup.iterdir()} == {"log.db", FLAGS_NAME, "secret", MANIFEST}
    assert {path.stat().st_mode & 0o777 for path in backup.iterdir()} == {0o600}
    assert backup.stat().st_mode & 0o777 == 0o700
    manifest = check(backup)
    assert (manifest.tideboard, manifest.taken_at) == ("9", "2026-01-01T12:00:00+00:00")
    assert {file.name: file.version for file in manifest.files} == {
        "log.db": len(LOG_STEPS), FLAGS_NAME: 1, "secret": None,
    }  # fmt: skip


def test_the_log_is_copied_last_and_the_outbox_first(data: Path) -> None:
    """What left the outbox is in the log by then, and nothing points beyond the log's end."""
    with closing(sqlite3.connect(data / "outbox.db")) as outbox:
        outbox.execute("CREATE TABLE entries (a)")
    told: list[str] = []
    back_up(data, data.parent / "backup", version="9", now=NOON, tell=told.append)
    assert told == ["outbox.db", FLAGS_NAME, "secret", "log.db"]


def test_a_backup_of_a_log_in_use_has_what_was_answered_before_it(data: Path) -> None:
    """And what is written afterwards isn't in it."""
    with opened(data) as log:
        log.append([accepted("before")]).result()
        backup = backed_up(data)
        log.append([accepted("after")]).result()
    with opened(backup) as log:
        assert log.get("orders", "dbefore") is not None
        assert log.get("orders", "dafter") is None
        assert log.position(ORDERS).offset == 4


def test_a_restored_folder_holds_what_was_backed_up(data: Path, tmp_path: Path) -> None:
    """Documents, history, flags and the key, in a folder that needn't have been there."""
    backup, folder = backed_up(data), tmp_path / "new"
    assert restore(backup, folder, now=NOON) is None
    with opened(folder) as log:
        assert [row.offset for row in log.read(ORDERS, limit=10).publications] == [1, 2, 3]
        assert log.append([accepted(0)]).result()[0].is_duplicate
        assert log.append([accepted("new")]).result()[0].position.offset == 4
    flags = FlagFile.open(folder / FLAGS_NAME, now=lambda: NOON)
    assert not flags.is_on(WEBSOCKET, "anybody")
    flags.close()
    assert (folder / "secret").read_text() == "hush"
    assert (folder / "secret").stat().st_mode & 0o777 == 0o600


def test_whoever_saw_more_than_the_backup_is_not_told_that_nothing_was_missed(data: Path, tmp_path: Path) -> None:
    """The offsets are used again for other events, so the epoch has to be another, also of streams yet to come."""
    backup, folder = backed_up(data), tmp_path / "new"
    with opened(data) as log:
        beyond = log.append([accepted("lost")]).result()[0].position
        unborn = log.position("collection:later").epoch
    restore(backup, folder, now=NOON)
    with opened(folder) as log:
        log.append([accepted("x"), accepted("y")]).result()
        assert not log.read(ORDERS, since=beyond, limit=10).is_complete
        assert log.position("collection:later").epoch != unborn


def test_what_is_there_is_set_aside_only_when_asked_for(data: Path) -> None:
    """And nothing of it is lost."""
    backup = backed_up(data)
    with opened(data) as log:
        log.append([accepted("newer")]).result()
    with pytest.raises(StorageError, match="isn't empty"):
        restore(backup, data, now=NOON)
    aside = restore(backup, data, now=NOON, is_replacing=True)
    assert aside == data / "before-20260101T120000Z"
    with opened(data) as log:
        assert log.get("orders", "dnewer") is None
    with opened(aside) as log:
        assert log.get("orders", "dnewer") is not None
    assert restore(backup, data, now=NOON + 1, is_replacing=True) == data / "before-20260101T120001Z"
    assert aside.is_dir()


@pytest.mark.parametrize("spoil", ["byte", "gone", "manifest", "newer", "stranger"])
def test_a_spoilt_backup_is_found_before_anything_is_touched(data: Path, tmp_path: Path, spoil: str) -> None:
    """A changed byte, a missing file, no manifest, one of a later version, one that names what isn't in it."""
    backup, folder = backed_up(data), tmp_path / "new"
    manifest: dict[str, Any] = json.loads((backup / MANIFEST).read_text())
    if spoil == "byte":
        content = bytearray((backup / "log.db").read_bytes())
        content[5000] ^= 1
        (backup / "log.db").write_bytes(content)
    elif spoil == "gone":
        (backup / FLAGS_NAME).unlink()
    elif spoil == "manifest":
        (backup / MANIFEST).unlink()
    elif spoil == "newer":
        (backup / MANIFEST).write_text(json.dumps({**manifest, "format": 99}))
    else:
        manifest["files"][0]["name"] = "../data/secret"
        (backup / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(StorageError):
        restore(backup, folder, now=NOON)
    assert not folder.exists()


def test_a_damaged_database_is_found_while_it_is_backed_up(data: Path) -> None:
    """No backup is better than one that can't be restored."""
    with closing(sqlite3.connect(data / "log.db")) as log:
        log.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray((data / "log.db").read_bytes())
    content[4096 * 3 : 4096 * 9] = b"\xff" * 4096 * 6
    (data / "log.db").write_bytes(content)
    with pytest.raises(StorageError, match="backup failed"):
        backed_up(data)
    assert [path.name for path in data.parent.iterdir()] == ["data"]


def test_a_destination_that_is_taken_or_no_data_folder_is_one_sentence(data: Path, tmp_path: Path) -> None:
    """Nothing is overwritten."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "empty").mkdir()
    with pytest.raises(StorageError, match="is there already"):
        back_up(data, tmp_path / "full", version="9", now=NOON)
    with pytest.raises(StorageError, match="no data folder"):
        back_up(tmp_path / "empty", tmp_path / "b", version="9", now=NOON)
    with pytest.raises(StorageError, match="can't be read"):
        back_up(tmp_path / "missing", tmp_path / "b", version="9", now=NOON)
    back_up(data, tmp_path / "empty", version="9", now=NOON)
    check(tmp_path / "empty")


def test_a_folder_in_use_is_not_restored_into(data: Path) -> None:
    """Neither under a gateway, nor under an app whose gateway is elsewhere."""
    import fcntl

    backup = backed_up(data)
    with claimed(data), pytest.raises(StartError, match="in use by another Tideboard"):
        restore(backup, data, now=NOON, is_replacing=True)
    with (data / OUTBOX_LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(StorageError, match="in use by a Tideboard"):
            restore(backup, data, now=NOON, is_replacing=True)
    with opened(data) as log:
        assert log.position(ORDERS).offset == 3


def test_a_restore_that_was_broken_off_lets_nothing_start_until_it_is_done(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever it was broken off; running it again finishes it, and what was there is still aside."""
    backup = backed_up(data)
    moves = {"left": 3}
    rename = Path.rename

    def breaking(path: Path, target: Path) -> Path:
        moves["left"] -= 1
        if moves["left"] < 0:
            raise OSError("the disk is gone")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", breaking)
    with pytest.raises(StorageError, match="run it again"):
        restore(backup, data, now=NOON, is_replacing=True)
    monkeypatch.undo()
    assert (data / RESTORING).is_dir()
    with pytest.raises(StartError, match="broken off"), claimed(data):
        pass
    restore(backup, data, now=NOON)
    assert not (data / RESTORING).exists()
    with claimed(data), opened(data) as log:
        assert log.position(ORDERS).offset == 3
    assert (data / "before-20260101T120000Z" / "log.db").exists()
    shutil.rmtree(data)
