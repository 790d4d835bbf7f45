"""Keeps the name under which this app acknowledges critical events: the same after every restart. A file, no more.

Threads: any, one at a time.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from pathlib import Path
from typing import Final

FILE_NAME: Final = "consumer"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_log = logging.getLogger(__name__)


def consumer_name(folder: Path) -> str:
    """Return the name kept in `folder`, a new one when there is none yet; readable by its owner alone.

    Where it can't be kept, it is for this run only: what this run doesn't acknowledge, nobody will.
    """
    path = folder / FILE_NAME
    fresh = f"app-{secrets.token_hex(8)}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        kept = path.read_text(encoding="utf-8", errors="replace").strip() if path.exists() else ""
        if _NAME.fullmatch(kept):
            return kept
        # Whole or not at all: a process killed in between leaves no half a name.
        beside = path.with_suffix(".new")
        beside.unlink(missing_ok=True)
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(f"{fresh}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        _log.warning("The consumer's name can't be kept in %s (%s); it is for this run only", path, error)
    return fresh
