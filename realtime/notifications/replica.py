"""One place's copy of an inbox: what the stream has confirmed, and what was clicked here and isn't back yet. Pure."""

from __future__ import annotations

import msgspec

from realtime.notifications.commands import Command
from realtime.notifications.inbox import apply, apply_all
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.positions import Position

PENDING_KEPT = 500


class Replica(msgspec.Struct, frozen=True, kw_only=True):
    """A copy. `confirmed` is the fold of the stream up to `position`, and the same everywhere; `pending` only here."""

    confirmed: Inbox = Inbox()
    position: Position | None = None
    pending: tuple[Command, ...] = ()

    @property
    def inbox(self) -> Inbox:
        """Return the inbox as it will be once what is pending was confirmed, as far as that is known here."""
        return apply_all(self.confirmed, self.pending)


def predicted(replica: Replica, command: Command) -> Replica:
    """Take in a command given here, before the stream has it. Given twice, it is pending once."""
    if command.id in replica.confirmed.applied or any(command.id == each.id for each in replica.pending):
        return replica
    return msgspec.structs.replace(replica, pending=(*replica.pending, command)[-PENDING_KEPT:])


def received(replica: Replica, position: Position, command: Command) -> Replica:
    """Take in a command of the stream. What comes again, or from another life of the stream, changes nothing.

    The caller sees to it that the stream comes without gaps, and starts anew (`restarted`) when its epoch changes.
    """
    known = replica.position
    if known is not None and (known.epoch != position.epoch or position.offset <= known.offset):
        return replica
    pending = tuple(each for each in replica.pending if each.id != command.id)
    return Replica(confirmed=apply(replica.confirmed, command), position=position, pending=pending)


def refused(replica: Replica, command_id: str) -> Replica:
    """Take back a command given here that the stream won't have."""
    pending = tuple(each for each in replica.pending if each.id != command_id)
    return msgspec.structs.replace(replica, pending=pending)


def restarted(replica: Replica, confirmed: Inbox, position: Position) -> Replica:
    """Start from a snapshot of the stream's fold; what is pending here stays so."""
    pending = tuple(each for each in replica.pending if each.id not in confirmed.applied)
    return Replica(confirmed=confirmed, position=position, pending=pending)
