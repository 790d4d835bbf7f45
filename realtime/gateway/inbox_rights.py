"""Says whose inboxes somebody may read and write: their own; the app and admins all; on an open gateway everybody.

No sockets, no HTTP. Pure.
"""

from __future__ import annotations

from typing import Final

from realtime.errors import EventError
from realtime.gateway.access import Identity
from realtime.notifications.commands import Meet, read_command
from realtime.protocol.channels import inbox_of
from realtime.protocol.events import Event, InboxCommand

TRUSTED_ROLES: Final = frozenset({"app", "admin"})


class InboxRights:
    """The rule. `is_open`: there is no secret, so that nobody can prove who they are."""

    def __init__(self, *, is_open: bool) -> None:
        self._is_open = is_open

    def may_use(self, identity: Identity, user: str) -> bool:
        """Tell whether somebody may read and write a person's inbox."""
        return self._is_trusted(identity) or (identity.user == user and user != "")

    def may_see(self, identity: Identity, channel: str) -> bool:
        """Tell whether somebody may read a channel, as far as inboxes go."""
        user = inbox_of(channel)
        return user is None or self.may_use(identity, user)

    def check(self, identity: Identity, event: Event) -> None:
        """Raise EventError `forbidden` when an event is a command that isn't this person's to give."""
        if not isinstance(event, InboxCommand) or self._is_trusted(identity):
            return
        if not self.may_use(identity, event.user):
            raise EventError("forbidden", "This inbox is somebody else's; sign in as them, or as the app.")
        command = read_command(event.command)
        # What reaches a role mustn't reach who only says that they have it.
        if isinstance(command, Meet) and not set(command.roles) <= set(identity.roles):
            raise EventError("forbidden", "Nobody can give themselves a role; leave out those your token doesn't name.")

    def _is_trusted(self, identity: Identity) -> bool:
        return self._is_open or not TRUSTED_ROLES.isdisjoint(identity.roles)
