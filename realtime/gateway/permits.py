"""Says what somebody who was let in may do and see: their roles' profile, and whose inbox is whose. No storage.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from realtime.gateway.access import Identity
from realtime.gateway.inbox_rights import InboxRights
from realtime.gateway.rights import PLAIN, Profile, Rights, Sight
from realtime.protocol.channels import inbox_of, is_known_channel
from realtime.protocol.codes import ErrorCode, refuse
from realtime.protocol.events import Event


class Permits:
    """One answer for every way in: the socket, the API, polling."""

    def __init__(self, rights: Rights, *, is_open: bool) -> None:
        """`is_open`: no token is required, so that anybody may use any inbox."""
        self.rights = rights
        self.is_open = is_open
        self.inboxes = InboxRights(is_open=is_open)

    def profile(self, identity: Identity) -> Profile:
        """Return what somebody may do."""
        return self.rights.profile(identity.roles, within=identity.collections)

    def find_sight(self, identity: Identity, channel: str) -> Sight | None:
        """Return what somebody sees of a channel, None when nothing."""
        if inbox_of(channel) is not None:
            return PLAIN if self.inboxes.may_see(identity, channel) else None
        return self.profile(identity).sight(channel)

    def sight(self, identity: Identity, channel: str) -> Sight:
        """Return what somebody sees of a channel. Raises CommandError 102 or 103, whether or not there is one."""
        if not is_known_channel(channel):
            raise refuse(ErrorCode.UNKNOWN_CHANNEL)
        found = self.find_sight(identity, channel)
        if found is None:
            raise refuse(ErrorCode.PERMISSION_DENIED)
        return found

    def documents(self, identity: Identity, collection: str) -> Sight:
        """Return what somebody sees of a collection's documents. Raises EventError `forbidden`, saying whom to ask."""
        profile = self.profile(identity)
        found = profile.sight(f"collection:{collection}")
        if found is None:
            raise profile.refusal("read", collection)
        return found

    def check(self, identity: Identity) -> Callable[[Event], None]:
        """Return what refuses the commands for inboxes that aren't this person's to give."""
        return partial(self.inboxes.check, identity)

    def demand_admin(self, identity: Identity) -> None:
        """Raise EventError `forbidden` for who is no administrator, where that takes a role."""
        profile = self.profile(identity)
        if not profile.is_admin:
            raise profile.refusal("admin", "")
