"""Quiet hours: by the clock on a person's own wall, over midnight and through changes of the clock. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from realtime.errors import NoticeError

_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_ZONE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(/[A-Za-z0-9_+\-]+)*")


class QuietHours(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From `start` to `end` ("22:00", "07:00"; it may reach over midnight) by the clocks of an IANA `zone`."""

    start: str
    end: str
    zone: str
    is_on: bool = True


def check_quiet(hours: QuietHours) -> None:
    """Raise NoticeError, one sentence, unless quiet hours make sense."""
    for name, text in (("begin", hours.start), ("end", hours.end)):
        if not _CLOCK.fullmatch(text):
            raise NoticeError(f"Quiet hours {name} at {text[:20]!r}; write a time from 00:00 to 23:59.")
    if hours.start == hours.end:
        raise NoticeError(
            f"Quiet hours begin and end at {hours.start}; choose different times, or mute what you don't want to hear."
        )
    if zone_of(hours.zone) is None:
        raise NoticeError(f"{hours.zone[:60]!r} isn't a time zone; use a name such as Europe/Berlin.")


def zone_of(name: str) -> ZoneInfo | None:
    """Return a zone by its IANA name, None when there is no such zone."""
    if not _ZONE.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def is_quiet(hours: QuietHours | None, now: float) -> bool:
    """Tell whether it is quiet at a moment. An hour that the clock shows twice is quiet twice, a skipped one never."""
    if hours is None or not hours.is_on:
        return False
    zone = zone_of(hours.zone)
    if zone is None:
        return False
    clock = datetime.fromtimestamp(now, zone).time()
    start, end = _clock(hours.start), _clock(hours.end)
    return start <= clock < end if start < end else clock >= start or clock < end


def quiet_until(hours: QuietHours | None, now: float) -> float | None:
    """Return when the quiet that reigns at a moment ends; None when none does."""
    if hours is None or not is_quiet(hours, now):
        return None
    zone = ZoneInfo(hours.zone)
    today, end = datetime.fromtimestamp(now, zone).date(), _clock(hours.end)
    for day in (today, today + timedelta(days=1), today + timedelta(days=2)):
        moment = datetime.combine(day, end, zone)
        # A time that the clock skips is read as the one after it: by way of UTC it becomes a time that exists.
        for fold in (0, 1):
            until = moment.replace(fold=fold).astimezone(UTC).timestamp()
            if until > now and not is_quiet(hours, until):
                return until
    return None


def turns_at(hours: QuietHours | None, now: float) -> float | None:
    """Return when the quiet begins or ends next; None when it never does."""
    if hours is None or not hours.is_on:
        return None
    until = quiet_until(hours, now)
    if until is not None:
        return until
    loud = QuietHours(start=hours.end, end=hours.start, zone=hours.zone)
    return quiet_until(loud, now)


def _clock(text: str) -> time:
    return time.fromisoformat(text)
