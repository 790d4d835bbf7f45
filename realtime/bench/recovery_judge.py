"""Judges a soak: whether what the follower wrote down, and what it holds, keeps what DESIGN.md promises. Pure.

It believes the gateway's answers to producers (what is stored, and when it was answered) and nothing the follower
says of itself: a claim is held against what had been stored before it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from realtime.bench.faults import FaultKind
from realtime.bench.recovery_journal import Confirmed, Line, Promised, Refused
from realtime.bench.recovery_walk import CONNECTED, Flaw, Moment, StoredEvent, Walk, walk
from realtime.bench.spread import Spread, spread_of

RECOVERY_P95_S: Final = 5.0
_SHOWN: Final = 3
Documents = Mapping[str, Mapping[str, Any]]
"""Collection → id → document."""


@dataclass(frozen=True)
class Struck:
    """A fault that happened. Times in Unix seconds."""

    kind: FaultKind
    began_at: float
    ended_at: float


@dataclass(frozen=True)
class Evidence:
    """All there is to judge by. `history` is every event the gateway holds, as (source, id)."""

    journal: Sequence[Line]
    stored: Sequence[StoredEvent]
    faults: Sequence[Struck]
    documents: Documents
    tops: Mapping[str, int]
    held: Documents
    held_tops: Mapping[str, int]
    history: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Breach:
    """A promise that wasn't kept, and what shows it."""

    promise: str
    words: str


@dataclass(frozen=True)
class Recovery:
    """How long it took after one fault's end until everything stored by then was applied. None: never."""

    kind: FaultKind
    took_s: float | None


@dataclass(frozen=True)
class Verdict:
    """The judge's findings. `recovery` is in milliseconds."""

    events: int
    applied: int
    criticals: int
    criticals_applied: int
    criticals_heard: int
    gaps: int
    duplicates: int
    false_claims: int
    claims: int
    resyncs: int
    lost: int
    redelivered: int
    documents: int
    unequal: int
    emits: int
    emits_stored: int
    recovery: Spread | None
    recoveries: tuple[Recovery, ...]
    breaches: tuple[Breach, ...] = field(default=())

    @property
    def is_kept(self) -> bool:
        """Tell whether every promise was kept."""
        return not self.breaches


def judge(evidence: Evidence) -> Verdict:
    """Hold the evidence against every promise."""
    found = walk(evidence.journal, evidence.stored)
    unequal = _differences(evidence)
    criticals = [event for event in evidence.stored if _is_owed(event, found)]
    missed = [f"{one.channel} {one.offset} was never applied" for one in criticals if one.place not in found.ever_seen]
    unheard = [one for one in criticals if (one.source, one.id) not in found.ever_heard]
    gaps = [*found.of(Flaw.GAP), *_silently_lost(evidence.stored, found)]
    lies = [*found.of(Flaw.FALSE_CLAIM), *_never_lost(evidence.stored, found)]
    recoveries = tuple(_recovery(struck, evidence.stored, found.moments) for struck in evidence.faults)
    recovery = spread_of(one.took_s * 1000 for one in recoveries if one.took_s is not None)
    promised, stored_once, emit_flaws = _emits(evidence)
    breaches = [
        *_breaches("store equals the gateway", unequal),
        *_breaches("criticals 100 %", [*missed, *(f"no handler heard of {one.source} {one.id}" for one in unheard)]),
        *_breaches("gaps 0", gaps),
        *_breaches("duplicates applied 0", [*found.of(Flaw.REPEAT), *_stored_twice(evidence.history)]),
        *_breaches("order kept", found.of(Flaw.DISORDER)),
        *_breaches("false claims 0", lies),
        *_breaches("recovery", _slow(recoveries, recovery)),
        *_breaches("emits stored once", emit_flaws),
    ]
    return Verdict(
        events=len(evidence.stored),
        applied=found.applied,
        criticals=len(criticals),
        criticals_applied=len(criticals) - len(missed),
        criticals_heard=len(criticals) - len(unheard),
        gaps=len(gaps),
        duplicates=len(found.of(Flaw.REPEAT)) + len(_stored_twice(evidence.history)),
        false_claims=len(lies),
        lost=len(found.said_lost),
        claims=found.claims,
        resyncs=found.resyncs,
        redelivered=found.redelivered,
        documents=sum(map(len, evidence.documents.values())),
        unequal=len(unequal),
        emits=promised,
        emits_stored=stored_once,
        recovery=recovery,
        recoveries=recoveries,
        breaches=tuple(breaches),
    )


