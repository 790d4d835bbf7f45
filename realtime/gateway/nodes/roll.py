"""Remembers what other nodes have said of themselves, and who is connected to them. Pure; the caller brings the time.

A node is dead when it has said nothing new for a while by the listener's own clock: clocks of machines differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from realtime.gateway.census import Node
from realtime.hub.outgoing import raw_line
from realtime.protocol.frames import ClientInfo

DEAD_S: Final = 10.0
MOST_LISTED: Final = 20_000
"""Connections of one node that others list; of more than that they know the number."""


class Client(msgspec.Struct, array_like=True, frozen=True):
    """One connection, as other nodes tell of it. `info` is JSON."""

    client: str
    user: str
    info: bytes
    channels: list[str]


class Summary(msgspec.Struct, array_like=True, frozen=True):
    """What a node says of itself: `version` rises when its clients change, `number` whenever it says anything."""

    number: int
    version: int
    about: dict[str, Any]
    count: int


class Listed(msgspec.Struct, array_like=True, frozen=True):
    """Who is connected to a node, as of one version."""

    version: int
    clients: list[Client]


NOBODY: Final = Listed(0, [])


@dataclass(frozen=True, slots=True)
class _Entry:
    packed: bytes
    summary: Summary
    heard_at: float
    listed: Listed


_SUMMARY: Final = msgspec.msgpack.Decoder(Summary)
_LISTED: Final = msgspec.msgpack.Decoder(Listed)


class Roll:
    """The other nodes."""

    def __init__(self, own: str) -> None:
        self._own = own
        self._entries: dict[str, _Entry] = {}

    def take(self, summaries: Mapping[str, bytes], *, now: float) -> list[str]:
        """Take in what all nodes say; returns whose clients have to be read."""
        fresh: dict[str, _Entry] = {}
        for node, packed in summaries.items():
            if node == self._own:
                continue
            known = self._entries.get(node)
            if known is not None and known.packed == packed:
                fresh[node] = known
                continue
            with suppress(msgspec.DecodeError):  # a later version's, which says things otherwise
                listed = known.listed if known is not None else NOBODY
                fresh[node] = _Entry(packed, _SUMMARY.decode(packed), now, listed)
        self._entries = fresh
        return [
            node for node, entry in fresh.items()
            if entry.listed.version != entry.summary.version and not _is_dead(entry, now)
        ]  # fmt: skip

    def learn(self, node: str, packed: bytes | None) -> None:
        """Take in who is connected to a node."""
        entry = self._entries.get(node)
        if entry is None or packed is None:
            return
        with suppress(msgspec.DecodeError):
            self._entries[node] = _Entry(entry.packed, entry.summary, entry.heard_at, _LISTED.decode(packed))

    def dead(self, now: float) -> list[tuple[str, bytes]]:
        """List the dead, with the last that they said."""
        return [(node, entry.packed) for node, entry in self._entries.items() if _is_dead(entry, now)]

    def nodes(self, now: float) -> list[Node]:
        """List the living."""
        return [Node(entry.summary.about, entry.listed.clients, entry.summary.count) for entry in self._living(now)]

    def presence(self, channel: str, now: float) -> dict[str, ClientInfo]:
        """Return who is subscribed to a channel elsewhere, by client id."""
        return {
            one.client: ClientInfo(user=one.user, client=one.client, conn_info=raw_line(one.info))
            for entry in self._living(now)
            for one in entry.listed.clients
            if channel in one.channels
        }

    def _living(self, now: float) -> Iterable[_Entry]:
        return [entry for _, entry in sorted(self._entries.items()) if not _is_dead(entry, now)]


def _is_dead(entry: _Entry, now: float) -> bool:
    return now - entry.heard_at > DEAD_S
