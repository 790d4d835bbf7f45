"""Keeps what of the streams could not be recovered. Pure; the store's lock guards it."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from typing import Final

import msgspec

from realtime.protocol.events import ConnectionGap

GAPS_KEPT: Final = 100


class GapNotice(msgspec.Struct, frozen=True):
    """A hole in the feed: offsets `first` to `last` of the channel's present life, 0 when unknown.

    `count` is None when nobody knows it: the stream began anew. `since` and `until` are Unix seconds between which
    the events were stored. Documents are whole nonetheless.
    """

    channel: str
    first: int
    last: int
    count: int | None
    since: float
    until: float


class Gaps:
    """The newest hundred, newest last, and how many there were in all."""

    def __init__(self) -> None:
        self.total = 0
        self._kept: deque[GapNotice] = deque(maxlen=GAPS_KEPT)

    def add(self, notice: GapNotice) -> None:
        """Keep one more."""
        self.total += 1
        self._kept.append(notice)

    def newest_first(self) -> tuple[GapNotice, ...]:
        """Return what is kept."""
        return tuple(reversed(self._kept))


def event_of_gap(notice: GapNotice, *, now: float) -> ConnectionGap:
    """Make the event that tells people."""
    return ConnectionGap(
        timestamp=_iso(now), channel=notice.channel, first=notice.first, last=notice.last, count=notice.count,
        since=_iso(notice.since), until=_iso(notice.until),
    )  # fmt: skip


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
