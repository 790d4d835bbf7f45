"""Writes events as rows a person can read: what happened, to what, by whom, when. Pure.

Times are unix milliseconds, as JavaScript counts them; the tab writes them in the reader's zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from realtime.protocol.channels import collection_of
from realtime.protocol.events import (
    CollectionCreated,
    CollectionDeleted,
    CollectionUpdated,
    ConnectionEstablished,
    ConnectionGap,
    ConnectionLost,
    ConnectionRestored,
    Event,
    JsonObject,
    SystemFault,
    SystemMaintenance,
    UserActivity,
    UserLogin,
    UserLogout,
)
from realtime.store.people import did_of
from realtime.views.deeds import about, deed, is_ours, name_of
from realtime.views.registry import Value, view
from realtime.views.words import KIND_SYMBOLS, KIND_TONES, KIND_WORDS, Tone, brief, plural, span

if TYPE_CHECKING:
    from realtime.store import FeedEntry, Store

_FIELDS_SHOWN: Final = 4
_Look = tuple[str, str, Tone, str, str]  # symbol, word, tone, title, detail


@view(kind="feed", topics=("feed",))
def newest(
    store: Store,
    *,
    now: float,  # noqa: ARG001  # every view is given the time
    limit: int = 20,
    channels: Sequence[str] | None = None,
    types: Sequence[str] | None = None,
    search: str | None = None,
) -> Value:
    """Render the newest events, newest first; `total` counts every event this process has taken in.

    Who opens which of our own pages isn't news of what is watched: that is on the Activity page.
    """
    entries = store.feed(limit=limit, channels=channels, types=types, search=search, has_own=False)
    return {"rows": [row(entry) for entry in entries], "total": store.sequence}


def row(entry: FeedEntry) -> dict[str, Any]:
    """Write one event as a row. `at` is the producer's own time; late and future ones are marked, never hidden."""
    symbol, word, tone, title, detail = _look(entry)
    moment = entry.event_at if entry.event_at is not None else entry.received_at
    written = {
        "key": entry.sequence,
        "at": round(moment * 1000),
        "symbol": symbol,
        "word": word,
        "tone": tone,
        "title": title,
        "detail": detail,
        "channel": collection_of(entry.channel) or entry.channel,
        "actor": None if entry.envelope.actor is None else name_of(entry.envelope.actor),
        "late": entry.is_late,
        "future": entry.is_future,
        "changed": list(entry.changed[:12]),
    }
    if isinstance(entry.event, ConnectionGap):
        written["span"] = [_ms(entry.event.since), _ms(entry.event.until)]
    return written


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


def _look(entry: FeedEntry) -> _Look:
    event = entry.event
    if isinstance(event, CollectionCreated):
        return _document("created", str(event.document.get("id", "")), summary(event.document))
    if isinstance(event, CollectionUpdated):
        return _document("updated", event.id, _changes(event.document, entry.changed))
    if isinstance(event, CollectionDeleted):
        return _document("deleted", event.id, "")
    return _other(event, entry.envelope.type)


def _document(kind: str, identifier: str, detail: str) -> _Look:
    return KIND_SYMBOLS[kind], KIND_WORDS[kind], KIND_TONES[kind], identifier, detail


def _other(event: Event, type_name: str) -> _Look:
    match event:
        case UserLogin():
            return "→", "Arrived", "info", name_of(event.user_id), ""
        case UserLogout():
            return "←", "Left", "quiet", name_of(event.user_id), ""
        case UserActivity():
            return _activity(event)
        case SystemMaintenance():
            return "◆", "Maintenance", "warn", brief(event.message, limit=120), f"planned for {event.scheduled_time}"
        case SystemFault():
            return (
                "▲",
                "Error",
                "bad" if event.severity == "high" else "warn",
                brief(event.error, limit=120),
                event.severity,
            )
        case ConnectionEstablished():
            return "●", "Connected", "good", "Connected to the gateway", ""
        case ConnectionLost():
            return "■", "Connection lost", "bad", "Connection to the gateway lost", brief(event.reason, limit=80)
        case ConnectionRestored():
            return "●", "Back online", "good", "Connection restored", f"after {span(event.downtime)}"
        case ConnectionGap():
            return "▲", "Gap", "warn", gap_words(event.channel, event.count), ""
        case _:
            return "?", "Unknown", "quiet", type_name, "an event type this version doesn't know"


def _activity(event: UserActivity) -> _Look:
    symbol, word = deed(event.action)
    detail = about(did_of(event, at=0.0))
    if is_ours(event.action):
        return symbol, word, "quiet", name_of(event.user_id), detail
    return symbol, "Activity", "info", name_of(event.user_id), " · ".join(part for part in (word, detail) if part)


def gap_words(channel: str, count: int | None) -> str:
    """Say what could not be recovered; the time it happened in is written by the tab, in the reader's zone."""
    name = collection_of(channel) or channel
    if count is None:
        return f"{name} began anew: what happened in between can't be recovered"
    return f"About {plural(count, 'event')} of {name} could not be recovered"


def summary(document: JsonObject) -> str:
    """Say what a document holds in its first few plain fields."""
    parts = [
        f"{name} {brief(value, limit=24)}"
        for name, value in document.items()
        if name != "id" and value is not None and not isinstance(value, dict | list)
    ]
    return " · ".join(parts[:_FIELDS_SHOWN])


def _changes(document: JsonObject, changed: Sequence[str]) -> str:
    if not changed:
        return "nothing changed"
    parts = [f"{name} → {brief(document[name], limit=24) if name in document else 'removed'}" for name in changed]
    more = len(parts) - _FIELDS_SHOWN
    return " · ".join(parts[:_FIELDS_SHOWN]) + (f" · {more} more" if more > 0 else "")
