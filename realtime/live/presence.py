"""Decides who is here: tabs of a person, idling, the grace after the last one closed. Pure: the caller brings the time.

Facts in (a tab opened, closed, fell idle, looks at something), effects out: what shall be told as an event. Signs of
life never are. A tab is reached over its live channel; one that can't have any is seated by its Streamlit session.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import msgspec

from realtime.store import Here, Looking

GRACE_S: Final = 15.0
SEAT_S: Final = 3600.0
"""How long a tab without a channel counts after its script last ran. Streamlit tells of its end long before."""
MOST_TABS: Final = 20_000
MOST_TABS_EACH: Final = 100
BURST: Final = 20
REFILL_PER_S: Final = 0.5


class Came(msgspec.Struct, frozen=True):
    """A person is here who wasn't."""

    person: str
    at: float


class Went(msgspec.Struct, frozen=True):
    """A person is gone from here."""

    person: str
    at: float


class Did(msgspec.Struct, frozen=True):
    """A person did something that is worth telling."""

    person: str
    at: float
    action: str
    metadata: Mapping[str, Any] = {}


Effect: TypeAlias = Came | Went | Did
Effects: TypeAlias = list[Effect]


@dataclass(slots=True)
class _Tab:
    channels: int = 0
    is_seated: bool = False
    until: float | None = None
    is_idle: bool = False
    is_hidden: bool = False
    looking: Looking | None = None

    @property
    def is_open(self) -> bool:
        return self.channels > 0 or self.is_seated


@dataclass(slots=True)
class _Person:
    since: float
    told_at: float
    """When their coming was told last."""
    tabs: dict[str, _Tab] = field(default_factory=dict)
    is_idle: bool = False
    viewed: Looking | None = None
    allowance: float = BURST
    allowed_at: float = 0.0


