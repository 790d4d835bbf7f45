"""Makes what is noted fit for the audit: bounded, on one line, without secrets; folds what repeats. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, NamedTuple

from realtime.protocol.audit import OUTCOMES

MOST_CHARS: Final = {"actor": 256, "action": 64, "target": 512, "origin": 128, "detail": 512}
MOST_TARGETS: Final = 10
"""Rows that one actor's one action may take of one batch; more are told by what their targets have in common."""
SEVERAL: Final = "several"
"""Stands for the origins of a crowd that came from too many to name."""
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


def fold(notes: Sequence[Note]) -> list[Note]:
    """Fold notes that differ in time alone into one that says how many times, in the order of their first.

    Where one actor's one action makes more than `MOST_TARGETS` rows of one batch (a bulk load, a flood of refusals), it
    is told more coarsely, so that nobody can push others' rows out by being loud.
    """
    crowds: dict[tuple[str, str, str], list[Note]] = {}
    for note in notes:
        crowds.setdefault((note.actor, note.action, note.outcome), []).append(note)
    folded = [one for crowd in crowds.values() for one in _folded_crowd(crowd)]
    return folded if len(crowds) == 1 else sorted(folded, key=lambda note: note.time_ms)


def _folded_crowd(crowd: list[Note]) -> Iterable[Note]:
    for coarser in _COARSER:
        found: dict[tuple[str, ...], Note] = {}
        for note in map(coarser, crowd):
            key = note.target, note.origin, note.detail
            before = found.get(key)
            found[key] = note if before is None else before._replace(times=before.times + note.times)
        if len(found) <= MOST_TARGETS:
            break
    return found.values()


_COARSER: Final[tuple[Callable[[Note], Note], ...]] = (
    lambda note: note,
    lambda note: note._replace(target=note.target.partition("/")[0], detail=""),
    lambda note: note._replace(target="", detail="", origin=SEVERAL),
)


def _cleaned(text: object, secrets: Iterable[str], *, most: int) -> str:
    cleaned = _CONTROLS.sub(" ", str(text)).strip()
    for secret in secrets:
        cleaned = cleaned.replace(secret, MASK)
    for pattern in _SECRETS:
        cleaned = pattern.sub(MASK, cleaned)
    return cleaned if len(cleaned) <= most else cleaned[: most - 1] + "…"
