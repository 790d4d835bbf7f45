"""Acknowledges critical events once the store has them, and takes those that come again, each exactly once.

No sockets and no HTTP in here: what is to be acknowledged is fetched with `take_acks`, and is only fetched by who can
send it. What was lost on the way comes again by itself.
Threads: driver only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

import msgspec

from realtime.client.handlers import Handlers
from realtime.errors import EventError
from realtime.metrics import CLIENT_REDELIVERED
from realtime.protocol.channels import SYSTEM
from realtime.protocol.events import Envelope, event_of, is_critical, read_envelope
from realtime.protocol.positions import Position
from realtime.store import Store

KEPT: Final = 20_000
HELD: Final = 1_000
ACKS_AT_ONCE: Final = 5_000
Place: TypeAlias = tuple[str, str, int]
"""A channel, its epoch, an offset."""


class Ack(msgspec.Struct, frozen=True):
    """Where a critical event stands that the store has, as it is acknowledged."""

    channel: str
    epoch: str
    offset: int


class _Redelivered(msgspec.Struct, frozen=True):
    channel: str
    epoch: str
    offset: int
    event: msgspec.Raw


class _Push(msgspec.Struct, frozen=True):
    critical: _Redelivered


class Criticals:
    """The critical events of one client. Without a `consumer` the gateway expects nothing, and this does nothing."""

    def __init__(self, consumer: str | None, *, store: Store, handlers: Handlers, now: Callable[[], float]) -> None:
        self.consumer = consumer
        self._store = store
        self._handlers = handlers
        self._now = now
        self._applied: dict[Place, None] = {}  # store and handlers had it
        self._shown: dict[Place, None] = {}  # came with a snapshot's history: in the feed, but no handler heard of it
        self._held: dict[Place, Envelope] = {}  # came again before the stream brought it
        self._acks: dict[Place, None] = {}

    def greeting(self, *, announce: bool) -> bytes:
        """Make the `data` of `connect`: who we are, and whether we want to hear of new channels and of flags."""
        said: dict[str, object] = {"announce": True, "flags": True} if announce else {}
        if self.consumer is not None:
            said["consumer"] = self.consumer
        return msgspec.json.encode(said) if said else b""

    def applied(self, channel: str, epoch: str, envelopes: Sequence[tuple[Envelope, int]]) -> None:
        """Take in a run that the store and the handlers have had."""
        if self.consumer is None:
            return
        for envelope, offset in envelopes:
            if _has_to_be_acknowledged(channel, envelope):
                self._settle((channel, epoch, offset))

    def installed(
        self,
        channel: str,
        position: Position,
        history: Sequence[tuple[Envelope, int]],
        *,
        before: Position | None,
    ) -> None:
        """Take in that the store goes on from `position`; what of `history` came after `before` is in the feed now.

        What came again and is skipped by that is taken now.
        """
        if self.consumer is None:
            return
        since = before.offset if before is not None and before.epoch == position.epoch else 0
        for envelope, offset in history:
            if offset > since and _has_to_be_acknowledged(channel, envelope):
                _keep(self._shown, (channel, position.epoch, offset))
        for place in [one for one in self._held if one[0] == channel]:
            if place[1] != position.epoch:
                del self._held[place]  # of a life of the channel that is over
            elif place[2] <= position.offset:
                self._take(place, self._held.pop(place))

    def pushed(self, message: bytes, *, is_followed: Callable[[str], bool]) -> bool:
        """Take in a `message` push; tell whether it was a critical event that came again.

        `is_followed` tells whether a channel's stream is still going to bring what we lack of it.
        """
        try:
            again = msgspec.json.decode(message, type=_Push).critical
        except (msgspec.DecodeError, UnicodeDecodeError):
            return False
        self._came_again(again, is_followed=is_followed)
        return True

    def take_acks(self) -> msgspec.Raw | None:
        """Return the data of the next `ack`, None when nothing is to be acknowledged; it is on its way then."""
        places = list(self._acks)[:ACKS_AT_ONCE]
        for place in places:
            del self._acks[place]
        if not places:
            return None
        return msgspec.Raw(msgspec.json.encode({"events": [Ack(*place) for place in places]}))

    def _came_again(self, again: _Redelivered, *, is_followed: Callable[[str], bool]) -> None:
        place = (again.channel, again.epoch, again.offset)
        CLIENT_REDELIVERED.inc()
        if place in self._applied:
            self._settle(place)
            return
        try:
            envelope = read_envelope(again.event)
        except EventError:
            return  # the gateway gives up on it in the end, and says so
        position = self._store.position(again.channel)
        is_covered = position is not None and position.epoch == again.epoch and position.offset >= again.offset
        if is_covered or not is_followed(again.channel):
            self._take(place, envelope)
        elif len(self._held) < HELD:
            self._held[place] = envelope

    def _take(self, place: Place, envelope: Envelope) -> None:
        """Give an event that the stream won't bring any more to whom it is missing: the feed, the handlers."""
        channel, _, offset = place
        if place not in self._shown:
            self._store.take_late(channel, envelope, offset, now=self._now())
        if self._handlers:
            self._handlers.call((envelope,))
        self._settle(place)

    def _settle(self, place: Place) -> None:
        self._held.pop(place, None)
        self._shown.pop(place, None)
        _keep(self._applied, place)
        _keep(self._acks, place)


def _has_to_be_acknowledged(channel: str, envelope: Envelope) -> bool:
    # What an event means is only looked at where its type can make it critical: this runs over every event.
    return envelope.critical or (channel == SYSTEM and is_critical(envelope, event_of(envelope)))


def _keep(places: dict[Place, None], place: Place) -> None:
    """Remember a place, and forget the oldest of too many: far more than the gateway waits for."""
    places[place] = None
    if len(places) > KEPT:
        del places[next(iter(places))]
