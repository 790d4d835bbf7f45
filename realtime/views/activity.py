"""Renders the Activity page's feed: events that pass the filters, one by one or grouped, and what there is to choose.

Pure. Times in values are unix milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from realtime.protocol.channels import collection_of
from realtime.protocol.events import (
    ConnectionGap,
    ConnectionLost,
    SystemFault,
    SystemMaintenance,
    UserActivity,
    UserLogin,
    UserLogout,
    document_id_of,
    encode_envelope,
)
from realtime.views.activity_place import GROUPS, KINDS, SEVERITIES, ActivityPlace, read_activity
from realtime.views.deeds import name_of
from realtime.views.feed import row
from realtime.views.registry import Value, view
from realtime.views.words import brief, plural

if TYPE_CHECKING:
    from realtime.store import FeedEntry, Store

ROWS_SHOWN: Final = 200
COUNTED: Final = 500
GROUPS_SHOWN: Final = 100
LINES_IN_GROUP: Final = 20
CHOICES: Final = 200
STRIP_MINUTES: Final = 60
_USER_EVENTS: Final = (UserLogin, UserLogout, UserActivity)
_LEVELS: Final = {"": 0, "warning": 1, "error": 2}
_EVERYTHING: Final = 100_000
_TEXTS_KEPT: Final = 20_000
_NAMELESS: Final = {"person": "Nobody named", "document": "No document"}
_texts: dict[int, tuple[object, str]] = {}


@view(kind="feed", topics=("feed",))
def events(store: Store, *, now: float, query: Mapping[str, str]) -> Value:  # noqa: ARG001  # every view is given the time
    """Render the events that pass the filters of `query` (what a URL of the page says), newest first.

    `keys` are the newest 500 of them by number, `bad` those that are errors: what a reader counts by who stands still.
    """
    place = read_activity(query)
    found = select(store.feed(limit=_EVERYTHING), place)
    rows = grouped(found, place.group) if place.group else [row(entry) for entry in found[:ROWS_SHOWN]]
    newest = found[:COUNTED]
    return {
        "rows": rows,
        "keys": [entry.sequence for entry in newest],
        "bad": [entry.sequence for entry in newest if level_of(entry) == _LEVELS["error"]],
        "isPinned": place.is_pinned,
        "note": _note(len(found), place, is_cut=len(found) > ROWS_SHOWN),
        "empty": _empty(place),
    }


def select(entries: Iterable[FeedEntry], place: ActivityPlace) -> list[FeedEntry]:
    """Return the entries that pass, in the order given."""
    least, needle = _LEVELS[place.severity], place.search.casefold()
    return [
        entry
        for entry in entries
        if (not place.kinds or kind_of(entry) in place.kinds)
        and (not place.collection or collection_of(entry.channel) == place.collection)
        and (not place.person or person_of(entry) == place.person)
        and (not place.is_pinned or place.since <= at_of(entry) < place.until)
        and level_of(entry) >= least
        and (not needle or needle in _text(entry))
    ]


def kind_of(entry: FeedEntry) -> str:
    """Return which of the page's kinds an event is of."""
    family, _, what = entry.envelope.type.partition(":")
    return {"collection": what, "user": "people"}.get(family, family)


def person_of(entry: FeedEntry) -> str:
    """Return who did it, or whom it is about; empty when nobody is named."""
    if isinstance(entry.event, _USER_EVENTS):
        return entry.event.user_id
    return entry.envelope.actor or ""


def level_of(entry: FeedEntry) -> int:
    """Return how severe an event is: 0 as usual, 1 a warning, 2 an error."""
    event = entry.event
    if isinstance(event, SystemFault):
        return 2 if event.severity == "high" or entry.envelope.critical else 1
    if isinstance(event, ConnectionLost):
        return 2
    return 1 if entry.envelope.critical or isinstance(event, SystemMaintenance | ConnectionGap) else 0


def at_of(entry: FeedEntry) -> float:
    """Return when it happened, by the producer's own time where there is one."""
    return entry.event_at if entry.event_at is not None else entry.received_at


def grouped(entries: Sequence[FeedEntry], by: str) -> list[dict[str, Any]]:
    """Write entries as one row a person or document, the one with the newest event first, with its newest lines."""
    groups: dict[str, list[FeedEntry]] = {}
    for entry in entries:
        groups.setdefault(_group_of(entry, by), []).append(entry)
    return [_group_row(name, group, by) for name, group in islice(groups.items(), GROUPS_SHOWN)]


