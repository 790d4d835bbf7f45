"""Makes what is noted fit for the audit: bounded, on one line, without secrets. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final, NamedTuple

from realtime.protocol.audit import OUTCOMES

MOST_CHARS: Final = {"actor": 256, "action": 64, "target": 512, "origin": 128, "detail": 512}
MASK: Final = "•••"
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
# A JWT wherever it stands, and what follows the usual words for a secret.
_SECRETS: Final = (
    re.compile(r"eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*)*"),
    re.compile(r"(?i)(?<=bearer )\S+"),
    re.compile(r"(?i)(?<=authorization[=:])\s*\S+"),
    re.compile(r"(?i)\b(?:password|secret|token|api[_-]?key)\s*[=:]\s*\S+"),
)


class Note(NamedTuple):
    """What somebody noted, before it has a place in the chain. Times are Unix milliseconds."""

    time_ms: int
    actor: str
    action: str
    outcome: str
    target: str = ""
    origin: str = ""
    detail: str = ""
    times: int = 1


def cleaner(secrets: Iterable[str | None]) -> Callable[[Note], Note]:
    """Make what cleans a note: bounded, one line, and none of these `secrets`, nor anything that looks like one."""
    known = [secret for secret in secrets if secret]

    def clean(note: Note) -> Note:
        cleaned: dict[str, Any] = {
            name: _cleaned(getattr(note, name), known, most=most) for name, most in MOST_CHARS.items()
        }
        return note._replace(outcome=note.outcome if note.outcome in OUTCOMES else "failed", **cleaned)

    return clean


def _cleaned(text: object, secrets: Iterable[str], *, most: int) -> str:
    cleaned = _CONTROLS.sub(" ", str(text)).strip()
    for secret in secrets:
        cleaned = cleaned.replace(secret, MASK)
    for pattern in _SECRETS:
        cleaned = pattern.sub(MASK, cleaned)
    return cleaned if len(cleaned) <= most else cleaned[: most - 1] + "…"
