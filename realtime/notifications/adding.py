"""Takes notifications into an inbox, once each: grouping, storms, and what becomes of a row with news. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from realtime.notifications.commands import Add, Clear, Retell
from realtime.notifications.history import noted
from realtime.notifications.inbox_state import CRITICAL_KEPT, FAMILIES_KEPT, Inbox, with_rows
from realtime.notifications.model import RANKS, Marks, Notification, Row, Source, State

STORM_COUNT: Final = 20
STORM_S: Final = 60.0
STORM_PREFIX: Final = "~storm "
"""No rule's key begins with a tilde (`Rule.key`), so that no document can name a storm."""


def add(inbox: Inbox, command: Add) -> Inbox:
    """Put a notification in: into the row of its key, or a new one, or the storm's. What is in already is left out."""
    notification = command.notification
    fresh = _fresh(inbox, command)
    if not fresh:
        return inbox
    inbox = _taken(inbox, command, fresh)
    row = inbox.rows.get(notification.key)
    if row is not None and _is_told(row, notification):
        return inbox
    inbox = noted(inbox, [notification], at=command.at, what="told", count=fresh.count)
    inbox = msgspec.structs.replace(inbox, revision=inbox.revision + 1)
    family = family_of(notification)
    times = inbox.families.get(family, ())
    is_storm = len(times) >= STORM_COUNT and command.at - times[-STORM_COUNT] <= STORM_S
    inbox = _counted(inbox, family, (*times, *[command.at] * min(fresh.count, STORM_COUNT)))
    if row is None and _has_no_room(inbox, notification, is_storm=is_storm):
        notification = _storm_of(notification)
        row = inbox.rows.get(notification.key)
    count, revision = fresh.count, inbox.revision
    renewed = (
        _new_row(notification, count=count, revision=revision)
        if row is None
        else _renewed(row, notification, count=count, revision=revision)
    )
    if is_storm:
        renewed = msgspec.structs.replace(renewed, storm_at=command.at)
    return with_rows(inbox, {renewed.key: renewed})


def clear(inbox: Inbox, command: Clear) -> Inbox:
    """Take in that what a row told of is over. One that was taken on is done with that; else it stays to be read."""
    row = inbox.rows.get(command.key)
    if row is None or row.cleared_at is not None or _is_older(command.source, command.event_at, row.newest):
        return inbox
    marks = msgspec.structs.replace(row.marks, closed_at=None)
    if marks.acknowledged is not None and marks.state is State.READ:
        marks = msgspec.structs.replace(marks, state=State.DONE)
    cleared = msgspec.structs.replace(
        row, marks=marks, cleared_at=command.event_at, cleared_why=command.why, cleared_source=command.source
    )
    inbox = noted(inbox, [row.newest], at=command.at, what=f"cleared: {command.why}")
    return with_rows(inbox, {row.key: cleared})


def retell(inbox: Inbox, command: Retell) -> Inbox:
    """Give a standing alarm new words. It is no news: nobody has to look again."""
    row = inbox.rows.get(command.key)
    if row is None or not row.newest.is_alarm or row.cleared_at is not None:
        return inbox
    if _is_older(command.source, command.event_at, row.newest):
        return inbox
    newest = msgspec.structs.replace(
        row.newest, title=command.title, message=command.message, at=command.event_at, source=command.source
    )
    last_at = max(row.last_at, command.event_at)
    return with_rows(inbox, {row.key: msgspec.structs.replace(row, newest=newest, last_at=last_at)})


def family_of(notification: Notification) -> str:
    """Name the kind and collection whose storms are guarded against together."""
    return f"{notification.kind} {notification.about} {notification.collection or ''}".strip()


def storm_key(notification: Notification) -> str:
    """Name the row that counts what got no row of its own in a storm."""
    return STORM_PREFIX + family_of(notification)


class _Fresh(msgspec.Struct, frozen=True):
    """How many events of an `Add` are new, and which positions in their stream; None for what no event caused."""

    count: int
    offsets: tuple[int, ...] | None = None

    def __bool__(self) -> bool:
        return self.count > 0


def _fresh(inbox: Inbox, command: Add) -> _Fresh:
    notification = command.notification
    if notification.source is None:
        return _Fresh(0 if command.id in inbox.applied else max(notification.count, 1))
    offsets = inbox.seen.fresh(_stream_of(notification), command.positions)
    return _Fresh(len(offsets), offsets)


