"""Renders who is here: everybody in a list, and one person with what they did. Pure; times in unix milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from realtime.store.people import PEOPLE_KEPT
from realtime.views.deeds import about, deed, name_of, place
from realtime.views.registry import Value, view
from realtime.views.words import Tone, plural

if TYPE_CHECKING:
    from realtime.store import PersonDid, PersonSeen, Store

SHOWN: Final = 50
GONE_SHOWN: Final = 10
IDLE_AFTER_S: Final = 300.0
GONE_WITHIN_S: Final = 3600.0
LINES: Final = 50
COUNTS_SHOWN: Final = 8
# state -> shape, word, tone
STATES: Final[dict[str, tuple[str, str, Tone]]] = {
    "online": ("●", "Online", "good"),
    "idle": ("◐", "Idle", "warn"),
    "gone": ("○", "Left", "quiet"),
}


@view(kind="people", topics=("users", "here"), refresh_s=10.0)
def present(store: Store, *, now: float, limit: int = SHOWN, has_gone: bool = True) -> Value:
    """Render who is online, the one seen last first, then (`has_gone`) who left within the last hour."""
    found = store.people(limit + GONE_SHOWN if has_gone else limit)
    online = [person for person in found if person.is_online][:limit]
    since = now - GONE_WITHIN_S if has_gone else now
    gone = [person for person in found if not person.is_online and person.last_seen_at > since]
    count = store.people_online
    return {
        "people": [_person(person, now=now) for person in [*online, *gone[:GONE_SHOWN]]],
        "title": f"{count:,}{'+' if count >= PEOPLE_KEPT else ''} here now",  # more aren't remembered
        "more": f"and {plural(count - len(online), 'more person', 'more people')} online"
        if count > len(online)
        else "",
        "empty": "Nobody is here, and nobody left within the last hour.",
    }


@view(kind="person", topics=("users", "here"), refresh_s=10.0)
def person(store: Store, *, now: float, person: str) -> Value:
    """Render one person: how they are here, how often they did what, the last hour, and what they did, newest first."""
    found = store.person(person)
    if found is None:
        return {"id": person, "name": name_of(person), "isKnown": False}
    counts = sorted(store.action_counts(person).items(), key=lambda each: (-each[1], each[0]))
    return {
        **_person(found, now=now),
        "isKnown": True,
        "since": None if found.came_at is None else _ms(found.came_at),
        "firstSeen": _ms(found.first_seen_at),
        "counts": [{"word": deed(action)[1], "count": count} for action, count in counts[:COUNTS_SHOWN]],
        "moreCounts": sum(count for _, count in counts[COUNTS_SHOWN:]),
        "strip": list(store.person_strip(person, now=now)),
        "start": (int(now // 60) - 59) * 60_000,
        "lines": [_line(did) for did in store.done_by(person, limit=LINES)],
    }


def state_of(person: PersonSeen, *, now: float) -> str:
    """Judge how a person is here. Our own pages know it; of others, who did nothing for five minutes counts as idle."""
    if not person.is_online:
        return "gone"
    if person.here is not None:
        return "idle" if person.here.is_idle else "online"
    return "idle" if person.is_idle or now - person.last_seen_at > IDLE_AFTER_S else "online"


def _person(person: PersonSeen, *, now: float) -> dict[str, Any]:
    state = state_of(person, now=now)
    symbol, word, tone = STATES[state]
    return {
        "id": person.user_id,
        "name": name_of(person.user_id),
        "state": state,
        "symbol": symbol,
        "word": word,
        "tone": tone,
        "at": _ms(person.last_seen_at),
        "tabs": person.here.tabs if person.here is not None else 0,
        "places": _places(person),
    }


def _places(person: PersonSeen) -> list[str]:
    if not person.is_online:
        return []
    looking = person.here.looking if person.here is not None else (person.looking,)
    return [words for words in (place(each) for each in looking[:4]) if words]


def _line(did: PersonDid) -> dict[str, Any]:
    symbol, word = deed(did.action)
    return {"at": _ms(did.at), "symbol": symbol, "word": word, "detail": about(did)}


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
