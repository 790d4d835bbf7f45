"""Walks through a follower's journal and notes what shouldn't be there: holes, repeats, disorder, lies. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from realtime.bench.recovery_journal import Applied, Claimed, Heard, Installed, Line, Lost, Started

CONNECTED: Final = "connected"
Place = tuple[str, str, int]
"""Channel, epoch and offset."""


class Flaw(Enum):
    """What a journal shouldn't show."""

    GAP = "gap"
    REPEAT = "repeat"
    DISORDER = "disorder"
    FALSE_CLAIM = "false claim"


@dataclass(frozen=True)
class StoredEvent:
    """An event the gateway answered for: what and where it is, and when the answer was there (Unix seconds)."""

    channel: str
    epoch: str
    offset: int
    answered_at: float
    is_critical: bool = False
    source: str = ""
    id: str = ""

    @property
    def place(self) -> Place:
        """Return where it is."""
        return (self.channel, self.epoch, self.offset)


@dataclass(frozen=True)
class Moment:
    """How far the follower was from `t` on, by channel, and what it claimed."""

    t: float
    state: str
    tops: Mapping[str, int]


@dataclass
class Walk:
    """What was found on the way."""

    applied: int = 0
    claims: int = 0
    resyncs: int = 0
    redelivered: int = 0
    first_claim_at: float | None = None
    ever_seen: set[Place] = field(default_factory=set)
    ever_heard: set[tuple[str, str]] = field(default_factory=set)
    skipped: set[Place] = field(default_factory=set)  # a snapshot went beyond them before anybody had seen them
    said_lost: set[Place] = field(default_factory=set)
    flaws: list[tuple[Flaw, str]] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)

    def of(self, kind: Flaw) -> list[str]:
        """Return the words for one kind of flaw."""
        return [words for flaw, words in self.flaws if flaw is kind]


def walk(journal: Sequence[Line], stored: Sequence[StoredEvent]) -> Walk:
    """Go through a journal from its first line to its last."""
    walker = _Walker(stored)
    for line in journal:
        walker.take(line)
    return walker.walk


class _Walker:
    """One follower's life after the other."""

    def __init__(self, stored: Sequence[StoredEvent]) -> None:
        self.walk = Walk()
        self._stored = sorted(stored, key=lambda event: event.answered_at)
        self._criticals = {event.place for event in stored if event.is_critical}
        self._begin()

    def take(self, line: Line) -> None:
        """Take in the next line."""
        if isinstance(line, Started):
            self._begin()
        elif isinstance(line, Applied):
            self._applied(line)
        elif isinstance(line, Heard):
            self._heard_of(line)
        elif isinstance(line, Installed):
            self._installed(line)
        elif isinstance(line, Lost):
            epoch, _ = self._places.get(line.channel, ("", 0))
            self.walk.said_lost.update((line.channel, epoch, n) for n in range(line.first, line.last + 1))
        elif isinstance(line, Claimed):
            self._claimed(line)
        else:
            return
        tops = {channel: offset for channel, (_, offset) in self._places.items()}
        self.walk.moments.append(Moment(line.t, self._state, tops))

    def _begin(self) -> None:
        self._places: dict[str, tuple[str, int]] = {}
        self._seen: set[Place] = set()
        self._heard: set[tuple[str, str]] = set()
        self._state = ""
        self._since = 0.0

    def _applied(self, line: Applied) -> None:
        place = (line.channel, line.epoch, line.offset)
        name = f"{line.channel} {line.offset}"
        self.walk.applied += 1
        if place in self._seen:
            self._note(Flaw.REPEAT, f"{name} was applied twice")
            return
        self._seen.add(place)
        self.walk.ever_seen.add(place)
        epoch, top = self._places.get(line.channel, (line.epoch, 0))
        if epoch != line.epoch:
            top = 0
        if line.offset <= top:
            self._came_late(place, name=name, top=top)
            return
        if line.is_replay:
            return
        if line.offset > top + 1:
            self._note(Flaw.GAP, f"{line.channel} goes from {top} to {line.offset}")
        self._places[line.channel] = (line.epoch, line.offset)

    def _heard_of(self, line: Heard) -> None:
        key = (line.source, line.id)
        if key in self._heard:
            self._note(Flaw.REPEAT, f"a handler heard twice of {line.source} {line.id}")
        self._heard.add(key)
        self.walk.ever_heard.add(key)

    def _came_late(self, place: Place, *, name: str, top: int) -> None:
        """Take an event below the position: only a critical one that is delivered again may come so."""
        if place in self._criticals:
            self.walk.redelivered += 1
        else:
            self._note(Flaw.DISORDER, f"{name} came after {top}")

    def _installed(self, line: Installed) -> None:
        before = self._places.get(line.channel)
        if before is not None:
            self.walk.resyncs += 1
            if before[0] == line.epoch and before[1] > line.offset:
                self._note(Flaw.DISORDER, f"{line.channel} went back from {before[1]} to {line.offset}")
            self._note_skipped(line, before)
        self._places[line.channel] = (line.epoch, line.offset)

    def _note_skipped(self, line: Installed, before: tuple[str, int]) -> None:
        """Note what a snapshot has jumped over: in the documents it is, but nobody has seen it happen."""
        start = before[1] if before[0] == line.epoch else 0
        jumped = ((line.channel, line.epoch, n) for n in range(start + 1, line.offset + 1))
        self.walk.skipped.update(place for place in jumped if place not in self._seen)

    def _claimed(self, line: Claimed) -> None:
        if line.state == CONNECTED != self._state:
            self.walk.claims += 1
            self.walk.first_claim_at = self.walk.first_claim_at or line.t
            self._check_claim(line.t)
        self._state, self._since = line.state, line.since

    def _check_claim(self, t: float) -> None:
        """Hold "I am in sync" against what had been stored before it began to get in sync."""
        for event in self._stored:
            if event.answered_at > self._since:
                return
            epoch, top = self._places.get(event.channel, ("", 0))
            if epoch != event.epoch or top < event.offset:
                words = f"in sync was claimed at {t:.3f} without {event.channel} {event.offset} (at {top})"
                self._note(Flaw.FALSE_CLAIM, words)
                return

    def _note(self, flaw: Flaw, words: str) -> None:
        self.walk.flaws.append((flaw, words))