def _breaches(promise: str, flaws: Sequence[str]) -> Iterable[Breach]:
    """Make one breach of what shows it: the first few, and how many more."""
    if flaws:
        more = f" … and {len(flaws) - _SHOWN} more" if len(flaws) > _SHOWN else ""
        yield Breach(promise, "; ".join(flaws[:_SHOWN]) + more)


def _differences(evidence: Evidence) -> list[str]:
    """Say where the follower's store isn't the gateway's: documents, then positions."""
    found = []
    for collection in sorted({*evidence.documents, *evidence.held}):
        true, held = evidence.documents.get(collection, {}), evidence.held.get(collection, {})
        for identifier in sorted({*true, *held}):
            if identifier not in held:
                found.append(f"{collection}/{identifier} is missing")
            elif identifier not in true:
                found.append(f"{collection}/{identifier} should be gone")
            elif true[identifier] != held[identifier]:
                found.append(f"{collection}/{identifier} is another")
    for channel, top in sorted(evidence.tops.items()):
        if evidence.held_tops.get(channel, 0) != top:
            found.append(f"{channel} stands at {evidence.held_tops.get(channel, 0)} instead of {top}")
    return found


def _is_owed(event: StoredEvent, found: Walk) -> bool:
    """Tell whether an event is critical and came after the consumer had made itself known."""
    return event.is_critical and found.first_claim_at is not None and event.answered_at > found.first_claim_at


def _silently_lost(stored: Sequence[StoredEvent], found: Walk) -> list[str]:
    """Find what was never shown, though it happened after the first sync, and what nobody was told is lost."""
    since = found.first_claim_at
    places = found.skipped - found.ever_seen
    if since is not None:
        places |= {event.place for event in stored if event.answered_at > since} - found.ever_seen
    return [f"{channel} {offset} was never shown" for channel, _, offset in sorted(places - found.said_lost)]


def _never_lost(stored: Sequence[StoredEvent], found: Walk) -> list[str]:
    """Find what was said to be lost and wasn't; a critical event may be, and come again all the same."""
    criticals = {event.place for event in stored if event.is_critical}
    false = (found.said_lost & found.ever_seen) - criticals
    return [f"{channel} {offset} was said to be lost, but shown" for channel, _, offset in sorted(false)]


def _stored_twice(history: Sequence[tuple[str, str]]) -> list[str]:
    counts = Counter(history)
    return [f"{source} {identifier} is stored {n} times" for (source, identifier), n in counts.items() if n > 1]


def _emits(evidence: Evidence) -> tuple[int, int, list[str]]:
    """Return how many emits were promised, how many of them are stored, and what went wrong."""
    promised = {line.id for line in evidence.journal if isinstance(line, Promised | Confirmed)}
    counts = Counter(identifier for _, identifier in evidence.history)
    flaws = [f"the emit {one} was never stored" for one in sorted(promised) if not counts[one]]
    flaws += [f"the emit {one.id} was refused: {one.reason}" for one in evidence.journal if isinstance(one, Refused)]
    return len(promised), sum(counts[one] == 1 for one in promised), flaws


def _slow(recoveries: Sequence[Recovery], spread: Spread | None) -> list[str]:
    flaws = [f"never after {one.kind}" for one in recoveries if one.took_s is None]
    if spread is not None and spread.p95 >= RECOVERY_P95_S * 1000:
        flaws.append(f"p95 is {spread.p95 / 1000:.1f} s")
    return flaws


def _recovery(struck: Struck, stored: Sequence[StoredEvent], moments: Sequence[Moment]) -> Recovery:
    """Time from a fault's end until all that was stored by then, and the first event after it, is applied and claimed.

    The first event after it: a client that hasn't noticed yet that it is cut off still holds all that is older.
    """
    after = [event.answered_at for event in stored if event.answered_at > struck.ended_at]
    until = min(after, default=struck.ended_at)
    needed: dict[str, int] = {}
    for event in stored:
        if event.answered_at <= until:
            needed[event.channel] = max(event.offset, needed.get(event.channel, 0))
    for moment in _from(moments, struck.ended_at):
        if moment.state == CONNECTED and all(moment.tops.get(channel, 0) >= top for channel, top in needed.items()):
            return Recovery(struck.kind, max(moment.t - struck.ended_at, 0.0))
    return Recovery(struck.kind, None)


def _from(moments: Sequence[Moment], t: float) -> Sequence[Moment]:
    """Return how things stood at `t`, and all later changes."""
    first = next((index for index, moment in enumerate(moments) if moment.t > t), len(moments))
    return moments[max(first - 1, 0) :]


__all__ = ["Breach", "Evidence", "Recovery", "StoredEvent", "Struck", "Verdict", "Walk", "judge"]