def _taken(inbox: Inbox, command: Add, fresh: _Fresh) -> Inbox:
    if fresh.offsets is None:
        return msgspec.structs.replace(inbox, applied=(*inbox.applied, command.id)[-256:])
    return msgspec.structs.replace(inbox, seen=inbox.seen.take(_stream_of(command.notification), fresh.offsets))


def _stream_of(notification: Notification) -> str:
    """Name the stream of a notification's event. An alarm is told beside the notice of the event that raised it."""
    assert notification.source is not None
    stream = f"{notification.source.channel}@{notification.source.epoch}"
    return f"{stream}~{notification.rule}" if notification.is_alarm else stream


def _is_told(row: Row, notification: Notification) -> bool:
    """Tell whether an alarm stands already, or is older than the end of the one there was."""
    if not (notification.is_alarm and row.newest.is_alarm):
        return False
    if row.cleared_at is None:
        return True
    ended, raised = row.cleared_source, notification.source
    return ended is not None and raised is not None and (raised == ended or raised.is_before(ended))


def _is_older(source: Source | None, event_at: float, newest: Notification) -> bool:
    """Tell whether something was said before a row's newest words: by position in one stream, else by time."""
    if source is not None and newest.source is not None:
        if source.is_before(newest.source):
            return True
        if source == newest.source or newest.source.is_before(source):
            return False
    return event_at < newest.at


def _counted(inbox: Inbox, family: str, times: tuple[float, ...]) -> Inbox:
    """Note when a family's newest notices came; the family longest silent is forgotten."""
    families = {name: kept for name, kept in inbox.families.items() if name != family}
    families[family] = times[-STORM_COUNT:]
    while len(families) > FAMILIES_KEPT:
        del families[next(iter(families))]
    return msgspec.structs.replace(inbox, families=families)


def _has_no_room(inbox: Inbox, notification: Notification, *, is_storm: bool) -> bool:
    """Tell whether a notification gets no row of its own. An alarm does in a storm: only its row can be cleared."""
    if is_storm and not notification.is_alarm:
        return True
    return notification.is_critical and sum(row.needs_acknowledgement for row in inbox.rows.values()) >= CRITICAL_KEPT


def _storm_of(notification: Notification) -> Notification:
    where = f"in {notification.collection}" if notification.collection else f"about {notification.about}"
    return msgspec.structs.replace(
        notification,
        key=storm_key(notification),
        title=f"Storm: many notices {where}",
        message=f"They are counted here, so that nothing else is pushed out of sight. The newest: {notification.title}",
        actions=(),
        is_alarm=False,
    )


def _new_row(notification: Notification, *, count: int, revision: int) -> Row:
    at = notification.at
    return Row(
        key=notification.key, newest=notification, severity=notification.severity, count=count, total=count,
        first_at=at, last_at=at, revision=revision, is_storm=notification.key.startswith(STORM_PREFIX),
    )  # fmt: skip


def _renewed(row: Row, notification: Notification, *, count: int, revision: int) -> Row:
    """Return a row with news. One that was settled (done, over, or taken on before something critical) begins anew."""
    settled = row.marks.state is State.DONE or row.cleared_at is not None
    if settled or (notification.is_critical and row.marks.acknowledged is not None):
        begun = _new_row(notification, count=count, revision=revision)
        return msgspec.structs.replace(begun, total=row.total + count, is_storm=row.is_storm, storm_at=row.storm_at)
    is_worse = RANKS[notification.severity] - RANKS[row.severity]
    speaks = is_worse > 0 or (is_worse == 0 and notification.at >= row.newest.at)
    return msgspec.structs.replace(
        row,
        newest=notification if speaks else row.newest,
        severity=notification.severity if is_worse > 0 else row.severity,
        count=row.count + count,
        total=row.total + count,
        first_at=min(row.first_at, notification.at),
        last_at=max(row.last_at, notification.at),
        revision=revision,
        marks=_with_news(row.marks, is_critical=notification.is_critical),
    )


def _with_news(marks: Marks, *, is_critical: bool) -> Marks:
    """Make a row unseen again. What is snoozed stays so, and what is put aside, unless the news is critical."""
    return Marks(
        state=State.UNSEEN,
        snoozed_until=None if is_critical else marks.snoozed_until,
        acknowledged=marks.acknowledged,
        closed_at=None if is_critical else marks.closed_at,
    )
