"""Channels that are left and followed again while answers are on their way: each answer counts for its own question."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from realtime.client.calls import Call, Purpose
from realtime.client.channels import Channels
from realtime.client.criticals import Criticals
from realtime.client.handlers import Handlers
from realtime.protocol.channels import SYSTEM
from realtime.protocol.frames import Command, HistoryResult, Reply, SubscribeResult
from realtime.protocol.positions import Position
from realtime.store import Store


class RecordingWire:
    """Remembers which questions were asked, in order."""

    def __init__(self) -> None:
        self.asked: list[Call] = []
        self.sent: list[Command] = []

    def numbered(self, purpose: Purpose, command: Command, *, channel: str = "", number: int = 0) -> Command:
        """Keep what a command is for."""
        self.asked.append(Call(purpose, 1, 0.0, channel=channel, number=number))
        return msgspec.structs.replace(command, id=len(self.asked))

    def send(self, commands: list[Command]) -> None:
        """Keep what was sent."""
        self.sent += commands

    def last(self, purpose: Purpose) -> Call:
        """Return the newest question of a kind."""
        return [call for call in self.asked if call.purpose is purpose][-1]


def following() -> tuple[Channels, RecordingWire, Store]:
    """Make channels on an open connection that follow nothing yet."""
    store, wire, handlers = Store(), RecordingWire(), Handlers()
    channels = Channels(
        (), wire=cast("Any", wire), api=cast("Any", None), store=store, handlers=handlers,
        criticals=Criticals(None, store=store, handlers=handlers, now=lambda: 0.0), now=lambda: 0.0,
        jitter=lambda: 0.5,
    )  # fmt: skip
    channels.begin(0.0)
    return channels, wire, store


def joined(offset: int) -> Reply:
    """Make the answer to a subscribe."""
    return Reply(subscribe=SubscribeResult(epoch="e", offset=offset, positioned=True, recoverable=True))


def test_the_answer_to_a_subscribe_of_before_is_nobodys() -> None:
    """Taken for the new one's, it would begin to load before the channel is joined."""
    channels, wire, _ = following()
    channels.follow(SYSTEM)
    before = wire.last(Purpose.SUBSCRIBE)
    channels.unfollow(SYSTEM)
    channels.joined(before, joined(0))
    channels.follow(SYSTEM)
    channels.joined(before, joined(0))
    assert all(call.purpose is not Purpose.HISTORY for call in wire.asked)
    channels.joined(wire.last(Purpose.SUBSCRIBE), joined(0))
    assert wire.asked[-1].purpose is Purpose.HISTORY


def test_the_answer_to_a_load_of_before_is_nobodys() -> None:
    """It tells of a moment at which the channel wasn't joined yet."""
    channels, wire, store = following()
    channels.follow(SYSTEM)
    channels.joined(wire.last(Purpose.SUBSCRIBE), joined(1))
    before = wire.last(Purpose.HISTORY)
    channels.unfollow(SYSTEM)
    channels.follow(SYSTEM)
    channels.joined(wire.last(Purpose.SUBSCRIBE), joined(2))
    channels.history(before, Reply(history=HistoryResult([], "e", 1)))
    assert store.position(SYSTEM) is None
    channels.history(wire.last(Purpose.HISTORY), Reply(history=HistoryResult([], "e", 2)))
    assert store.position(SYSTEM) == Position("e", 2)
    assert channels.problem is None


def test_a_channel_that_is_left_is_waited_for_no_more() -> None:
    """Neither its subscribe nor its load keeps anything unsettled, and the server is told."""
    channels, wire, _ = following()
    channels.follow(SYSTEM)
    channels.joined(wire.last(Purpose.SUBSCRIBE), joined(1))
    channels.unfollow(SYSTEM)
    assert wire.sent[-1].unsubscribe is not None
    assert channels._unsettled == set()
    assert channels._loadings == {}
    channels.cut()
    sent = len(wire.sent)
    channels.follow(SYSTEM)
    channels.unfollow(SYSTEM)
    assert len(wire.sent) == sent
