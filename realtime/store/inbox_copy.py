"""One person's inbox as this process holds it: the replica, what is shown of it now, and its toasts. Pure.

Whoever takes commands of the stream, or gives some here, gets a new copy; the same one when nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec

from realtime.notifications import centre, preferences
from realtime.notifications import toasts as plan
from realtime.notifications.adding import storm_key
from realtime.notifications.commands import Add, Command, Prefer
from realtime.notifications.inbox_state import Inbox
from realtime.notifications.model import Notification, Row, State
from realtime.notifications.preferences import Delivery, decide
from realtime.notifications.replica import Replica, predicted, received, refused, restarted
from realtime.notifications.toasts import Toasts
from realtime.protocol.positions import Position

STILL_NEWS_S: Final = 60.0
"""How old a notice may be for a toast, when it comes late."""


class InboxCopy(msgspec.Struct, frozen=True, kw_only=True):
    """What is known here of a person's inbox. `inbox` already has in it what was done here and isn't confirmed yet.

    `is_synced`: it was loaded, and follows the stream since. `is_led`: there is a tab that shows the toasts.
    `is_touched`: pointer or focus rests on one of them.
    """

    person: str
    inbox: Inbox = Inbox()
    toasts: Toasts = Toasts()
    is_synced: bool = False
    is_led: bool = False
    is_touched: bool = False
    replica: Replica = Replica()


class Arrived(NamedTuple):
    """A command of the stream: its offset, and when the gateway stored it."""

    command: Command
    offset: int
    at: float


def opened(person: str, *, now: float) -> InboxCopy:
    """Return a copy that holds nothing yet. Nobody looks, so the clocks of its toasts stand still."""
    return InboxCopy(person=person, toasts=plan.held(Toasts(), now=now))


def loaded(copy: InboxCopy, inbox: Inbox, position: Position, *, now: float) -> InboxCopy:
    """Start from what the gateway says the inbox is. What comes so is no news: no toast for it."""
    replica = restarted(copy.replica, inbox, position)
    return msgspec.structs.replace(_with(copy, replica, copy.toasts, now=now), is_synced=True)


def arrived(copy: InboxCopy, epoch: str, commands: Iterable[Arrived], *, now: float) -> InboxCopy:
    """Take in a run of the stream, oldest first; what is news to this process gets a toast."""
    replica, toasts, preferred = copy.replica, copy.toasts, copy.inbox.preferences
    ours = {each.id for each in replica.pending}
    for command, offset, at in commands:
        before, replica = replica, received(replica, Position(epoch, offset), command)
        if isinstance(command, Prefer):
            preferred = replica.inbox.preferences
        is_news = replica.confirmed.revision > before.confirmed.revision and command.id not in ours
        if isinstance(command, Add) and is_news and now - at <= STILL_NEWS_S:
            delivery = decide(command.notification, preferred, now, person=copy.person)
            toasts = _told(toasts, command.notification, delivery, inbox=replica.confirmed, now=now)
    return _with(copy, replica, toasts, now=now)


def given(copy: InboxCopy, commands: Iterable[Command], *, now: float, is_news: bool = True) -> InboxCopy:
    """Take in what was done here, before the stream has it. A notice that `is_news` gets its toast at once."""
    for command in commands:
        replica, toasts = predicted(copy.replica, command), copy.toasts
        if replica is copy.replica:
            continue
        inbox = replica.inbox
        if isinstance(command, Add) and is_news and inbox.revision > copy.inbox.revision:
            delivery = decide(command.notification, inbox.preferences, now, person=copy.person)
            toasts = _told(toasts, command.notification, delivery, inbox=inbox, now=now)
        copy = _with(copy, replica, toasts, now=now)
    return copy


def taken_back(copy: InboxCopy, command_id: str, *, now: float) -> InboxCopy:
    """Take back what was done here and won't be stored."""
    given_here = next((each for each in copy.replica.pending if each.id == command_id), None)
    if given_here is None:
        return copy
    replica, toasts = refused(copy.replica, command_id), copy.toasts
    if isinstance(given_here, Add):
        toasts = plan.withdrawn(toasts, given_here.notification.key)
    return _with(copy, replica, toasts, now=now)


