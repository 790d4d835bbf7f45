"""Shows rows of the audit: as a table for reading, as CSV and JSON lines for keeping. Pure."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec
import pandas as pd

from realtime.protocol.audit import AuditRow, AuditVerdict
from realtime.views.export import to_csv
from realtime.views.words import plural

ACTIONS: Final = {
    "write": "Change",
    "call": "Request",
    "connect": "Connection",
    "sign-in": "Sign-in",
    "sign-out": "Sign-out",
    "export": "Export",
    "acknowledge": "Acknowledgement",
    "flag.set": "Flag",
    "limit": "Limit reached",
    "token.mint": "Token made",
    "token.revoke": "Token taken back",
    "user.block": "Person blocked",
    "user.unblock": "Person let in again",
    "audit.retention": "Old rows let go",
    "audit.lost": "Notes lost",
}
"""What people call actions; others stand as they are."""
OUTCOMES: Final = {"ok": "✓ Done", "refused": "✕ Refused", "failed": "! Failed"}
PERIODS: Final = {"Any time": None, "Last hour": 1, "Last 24 hours": 24, "Last 7 days": 168, "Last 30 days": 720}
"""How far back to look, in hours."""
COLUMNS: Final = ("When", "Who", "Did", "Outcome", "What", "Details", "Times", "From")


def table(rows: Sequence[AuditRow], *, zone: str) -> pd.DataFrame:
    """Lay rows out for reading; times are those of `zone`."""
    lines = [
        (
            datetime.fromtimestamp(row.time_ms / 1000, ZoneInfo(zone)).replace(tzinfo=None),
            row.actor or "–",
            ACTIONS.get(row.action, row.action),
            OUTCOMES.get(row.outcome, row.outcome),
            row.target or "–",
            row.detail,
            row.times,
            row.origin or "–",
        )
        for row in rows
    ]
    frame = pd.DataFrame(lines, columns=list(COLUMNS))
    return frame.astype({"When": "datetime64[ms]", "Times": "int64"})


def since(period: str, *, now: float) -> str:
    """Write when a period began, as the gateway wants it; "" for any time."""
    hours = PERIODS.get(period)
    if hours is None:
        return ""
    return (datetime.fromtimestamp(now, UTC) - timedelta(hours=hours)).isoformat(timespec="seconds")


def verdict(found: AuditVerdict) -> tuple[bool, str]:
    """Say whether the chain holds: a claim, and a sentence."""
    if found.is_whole:
        return True, f"Whole: {plural(found.rows, 'row')}, none changed, removed or moved. It ends at `{found.head}`."
    more = f" And {plural(len(found.breaks) - 1, 'more break')}." if len(found.breaks) > 1 else ""
    return False, f"Broken: {found.breaks[0]}.{more} Compare with a backup, or with an export."


def csv_of(rows: Iterable[AuditRow]) -> bytes:
    """Write rows as CSV, for spreadsheets, times as ISO 8601 with offset."""
    columns = ["number", "time", "actor", "action", "outcome", "target", "origin", "times", "detail"]
    return to_csv(pd.DataFrame([_line(row) for row in rows], columns=columns))


def lines_of(rows: Iterable[AuditRow]) -> bytes:
    """Write rows as JSON lines, for programs."""
    written = io.BytesIO()
    for row in rows:
        written.write(msgspec.json.encode(_line(row)) + b"\n")
    return written.getvalue()


def _line(row: AuditRow) -> dict[str, object]:
    moment = datetime.fromtimestamp(row.time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {
        "number": row.number, "time": moment, "actor": row.actor, "action": row.action, "outcome": row.outcome,
        "target": row.target, "origin": row.origin, "times": row.times, "detail": row.detail,
    }  # fmt: skip
