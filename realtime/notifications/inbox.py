"""One person's inbox: `apply(inbox, command) -> inbox`, and nothing else changes it. Pure, immutable, bounded.

Whoever applies the same commands in the same order has the same inbox. A command that comes again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from realtime.errors import NoticeError
from realtime.notifications.adding import add, clear, retell
from realtime.notifications.commands import (
    Acknowledge,
    Act,
    Add,
    Clear,
    ClearHistory,
    Close,
    Command,
    Meet,
    Prefer,
    Retell,
    Set,
    Snooze,
    Undo,
)
from realtime.notifications.history import noted
from realtime.notifications.inbox_state import (
    COMMANDS_KEPT,
    UNDO_GRACE_S,
    UNDO_S,
    UNDOABLE_KEPT,
    Inbox,
    Undoable,
    with_rows,
)
from realtime.notifications.model import Acknowledgement, Marks, Row, State
from realtime.notifications.preferences import read_preferences
from realtime.notifications.text import clean, clip

MAX_SNOOZE_S: Final = 30 * 86_400.0
_MAX_WHO_CHARS: Final = 256
_MAX_WHY_CHARS: Final = 1_000
_STATES: Final = {
    "seen": State.SEEN, "read": State.READ, "unread": State.UNSEEN, "done": State.DONE, "undone": State.READ,
}  # fmt: skip


def apply(inbox: Inbox, command: Command) -> Inbox:
    """Return the inbox after a command; the very same when the command changes nothing."""
    if isinstance(command, Add):
        return add(inbox, command)
    if command.id in inbox.applied:
        return inbox
    changed = _applied(inbox, command)
    return msgspec.structs.replace(changed, applied=(*inbox.applied, command.id)[-COMMANDS_KEPT:])


def apply_all(inbox: Inbox, commands: Iterable[Command]) -> Inbox:
    """Return the inbox after commands, in their order."""
    for command in commands:
        inbox = apply(inbox, command)
    return inbox


def inbox_value(inbox: Inbox) -> dict[str, Any]:
    """Return an inbox as a JSON value, to be kept."""
    value: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(inbox))
    return value


def read_inbox(value: Any) -> Inbox:
    """Read an inbox that was kept. Raises NoticeError when it isn't one."""
    try:
        return msgspec.json.decode(msgspec.json.encode(value), type=Inbox)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise NoticeError(f"That is no inbox: {error}.") from error


def _applied(inbox: Inbox, command: Command) -> Inbox:
    if isinstance(command, Retell):
        return retell(inbox, command)
    if isinstance(command, Clear):
        return clear(inbox, command)
    if isinstance(command, Undo):
        return _undo(inbox, command)
    if isinstance(command, ClearHistory):
        kept = tuple(past for past in inbox.history if past.noted_at > command.at)
        return msgspec.structs.replace(inbox, history=kept)
    if isinstance(command, Prefer):
        return _prefer(inbox, command)
    if isinstance(command, Meet):
        return inbox
    assert not isinstance(command, Add)
    return _act(inbox, command)


def _prefer(inbox: Inbox, command: Prefer) -> Inbox:
    """Take preferences over; those that make no sense never got here, or were kept by a version that knew others."""
    try:
        return msgspec.structs.replace(inbox, preferences=read_preferences(command.preferences))
    except NoticeError:
        return inbox


def _act(inbox: Inbox, command: Act) -> Inbox:
    """Do to each row what a person asked; rows with news that the person hasn't seen are left alone."""
    changed: dict[str, Row] = {}
    before: dict[str, Marks] = {}
    for key in command.keys:
        row = inbox.rows.get(key)
        if row is None or (command.revision is not None and row.revision > command.revision):
            continue
        marks = _marked(row, command)
        if marks != row.marks:
            changed[key] = msgspec.structs.replace(row, marks=marks)
            before[key] = row.marks
    if not changed:
        return inbox
    after = {key: (row.marks, row.revision) for key, row in changed.items()}
    undoable = Undoable(id=command.id, at=command.at, before=before, after=after)
    kept = (*inbox.undoable, undoable)[-UNDOABLE_KEPT:]
    if isinstance(command, Acknowledge):
        notices = [row.newest for row in changed.values()]
        inbox = noted(inbox, notices, at=command.at, what=f"acknowledged by {_who(command)}")
    return msgspec.structs.replace(with_rows(inbox, changed), undoable=kept)


def _marked(row: Row, command: Act) -> Marks:
    """Return a row's marks after a command. What is critical and stands can't be put away, only aside for a while."""
    marks = row.marks
    if isinstance(command, Acknowledge):
        if not row.needs_acknowledgement:
            return marks
        taken = Acknowledgement(_who(command), command.at, clip(clean(command.why), _MAX_WHY_CHARS))
        return msgspec.structs.replace(marks, acknowledged=taken, state=State.READ, closed_at=None)
    if isinstance(command, Close):
        return msgspec.structs.replace(marks, closed_at=command.at) if row.needs_acknowledgement else marks
    if row.needs_acknowledgement and (isinstance(command, Snooze) or command.mark == "done"):
        return msgspec.structs.replace(marks, closed_at=command.at)
    if isinstance(command, Snooze):
        if command.until is None:
            return msgspec.structs.replace(marks, snoozed_until=None)
        until = min(command.until, command.at + MAX_SNOOZE_S)
        # It comes back as something to read.
        return msgspec.structs.replace(marks, snoozed_until=until, state=State.UNSEEN) if until > command.at else marks
    return _stepped(marks, command)


def _stepped(marks: Marks, command: Set) -> Marks:
    """Take a step of unseen → seen → read → done, or a step back; seeing what was read changes nothing."""
    if command.mark == "seen" and marks.state is not State.UNSEEN:
        return marks
    if command.mark == "undone" and marks.state is not State.DONE:
        return marks
    if command.mark == "read" and marks.state is State.DONE:
        return marks
    until = None if command.mark == "done" else marks.snoozed_until
    return msgspec.structs.replace(marks, state=_STATES[command.mark], snoozed_until=until)


def _undo(inbox: Inbox, command: Undo) -> Inbox:
    """Give rows their marks back, those that nobody and nothing has touched since."""
    found = next((each for each in reversed(inbox.undoable) if each.id == command.of), None)
    if found is None or command.at - found.at > UNDO_S + UNDO_GRACE_S:
        return inbox
    touched = {key for each in inbox.undoable[inbox.undoable.index(found) + 1 :] for key in each.before}
    restored = {
        key: msgspec.structs.replace(inbox.rows[key], marks=marks)
        for key, marks in found.before.items()
        if key in inbox.rows
        and key not in touched
        and (inbox.rows[key].marks, inbox.rows[key].revision) == found.after[key]
    }
    left = tuple(each for each in inbox.undoable if each.id != command.of)
    return msgspec.structs.replace(with_rows(inbox, restored), undoable=left)


def _who(command: Acknowledge) -> str:
    return clip(clean(command.who), _MAX_WHO_CHARS)
