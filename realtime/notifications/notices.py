"""Says what a page may show as a notice, and makes a notification of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from realtime.errors import NoticeError
from realtime.notifications.model import MAX_ACTIONS, Action, Kind, Notification, Row, Severity, State
from realtime.notifications.text import MAX_KEY_CHARS, MAX_MESSAGE_CHARS, MAX_TITLE_CHARS, clean, clip

MAX_DURATION_S: Final = 3_600.0
MAX_LABEL_CHARS: Final = 40
MAX_METADATA_BYTES: Final = 4_096


class Notice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a page shows to the person before it.

    `duration` is how many seconds its toast stands, None for its type's usual. `actions` are at most two buttons. What
    has the same `key` is one row; without one each is a row of its own. `metadata` is anything of yours, as JSON.
    """

    title: str
    type: Kind = "info"
    message: str = ""
    duration: float | None = None
    actions: tuple[Action, ...] = ()
    metadata: dict[str, Any] = {}
    key: str = ""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """A row of an inbox, as a page reads it. `count` is how many events it stands for, `at` the time of the newest."""

    id: str
    type: Kind
    severity: Severity
    title: str
    message: str
    at: float
    count: int
    key: str
    why: str
    is_read: bool
    needs_acknowledgement: bool
    actions: tuple[Action, ...] = ()
    metadata: dict[str, Any] = {}


def shown_of(row: Row) -> Shown:
    """Return a row as a page reads it."""
    newest = row.newest
    return Shown(
        id=newest.id, type=newest.kind, severity=row.severity, title=newest.title, message=newest.message,
        at=row.last_at, count=row.count, key=row.key, why=newest.why, actions=newest.actions,
        metadata=newest.metadata, is_read=row.marks.state in (State.READ, State.DONE),
        needs_acknowledgement=row.needs_acknowledgement,
    )  # fmt: skip


def read_notice(value: Any) -> Notice:
    """Read a notice from a Notice or a mapping with its fields. Raises NoticeError."""
    raw = msgspec.to_builtins(value) if isinstance(value, Notice) else value
    if not isinstance(raw, Mapping):
        raise NoticeError("A notice is a Notice, or a dict with at least a title.")
    try:
        notice = msgspec.convert(dict(raw), Notice)
    except msgspec.ValidationError as error:
        raise NoticeError(f"That is no notice: {error}.") from error
    _check(notice)
    return notice


def notification_of(value: Any, *, id: str, person: str, now: float) -> Notification:
    """Make the notification of a notice shown to one person `now`. Raises NoticeError."""
    notice = read_notice(value)
    key = clean(notice.key).lstrip("~ ")
    return Notification(
        id=id, key=f"shown {key}" if key else f"shown ~{id}", severity=notice.type, kind=notice.type, at=now,
        title=clip(clean(notice.title), MAX_TITLE_CHARS), message=clip(clean(notice.message), MAX_MESSAGE_CHARS),
        why="because a page you had open showed it", audience=f"person:{person}", duration_s=notice.duration,
        actions=tuple(msgspec.structs.replace(one, label=clean(one.label)) for one in notice.actions),
        metadata=notice.metadata,
    )  # fmt: skip


def _check(notice: Notice) -> None:
    if not clean(notice.title):
        raise NoticeError("A notice needs a title that can be read.")
    if len(notice.key) > MAX_KEY_CHARS:
        raise NoticeError(f"A notice's key has at most {MAX_KEY_CHARS} characters.")
    if notice.duration is not None and not 0 < notice.duration <= MAX_DURATION_S:
        raise NoticeError(f"A notice's duration is more than 0 and at most {MAX_DURATION_S:,.0f} seconds, or None.")
    if len(notice.actions) > MAX_ACTIONS:
        raise NoticeError(f"A notice has at most {MAX_ACTIONS} actions.")
    for action in notice.actions:
        is_short = len(action.label) <= MAX_LABEL_CHARS and len(action.argument) <= MAX_TITLE_CHARS
        if not clean(action.label) or not action.name or len(action.name) > MAX_LABEL_CHARS or not is_short:
            raise NoticeError(f"An action needs a name and a label of at most {MAX_LABEL_CHARS} characters.")
    try:
        size = len(msgspec.json.encode(notice.metadata))
    except TypeError as error:
        raise NoticeError(f"A notice's metadata has to be JSON: {error}.") from error
    if size > MAX_METADATA_BYTES:
        raise NoticeError(f"A notice's metadata takes {size:,} bytes; at most {MAX_METADATA_BYTES:,} are kept.")
