"""Knows who is subscribed to what, and gives each broadcast to a group. No sockets of its own, no protocol state.

A turn is one iteration of the event loop: a connection's first line in a turn is sent at once, the rest of the same
turn together when it ends, so a lone event doesn't wait and a burst costs one message.
Threads: the event loop's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import TYPE_CHECKING

from realtime.hub.outgoing import Outgoing
from realtime.hub.subscription import Subscription

if TYPE_CHECKING:
    from realtime.hub.connection import Connection


class Fanout:
    """Subscriptions by channel and group, joining ones included. A group is who gets the same bytes."""

    def __init__(self, *, queue_bytes: int) -> None:
        self.turn = 0
        self._queue_bytes = queue_bytes
        self._is_turn_open = False
        self._channels: dict[str, dict[str, dict[Connection, Subscription]]] = {}
        self._behind: dict[Connection, None] = {}

    def enter(self, connection: Connection, subscription: Subscription) -> None:
        """Offer what is broadcast in the channel from now on."""
        groups = self._channels.setdefault(subscription.channel, {})
        groups.setdefault(connection.group, {})[connection] = subscription

    def leave(self, connection: Connection, subscription: Subscription) -> None:
        """Offer nothing more."""
        groups = self._channels.get(subscription.channel, {})
        members = groups.get(connection.group)
        if members is not None and members.get(connection) is subscription:
            del members[connection]
            if not members:
                del groups[connection.group]
            if not groups:
                del self._channels[subscription.channel]

    def live(self, channel: str) -> list[Connection]:
        """List the connections that are subscribed by now."""
        return [connection for connection, subscription in self._all(channel) if not subscription.is_joining]

    def channels(self) -> Collection[str]:
        """List the channels someone is in or joining."""
        return self._channels.keys()

    def groups(self, channel: str) -> Collection[str]:
        """List the groups of those who are in a channel or joining it."""
        return self._channels.get(channel, {}).keys()

    def broadcast(self, channel: str, outgoing: Outgoing, *, group: str = "", may_wait: bool = False) -> int:
        """Give a line to every subscriber of a group; returns to how many. `may_wait`: see `send`."""
        members = self._channels.get(channel, {}).get(group)
        if not members:
            return 0
        self._open_turn()
        turn, offset, count = self.turn, outgoing.offset, 0
        for connection, subscription in list(members.items()):  # a copy: a slow one leaves while we are at it
            if subscription.is_joining:
                if not subscription.hold(outgoing, limit_bytes=self._queue_bytes):
                    connection.be_slow()
            elif offset == 0 or offset > subscription.floor:
                count += 1
                writer = connection.writer
                if writer.later(outgoing) if may_wait else writer.write(outgoing, turn):
                    self._behind[connection] = None
        return count

    def tell_watchers(self, channel: str, outgoing: Outgoing) -> None:
        """Give a line to the subscribers that asked for joins and leaves."""
        for connection, subscription in self._all(channel):
            if subscription.request.join_leave and not subscription.is_joining:
                self.send(connection, outgoing)

    def has_watchers(self, channel: str) -> bool:
        """Tell whether a subscriber asked for joins and leaves."""
        return any(subscription.request.join_leave for _, subscription in self._all(channel))

    def send(self, connection: Connection, outgoing: Outgoing, *, may_wait: bool = False) -> None:
        """Give a line to one connection. `may_wait`: more will follow in this turn, let them go together."""
        self._open_turn()
        writer = connection.writer
        if writer.later(outgoing) if may_wait else writer.write(outgoing, self.turn):
            self._behind[connection] = None

    def _all(self, channel: str) -> list[tuple[Connection, Subscription]]:
        return [each for members in self._channels.get(channel, {}).values() for each in members.items()]

    def _open_turn(self) -> None:
        if not self._is_turn_open:
            self._is_turn_open = True
            asyncio.get_running_loop().call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._is_turn_open = False
        self.turn += 1
        behind, self._behind = self._behind, {}
        for connection in behind:
            connection.writer.flush()
