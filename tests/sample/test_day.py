"""Claims about reading the day's files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from realtime.sample.day import NEW_YORK, first_after, nearest, read_day

_CLOCK = st.builds(lambda hour, minute: hour * 100 + minute, st.integers(0, 23), st.integers(0, 59)) | st.just(2400)
_MOMENTS = st.datetimes(datetime(2013, 1, 1), datetime(2013, 12, 31), timezones=st.just(NEW_YORK))
_ZONES = st.integers(-11, 12).map(lambda hours: timezone(timedelta(hours=hours)))
_DAY = timedelta(days=1)


def _shown(moment: datetime) -> int:
    return moment.hour * 100 + moment.minute


@given(_CLOCK, _MOMENTS)
def test_nearest_shows_the_clock_within_half_a_day(hhmm: int, moment: datetime) -> None:
    """Whatever the clock shows, the nearest such moment is at most twelve hours off."""
    found = nearest(hhmm, moment)
    assert _shown(found) == hhmm % 2400
    assert abs(found - moment) <= _DAY / 2


@given(_CLOCK, _MOMENTS, _ZONES)
def test_first_after_is_later_by_a_day_at_most(hhmm: int, moment: datetime, zone: timezone) -> None:
    """The first such moment follows within a day, and shows the clock in the zone that was asked for."""
    found = first_after(hhmm, moment, zone=zone)
    assert found.utcoffset() == zone.utcoffset(None)
    assert _shown(found) == hhmm % 2400
    assert timedelta(0) < found - moment <= _DAY


def test_midnight_is_the_end_of_a_day_as_2400() -> None:
    """2400 near eleven at night is the midnight that follows."""
    late = datetime(2013, 2, 8, 23, 5, tzinfo=NEW_YORK)
    assert nearest(2400, late) == datetime(2013, 2, 9, tzinfo=NEW_YORK)
    assert nearest(10, late) == datetime(2013, 2, 9, 0, 10, tzinfo=NEW_YORK)


def test_the_day_is_whole() -> None:
    """930 flights, 472 of them cancelled, 456 landed: as the data's own description says."""
    flights = read_day()
    assert len(flights) == 930
    assert sum(flight.departed_at is None for flight in flights) == 472
    assert sum(flight.landed_at is not None for flight in flights) == 456
    assert len({flight.number for flight in flights}) == 930


def test_times_agree_with_the_delays_of_the_data() -> None:
    """Each departure and landing is off its schedule by just the delay the data has: zones and midnights are right."""
    for flight in read_day():
        if flight.departed_at is not None:
            assert flight.departed_at - flight.scheduled_departure == timedelta(minutes=flight.departure_delay or 0)
        if flight.landed_at is not None and flight.arrival_delay is not None:
            assert flight.landed_at - flight.scheduled_arrival == timedelta(minutes=flight.arrival_delay)


def test_a_flight_takes_longer_than_it_flies() -> None:
    """From leaving to landing there is the air time and some taxiing: 12 to 126 minutes that day."""
    for flight in read_day():
        if flight.departed_at and flight.landed_at and flight.air_time_minutes is not None:
            taxi = flight.landed_at - flight.departed_at - timedelta(minutes=flight.air_time_minutes)
            assert timedelta(minutes=5) < taxi < timedelta(minutes=150)


def test_the_scheduled_hour_is_the_one_the_data_gives_in_utc() -> None:
    """New York's clocks were five hours behind UTC."""
    first = min(flight.scheduled_departure for flight in read_day())
    assert first.isoformat() == "2013-02-08T05:00:00-05:00"
    assert first.astimezone(UTC).hour == 10
