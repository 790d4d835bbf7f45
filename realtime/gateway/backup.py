"""Backs a data folder up while it is in use, and puts a backup in its place. Serves nothing, and knows no tables.

Each SQLite file is copied as of one moment. The log comes last: whatever points into it (what was acknowledged, read or
derived) is then never ahead of it, and is done again where it was behind.
Threads: the caller's.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from realtime.errors import StorageError
from realtime.gateway.folder import RESTORING, claimed
from realtime.gateway.schema import LOG_NAME, begin_anew
from realtime.migrations import version_of

MANIFEST: Final = "manifest.json"
FORMAT: Final = 1
OUTBOX_LOCK: Final = "outbox.lock"
_OWNER_ONLY: Final = 0o700
_BUSY_S: Final = 10.0
_CHUNK_BYTES: Final = 1_048_576
_LEFT_OUT: Final = ("-wal", "-shm", "-journal", ".lock", ".broken")
Tell = Callable[[str], None]


class File(msgspec.Struct, frozen=True, rename="camel"):
    """One file of a backup; `version` is that of its tables, None when it has none."""

    name: str
    size_bytes: int
    sha256: str
    version: int | None = None


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What a backup holds, so that a changed or missing file is found before anything is replaced."""

    format: int
    tideboard: str
    taken_at: str
    files: list[File]


def back_up(folder: Path, destination: Path, *, version: str, now: float, tell: Tell = lambda _words: None) -> Manifest:
    """Copy a data folder, in use or not, to a new folder, which is there whole or not at all.

    Raises StorageError, one sentence, when there is nothing to copy, the destination is taken, or a disk fails.
    """
    names = _names(folder)
    if LOG_NAME not in names and not any(name.endswith(".db") for name in names):
        raise StorageError(f"{folder} is no data folder: there is no database in it; name the right one with --data.")
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise StorageError(f"{destination} is there already; name a folder that isn't, or is empty.")
    draft = destination.with_name(f".{destination.name}.partial-{os.getpid()}")
    try:
        draft.mkdir(parents=True, mode=_OWNER_ONLY)
        files = []
        for name in names:
            tell(name)
            files.append(_copied(folder / name, draft / name))
        moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
        manifest = Manifest(FORMAT, version, moment, files)
        _write(draft / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        if destination.exists():
            destination.rmdir()
        draft.rename(destination)
        _sync(destination.parent)
    except (OSError, sqlite3.Error) as error:
        raise StorageError(f"The backup failed ({error}); nothing was left at {destination}.") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return manifest


def check(source: Path) -> Manifest:
    """Read a backup through: every file is there, unchanged, and its tables are sound. Raises StorageError."""
    try:
        manifest = msgspec.json.decode((source / MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError) as error:
        raise StorageError(f"{source} is no backup: its {MANIFEST} can't be read ({error}).") from error
    if manifest.format > FORMAT:
        raise StorageError(
            f"{source} was made by a newer Tideboard ({manifest.tideboard}); use that one to restore it."
        )
    for file in manifest.files:
        path = source / file.name
        if path.parent != source or not path.is_file() or _digest(path) != file.sha256:
            raise StorageError(f"{file.name} in {source} is missing or was changed; use another backup.")
    return manifest


def restore(
    source: Path, folder: Path, *, now: float, is_replacing: bool = False, tell: Tell = lambda _words: None
) -> Path | None:
    """Put a backup into a data folder that no process uses; return where what was there is now, if anything was.

    Streams begin anew under other epochs: who followed one beyond the backup takes a snapshot, and nobody is told that
    nothing was missed. Raises StorageError and StartError, one sentence each.
    """
    manifest = check(source)
    with claimed(folder, is_restoring=True), _unused(folder):
        is_unfinished = (folder / RESTORING).exists()
        old = [path for path in folder.iterdir() if not _is_ours(path)]
        if old and not (is_replacing or is_unfinished):
            raise StorageError(f"{folder} isn't empty; restore into a new folder, or add --replace to set it aside.")
        try:
            return _restored(source, folder, manifest, old, now=now, tell=tell)
        except (OSError, sqlite3.Error) as error:
            raise StorageError(
                f"The restore failed ({error}); free the disk, then run it again with --replace."
            ) from error


def _restored(
    source: Path, folder: Path, manifest: Manifest, old: list[Path], *, now: float, tell: Tell
) -> Path | None:
    """Copy everything in first, then move: until it is done, the folder says so and nothing starts on it."""
    incoming = folder / RESTORING
    shutil.rmtree(incoming, ignore_errors=True)
    incoming.mkdir(mode=_OWNER_ONLY)
    for file in manifest.files:
        tell(file.name)
        shutil.copy2(source / file.name, incoming / file.name)
        _sync(incoming / file.name)
    if (incoming / LOG_NAME).exists():
        begin_anew(incoming / LOG_NAME)
    aside = None
    if old:
        aside = folder / f"before-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}"
        aside.mkdir(mode=_OWNER_ONLY, exist_ok=True)
        for path in old:
            path.rename(aside / path.name)
    for path in incoming.iterdir():
        path.rename(folder / path.name)
    _sync(folder)
    incoming.rmdir()
    return aside


@contextmanager
def _unused(folder: Path) -> Iterator[None]:
    """Keep out an app whose gateway is elsewhere: it holds its outbox alone. Raises StorageError."""
    descriptor = os.open(folder / OUTBOX_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise StorageError(f"The data folder {folder} is in use by a Tideboard; stop that one first.") from None
    finally:
        os.close(descriptor)


def _names(folder: Path) -> list[str]:
    """Name what belongs into a backup, the log last."""
    try:
        found = [path.name for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
    except OSError as error:
        raise StorageError(f"{folder} can't be read ({error.strerror}); name the data folder with --data.") from error
    kept = [name for name in found if not name.startswith(".") and not name.endswith(_LEFT_OUT) and name != MANIFEST]
    return sorted(kept, key=lambda name: (name == LOG_NAME, not name.startswith("outbox"), name))


def _is_ours(path: Path) -> bool:
    """Tell whether something in a data folder is a lock, or from a restore."""
    return path.name.endswith(".lock") or path.name == RESTORING or (path.is_dir() and path.name.startswith("before-"))


def _copied(source: Path, target: Path) -> File:
    version = None
    if source.name.endswith(".db"):
        version = _copy_database(source, target)
    else:
        shutil.copy2(source, target)
    target.chmod(0o600)
    _sync(target)
    return File(target.name, target.stat().st_size, _digest(target), version)


def _copy_database(source: Path, target: Path) -> int:
    """Copy a database as of one moment, whoever writes meanwhile, and see that the copy is sound."""
    uri = f"{source.absolute().as_uri()}?mode=rw"
    with (
        closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S, isolation_level=None)) as original,
        closing(sqlite3.connect(target, isolation_level=None)) as copy,
    ):
        original.execute("PRAGMA query_only = ON")
        original.backup(copy)  # in one step: one state of the file, and no writer waits for it (WAL)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing beside it
        for (verdict,) in copy.execute("PRAGMA integrity_check(1)"):
            if verdict != "ok":
                raise sqlite3.DatabaseError(f"{source.name} is damaged: {verdict}")
        return version_of(copy)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in _chunks(file.read):
            digest.update(chunk)
    return digest.hexdigest()


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(_CHUNK_BYTES):
        yield chunk


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
    _sync(path)


def _sync(path: Path) -> None:
    """Have the disk keep a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
