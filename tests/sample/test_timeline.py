"""Claims about the day told as events."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from functools import cache
from typing import Any

from realtime.protocol.events import (
    CollectionCreated,
    CollectionDeleted,
    Envelope,
    check_event,
    data_of,
    document_id_of,
)
from realtime.sample.day import read_day
from realtime.sample.tallies import Tally
from realtime.sample.timeline import AIRPORTS, FLIGHTS, Moment, flight_document, timeline


@cache
def _day() -> tuple[Moment, ...]:
    return timeline(read_day())


def _flights() -> list[Moment]:
    return [moment for moment in _day() if moment.event.collection == FLIGHTS]


def _document(moment: Moment) -> dict[str, Any]:
    assert not isinstance(moment.event, CollectionDeleted)
    return moment.event.document


def test_flights_make_2316_events() -> None:
    """930 appear, 458 depart, 456 land, 472 are cancelled."""
    counts = Counter(
        "cancelled" if isinstance(moment.event, CollectionDeleted) else _document(moment)["status"]
        for moment in _flights()
    )
    assert counts == {"scheduled": 930, "departed": 458, "landed": 456, "cancelled": 472}
    assert len(_flights()) == 2316


def test_time_never_runs_back() -> None:
    """Offsets ascend from 0, and the day lasts until the last landing in Honolulu."""
    offsets = [moment.offset_s for moment in _day()]
    assert offsets == sorted(offsets)
    assert offsets[0] == 0.0
    assert offsets[-1] == 20.4 * 3600


def test_each_flight_appears_before_anything_else_happens_to_it() -> None:
    """Created first, once; nothing follows a deletion."""
    lives: dict[str | None, list[str]] = {}
    for moment in _flights():
        lives.setdefault(document_id_of(moment.event), []).append(moment.event.TYPE)
    created, updated, deleted = "collection:created", "collection:updated", "collection:deleted"
    assert {tuple(life) for life in lives.values()} == {
        (created, deleted),
        (created, updated),
        (created, updated, updated),
    }


def test_the_opening_shows_a_board_and_a_departure_at_once() -> None:
    """The flights of the first two hours are there at offset 0, the airports' counts too, and a first one leaves."""
    opening = [moment for moment in _day() if moment.offset_s == 0.0]
    kinds = Counter((moment.event.collection, moment.event.TYPE) for moment in opening)
    assert kinds[(FLIGHTS, "collection:created")] > 50
    assert kinds[(AIRPORTS, "collection:created")] == 3
    assert kinds[(FLIGHTS, "collection:updated")] == 1
    assert sum(0 < moment.offset_s <= 120 for moment in _day()) > 2


def test_every_event_is_one_the_gateway_accepts() -> None:
    """Each passes the check that is made of posted events."""
    for index, moment in enumerate(_day()):
        data = data_of(moment.event)
        candidate = {"specversion": "1.0", "id": str(index), "source": "/t", "type": moment.event.TYPE, "data": data}
        envelope, event = check_event(candidate, max_depth=8)
        assert isinstance(envelope, Envelope)
        assert event == moment.event


def test_a_document_knows_nothing_of_its_future() -> None:
    """A scheduled flight has no delay, a departed one no landing."""
    flight = next(flight for flight in read_day() if flight.number == "UA1018")
    scheduled, departed, landed = (flight_document(flight, word) for word in ("scheduled", "departed", "landed"))
    assert scheduled["scheduledDeparture"] == "2013-02-08T05:25:00-05:00"
    assert (scheduled["departedAt"], scheduled["departureDelay"], scheduled["delayMinutes"]) == (None, None, None)
    assert (departed["departureDelay"], departed["landedAt"], departed["delayMinutes"]) == (-1, None, -1)
    assert (landed["landedAt"], landed["delayMinutes"]) == ("2013-02-08T08:09:00-06:00", -11)
    assert list(scheduled) == list(departed) == list(landed)


def test_the_airports_last_counts_are_those_of_the_day() -> None:
    """After the last event the three counts sum up to what the flights did."""
    last = {}
    for moment in _day():
        if moment.event.collection == AIRPORTS:
            last[document_id_of(moment.event)] = _document(moment)
    assert sum(document["departed"] for document in last.values()) == 458
    assert sum(document["cancelled"] for document in last.values()) == 472
    assert {document["waiting"] for document in last.values()} == {0}
    assert set(last) == {"EWR", "JFK", "LGA"}


def test_airports_speak_seldom() -> None:
    """At most once a quarter of an hour each, and only when something has changed."""
    times = [moment.offset_s for moment in _day() if moment.event.collection == AIRPORTS]
    assert len(times) < 3 * 4 * 21
    assert max(Counter(times).values()) == 3


def test_a_tally_has_no_average_of_nothing() -> None:
    """Before the first departure the average and the share are unknown, not 0."""
    at = read_day()[0].scheduled_departure
    tally = Tally("JFK", "John F Kennedy Intl")
    assert tally.document(at)["averageDepartureDelay"] is None
    for status, delay in (
        ("scheduled", None),
        ("scheduled", None),
        ("departed", 7),
        ("landed", 7),
        ("cancelled", None),
    ):
        tally.count(status, delay)
    document = tally.document(at)
    assert (document["departed"], document["cancelled"], document["waiting"]) == (1, 1, 0)
    assert (document["averageDepartureDelay"], document["cancelledPercent"]) == (7.0, 50.0)
    assert (tally.take_changed(), tally.take_changed()) == (True, False)


def test_no_flights_are_no_events() -> None:
    """An empty day has an empty timeline."""
    assert timeline(()) == ()


def test_a_flight_that_never_left_is_gone_when_it_was_due() -> None:
    """The moment of a cancellation isn't in the data; the scheduled time stands for it."""
    cancelled = next(flight for flight in read_day() if flight.departed_at is None)
    moments = [moment for moment in _flights() if document_id_of(moment.event) == cancelled.number]
    assert isinstance(moments[0].event, CollectionCreated)
    assert moments[1].at == cancelled.scheduled_departure
    assert moments[1].at - moments[0].at <= timedelta(hours=2)