class Presence:
    """Everybody at this app's pages. A tab is named by a key of its own; the same key of two people is two tabs."""

    def __init__(self, *, grace_s: float = GRACE_S) -> None:
        self.dropped = 0
        """Actions not told, because that person's came too fast."""
        self.turn = 0
        """Rises whenever somebody comes or goes."""
        self._grace_s = grace_s
        self._people: dict[str, _Person] = {}
        self._tabs = 0
        self._order = itertools.count()
        self._ends: list[tuple[float, int, str, str]] = []
        self._changed: set[str] = set()

    # Facts

    def left_behind(self, people: Iterable[str], *, since: float, now: float) -> None:
        """Take in of whom an earlier process told that they are here: they get the grace of a tab that closed now.

        `since`: when the last of them came, as far as is known.
        """
        for person in people:
            if self._tab("", person, now=now) is not None:
                someone = self._people[person]
                someone.since = someone.told_at = min(since, now)
                self._end_at(person, "", now + self._grace_s)

    def opened(self, tab: str, person: str, *, now: float) -> Effects:
        """Take in that a tab's channel opened; from now on the channel tells whether the tab is there."""
        is_new = person not in self._people
        found = self._tab(tab, person, now=now)
        if found is None:
            return []
        found.channels += 1
        found.is_seated = False
        return self._woke(person, found, now=now, is_new=is_new)

    def closed(self, tab: str, person: str, *, sign_at: float, now: float) -> Effects:
        """Take in that a channel ended. `sign_at`: its last sign of life, which for a proper closing is `now`."""
        found = self._find(tab, person)
        if found is None or not found.channels:
            return []
        found.channels -= 1
        return self._closed(person, tab, found, at=sign_at, now=now)

    def seated(self, tab: str, person: str, *, now: float) -> Effects:
        """Take in that a page's script ran: that is a tab, too, where it has no channel."""
        is_new = person not in self._people
        found = self._tab(tab, person, now=now)
        if found is None or found.channels:
            return []
        was_open = found.is_seated
        found.is_seated = True
        effects = [] if was_open else self._woke(person, found, now=now, is_new=is_new)
        self._end_at(person, tab, now + SEAT_S)
        return effects

    def unseated(self, tab: str, person: str, *, now: float) -> Effects:
        """Take in that a Streamlit session ended."""
        found = self._find(tab, person)
        if found is None or not found.is_seated:
            return []
        found.is_seated = False
        return self._closed(person, tab, found, at=now, now=now)

    def left(self, tab: str, person: str, *, now: float) -> Effects:
        """Take in that a person said goodbye in this tab: no grace."""
        found = self._find(tab, person)
        return [] if found is None else self._forget(person, tab, now=now)

    def left_all(self, person: str, *, now: float) -> Effects:
        """Take in that a person logged out: all their tabs are no longer theirs."""
        someone = self._people.get(person)
        return (
            []
            if someone is None
            else [gone for tab in list(someone.tabs) for gone in self._forget(person, tab, now=now)]
        )

    def idled(self, tab: str, person: str, *, is_idle: bool, now: float) -> Effects:
        """Take in that nobody has touched this tab for a while, or that somebody does again."""
        found = self._find(tab, person)
        if found is None or found.is_idle == is_idle:
            return []
        found.is_idle = is_idle
        return self._judge_idling(person, now=now)

    def shown(self, tab: str, person: str, *, is_visible: bool) -> None:
        """Take in whether a tab can be seen."""
        found = self._find(tab, person)
        if found is not None and found.is_hidden == is_visible:
            found.is_hidden = not is_visible
            self._changed.add(person)

    def looked(self, tab: str, person: str, looking: Looking, *, now: float) -> Effects:
        """Take in what a tab shows. Told once, however often it is said; a reload isn't another look."""
        found, someone = self._find(tab, person), self._people.get(person)
        if found is None or someone is None or found.looking == looking:
            return []
        found.looking = looking
        self._changed.add(person)
        if someone.viewed == looking:
            return []
        someone.viewed = looking
        told = {name: text for name, text in msgspec.structs.asdict(looking).items() if text}
        return self._did(person, "view", told, now=now)

    def did(self, person: str, action: str, metadata: Mapping[str, Any], *, now: float) -> Effects:
        """Take in that a person did something. Beyond twenty at once and one in two seconds it is counted, not told."""
        return self._did(person, action, metadata, now=now) if person in self._people else []

    def contradicted(self, person: str, *, now: float) -> Effects:
        """Take in that somebody else told of this person's leaving; they are still here, so that is told again."""
        someone = self._people.get(person)
        if someone is None:
            return []
        someone.told_at = now
        return [Came(person, now)]

    def came_elsewhere(self, person: str, *, at: float) -> None:
        """Take in that another app told of this person's coming: with no tab open here, their going is its to tell.

        Only a coming after the one told from here counts: so of all that hear each other one is left to tell.
        """
        someone = self._people.get(person)
        if someone is None or at <= someone.told_at or any(tab.is_open for tab in someone.tabs.values()):
            return
        self._tabs -= len(someone.tabs)
        del self._people[person]
        self._changed.add(person)
        self.turn += 1

    def tick(self, now: float) -> Effects:
        """Learn the time: let go of tabs whose grace is over."""
        effects: Effects = []
        while self._ends and self._ends[0][0] <= now:
            until, _, person, tab = heapq.heappop(self._ends)
            found = self._find(tab, person)
            if found is not None and found.until is not None and found.until <= now and until == found.until:
                effects += self._forget(person, tab, now=now)
        return effects

    # What there is

    @property
    def due_at(self) -> float | None:
        """Return when `tick` may have something to do next, None when never."""
        return self._ends[0][0] if self._ends else None

    @property
    def people(self) -> tuple[str, ...]:
        """Return who is here, those in their grace included."""
        return tuple(self._people)

    def here(self, person: str) -> Here | None:
        """Return how a person is here, None when they aren't."""
        someone = self._people.get(person)
        if someone is None:
            return None
        opened = [tab for tab in someone.tabs.values() if tab.is_open]
        seen = [tab.looking for tab in opened if tab.looking is not None and not tab.is_hidden]
        return Here(len(opened), someone.is_idle, someone.since, tuple(dict.fromkeys(seen)))

    def changes(self) -> dict[str, Here | None]:
        """Return how those stand of whom something changed since the last call. O(changed people)."""
        changed, self._changed = self._changed, set()
        return {person: self.here(person) for person in changed}

    # Inside

    def _find(self, tab: str, person: str) -> _Tab | None:
        someone = self._people.get(person)
        return None if someone is None else someone.tabs.get(tab)

    def _tab(self, tab: str, person: str, *, now: float) -> _Tab | None:
        """Find a tab or make it; None when there is no room for one more."""
        someone = self._people.get(person)
        known = None if someone is None else someone.tabs.get(tab)
        if known is not None:
            return known
        if self._tabs >= MOST_TABS or (someone is not None and len(someone.tabs) >= MOST_TABS_EACH):
            return None
        if someone is None:
            someone = self._people[person] = _Person(since=now, told_at=now, allowed_at=now)
            self.turn += 1
        made = someone.tabs[tab] = _Tab()
        self._tabs += 1
        self._changed.add(person)
        return made

    def _woke(self, person: str, tab: _Tab, *, now: float, is_new: bool) -> Effects:
        """Take in that a tab is there (again): whoever opens one is neither gone nor idle."""
        tab.until = None
        tab.is_idle = False
        self._changed.add(person)
        return [Came(person, now)] if is_new else self._judge_idling(person, now=now)

    def _closed(self, person: str, key: str, tab: _Tab, *, at: float, now: float) -> Effects:
        self._changed.add(person)
        if tab.is_open:
            return []
        until = at + self._grace_s
        if until <= now:
            return self._forget(person, key, now=now)
        self._end_at(person, key, until)
        return []

    def _end_at(self, person: str, key: str, until: float) -> None:
        self._people[person].tabs[key].until = until
        heapq.heappush(self._ends, (until, next(self._order), person, key))
        if len(self._ends) > 2 * self._tabs + 64:  # what a later end replaced
            self._ends = [end for end in self._ends if self._is_current(end)]
            heapq.heapify(self._ends)

    def _is_current(self, end: tuple[float, int, str, str]) -> bool:
        found = self._find(end[3], end[2])
        return found is not None and found.until == end[0]

    def _forget(self, person: str, key: str, *, now: float) -> Effects:
        someone = self._people[person]
        del someone.tabs[key]
        self._tabs -= 1
        self._changed.add(person)
        if someone.tabs:
            return self._judge_idling(person, now=now)
        del self._people[person]
        self.turn += 1
        return [Went(person, now)]

    def _judge_idling(self, person: str, *, now: float) -> Effects:
        someone = self._people[person]
        is_idle = all(tab.is_idle for tab in someone.tabs.values())
        if is_idle == someone.is_idle:
            return []
        someone.is_idle = is_idle
        self._changed.add(person)
        return self._did(person, "idle" if is_idle else "active", {}, now=now)

    def _did(self, person: str, action: str, metadata: Mapping[str, Any], *, now: float) -> Effects:
        someone = self._people[person]
        passed = max(now - someone.allowed_at, 0.0)
        someone.allowance = min(BURST, someone.allowance + passed * REFILL_PER_S)
        someone.allowed_at = now
        if someone.allowance < 1.0:
            self.dropped += 1
            return []
        someone.allowance -= 1.0
        return [Did(person, now, action, metadata)]
