"""Tells who is connected, and ends connections: those of this gateway. Of several that share a Redis: nodes/census.

Threads: the event loop's.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from realtime.errors import Disconnect
from realtime.protocol.frames import ClientInfo

About = Mapping[str, Any]
"""What `info` says of a gateway: its uid, name, version, uptime."""


class Listener(Protocol):
    """One connection, as far as it is told of."""

    @property
    def user(self) -> str: ...  # noqa: D102
    @property
    def client(self) -> str: ...  # noqa: D102
    @property
    def channels(self) -> Collection[str]: ...  # noqa: D102


class Connected(Listener, Protocol):
    """One connection to this gateway."""

    @property
    def info(self) -> bytes: ...  # noqa: D102

    def disconnect(self, disconnect: Disconnect) -> None:
        """End it."""


class Crowd(Protocol):
    """Who is connected to this gateway: what is needed of the hub."""

    @property
    def members(self) -> Collection[Connected]: ...  # noqa: D102

    def presence(self, channel: str) -> Mapping[str, ClientInfo]:
        """Return who is subscribed, by client id."""


class Nobody:
    """The crowd of a gateway that doesn't run yet, or any more."""

    members: Sequence[Connected] = ()

    def presence(self, channel: str) -> Mapping[str, ClientInfo]:  # noqa: ARG002  # the port's signature
        """Return nobody."""
        return {}


@dataclass(frozen=True, slots=True)
class Node:
    """One gateway, and who is connected to it. `count` may be more than are listed."""

    about: About
    listeners: Sequence[Listener]
    count: int


class Census(Protocol):
    """Who is connected, wherever."""

    async def presence(self, channel: str) -> dict[str, ClientInfo]:
        """Return who is subscribed to a channel, by client id."""

    async def nodes(self) -> list[Node]:
        """List the gateways with who is connected to each, this one first."""

    async def end(self, user: str, client: str, disconnect: Disconnect) -> None:
        """End a user's connections, or the one that is named. Raises StorageError where others can't be told."""


class OwnCensus:
    """Who is connected to this gateway, which has no other beside it."""

    def __init__(self, crowd: Callable[[], Crowd], *, about: Callable[[], About]) -> None:
        self._crowd = crowd
        self._about = about

    async def presence(self, channel: str) -> dict[str, ClientInfo]:
        """Return who is subscribed to a channel, by client id."""
        return dict(self._crowd().presence(channel))

    async def nodes(self) -> list[Node]:
        """Return this gateway with who is connected to it."""
        return [own_node(self._crowd(), self._about)]

    async def end(self, user: str, client: str, disconnect: Disconnect) -> None:
        """End a user's connections, or the one that is named."""
        end_here(self._crowd(), user, client, disconnect)


def own_node(crowd: Crowd, about: Callable[[], About]) -> Node:
    """Return this gateway as it is now."""
    members = list(crowd.members)
    return Node(about(), members, len(members))


def end_here(crowd: Crowd, user: str, client: str, disconnect: Disconnect) -> None:
    """End connections to this gateway."""
    for member in list(crowd.members):
        if member.user == user and client in ("", member.client):
            member.disconnect(disconnect)
