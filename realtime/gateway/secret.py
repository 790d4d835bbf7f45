"""Finds the secret that signs an installation's tokens: the configured one, or one made on first run. Logs nothing."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Final

from realtime.config import Settings
from realtime.errors import StartError

FILE_NAME: Final = "secret"
_BYTES: Final = 32
_LEAST_CHARS: Final = 32


def secret_of(settings: Settings) -> str:
    """Return the secret; make it in the data folder when there is none, for its owner's eyes alone. Raises StartError.

    Of several processes that come at once, one makes it and the others read it.
    """
    return settings.secret or _read(settings.data_dir / FILE_NAME) or _made(settings.data_dir / FILE_NAME)


def _made(path: Path) -> str:
    made = secrets.token_urlsafe(_BYTES)
    # Written beside and linked into place: whoever sees the file sees all of it, and nobody's is ever replaced.
    draft = path.with_name(f".{FILE_NAME}-{os.getpid()}-{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(descriptor, 0o600)
            os.write(descriptor, made.encode() + b"\n")
            os.fsync(descriptor)
            os.link(draft, path)
        except FileExistsError:
            return _read(path) or made
        finally:
            os.close(descriptor)
            os.unlink(draft)
    except OSError as error:
        raise StartError(
            f"The secret {path} can't be written ({error.strerror}); "
            "fix the folder's permissions or set TIDEBOARD_SECRET."
        ) from error
    return made


def _read(path: Path) -> str | None:
    try:
        found = path.read_text(encoding="ascii").strip()
        is_private = not path.stat().st_mode & 0o077
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StartError(
            f"The secret {path} can't be read; "
            "fix its permissions, delete it to get a new one, or set TIDEBOARD_SECRET."
        ) from error
    if len(found) < _LEAST_CHARS:
        raise StartError(f"The secret {path} is too short; delete it to get a new one, or set TIDEBOARD_SECRET.")
    if not is_private:
        raise StartError(
            f"The secret {path} can be read by others; run `chmod 600 {path}`, or delete it to get a new one."
        )
    return found
