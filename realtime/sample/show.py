"""Decides what the sample does next: look around, post, clear, wait. Facts in, steps out; no threads or clocks.

Threads: one at a time; `Sample` holds the lock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Final

from msgspec.structs import replace

from realtime.protocol.channels import collection_channel
from realtime.sample.memory import Memory
from realtime.sample.playback import Playback
from realtime.sample.producer import Outcome, Sighting
from realtime.sample.timeline import FLIGHTS, Moment

_LOG: Final = logging.getLogger(__name__)
MIN_SPEED: Final = 1.0
MAX_SPEED: Final = 3600.0
REST_S: Final = 60.0
LOOK_EVERY_S: Final = 10.0
BATCH: Final = 500
_LEAST_GAP_S: Final = 0.05
_LEFTOVERS: Final = "There is real data, so the sample day isn't played any more; Clear removes what is left of it."
_RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class SampleState(Enum):
    """What the sample day is at."""

    OFF = "off"
    PLAYING = "playing"
    STOPPED = "stopped"
    FINISHED = "finished"


_TRANSITIONS: Final = {
    SampleState.OFF: {SampleState.PLAYING, SampleState.STOPPED},
    SampleState.PLAYING: {SampleState.STOPPED, SampleState.FINISHED},
    SampleState.STOPPED: {SampleState.PLAYING, SampleState.OFF},
    SampleState.FINISHED: {SampleState.PLAYING, SampleState.STOPPED},
}


@dataclass(frozen=True, kw_only=True)
class SampleStatus:
    """What a page says about the sample.

    `clock` is the moment of 2013 being played, by New York's clocks. `posted` of this `round`'s `total` events are out.
    `note` is one sentence for people, empty when there is nothing to say.
    """

    state: SampleState
    speed: float
    clock: datetime | None
    posted: int
    total: int
    refused: int
    round: int
    has_real_data: bool
    note: str


@dataclass(frozen=True)
class Look:
    """Look for data that isn't the sample's."""


@dataclass(frozen=True)
class Post:
    """Post the moments with these indexes; their ids follow from `prefix`."""

    prefix: str
    indexes: range


@dataclass(frozen=True)
class Clear:
    """Delete the sample's documents; the ids of the events follow from `prefix`."""

    prefix: str


@dataclass(frozen=True)
class Wait:
    """Do nothing for so long, or until something is asked for."""

    timeout_s: float | None


Step = Look | Post | Clear | Wait


