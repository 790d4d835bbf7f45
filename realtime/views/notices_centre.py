"""Renders a person's notification centre: one tab's rows with the counts of all, and the history. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from realtime.notifications import centre as inboxes
from realtime.notifications.centre import Tab
from realtime.notifications.history import search as search_history
from realtime.notifications.inbox_state import Past
from realtime.notifications.model import Row
from realtime.notifications.text import MAX_MESSAGE_CHARS
from realtime.views.notices import inbox_topics
from realtime.views.notices_words import MESSAGE_CHARS, SEVERITY_WORDS, ms, row_value
from realtime.views.registry import Value, view

if TYPE_CHECKING:
    from realtime.store import Store

PAGE: Final = 100
TAB_WORDS: Final[dict[Tab, str]] = {
    Tab.UNREAD: "Unread", Tab.ALL: "All", Tab.NEEDS_ACK: "Needs ack", Tab.SNOOZED: "Snoozed", Tab.DONE: "Done",
}  # fmt: skip
_EMPTY: Final[dict[Tab, str]] = {
    Tab.UNREAD: "Nothing unread. What comes next appears here by itself.",
    Tab.ALL: "No notifications yet. Rules decide which events deserve one; try the test button below.",
    Tab.NEEDS_ACK: "Nothing waits for an acknowledgement.",
    Tab.SNOOZED: "Nothing is snoozed.",
    Tab.DONE: "Nothing is done yet. Press e on a row to put it here.",
}
_PAST_LINES: Final = 20


@view(kind="centre", topics=inbox_topics)
def centre(
    store: Store, *, now: float, person: str, tab: str = "unread", search: str = "", limit: int = PAGE, whole: str = ""
) -> Value:
    """Render a tab's rows: those that need someone first, then the newest; at most `limit`.

    `whole` names the row whose message is rendered to its end, with the lines that the history has of it.
    """
    copy = store.inbox(person)
    chosen = tab_of(tab)
    found = inboxes.rows(copy.inbox, chosen, now=now, text=search)
    counts = inboxes.counts(copy.inbox, now=now)
    return {
        "tab": str(chosen),
        "tabs": [{"name": str(each), "label": TAB_WORDS[each], "count": counts[each]} for each in Tab],
        "rows": [_row(row, now=now, is_whole=row.key == whole) for row in found[: max(1, limit)]],
        "found": len(found),
        "search": search,
        "revision": copy.inbox.revision,
        "isSynced": copy.is_synced,
        "empty": f"No notification in {TAB_WORDS[chosen]} holds these words." if search else _EMPTY[chosen],
        "past": _past_of(copy.inbox.history, whole) if whole else [],
    }


@view(kind="ledger", topics=inbox_topics)
def history(store: Store, *, now: float, person: str, search: str = "", limit: int = PAGE) -> Value:  # noqa: ARG001
    """Render what was told and what became of it, newest first, as a table."""
    past = store.inbox(person).inbox.history
    found = search_history(past, search, limit=len(past) or 1)
    return {
        "columns": [
            {"label": "When", "kind": "ago"},
            {"label": "What", "kind": "label"},
            {"label": "Notification", "kind": "words"},
            {"label": "Why", "kind": "words"},
        ],
        "rows": [_line(line, len(found) - number) for number, line in enumerate(found[:limit])],
        "empty": "Nothing in the history holds these words." if search else "Nothing was told yet.",
        "note": f"The newest {limit} of {len(found):,}; the CSV holds all." if len(found) > limit else "",
    }  # fmt: skip


def tab_of(text: str) -> Tab:
    """Read a tab's name; anything else is the first tab."""
    try:
        return Tab(text)
    except ValueError:
        return Tab.UNREAD


def _row(row: Row, *, now: float, is_whole: bool) -> dict[str, Any]:
    return row_value(row, now=now, limit=MAX_MESSAGE_CHARS if is_whole else MESSAGE_CHARS)


def _past_of(history: tuple[Past, ...], key: str) -> list[dict[str, Any]]:
    lines = search_history(history, key=key, limit=_PAST_LINES)
    return [{"at": ms(line.at), "what": line.what, "title": line.title, "count": line.count} for line in lines]


def _line(line: Past, number: int) -> dict[str, Any]:
    times = f" ×{line.count:,}" if line.count > 1 else ""
    told = f"{SEVERITY_WORDS[line.severity]}{times}" if line.what == "told" else line.what
    text = f"{line.title}: {line.message}" if line.message else line.title
    return {
        # Times of equal lines may be the same: the place from the oldest on tells them apart.
        "key": f"{line.noted_at} {line.key} {number}",
        "cells": [ms(line.at), told, text if len(text) <= 300 else text[:299] + "…", line.why or "–"],
    }
