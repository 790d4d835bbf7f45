"""Claims about the roll of other nodes: who is there, who is dead by one's own clock, and whose clients to read."""

from __future__ import annotations

import json

import msgspec

from realtime.gateway.nodes.roll import DEAD_S, Client, Listed, Roll, Summary


def said(number: int, version: int = 1, count: int = 1, uid: str = "b") -> bytes:
    """Make what a node says of itself."""
    return msgspec.msgpack.encode(Summary(number, version, {"uid": uid}, count))


def listed(version: int, *clients: Client) -> bytes:
    """Make a list of who is connected."""
    return msgspec.msgpack.encode(Listed(version, list(clients)))


ANN = Client("c1", "ann", b'{"name":"Ann"}', ["users", "collection:orders"])


def test_clients_are_read_when_their_version_is_another() -> None:
    """And not because a node says that it is still there."""
    roll = Roll("a")
    assert roll.take({"a": said(1), "b": said(1)}, now=0.0) == ["b"]
    roll.learn("b", listed(1, ANN))
    assert roll.take({"a": said(2), "b": said(2)}, now=3.0) == []
    assert roll.take({"a": said(2), "b": said(3, version=2)}, now=4.0) == ["b"]
    assert roll.presence("users", 4.0)["c1"].user == "ann"
    assert bytes(roll.presence("users", 4.0)["c1"].conn_info) == b'{"name":"Ann"}'
    assert roll.presence("other", 4.0) == {}


def test_a_node_that_says_nothing_new_is_dead_by_ones_own_clock() -> None:
    """However its own clock goes; what it says last is what is buried, so that a late word isn't."""
    roll = Roll("a")
    roll.take({"b": said(7)}, now=100.0)
    roll.learn("b", listed(1, ANN))
    roll.take({"b": said(7)}, now=100.0 + DEAD_S)
    assert [node.count for node in roll.nodes(100.0 + DEAD_S)] == [1]
    later = 100.1 + DEAD_S
    assert (roll.nodes(later), roll.presence("users", later)) == ([], {})
    assert roll.dead(later) == [("b", said(7))]
    roll.take({"b": said(8)}, now=later)
    assert roll.dead(later) == []
    assert [one.client for one in roll.nodes(later)[0].listeners] == ["c1"]


def test_who_has_left_isnt_told_of_any_more() -> None:
    """At once; and what comes late about it is nothing."""
    roll = Roll("a")
    roll.take({"b": said(1)}, now=0.0)
    roll.take({}, now=1.0)
    roll.learn("b", listed(1, ANN))
    assert roll.nodes(1.0) == []


def test_who_tells_nothing_of_themselves_is_told_of_without_it() -> None:
    """The frame stays JSON."""
    roll = Roll("a")
    roll.take({"b": said(1)}, now=0.0)
    roll.learn("b", listed(1, Client("c2", "bob", b"", ["users"])))
    assert json.loads(msgspec.json.encode(roll.presence("users", 0.0))) == {"c2": {"user": "bob", "client": "c2"}}


def test_what_cant_be_read_is_as_if_it_had_not_been_said() -> None:
    """As from a node of another version; the others are told of."""
    roll = Roll("a")
    assert roll.take({"b": said(1), "c": b"rubbish"}, now=0.0) == ["b"]
    roll.learn("b", b"rubbish")
    assert [node.about for node in roll.nodes(0.0)] == [{"uid": "b"}]
