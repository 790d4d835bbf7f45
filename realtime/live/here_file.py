"""Keeps the names of who is here in a file, so that the next process can log out whom a killed one left behind.

Threads: one at a time. Where it can't be kept, that is said once and costs only this.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

FILE_NAME: Final = "here.json"
_LARGEST_BYTES: Final = 16_777_216
_log = logging.getLogger(__name__)


class HereFile:
    """The names, readable by their owner alone. Written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._is_failing = False

    def load(self) -> tuple[str, ...]:
        """Return who was here when the last process ended; nobody when that can't be read."""
        try:
            if not self._path.exists() or self._path.stat().st_size > _LARGEST_BYTES:
                return ()
            return tuple(msgspec.json.decode(self._path.read_bytes(), type=list[str]))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning("Who was here can't be read from %s (%s); nobody will be logged out for it", self._path, error)
            return ()

    def saved_at(self) -> float:
        """Return when that was written (Unix seconds); 0 when it can't be found out."""
        try:
            return self._path.stat().st_mtime
        except OSError:
            return 0.0

    def save(self, people: Iterable[str]) -> None:
        """Write who is here. A killed process leaves the old names or the new ones, never half of them."""
        beside = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(msgspec.json.encode(list(people)))
            beside.replace(self._path)
        except OSError as error:
            if not self._is_failing:
                _log.warning(
                    "Who is here can't be kept in %s (%s); a crash may leave people logged in", self._path, error
                )
            self._is_failing = True
        else:
            self._is_failing = False
