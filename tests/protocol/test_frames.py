"""Frames, codes, channels, positions: the words of the wire."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import (
    CommandError,
    ConflictError,
    Disconnect,
    EventError,
    ProtocolError,
    TideboardError,
)
from realtime.protocol import channels, frames
from realtime.protocol.codes import DisconnectCode, ErrorCode, hang_up, may_reconnect, refuse
from realtime.protocol.positions import Position


def test_a_batch_is_one_object_a_line() -> None:
    """Several frames share a message, and survive the way there and back."""
    replies = [
        frames.Reply(id=1, connect=frames.ConnectResult(client="c", ping=25, pong=True)),
        frames.Reply(id=2, error=frames.ErrorFrame(103, "permission denied")),
        frames.PING,
    ]
    message = frames.encode_all(replies)
    assert [json.loads(line) for line in message.split(b"\n")][2] == {}
    assert frames.decode_replies(message) == replies
    assert [reply.is_ping for reply in frames.decode_replies(message.decode())] == [False, False, True]


def test_an_empty_result_is_still_there() -> None:
    """An unsubscribe is answered by an empty object, not by nothing, which would be a ping."""
    assert json.loads(frames.encode(frames.Reply(id=3, unsubscribe=frames.Empty()))) == {"id": 3, "unsubscribe": {}}


def test_payloads_pass_through_untouched() -> None:
    """`data` is raw JSON inside the frame, byte for byte."""
    raw = b'{"b":1, "a":[1.0,2e3]}'
    push = frames.Push(channel="c", pub=frames.Publication(data=msgspec.Raw(raw), offset=7))
    [reply] = frames.decode_replies(frames.encode(frames.Reply(push=push)))
    assert reply.push is not None
    assert reply.push.pub is not None
    assert bytes(reply.push.pub.data) == raw
    assert reply.push.pub.offset == 7


@given(st.binary(max_size=60))
def test_any_bytes_are_commands_or_a_protocol_error(message: bytes) -> None:
    """Garbage never raises anything else."""
    try:
        assert frames.decode_commands(message)
    except ProtocolError as error:
        assert str(error)


def test_unknown_fields_of_a_newer_protocol_are_ignored() -> None:
    """A newer client's extras don't break us."""
    [command] = frames.decode_commands('{"id":1,"subscribe":{"channel":"a","tf":{"op":"and"},"flag":3}}')
    assert command.subscribe == frames.SubscribeRequest(channel="a", flag=3)


@pytest.mark.parametrize(
    ("code", "comes_back"),
    [
        (3000, True),
        (3499, True),
        (3500, False),
        (3999, False),
        (4000, True),
        (4499, True),
        (4500, False),
        (4999, False),
        (5000, True),
        (1000, True),
        (1006, True),
        (1009, False),
    ],
)
def test_close_codes_say_whether_to_come_back(code: int, comes_back: bool) -> None:
    """The ranges of the Centrifuge protocol, at their borders."""
    assert may_reconnect(code) is comes_back


def test_every_code_has_its_words() -> None:
    """No code goes out without a text; the temporary ones say so."""
    assert all(refuse(code).message for code in ErrorCode)
    assert all(hang_up(code).reason for code in DisconnectCode)
    assert [code for code in ErrorCode if refuse(code).is_temporary] == [100, 111, 113]
    assert str(refuse(ErrorCode.BAD_REQUEST, message="no")) == "no (code 107)"
    assert str(hang_up(DisconnectCode.SLOW)) == "slow (code 3008)"


def test_channel_names() -> None:
    """A collection's name is a plain word; everything else is refused."""
    assert channels.collection_channel("orders-2.eu") == "collection:orders-2.eu"
    assert channels.collection_of("collection:orders") == "orders"
    assert channels.collection_of("users") is None
    assert channels.inbox_channel("ada") == "inbox#ada"
    known = ["users", "system", "collection:a", "inbox#ada"]
    foreign = ["collection:", "collection:a/b", "inbox#", "inbox#" + "x" * 300, "", "view:1", "collection:é"]
    assert all(map(channels.is_known_channel, known))
    assert not any(map(channels.is_known_channel, foreign))
    with pytest.raises(EventError, match="bad_collection"):
        channels.collection_channel("-x")


def test_positions_follow_each_other_only_within_an_epoch() -> None:
    """An offset means nothing under another epoch."""
    here = Position("e", 4)
    assert Position("e", 5).follows(here)
    assert not Position("e", 6).follows(here)
    assert not Position("f", 5).follows(here)


def test_errors_read_as_sentences_and_share_one_root() -> None:
    """What happened, then what to do."""
    assert "changed meanwhile" in str(ConflictError(expected=3, actual=5))
    assert "no longer exists" in str(ConflictError(expected=3, actual=None))
    assert str(EventError("c", "r")) == "c: r"
    assert all(issubclass(cls, TideboardError) for cls in (EventError, CommandError, Disconnect, ConflictError))
