"""Keeps the newest spans of the connection's life, and says what they amount to. Pure; the store's lock guards it.

A span is a stretch of time in one state over one transport. Everything else (uptime, outages, success of dials) is
worked out from spans, so that what outlives a restart of the app is the spans alone.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from realtime.store.model import ConnectionState, ConnectionStatus

SPANS_KEPT: Final = 500
REASONS_KEPT: Final = 20
_FAREWELL_S: Final = 5.0
_SOON_S: Final = 30.0
_UNKNOWN: Final = "No reason was given."
_LENGTH: Final = re.compile(r"\d+(?:\.\d+)? (?:s|ms|min)\b")
_DOWN: Final = frozenset(
    {
        ConnectionState.RECONNECTING,
        ConnectionState.CONNECTING,
        ConnectionState.DISCONNECTED,
        ConnectionState.REFUSED,
    }
)


class Span(msgspec.Struct, frozen=True, gc=False):
    """A stretch of time in one state. `end` of the newest is the moment it was looked at.

    `dials` were begun in it. `connect_s` is set on a connected span that a dial led to: from that dial to being in
    sync. `is_first` marks the first of a process: what lies before it, the app wasn't there to see.
    """

    state: ConnectionState
    transport: str
    begin: float
    end: float
    reason: str | None = None
    dials: int = 0
    connect_s: float | None = None
    is_first: bool = False

    @property
    def length_s(self) -> float:
        """Return how long it lasted; never negative, whatever the clock did."""
        return max(self.end - self.begin, 0.0)


class Outage(msgspec.Struct, frozen=True, gc=False):
    """From the loss of the connection to being in sync again. `end` is None while it lasts."""

    begin: float
    end: float | None
    reason: str
    dials: int

    def length_s(self, now: float) -> float:
        """Return how long it took, or takes by now."""
        return max((now if self.end is None else self.end) - self.begin, 0.0)


class Why(msgspec.Struct, frozen=True, gc=False):
    """How often the connection was lost for one reason, when last, and how long it took to be back, all in all."""

    reason: str
    count: int
    last_at: float
    down_s: float


class Turn(msgspec.Struct, frozen=True, gc=False):
    """What a new status brought with it, for whoever counts: set when it brought the connection back in sync."""

    connect_s: float | None = None
    outage_s: float | None = None


_NOTHING: Final = Turn()


class Timeline:
    """The newest spans, oldest first, and how much of this process's time was spent connected."""

    def __init__(self) -> None:
        self.started_at: float | None = None
        self._past: deque[Span] = deque(maxlen=SPANS_KEPT)
        self._open: Span | None = None
        self._dials = 0
        self._dialed_at: float | None = None
        self._lost_at: float | None = None
        self._connected_s = 0.0

    def restore(self, spans: Iterable[Span]) -> None:
        """Put what an earlier process saw before what this one has seen. Call it before the first status, or soon."""
        self._past = deque([*_without_farewell(list(spans)), *self._past], maxlen=SPANS_KEPT)

    def take(self, status: ConnectionStatus, *, now: float) -> Turn:
        """Take in the connection's status; say what it ended, if it is in sync again. O(1)."""
        fresh = status.dials - self._dials if status.dials >= self._dials else status.dials
        self._dials = status.dials
        if fresh:
            self._dialed_at = now
        turn, current = _NOTHING, self._open
        if current is None or (current.state, current.transport) != (status.state, status.transport):
            turn = self._switch(status, now=now)
            current = self._open
        assert current is not None
        reason = current.reason or (None if status.is_connected else status.reason)
        self._open = msgspec.structs.replace(
            current, end=max(now, current.end), dials=current.dials + fresh, reason=reason
        )
        return turn

    def lost(self, reason: str) -> None:
        """Take in why the connection was lost: the words of the loss itself win over those of a later dial."""
        if self._open is not None and self._open.state is not ConnectionState.CONNECTED:
            self._open = msgspec.structs.replace(self._open, reason=reason)

    def spans(self, *, now: float) -> tuple[Span, ...]:
        """Return all spans kept, oldest first; the newest ends `now`."""
        return tuple(self._past) if self._open is None else (*self._past, self._running(self._open, now))

    def connected_s(self, *, now: float) -> float:
        """Return how long this process has been connected in all."""
        running = self._open
        is_connected = running is not None and running.state is ConnectionState.CONNECTED
        return self._connected_s + (self._running(running, now).length_s if running and is_connected else 0.0)

    def _switch(self, status: ConnectionStatus, *, now: float) -> Turn:
        """End the open span and begin another; a state that began before we were told of it begins then."""
        old = self._open
        begin = now
        if old is not None:
            begin = min(max(status.since, old.begin), now) if status.state != old.state else now
            closed = msgspec.structs.replace(old, end=begin)
            if not _is_overture(closed):
                self._past.append(closed)
            if old.state is ConnectionState.CONNECTED:
                self._connected_s += closed.length_s
        connect_s = outage_s = None
        if status.is_connected:
            connect_s = None if self._dialed_at is None else max(begin - self._dialed_at, 0.0)
            outage_s = None if self._lost_at is None else max(begin - self._lost_at, 0.0)
            self._dialed_at = self._lost_at = None
        elif old is not None and status.state in _DOWN and self._lost_at is None and self._was_up(old):
            self._lost_at = begin
        self.started_at = begin if self.started_at is None else self.started_at
        self._open = Span(
            status.state, status.transport, begin, begin, connect_s=connect_s, is_first=old is None or _is_overture(old)
        )
        return Turn(connect_s, outage_s) if status.is_connected else _NOTHING

    def _was_up(self, old: Span) -> bool:
        """Tell whether the connection had been in sync before it went down, be it a resync ago."""
        if old.state is ConnectionState.CONNECTED:
            return True
        before = self._past[-2] if len(self._past) > 1 else None
        return old.state is ConnectionState.SYNCING and before is not None and before.state is ConnectionState.CONNECTED

    @staticmethod
    def _running(span: Span, now: float) -> Span:
        return msgspec.structs.replace(span, end=max(now, span.end))


