"""Gives committed events to those who are connected and may see them, encoded once for each profile. Stores nothing.

Threads: the event loop's only.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec

from realtime.gateway.access import Identity
from realtime.gateway.announcer import publication_of
from realtime.gateway.lens import Lens
from realtime.gateway.permits import Permits
from realtime.gateway.records import Stored
from realtime.gateway.rights import PLAIN, Profile, Sight
from realtime.hub import Hub, Member
from realtime.protocol.channels import inbox_of
from realtime.protocol.codes import UnsubscribeCode


class Audience:
    """Who is connected, with which profile, and who wants to hear of new channels."""

    def __init__(self, lens: Lens, permits: Permits) -> None:
        self._lens = lens
        self._permits = permits
        self._identities: dict[Member, Identity] = {}
        self._groups: dict[str, list[Profile]] = {}
        self._curious: dict[Member, None] = {}

    def identity(self, member: Member) -> Identity:
        """Say who a connection is."""
        return self._identities.get(member, Identity())

    def profile(self, member: Member) -> Profile:
        """Say what a connection may do."""
        return self._permits.profile(self.identity(member))

    @property
    def identities(self) -> list[tuple[Member, Identity]]:
        """List who is connected."""
        return list(self._identities.items())

    def enter(self, member: Member, identity: Identity) -> Profile:
        """Learn who a connection is."""
        profile = self._permits.profile(identity)
        self._identities[member] = identity
        self._groups.setdefault(profile.key, []).append(profile)
        return profile

    async def follow_channels(self, member: Member) -> None:
        """Tell a connection from now on of channels that come into being. Raises StorageError."""
        # Follow what there is, so that what comes into this profile's view later is noticed.
        await self._lens.collections(self.profile(member))
        if member in self._identities:
            self._curious[member] = None

    def leave(self, member: Member) -> None:
        """Forget a connection."""
        self._curious.pop(member, None)
        if member in self._identities:
            self._release(self._permits.profile(self._identities.pop(member)))

    def change(self, member: Member, identity: Identity) -> None:
        """Let a connection see what its new token says: no more from now on, and nothing with an old position."""
        if member not in self._identities:
            return
        before, profile = self._identities[member], self._permits.profile(identity)

        def ending(channel: str) -> tuple[int, str] | None:
            old, new = (self._permits.find_sight(one, channel) for one in (before, identity))
            if new is None:
                return int(UnsubscribeCode.SERVER), "permission denied"
            if old is None or old.key != new.key:
                return int(UnsubscribeCode.INSUFFICIENT_STATE), "permissions changed"
            return None

        self._groups.setdefault(profile.key, []).append(profile)
        self._identities[member] = identity
        member.regroup(profile.key, ending=ending)
        self._release(self._permits.profile(before))

    def begin_anew(self) -> None:
        """End all subscriptions so that they are made again, under the epochs that hold now."""
        ended = int(UnsubscribeCode.INSUFFICIENT_STATE), "epoch changed"
        for member in list(self._identities):
            member.regroup(self.profile(member).key, ending=lambda _: ended)

    def introduce(self, stored: Stored) -> None:
        """Tell those who asked for it of a channel that came into being, with the epoch to resume from."""
        for member, sight in self._curious_about(stored.channel):
            if sight.is_whole:
                self._introduce_to(member, stored.channel, sight)
            else:
                self._lens.following.begin(sight, stored.channel)

    def broadcast(self, hub: Hub, stored: Stored) -> None:
        """Give a committed event to all who see it."""
        channel = stored.channel
        if not self._is_anybody_restricted and not self._lens.following.follows(channel):
            hub.broadcast(channel, publication_of(stored))
            return
        first_for = {rows for rows, entry in self._lens.following.advance(stored) if entry.offset == 1}
        if first_for:
            # To who sees some rows only, a channel comes into being with the first of them.
            for member, sight in self._curious_about(channel):
                if sight.rows in first_for:
                    self._introduce_to(member, channel, sight)
        whole = publication_of(stored)
        is_inbox = inbox_of(channel) is not None
        others: list[tuple[str, bytes, int]] = []
        for group in hub.groups(channel):
            seen = PLAIN if is_inbox else self._groups[group][0].sight(channel)
            shown = None if seen is None else self._lens.shown(seen, stored)
            if shown is None:
                continue
            data, offset = shown
            if data is whole.data and offset == whole.offset:
                hub.broadcast(channel, whole, group=group)  # one after the other, so that it is encoded once
            else:
                others.append((group, data, offset))
        for group, data, offset in others:
            hub.broadcast(channel, replace(whole, data=data, offset=offset), group=group)

    @property
    def _is_anybody_restricted(self) -> bool:
        return len(self._groups) > ("" in self._groups)

    def _release(self, profile: Profile) -> None:
        profiles = self._groups[profile.key]
        profiles.pop()
        if not profiles:
            del self._groups[profile.key]

    def _curious_about(self, channel: str) -> list[tuple[Member, Sight]]:
        found = [(one, self._permits.find_sight(self.identity(one), channel)) for one in self._curious]
        return [(member, sight) for member, sight in found if sight is not None]

    def _introduce_to(self, member: Member, channel: str, sight: Sight) -> None:
        member.message(msgspec.json.encode({"channel": channel, "epoch": self._lens.epoch(sight, channel)}))