def stored(copy: InboxCopy, command_id: str, position: Position, *, now: float) -> InboxCopy:
    """Take in where the stream has what was done here. What was read up to there already won't come again."""
    known = copy.replica.position
    is_covered = known is not None and known.epoch == position.epoch and known.offset >= position.offset
    if not is_covered or all(each.id != command_id for each in copy.replica.pending):
        return copy
    return _with(copy, refused(copy.replica, command_id), copy.toasts, now=now)


def led(copy: InboxCopy, *, is_led: bool, now: float) -> InboxCopy:
    """Take in whether there is a tab that shows the toasts; the pointer in another tab doesn't count any more."""
    return _timed(msgspec.structs.replace(copy, is_led=is_led, is_touched=False), now=now)


def touched(copy: InboxCopy, *, is_touched: bool, now: float) -> InboxCopy:
    """Take in whether pointer or focus rests on a toast."""
    return _timed(msgspec.structs.replace(copy, is_touched=is_touched), now=now)


def dismissed(copy: InboxCopy, key: str, *, now: float) -> InboxCopy:
    """Take in that a toast was sent away."""
    return msgspec.structs.replace(copy, toasts=plan.dismissed(copy.toasts, key, now=now))


def centre_opened(copy: InboxCopy) -> InboxCopy:
    """Take in that the person looks at the centre, where all of them are."""
    return msgspec.structs.replace(copy, toasts=plan.centre_opened(copy.toasts))


def ticked(copy: InboxCopy, *, now: float) -> InboxCopy:
    """Let time pass for the toasts."""
    return msgspec.structs.replace(copy, toasts=plan.expired(copy.toasts, now=now))


def due_at(copy: InboxCopy, *, now: float) -> float | None:
    """Return when time alone changes what is shown; None: never.

    A toast goes, a snooze or a mute ends, a banner comes back, quiet hours begin or end.
    """
    inbox = copy.inbox
    moments = (
        plan.next_change_at(copy.toasts),
        centre.next_change_at(inbox, now=now),
        preferences.next_change_at(inbox.preferences, now=now),
    )
    return min((moment for moment in moments if moment is not None), default=None)


def _told(toasts: Toasts, notification: Notification, delivery: Delivery, *, inbox: Inbox, now: float) -> Toasts:
    """Plan a toast, unless its row is out of sight for a while: somebody wanted it so.

    What got no row of its own in a storm has no toast of its own either: the storm has one.
    """
    row = inbox.rows.get(notification.key) or inbox.rows.get(storm_key(notification))
    if row is None or row.is_snoozed(now):
        return toasts
    told = msgspec.structs.replace(row.newest, count=notification.count) if row.is_storm else notification
    return plan.shown(toasts, told, delivery, now=now)


def _timed(copy: InboxCopy, *, now: float) -> InboxCopy:
    """Let the toasts' timers run only while somebody can see them and doesn't hold on to one."""
    runs = copy.is_led and not copy.is_touched
    toasts = plan.released(copy.toasts, now=now) if runs else plan.held(copy.toasts, now=now)
    return msgspec.structs.replace(copy, toasts=toasts)


def _with(copy: InboxCopy, replica: Replica, toasts: Toasts, *, now: float) -> InboxCopy:
    """Put together what the copy is now. Toasts go whose rows were read, taken on, put away or cleared by this."""
    inbox = replica.inbox
    for toast in toasts.visible:
        if _settled(inbox.rows.get(toast.key), now=now) - _settled(copy.inbox.rows.get(toast.key), now=now):
            toasts = plan.withdrawn(toasts, toast.key)
    return msgspec.structs.replace(copy, replica=replica, inbox=inbox, toasts=toasts)


def _settled(row: Row | None, *, now: float) -> set[str]:
    """Name what speaks for a row being settled."""
    if row is None:
        return set()
    claims = {
        "put away": row.marks.state in (State.READ, State.DONE) or row.is_snoozed(now),
        "taken on": row.marks.acknowledged is not None,
        "over": row.cleared_at is not None,
    }
    return {claim for claim, is_so in claims.items() if is_so}