def _is_overture(span: Span) -> bool:
    """Tell whether a span is but the moment before the first dial of a process: nobody was offline."""
    return span.is_first and span.state is ConnectionState.DISCONNECTED and not span.dials


def _without_farewell(spans: list[Span]) -> list[Span]:
    """Leave out how a process ended: its gateway went first or it hung up itself, and nobody was offline."""
    ended_at = spans[-1].end if spans else 0.0
    while spans and spans[-1].state in _DOWN and ended_at - spans[-1].begin <= _FAREWELL_S:
        spans.pop()
    return spans


def without_starts(spans: Sequence[Span]) -> tuple[list[Span], int]:
    """Leave out how each process began, if it was connected soon; return the rest and how many beginnings that were.

    An app dials its own gateway before that answers. To count this as an outage would hide the real ones.
    """
    kept: list[Span] = []
    start: list[Span] = []
    starts, is_starting = 0, False
    for span in spans:
        if span.is_first:
            kept += start
            start, is_starting = [], True
        if is_starting and span.state is ConnectionState.CONNECTED:
            is_soon = bool(start) and span.begin - start[0].begin <= _SOON_S
            kept += [] if is_soon else start
            starts += is_soon
            start, is_starting = [], False
        (start if is_starting else kept).append(span)
    return [*kept, *start], starts


def share_connected(spans: Sequence[Span], *, since: float) -> float | None:
    """Return which share of the observed time from `since` on was spent connected; None when none was observed."""
    observed = connected = 0.0
    for span in spans:
        length = max(span.end - max(span.begin, since), 0.0)
        observed += length
        if span.state is ConnectionState.CONNECTED:
            connected += length
    return connected / observed if observed > 0 else None


def observed_s(spans: Sequence[Span], *, since: float) -> float:
    """Return how much of the time from `since` on the app was there to see."""
    return sum(max(span.end - max(span.begin, since), 0.0) for span in spans)


def outages(spans: Sequence[Span]) -> tuple[Outage, ...]:
    """Find the outages, oldest first. One that the end of a process cut off isn't one of the connection's."""
    found: list[Outage] = []
    was_up, lost = False, None
    for span in spans:
        if span.is_first:
            was_up, lost = False, None
        if span.state is ConnectionState.CONNECTED:
            if lost is not None:
                found.append(msgspec.structs.replace(lost, end=span.begin))
            was_up, lost = True, None
        elif lost is not None:
            reason = lost.reason if lost.reason != _UNKNOWN else span.reason or _UNKNOWN
            lost = msgspec.structs.replace(lost, dials=lost.dials + span.dials, reason=reason)
        elif was_up and span.state in _DOWN:
            lost = Outage(span.begin, None, span.reason or _UNKNOWN, span.dials)
    return (*found, lost) if lost is not None else tuple(found)


def reasons(found: Iterable[Outage], *, now: float) -> tuple[Why, ...]:
    """Sum up outages by reason, the most frequent first. Lengths of time in a reason don't make it another one."""
    sums: dict[str, Why] = {}
    for outage in found:
        words = _LENGTH.sub("a while", outage.reason)
        if words not in sums and len(sums) >= REASONS_KEPT:
            words = "Other reasons."
        before = sums.get(words) or Why(words, 0, outage.begin, 0.0)
        last_at = max(before.last_at, outage.begin)
        sums[words] = Why(words, before.count + 1, last_at, before.down_s + outage.length_s(now))
    return tuple(sorted(sums.values(), key=lambda why: (-why.count, -why.last_at)))
