"""Claims the data folder for this process: makes it, checks that it can be written, and locks it. No log in here."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from realtime.errors import StartError

LOCK_NAME: Final = "tideboard.lock"
RESTORING: Final = "restoring"
"""A folder in the data folder while a backup is put in its place; what is beside it isn't whole."""


@contextmanager
def claimed(folder: Path, *, is_restoring: bool = False) -> Iterator[Path]:
    """Hold the data folder while the block runs. Raises StartError, one sentence.

    `is_restoring`: it may be one in which a restore was broken off. The lock is the kernel's (flock), so it is gone
    with the process however that ends.
    """
    descriptor = _open_lock(folder)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() or "unknown"
            raise StartError(
                f"The data folder {folder} is in use by another Tideboard (process {holder}); "
                "stop that one or choose another folder with TIDEBOARD_DATA_DIR."
            ) from None
        if not is_restoring and (folder / RESTORING).exists():
            raise StartError(
                f"A restore into the data folder {folder} was broken off, so what is in it isn't whole; run it again."
            )
        os.truncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield folder
    finally:
        os.close(descriptor)


def _open_lock(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StartError(
            f"The data folder {folder} can't be written ({error.strerror}); "
            "fix its permissions or choose another one with TIDEBOARD_DATA_DIR."
        ) from error
