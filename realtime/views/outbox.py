"""Renders what waits in the outbox: changes made here that the gateway hasn't acknowledged. Pure; times in unix ms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from realtime.errors import EventError
from realtime.protocol.events import JsonObject, read_envelope
from realtime.store import OutboxState
from realtime.views.record import diff
from realtime.views.registry import Value, view
from realtime.views.words import Tone, plural

if TYPE_CHECKING:
    from realtime.store import OutboxEntry, Store

ROWS_SHOWN: Final = 50
_SETTLES_AFTER_S: Final = 1.0
_CONFIRMED_SHOWN_S: Final = 5.0
_UNSEEN: Final = ("user:",)
_VERBS: Final = {"created": "Create", "updated": "Change", "deleted": "Delete"}
# state -> shape, word, tone
_LOOKS: Final[dict[OutboxState, tuple[str, str, Tone]]] = {
    OutboxState.PENDING: ("◌", "Waiting", "info"),
    OutboxState.SENT: ("◌", "Waiting", "info"),
    OutboxState.CONFIRMED: ("✓", "Confirmed", "good"),
    OutboxState.REFUSED: ("■", "Refused", "bad"),
}


@view(kind="outbox", topics=("outbox", "connection"), refresh_s=1.0)
def waiting(store: Store, *, now: float, collection: str = "", id: str = "") -> Value:
    """Render what is refused, what waits and what was confirmed within 5 s; of one document when it is named.

    What is answered within a second is never shown: it would only flicker. A refused row has `version`, the document's
    now (0: gone), which deciding for one's own version is based on. Of one document, `changes` say what would change.
    """
    is_linked = store.connection.is_connected
    entries = [entry for entry in changes(store) if not id or entry.document == (collection, id)]
    refused = {entry.document for entry in entries if entry.state is OutboxState.REFUSED and entry.document}
    shown = [entry for entry in entries if _is_shown(entry, is_linked=is_linked, now=now)]
    shown.sort(key=lambda entry: (entry.state is not OutboxState.REFUSED, entry.number))
    rows = [
        _row(store, entry, is_linked=is_linked, is_behind=entry.document in refused, has_changes=bool(id))
        for entry in shown[:ROWS_SHOWN]
    ]
    more = len(shown) - len(rows)
    return {"rows": rows, "note": f"and {plural(more, 'more change')}" if more else "", "isLinked": is_linked}


def count(store: Store, *, is_refused: bool = False) -> int:
    """Count what waits, or what is refused."""
    return sum(entry.state is OutboxState.REFUSED if is_refused else entry.is_open for entry in changes(store))


def changes(store: Store) -> list[OutboxEntry]:
    """Return what people changed; that they are here leaves by the same way, and isn't their concern."""
    return [entry for entry in store.outbox if not entry.type.startswith(_UNSEEN)]


def newest_waiting(store: Store, collection: str, identifier: str) -> OutboxEntry | None:
    """Return the last change of a document that waits, None when nothing does."""
    mine = [entry for entry in store.outbox if entry.is_open and entry.document == (collection, identifier)]
    return mine[-1] if mine else None


def document_of(entry: OutboxEntry) -> JsonObject | None:
    """Return the document as a change would leave it, None when it would delete it."""
    try:
        content = read_envelope(entry.envelope).data
    except EventError:
        return None
    document = content.get("document") if isinstance(content, dict) else None
    return document if isinstance(document, dict) else None


def _is_shown(entry: OutboxEntry, *, is_linked: bool, now: float) -> bool:
    if entry.state is OutboxState.CONFIRMED:
        settled_at = entry.settled_at or 0.0
        return settled_at - entry.created_at >= _SETTLES_AFTER_S and now - settled_at <= _CONFIRMED_SHOWN_S
    is_settling = entry.is_open and is_linked and not entry.attempts > 1
    return not is_settling or now - entry.created_at >= _SETTLES_AFTER_S


def _row(store: Store, entry: OutboxEntry, *, is_linked: bool, is_behind: bool, has_changes: bool) -> dict[str, Any]:
    symbol, word, tone = _LOOKS[entry.state]
    collection, identifier = entry.document or ("", "")
    state = store.document(collection, identifier) if entry.document else None
    return {
        "number": entry.number,
        "state": str(entry.state),
        "symbol": symbol,
        "word": word,
        "tone": tone,
        "verb": _VERBS.get(entry.type.rpartition(":")[2], entry.type),
        "collection": collection,
        "id": identifier,
        "at": round(entry.created_at * 1000),
        "reason": _reason(entry, is_linked=is_linked, is_behind=is_behind),
        "isConflict": entry.is_conflict,
        "version": 0 if state is None else state.offset,
        "changes": _changes(entry, {} if state is None else state.document) if has_changes else [],
    }


def _reason(entry: OutboxEntry, *, is_linked: bool, is_behind: bool) -> str:
    if entry.state is OutboxState.REFUSED:
        return entry.reason or "The gateway gave no reason."
    if entry.state is OutboxState.CONFIRMED:
        return ""
    if is_behind:
        return "behind a refused change of the same document: decide on that first"
    if not is_linked:
        return "for the connection; kept on disk and sent by itself"
    return f"for the gateway, try {entry.attempts}: {entry.reason}" if entry.reason else "for the gateway's word"


def _changes(entry: OutboxEntry, now: JsonObject) -> list[dict[str, Any]]:
    if not (entry.is_open or entry.state is OutboxState.REFUSED):
        return []
    document = document_of(entry)
    return [] if document is None else diff(now, document)
