"""Tells what one does very often by how often, so that nobody pushes others' rows out by being loud. Pure.

The first of what an actor does in a minute are rows of their own. What goes beyond is one row a minute for what it was
done to, in as few words as it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from realtime.gateway.audit_words import Note

NAMED: Final = 10
"""Rows that one actor's one action, with one outcome, may make each minute by name."""
WINDOW_MS: Final = 60_000
MOST_CROWDS: Final = 1_000
SEVERAL: Final = "several"
"""Stands for the origins of a crowd that came from too many to name."""
_Who: TypeAlias = tuple[str, str, str]


@dataclass(slots=True)
class _Crowd:
    began_ms: int
    named: int = 0
    folded: dict[tuple[str, str, str], Note] = field(default_factory=dict)


class Crowds:
    """What is counted rather than named, until its minute is over."""

    def __init__(self) -> None:
        self._crowds: dict[_Who, _Crowd] = {}

    def take(self, notes: Sequence[Note]) -> list[Note]:
        """Take notes, and return what is to be written now, in their order; what repeats within them is one."""
        written: list[Note] = []
        for note in _merged(notes):
            who = note.actor, note.action, note.outcome
            crowd = self._crowds.get(who)
            if crowd is None:
                if len(self._crowds) >= MOST_CROWDS:
                    written += self.all()
                crowd = self._crowds[who] = _Crowd(note.time_ms)
            if crowd.named < NAMED:
                crowd.named += 1
                written.append(note)
            else:
                _fold(crowd, note)
        return written

    def due(self, now_ms: int) -> list[Note]:
        """Return the rows of the minutes that are over by now, and begin them anew."""
        over = [who for who, crowd in self._crowds.items() if not crowd.began_ms <= now_ms < crowd.began_ms + WINDOW_MS]
        return [note for who in over for note in self._crowds.pop(who).folded.values()]

    def all(self) -> list[Note]:
        """Return all that is folded, and begin anew."""
        found = self.folded()
        self._crowds.clear()
        return found

    def folded(self) -> list[Note]:
        """Return what is folded so far, for whoever wants to read it now; the minutes go on."""
        found: list[Note] = []
        for crowd in self._crowds.values():
            found += crowd.folded.values()
            crowd.folded.clear()
        return found

    @property
    def next_due_ms(self) -> int | None:
        """Return when a minute is over that has something to tell."""
        return min((one.began_ms + WINDOW_MS for one in self._crowds.values() if one.folded), default=None)


def _merged(notes: Sequence[Note]) -> Iterable[Note]:
    """Make one of notes that differ in time alone."""
    found: dict[tuple[str, ...], Note] = {}
    for note in notes:
        key = (note.actor, note.action, note.outcome, note.target, note.origin, note.detail)
        before = found.get(key)
        found[key] = note if before is None else before._replace(times=before.times + note.times)
    return found.values()


def _fold(crowd: _Crowd, note: Note) -> None:
    coarse = note._replace(target=note.target.partition("/")[0])
    key = coarse.target, coarse.origin, coarse.detail
    if key not in crowd.folded and len(crowd.folded) >= NAMED:
        coarse = coarse._replace(target="", origin=SEVERAL, detail="")
        key = "", SEVERAL, ""
    before = crowd.folded.get(key)
    crowd.folded[key] = coarse if before is None else before._replace(times=before.times + note.times)
