"""Reads the sample day: the flights due to leave New York on 8 February 2013. No clocks, threads or network.

The files say local times as hhmm, such as 458 or 2400, each at its own airport; here they become moments. Nothing is
invented: what the files don't have is None. Their licence (CC0) is beside them.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib.resources import files
from typing import Final

NEW_YORK: Final = timezone(timedelta(hours=-5))
"""Eastern standard time: no daylight saving in February."""
_DAY: Final = timedelta(days=1)
_SOURCES: Final = files("realtime.sample") / "nycflights13"
# Served that day but missing from airports.csv; all of them keep Atlantic time, UTC-4.
_CARIBBEAN: Final = {
    "BQN": ("Rafael Hernandez", -4),
    "PSE": ("Mercedita", -4),
    "SJU": ("Luis Munoz Marin Intl", -4),
    "STT": ("Cyril E King", -4),
}


@dataclass(frozen=True)
class Airport:
    """Where a flight begins or ends."""

    code: str
    name: str
    zone: timezone


@dataclass(frozen=True, kw_only=True)
class Flight:
    """One flight as it turned out. `departed_at` is None when it was cancelled, `landed_at` when it never got there.

    Moments are in the local time of their airport; delays are in minutes, negative when early.
    """

    number: str
    airline: str
    origin: Airport
    destination: Airport
    aircraft: str | None
    distance_miles: int
    scheduled_departure: datetime
    scheduled_arrival: datetime
    departed_at: datetime | None
    landed_at: datetime | None
    departure_delay: int | None
    arrival_delay: int | None
    air_time_minutes: int | None


def read_day() -> tuple[Flight, ...]:
    """Read the packaged day, in the order of the file."""
    airlines = {row["carrier"]: row["name"] for row in _rows("airlines.csv")}
    airports = {row["faa"]: _airport(row["faa"], row["name"], int(row["tz"])) for row in _rows("airports.csv")}
    airports.update({code: _airport(code, *place) for code, place in _CARIBBEAN.items()})
    return read_flights(_rows("2013-02-08.csv.gz"), airlines=airlines, airports=airports)


def read_flights(
    rows: Iterable[Mapping[str, str]], *, airlines: Mapping[str, str], airports: Mapping[str, Airport]
) -> tuple[Flight, ...]:
    """Turn rows of nycflights13's `flights` table into flights."""
    return tuple(_flight(row, airlines, airports) for row in rows)


def nearest(hhmm: int, moment: datetime) -> datetime:
    """Return the moment closest to `moment`, in its time zone, at which a clock shows `hhmm` (2400 is midnight)."""
    same_day = _on_day_of(moment, hhmm)
    return min((same_day - _DAY, same_day, same_day + _DAY), key=lambda candidate: abs(candidate - moment))


def first_after(hhmm: int, moment: datetime, *, zone: timezone) -> datetime:
    """Return the first moment after `moment` at which a clock in `zone` shows `hhmm` (2400 is midnight)."""
    candidate = _on_day_of(moment.astimezone(zone), hhmm)
    while candidate - _DAY > moment:
        candidate -= _DAY
    return candidate if candidate > moment else candidate + _DAY


def _on_day_of(moment: datetime, hhmm: int) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(hours=hhmm // 100, minutes=hhmm % 100)


def _flight(row: Mapping[str, str], airlines: Mapping[str, str], airports: Mapping[str, Airport]) -> Flight:
    origin, destination = airports[row["origin"]], airports[row["dest"]]
    midnight = datetime(int(row["year"]), int(row["month"]), int(row["day"]), tzinfo=origin.zone)
    scheduled = _on_day_of(midnight, int(row["sched_dep_time"]))
    departure, delay, arrival = (_whole(row[name]) for name in ("dep_time", "dep_delay", "arr_time"))
    # The delay says on which day a flight left that was due before midnight and left after it.
    departed_at = None if departure is None else nearest(departure, scheduled + timedelta(minutes=delay or 0))
    landed_at = (
        None if departed_at is None or arrival is None else first_after(arrival, departed_at, zone=destination.zone)
    )
    return Flight(
        number=f"{row['carrier']}{row['flight']}",
        airline=airlines[row["carrier"]],
        origin=origin,
        destination=destination,
        aircraft=row["tailnum"] or None,
        distance_miles=int(row["distance"]),
        scheduled_departure=scheduled,
        scheduled_arrival=first_after(int(row["sched_arr_time"]), scheduled, zone=destination.zone),
        departed_at=departed_at,
        landed_at=landed_at,
        departure_delay=delay,
        arrival_delay=_whole(row["arr_delay"]),
        air_time_minutes=_whole(row["air_time"]),
    )


def _airport(code: str, name: str, hours_from_utc: int) -> Airport:
    return Airport(code, name, timezone(timedelta(hours=hours_from_utc)))


def _whole(text: str) -> int | None:
    """Read `458.0`, `458` or nothing."""
    return int(float(text)) if text else None


def _rows(name: str) -> list[dict[str, str]]:
    raw = (_SOURCES / name).read_bytes()
    text = (gzip.decompress(raw) if name.endswith(".gz") else raw).decode("utf-8")
    return list(csv.DictReader(io.StringIO(text)))
