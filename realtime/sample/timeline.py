"""Tells the sample day as events in the order of time. Pure: rows in, moments out; no clocks, threads or network.

A flight appears on the board `BOARD_MINUTES` before it is due (`collection:created`), departs and lands
(`collection:updated`), or is cancelled (`collection:deleted`; when it was cancelled isn't in the data, so the moment it
was due stands for it). Beside the flights, three `airports` documents count what has happened so far.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from realtime.protocol.events import CollectionCreated, CollectionDeleted, CollectionEvent, CollectionUpdated
from realtime.sample.day import NEW_YORK, Flight
from realtime.sample.tallies import Tally

FLIGHTS: Final = "flights"
AIRPORTS: Final = "airports"
BOARD_MINUTES: Final = 120
TALLY_MINUTES: Final = 15
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Moment:
    """One event of the day: `offset_s` after the day's first departure, `at` by New York's clocks.

    The data is exact to the minute; events of one minute are spread over it, so that they don't come in jolts.
    """

    offset_s: float
    at: datetime
    event: CollectionEvent


@dataclass(frozen=True)
class _Step:
    at: datetime
    flight: Flight
    status: str


def timeline(flights: Sequence[Flight]) -> tuple[Moment, ...]:
    """Tell the whole day, ordered by `offset_s`.

    It begins with the first departure: flights that are on the board by then appear at offset 0, all at once.
    """
    steps = _steps(flights)
    start = min((step.at for step in steps if step.status != "scheduled"), default=None)
    if start is None:
        return ()
    opening = [step for step in steps if step.at < start]
    rest = [step for step in steps if step.at >= start]
    tallies = {code: Tally(code, name) for code, name in _origins(flights)}
    moments = [Moment(0.0, start, _event_of(step)) for step in opening]
    moments += _tallied(tallies, opening, at=start, offset_s=0.0, is_first=True)
    mark = start
    for minute, group in groupby(rest, key=lambda step: step.at):
        while minute >= mark + TALLY_MINUTES * _MINUTE:
            mark += TALLY_MINUTES * _MINUTE
            moments += _tallied(tallies, (), at=mark, offset_s=(mark - start).total_seconds(), is_first=False)
        members = list(group)
        moments += _spread(members, offset_s=(minute - start).total_seconds())
        for step in members:
            tallies[step.flight.origin.code].count(step.status, step.flight.departure_delay)
    if rest:
        last = rest[-1].at + _MINUTE
        moments += _tallied(tallies, (), at=last, offset_s=(last - start).total_seconds(), is_first=False)
    return tuple(moments)


def flight_document(flight: Flight, status: str) -> dict[str, Any]:
    """Describe a flight as known when it got `status`: scheduled, departed or landed. Later facts are None yet."""
    has_departed, has_landed = status in ("departed", "landed"), status == "landed"
    arrival_delay = flight.arrival_delay if has_landed else None
    departure_delay = flight.departure_delay if has_departed else None
    return {
        "id": flight.number,
        "flight": flight.number,
        "airline": flight.airline,
        "status": status,
        "origin": flight.origin.code,
        "originName": flight.origin.name,
        "destination": flight.destination.code,
        "destinationName": flight.destination.name,
        "scheduledDeparture": flight.scheduled_departure.isoformat(),
        "scheduledArrival": flight.scheduled_arrival.isoformat(),
        "departedAt": _text(flight.departed_at) if has_departed else None,
        "landedAt": _text(flight.landed_at) if has_landed else None,
        "departureDelay": departure_delay,
        "arrivalDelay": arrival_delay,
        "delayMinutes": arrival_delay if arrival_delay is not None else departure_delay,
        "airTimeMinutes": flight.air_time_minutes if has_landed else None,
        "distanceMiles": flight.distance_miles,
        "aircraft": flight.aircraft,
    }


def _steps(flights: Iterable[Flight]) -> list[_Step]:
    return sorted((step for flight in flights for step in _life(flight)), key=lambda step: step.at)


def _life(flight: Flight) -> Iterator[_Step]:
    """Yield what happens to one flight, in order."""
    yield _Step(flight.scheduled_departure - BOARD_MINUTES * _MINUTE, flight, "scheduled")
    if flight.departed_at is None:
        yield _Step(flight.scheduled_departure, flight, "cancelled")
        return
    yield _Step(flight.departed_at, flight, "departed")
    if flight.landed_at is not None:
        yield _Step(flight.landed_at.astimezone(NEW_YORK), flight, "landed")


def _event_of(step: _Step) -> CollectionEvent:
    if step.status == "cancelled":
        return CollectionDeleted(collection=FLIGHTS, id=step.flight.number)
    document = flight_document(step.flight, step.status)
    if step.status == "scheduled":
        return CollectionCreated(collection=FLIGHTS, document=document)
    return CollectionUpdated(collection=FLIGHTS, id=step.flight.number, document=document)


def _spread(steps: Sequence[_Step], *, offset_s: float) -> Iterator[Moment]:
    gap_s = 60.0 / len(steps)
    for index, step in enumerate(steps):
        yield Moment(offset_s + index * gap_s, step.at, _event_of(step))


def _tallied(
    tallies: Mapping[str, Tally], steps: Iterable[_Step], *, at: datetime, offset_s: float, is_first: bool
) -> Iterator[Moment]:
    """Count `steps`, then tell each airport whose count has changed since it was told last."""
    for step in steps:
        tallies[step.flight.origin.code].count(step.status, step.flight.departure_delay)
    for code, tally in tallies.items():
        if is_first:
            tally.take_changed()
            yield Moment(offset_s, at, CollectionCreated(collection=AIRPORTS, document=tally.document(at)))
        elif tally.take_changed():
            yield Moment(offset_s, at, CollectionUpdated(collection=AIRPORTS, id=code, document=tally.document(at)))


def _origins(flights: Iterable[Flight]) -> list[tuple[str, str]]:
    return sorted({(flight.origin.code, flight.origin.name) for flight in flights})


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