class Show:
    """The play of one day after another. `now` is any clock that runs on in seconds."""

    def __init__(
        self, moments: tuple[Moment, ...], memory: Memory, *, fresh: Callable[[], Memory], speed: float, now: float
    ) -> None:
        """Take up where `memory` ends; `fresh` makes a new memory when the gateway turns out to have lost its data."""
        self._moments = moments
        self._offsets = tuple(moment.offset_s for moment in moments)
        self._fresh = fresh
        self.memory = memory
        self._playback = Playback(self._offsets, speed=speed, now=now, index=memory.next_index)
        self._state = SampleState.OFF
        self._note = ""
        self._refused = 0
        self._failures = 0
        self._has_looked = False
        self._wants_clear = False
        self._looked_at = self._finished_at = self._not_before = float("-inf")

    def step(self, now: float) -> Step:
        """Say what to do now."""
        if now < self._not_before:
            return Wait(self._not_before - now)
        if not self._has_looked:
            return Look()
        if self._wants_clear:
            return Clear(self._prefix())
        if self._state is SampleState.PLAYING:
            return self._step_playing(now)
        if self._state is SampleState.FINISHED and not self.memory.has_real_data:
            return self._step_finished(now)
        return Wait(None)

    def start(self, now: float) -> None:
        """Play, or play on; a finished day begins anew. Does nothing once real data has come."""
        if self.memory.has_real_data or self._state not in (SampleState.STOPPED, SampleState.FINISHED):
            return
        self.memory = replace(self.memory, is_stopped=False)
        self._playback.hold(now)
        if self._state is SampleState.STOPPED:
            self._enter(SampleState.PLAYING, note="")
            if self._playback.is_over:
                self._finish(now)
        self._finished_at = float("-inf")

    def stop(self) -> None:
        """Stop playing until `start`, over a restart too."""
        if self._state in (SampleState.PLAYING, SampleState.FINISHED):
            self._enter(SampleState.STOPPED, note=_LEFTOVERS if self.memory.has_real_data else "")
        elif self._has_looked:
            return
        self.memory = replace(self.memory, is_stopped=True)

    def clear(self) -> None:
        """Stop, and have the sample's documents deleted."""
        self.stop()
        self._wants_clear = True

    def set_speed(self, speed: float, *, now: float) -> None:
        """Play `speed` times faster than life, kept within 1 to 3600."""
        if self._state is not SampleState.PLAYING:
            self._playback.hold(now)
        self._playback.set_speed(min(max(speed, MIN_SPEED), MAX_SPEED), now=now)

    def looked(self, sighting: Sighting, *, now: float) -> None:
        """Take in what a look around found; the first one decides whether the day is played."""
        self._succeeded(now)
        self._looked_at = now
        if not self._has_looked and self._is_other_log(sighting):
            self.memory = self._fresh()
            self._rewind(now)
        has_real_data = self.memory.has_real_data or sighting.has_real_data
        self.memory = replace(self.memory, seen=dict(sighting.positions), has_real_data=has_real_data)
        if not self._has_looked:
            self._has_looked = True
            self._begin(now)
        elif has_real_data and self._state is SampleState.PLAYING:
            self._note = "Real data has come: the sample day plays to its end, and isn't started again."

    def posted(self, outcome: Outcome, *, count: int, now: float) -> None:
        """Take in what became of a batch of `count` moments."""
        self._succeeded(now)
        self._not_before = now + _LEAST_GAP_S
        self._refused += outcome.refused
        self._playback.take(count)
        self.memory = replace(self.memory, next_index=self._playback.index)

    def cleared(self, now: float) -> None:
        """Take in that the sample's documents are gone."""
        self._succeeded(now)
        self.memory = replace(self.memory, round=self.memory.round + 1, next_index=0)
        self._rewind(now)
        if self._wants_clear:
            self._wants_clear = False
            self._note = "The sample's documents are deleted."
            if self.memory.has_real_data and self._state is SampleState.STOPPED:
                self._enter(SampleState.OFF, note="")
        else:
            self._enter(SampleState.PLAYING, note="")

    def failed(self, reason: str, *, now: float, wait_s: float = 0.0) -> None:
        """Take in that a step has to be tried again, in `wait_s` at the earliest; until it works, the day waits."""
        self._not_before = now + max(wait_s, _RETRY_S[min(self._failures, len(_RETRY_S) - 1)])
        self._failures += 1
        self._note = reason
        self._playback.hold(now)

    def status(self, now: float) -> SampleStatus:
        """Tell what it is at."""
        return SampleStatus(
            state=self._state,
            speed=self._playback.speed,
            clock=self._clock(now),
            posted=self._playback.index,
            total=len(self._moments),
            refused=self._refused,
            round=self.memory.round,
            has_real_data=self.memory.has_real_data,
            note=self._note,
        )

    def _step_playing(self, now: float) -> Step:
        if now - self._looked_at >= LOOK_EVERY_S:
            return Look()
        if self._playback.is_over:
            self._finish(now)
            return Wait(0.0)
        due = self._playback.due(now, most=BATCH)
        if due:
            return Post(self._prefix(), due)
        return Wait(min(self._playback.wait_s(now) or 0.0, LOOK_EVERY_S))

    def _step_finished(self, now: float) -> Step:
        rest_s = self._finished_at + REST_S - now
        if rest_s > 0:
            return Wait(rest_s)
        # Nobody's data may have come while the day stood still; only then it begins again.
        return Clear(self._prefix()) if now - self._looked_at < LOOK_EVERY_S else Look()

    def _begin(self, now: float) -> None:
        if self.memory.has_real_data:
            if self.memory.next_index:
                self._enter(SampleState.STOPPED, note=_LEFTOVERS)
            return
        self._playback.hold(now)
        self._enter(SampleState.STOPPED if self.memory.is_stopped else SampleState.PLAYING, note="")

    def _finish(self, at: float) -> None:
        self._finished_at = at
        is_last = self.memory.has_real_data
        note = "The sample day is over." if is_last else "The sample day is over; it begins again in a minute."
        self._enter(SampleState.FINISHED, note=note)

    def _is_other_log(self, sighting: Sighting) -> bool:
        """Tell whether the gateway's data isn't that which the memory is about: someone emptied the data folder."""
        before = self.memory.seen.get(collection_channel(FLIGHTS))
        present = sighting.positions.get(collection_channel(FLIGHTS))
        return before is not None and (present is None or present.epoch != before.epoch)

    def _rewind(self, now: float) -> None:
        index = self.memory.next_index
        self._playback = Playback(self._offsets, speed=self._playback.speed, now=now, index=index)

    def _succeeded(self, now: float) -> None:
        if self._failures:
            self._failures = 0
            self._note = ""
            self._playback.hold(now)

    def _enter(self, state: SampleState, *, note: str) -> None:
        if state not in _TRANSITIONS[self._state]:
            raise AssertionError(f"The sample can't go from {self._state.value} to {state.value}.")
        _LOG.info("sample: %s -> %s", self._state.value, state.value)
        self._state = state
        self._note = note

    def _prefix(self) -> str:
        return f"{self.memory.run}-{self.memory.round}"

    def _clock(self, now: float) -> datetime | None:
        if not self._moments or self._state is SampleState.OFF:
            return None
        offset_s = self._playback.clock_s(now) if self._state is SampleState.PLAYING else self._last_offset()
        return self._moments[0].at + timedelta(seconds=int(offset_s))

    def _last_offset(self) -> float:
        return self._offsets[max(0, min(self._playback.index, len(self._offsets)) - 1)]
