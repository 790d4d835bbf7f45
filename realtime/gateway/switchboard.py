"""Holds where the flags stand, and tells who listens, wherever they are kept. What a flag means: protocol.flags.

Threads: any. What `current` returns is immutable. One lock for memory, one that lets writers in one by one.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import msgspec

from realtime.errors import EventError
from realtime.metrics import FLAG_PERCENT
from realtime.protocol.flags import EVERYBODY, MOST_WHY_CHARS, UNTOUCHED, USUAL, Flag, Flags
from realtime.pulse import Figures, Pulse

Listener = Callable[[Flags], object]


class Switches(Protocol):
    """What an operator has switched, as others ask for it."""

    @property
    def current(self) -> Flags:
        """Return where all flags stand now."""

    def is_on(self, name: str, person: str = "") -> bool:
        """Tell whether a flag is on for a person. Raises KeyError for an unknown name."""


class Untouched:
    """Stands where there is nobody to switch anything."""

    current: Final = UNTOUCHED

    def is_on(self, name: str, person: str = "") -> bool:
        """Tell whether a flag is usually on."""
        return UNTOUCHED.is_on(name, person)


class Switched(msgspec.Struct, array_like=True, frozen=True):
    """One flag as it was last switched. Numbers rise with every change; `before` are the figures then, JSON."""

    number: int
    name: str
    percent: int
    changed_at: float
    changed_by: str
    why: str
    before: str


def newest(*many: Iterable[Switched]) -> dict[str, Switched]:
    """Return of each flag what has the highest number; of two with the same, the one that comes first."""
    found: dict[str, Switched] = {}
    for rows in many:
        for row in rows:
            if row.name not in found or row.number > found[row.name].number:
                found[row.name] = row
    return found


def flags_of(rows: Mapping[str, Switched]) -> Flags:
    """Return where all flags stand: as they were switched, or where they usually do."""
    flags = [
        Flag(name, rows[name].percent, rows[name].changed_at, rows[name].changed_by, rows[name].why)
        if name in rows
        else Flag(name, usual)
        for name, usual in USUAL.items()
    ]
    return Flags(max((row.number for row in rows.values()), default=0), tuple(flags))


class Switchboard(ABC):
    """Where the flags stand, and how things were in the minute before each was changed."""

    def __init__(self, *, now: Callable[[], float], pulse: Pulse) -> None:
        self._now = now
        self._pulse = pulse
        self._memory = threading.Lock()
        self._writing = threading.Lock()
        self._listeners: list[Listener] = []
        self._rows: Mapping[str, Switched] = {}
        self._current = UNTOUCHED
        self._before: Mapping[str, Mapping[str, Figures]] = {}
        _measure(UNTOUCHED)

    @abstractmethod
    def _write(self, wanted: Mapping[str, int], *, by: str, why: str, before: str) -> Iterable[Switched]:
        """Keep changes durably, all or none, and return how flags stand then. Raises StorageError."""

    @abstractmethod
    def close(self) -> None:
        """Let go of where they are kept."""

    @property
    def current(self) -> Flags:
        """Return where all flags stand now."""
        return self._current

    def is_on(self, name: str, person: str = "") -> bool:
        """Tell whether a flag is on for a person. Raises KeyError for an unknown name."""
        return self._current.is_on(name, person)

    def before(self, name: str) -> Mapping[str, Figures]:
        """Return the figures of the minute before a flag was last changed, by subject; none if it never was."""
        return self._before.get(name, {})

    def watch(self, listener: Listener) -> None:
        """Call `listener` with the flags after each change, on the thread that made it or heard of it."""
        self._listeners.append(listener)

    def set(self, changes: Mapping[str, Any], *, by: str, why: str = "") -> Flags:
        """Put flags to shares of the people, 0 to 100, all or none; durable when this returns.

        One that stands there already is left as it is. Raises EventError `bad_flag`, and StorageError.
        """
        wanted = {name: _checked(name, percent) for name, percent in changes.items()}
        if len(why) > MOST_WHY_CHARS:
            raise EventError("bad_flag", f"Say why in at most {MOST_WHY_CHARS} characters.")
        with self._writing:
            wanted = {name: percent for name, percent in wanted.items() if self._current.get(name).percent != percent}
            if wanted:
                before = msgspec.json.encode(self._pulse.all_figures()).decode()
                self._learn(self._write(wanted, by=by, why=why, before=before))
        return self._current

    def _learn(self, rows: Iterable[Switched]) -> None:
        """Take in how flags stand, as far as that is newer than what is known; tell the listeners."""
        with self._memory:
            known = newest(self._rows.values(), rows)
            if known == self._rows:
                return
            self._rows = known
            self._before = {
                name: msgspec.json.decode(row.before, type=dict[str, Figures]) for name, row in known.items()
            }
            self._current = flags = flags_of(known)
        _measure(flags)
        for listener in self._listeners:
            listener(flags)


def _measure(flags: Flags) -> None:
    for flag in flags.flags:
        FLAG_PERCENT.labels(flag=flag.name).set(flag.percent)


def _checked(name: str, percent: Any) -> int:
    if name not in USUAL:
        raise EventError("bad_flag", f"There is no flag {name[:40]!r}; there are {', '.join(USUAL)}.")
    if isinstance(percent, bool) or not isinstance(percent, int) or not 0 <= percent <= EVERYBODY:
        raise EventError("bad_flag", f"{name!r} has to be a whole number from 0 (nobody) to 100 (everybody).")
    return percent
