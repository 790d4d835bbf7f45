"""Remembers across restarts how far the sample day is, that someone stopped it, that real data came: one small file.

No threads or network. A memory that can't be read is an empty one; one that can't be written is logged, not raised.
"""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path
from typing import Final

import msgspec

from realtime.protocol.positions import Position

_LOG: Final = logging.getLogger(__name__)
FILE_NAME: Final = "sample.json"


class Memory(msgspec.Struct, frozen=True, rename="camel"):
    """What outlives a restart. `run` makes event ids differ between data folders; `seen`: how far one looked around."""

    run: str
    round: int = 1
    next_index: int = 0
    is_stopped: bool = False
    has_real_data: bool = False
    seen: dict[str, Position] = {}


def new_memory() -> Memory:
    """Make the memory of a folder in which nothing was played yet."""
    return Memory(run=secrets.token_hex(6))


def recall(folder: Path) -> Memory:
    """Read the memory kept in `folder`, or make a new one."""
    path = folder / FILE_NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        return new_memory()
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        _LOG.warning("%s can't be read (%s); the sample day begins anew.", path, error)
        return new_memory()


def remember(memory: Memory, folder: Path) -> None:
    """Replace the memory kept in `folder`, at once or not at all."""
    path = folder / FILE_NAME
    draft = path.with_suffix(".tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        draft.write_bytes(msgspec.json.format(msgspec.json.encode(memory), indent=1))
        os.replace(draft, path)
    except OSError as error:
        _LOG.warning("%s can't be written (%s); after a restart the sample day repeats a part.", path, error)
