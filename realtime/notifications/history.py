"""What was told, newest last: noted, searched, and written as CSV. Pure and bounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Final

import msgspec

from realtime.notifications.inbox_state import HISTORY_KEPT, Inbox, Past
from realtime.notifications.model import Notification
from realtime.notifications.text import clip

_MAX_CHARS: Final = 500
_COLUMNS: Final = ("at", "what", "severity", "kind", "title", "message", "count", "why", "key", "channel", "offset")
# A spreadsheet takes a text that begins so as a formula (OWASP, "CSV injection").
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


def noted(inbox: Inbox, notices: Iterable[Notification], *, at: float, what: str, count: int = 1) -> Inbox:
    """Return an inbox whose history tells of notifications; the oldest lines leave."""
    lines = tuple(
        Past(
            at=each.at if what == "told" else at,
            noted_at=at,
            key=each.key,
            kind=each.kind,
            severity=each.severity,
            title=each.title,
            message=clip(each.message, _MAX_CHARS),
            why=each.why,
            what=clip(what, _MAX_CHARS),
            count=count,
            source=each.source,
        )
        for each in notices
    )
    return msgspec.structs.replace(inbox, history=(*inbox.history, *lines)[-HISTORY_KEPT:])


def search(history: Sequence[Past], text: str = "", *, key: str | None = None, limit: int = 200) -> tuple[Past, ...]:
    """Return the newest lines that hold every word of `text`, whatever the case; of one row, if `key` names it."""
    words = text.casefold().split()
    found: list[Past] = []
    for past in reversed(history):
        if len(found) >= limit:
            break
        if (key is None or past.key == key) and all(word in _words_of(past) for word in words):
            found.append(past)
    return tuple(found)


def to_csv(history: Iterable[Past], *, zone: tzinfo = UTC) -> bytes:
    """Write CSV (UTF-8 with a mark, for Excel), times as ISO 8601 with offset. Formulas are made texts by a quote."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for past in history:
        at = datetime.fromtimestamp(past.at, zone).isoformat(timespec="milliseconds")
        source = ("", "") if past.source is None else (past.source.channel, past.source.offset)
        row = (
            at,
            past.what,
            past.severity,
            past.kind,
            past.title,
            past.message,
            past.count,
            past.why,
            past.key,
            *source,
        )
        writer.writerow([_defused(value) for value in row])
    return buffer.getvalue().encode("utf-8-sig")


def _defused(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA) else value


def _words_of(past: Past) -> str:
    return f"{past.title}\n{past.message}\n{past.severity}\n{past.key}\n{past.why}\n{past.what}".casefold()
