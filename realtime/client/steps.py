"""Names where a subscription can be and what it may ask for. No behaviour, only values."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TypeAlias

import msgspec

from realtime.protocol.frames import Publication
from realtime.protocol.positions import Position


class Stage(Enum):
    """Where a subscription is."""

    OUT = "out"  # no connection
    JOINING = "joining"  # subscribe not answered yet
    LOADING = "loading"  # in, snapshot or history under way, live events buffered
    LIVE = "live"
    RETRYING = "retrying"  # refused for now, or the snapshot failed
    REFUSED = "refused"  # not to be had on this connection


class Join(msgspec.Struct, frozen=True):
    """Send `subscribe`, from `position` on if there is one."""

    channel: str
    position: Position | None


class Leave(msgspec.Struct, frozen=True):
    """Send `unsubscribe`."""

    channel: str


class Load(msgspec.Struct, frozen=True):
    """Fetch the newest `limit` events, and a collection's snapshot; report `loaded` or `load_failed`."""

    channel: str
    number: int
    limit: int


class Install(msgspec.Struct, frozen=True):
    """Put what was loaded into the store; `history` is oldest first and ends at `position` at the latest."""

    channel: str
    position: Position
    history: list[Publication]


class Deliver(msgspec.Struct, frozen=True):
    """Apply these to the store. `is_resumed`: they happened while we were away."""

    channel: str
    epoch: str
    publications: Sequence[Publication]
    is_resumed: bool = False


class Lost(msgspec.Struct, frozen=True):
    """Tell people that the feed has a hole nothing can fill: `first` to `last` of the channel's present life.

    After a change of epoch nobody knows what the old life held: `count` is None, and `first` and `last` may be 0.
    `since` and `until` are Unix seconds between which it happened, by the gateway's clock.
    """

    channel: str
    epoch_changed: bool
    first: int
    last: int
    count: int | None
    since: float
    until: float


Step: TypeAlias = Join | Leave | Load | Install | Deliver | Lost