def _group_of(entry: FeedEntry, by: str) -> str:
    if by == "person":
        return person_of(entry)
    identifier = document_id_of(entry.event)
    return "" if identifier is None else f"{collection_of(entry.channel)} › {identifier}"


def _group_row(name: str, group: Sequence[FeedEntry], by: str) -> dict[str, Any]:
    newest = row(group[0])
    title = (name_of(name) if by == "person" else brief(name, limit=80)) if name else _NAMELESS[by]
    return {
        **newest,
        "key": f"{by}:{name}",
        "stamp": group[0].sequence,
        "count": len(group),
        "title": title,
        "detail": _said(newest, title),
        "lines": [_line(entry, title) for entry in group[:LINES_IN_GROUP]],
        "more": max(0, len(group) - LINES_IN_GROUP),
    }


def _line(entry: FeedEntry, title: str) -> dict[str, Any]:
    written = row(entry)
    line = {name: written[name] for name in ("at", "symbol", "word", "tone")}
    return {**line, "text": _said(written, title)}


def _said(written: Mapping[str, Any], title: str) -> str:
    """Say an event in a group without what the group's title says already."""
    is_told = written["title"] == title or title.endswith(f" › {written['title']}")
    return f"{'' if is_told else written['title']} {written['detail']}".strip()


def _note(found: int, place: ActivityPlace, *, is_cut: bool) -> str:
    """Say what is shown with the true count, where that isn't everything."""
    words = place.describe()
    shown = (
        f"the newest {ROWS_SHOWN} of {plural(found, 'event')}" if is_cut and not place.group else plural(found, "event")
    )
    return f"{shown}: {words}" if words else shown


def _empty(place: ActivityPlace) -> str:
    if place.is_pinned:
        return "No events of this time are kept here."
    return "No events pass these filters. They are shown as soon as some do." if place.is_filtered else "No events yet."


def _text(entry: FeedEntry) -> str:
    """Return an event's text to search in; an entry never changes, so it is written once."""
    known = _texts.get(entry.sequence)
    if known is None or known[0] is not entry.envelope:
        if len(_texts) >= _TEXTS_KEPT:
            _texts.clear()
        known = _texts[entry.sequence] = (entry.envelope, encode_envelope(entry.envelope).decode().casefold())
    return known[1]


@view(kind="filters", topics=("collections", "users", "here"))
def choices(store: Store, *, now: float, query: Mapping[str, str]) -> Value:  # noqa: ARG001  # every view is given the time
    """Render what can be chosen: kinds, collections, people (who is online first), severities, groupings."""
    place = read_activity(query)
    collections = [summary.name for summary in store.collections()][:CHOICES]
    people = with_chosen([person.user_id for person in store.people(CHOICES)], place.person)
    return {
        "kinds": list(KINDS.items()),
        "collections": with_chosen(collections, place.collection),
        "people": [[person, name_of(person)] for person in people],
        "severities": list(SEVERITIES.items()),
        "groups": list(GROUPS.items()),
    }


def with_chosen(names: list[str], chosen: str) -> list[str]:
    """Keep what the URL asks for among the choices, even while nothing has it."""
    return names if not chosen or chosen in names else [chosen, *names]


@view(kind="strip", topics=("feed",), refresh_s=5.0)
def strip(store: Store, *, now: float, person: str = "", collection: str = "") -> Value:
    """Render how much happened in each of the last sixty minutes: of a person, a collection, or in all.

    `reach` is the time of the oldest event that the feed still holds: what lies before it can be counted, not listed.
    """
    if person:
        counts, label = store.person_strip(person, now=now), f"What {name_of(person)} did"
    elif collection:
        counts, label = _per_minute(store, f"collection:{collection}", now=now), f"Events of {collection}"
    else:
        both = zip(_per_minute(store, "all", now=now), _per_minute(store, "own", now=now), strict=True)
        counts, label = tuple(map(sum, both)), "All events"
    is_all = not person and not collection
    errors = _per_minute(store, "type:system:error", now=now) if is_all else (0,) * STRIP_MINUTES
    kept = store.feed(limit=_EVERYTHING)
    return {
        "start": (int(now // 60) - STRIP_MINUTES + 1) * 60_000,
        "counts": list(counts),
        "errors": list(errors),
        "label": f"{label} per minute, last hour",
        "reach": int((kept[-1].received_at if kept else now) // 60) * 60_000,
    }


def _per_minute(store: Store, key: str, *, now: float) -> tuple[int, ...]:
    return store.rates(key, now=now, bucket_s=60, buckets=STRIP_MINUTES)
