"""Claims about the talk with the gateway."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from realtime.errors import NotConnected
from realtime.protocol.events import Envelope
from realtime.protocol.positions import Position
from realtime.sample.producer import SOURCE, Outcome, Producer

from .stand_in import StandIn, stand_in

_OWN = ("flights", "airports")


@pytest.fixture(name="pair")
def _pair() -> Iterator[tuple[StandIn, Producer]]:
    with stand_in() as (gateway, url):
        producer = Producer(url, headers=lambda: {"Authorization": "Bearer t"})
        yield gateway, producer
        producer.close()


def _created(identifier: str, *, source: str = SOURCE, collection: str = "flights", **fields: object) -> Envelope:
    document = {"id": identifier, **fields}
    data = {"collection": collection, "document": document}
    return Envelope(id=identifier, source=source, type="collection:created", specversion="1.0", data=data)


def _login(source: str) -> Envelope:
    data = {"userId": "u", "timestamp": "2026-01-01T00:00:00Z"}
    return Envelope(id="1", source=source, type="user:login", specversion="1.0", data=data)


def test_posts_and_says_what_became_of_it(pair: tuple[StandIn, Producer]) -> None:
    """Stored, repeated and refused are told apart; the headers go along."""
    gateway, producer = pair
    events = [_created("a"), _created("b", refuse=True)]
    assert producer.post(events) == Outcome(1, 0, 1)
    assert producer.post(events) == Outcome(0, 1, 1)
    assert producer.document_ids("flights") == ["a"]
    assert set(gateway.tokens) == {"Bearer t"}


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503, 507])
def test_what_may_pass_is_not_connected(pair: tuple[StandIn, Producer], status: int) -> None:
    """Such answers are worth another try."""
    gateway, producer = pair
    gateway.down_with = status
    with pytest.raises(NotConnected, match=str(status)):
        producer.post([_created("a")])


def test_a_refused_body_is_refused_for_good(pair: tuple[StandIn, Producer]) -> None:
    """Any other answer counts the whole batch as refused."""
    gateway, producer = pair
    gateway.down_with = 413
    assert producer.post([_created("a"), _created("b")]) == Outcome(0, 0, 2)


def test_nobody_there_is_not_connected() -> None:
    """A closed port is worth another try."""
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        producer = Producer(f"http://127.0.0.1:{placeholder.getsockname()[1]}")
        with pytest.raises(NotConnected, match="doesn't answer"):
            producer.document_ids("flights")
        producer.close()


def test_its_own_events_are_not_real(pair: tuple[StandIn, Producer]) -> None:
    """Neither are what Tideboard tells of its own visitors; the look says how far it came."""
    _, producer = pair
    producer.post([_created("a"), _created("b", collection="airports"), _login("/tideboard/app")])
    sighting = producer.look_around(_OWN, {})
    assert not sighting.has_real_data
    assert sighting.positions["collection:flights"] == Position("e1", 1)
    assert sighting.positions["users"] == Position("e1", 1)


@pytest.mark.parametrize(
    "event",
    [
        _created("x", collection="orders", source="/shop"),
        _created("x", source="/shop"),
        _created("x", source="/tideboard/documents"),
        _login("/shop"),
    ],
)
def test_anybody_elses_event_is_real(pair: tuple[StandIn, Producer], event: Envelope) -> None:
    """In another collection, in the sample's own, or about people."""
    _, producer = pair
    producer.post([_created("a"), event])
    assert producer.look_around(_OWN, {}).has_real_data


def test_looks_only_at_what_came_since(pair: tuple[StandIn, Producer]) -> None:
    """From a position on, older events aren't read again; a lost epoch is read from its beginning."""
    _, producer = pair
    producer.post([_created("a", source="/shop"), _created("b")])
    assert not producer.look_around(_OWN, {"collection:flights": Position("e1", 1)}).has_real_data
    assert producer.look_around(_OWN, {"collection:flights": Position("gone", 1)}).has_real_data


def test_reads_a_long_history_page_by_page(pair: tuple[StandIn, Producer]) -> None:
    """The one foreign event behind hundreds of own ones is found."""
    gateway, producer = pair
    producer.post([*(_created(str(number)) for number in range(250)), _created("last", source="/shop")])
    assert producer.look_around(_OWN, {}).has_real_data
    assert gateway.requests.count("POST /api/history") >= 3


def test_without_history_it_looks_at_collections_alone(pair: tuple[StandIn, Producer]) -> None:
    """A gateway that doesn't give its history away still keeps the sample from starting over real collections."""
    gateway, producer = pair
    gateway.has_history = False
    producer.post([_created("a")])
    assert not producer.look_around(_OWN, {}).has_real_data
    producer.post([_created("b", collection="orders")])
    assert producer.look_around(_OWN, {}).has_real_data
