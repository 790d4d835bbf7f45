"""Notes what somebody had stored, or tried to: each document by name, many at once by their collection. Pure.

What is noted is names, never contents.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias

from realtime.gateway.asking import Asker
from realtime.gateway.records import Accepted, Stored
from realtime.hub.notes import Notes
from realtime.protocol.audit import Outcome
from realtime.protocol.channels import USERS
from realtime.protocol.events import InboxCommand

MOST_NAMED: Final = 10
"""Events of one request that are noted each by itself."""
_VERBS: Final = {
    "collection:created": "create",
    "collection:updated": "update",
    "collection:deleted": "delete",
}


_Line: TypeAlias = tuple[str, str, str, str]
"""Actor, action, target, detail."""


def note_stored(notes: Notes, asker: Asker, stored: Sequence[Stored]) -> None:
    """Note what was stored. Repeats change nothing, and what happens in an inbox but for acknowledging is private."""
    lines = [_line(asker, one.accepted) for one in stored if not one.is_duplicate]
    _note(notes, asker, [line for line in lines if line is not None], outcome="ok")


def note_refused(notes: Notes, asker: Asker, codes: Iterable[str]) -> None:
    """Note what was refused, by the codes of the refusals."""
    _note(notes, asker, [(asker.name, "write", "", code) for code in codes], outcome="refused")


def _note(notes: Notes, asker: Asker, lines: Sequence[_Line], *, outcome: Outcome) -> None:
    if len(lines) > MOST_NAMED:
        lines = [(actor, action, target.partition("/")[0], detail) for actor, action, target, detail in lines]
    for (actor, action, target, detail), times in Counter(lines).items():
        notes.note(action, actor=actor, outcome=outcome, target=target, origin=asker.origin, detail=detail, times=times)


def _line(asker: Asker, accepted: Accepted) -> _Line | None:
    event, claimed = accepted.event, accepted.envelope.actor or ""
    # What comes through the app was done by the people before it; nobody else's word counts for somebody.
    actor = claimed or asker.name if asker.is_app or not asker.name else asker.name
    if accepted.channel == USERS and asker.is_app:
        return None  # who is at the pages and looks at what is told there, and changes nothing
    if isinstance(event, InboxCommand):
        return (actor, "acknowledge", accepted.channel, "") if event.command.get("do") == "acknowledge" else None
    verb = _VERBS.get(accepted.envelope.type, accepted.envelope.type)
    identifier = accepted.document_id
    target = accepted.channel if identifier is None else f"{accepted.channel}/{identifier}"
    return actor, "write", target, verb if claimed in ("", actor) else f"{verb} in the name of {claimed}"
