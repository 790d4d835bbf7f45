"""Tells what an operator has switched off, to whom it concerns; and, to administrators, how it goes. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from realtime.protocol.flags import EVERYBODY, NOTIFICATIONS, READ_ONLY, REALTIME, WEBSOCKET, Flag
from realtime.views.figures import zone_of
from realtime.views.registry import Value, view

if TYPE_CHECKING:
    from realtime.pulse import Figures
    from realtime.store import Store

# flag -> what is so now, and what follows from it for who reads it
_WORDS: Final = {
    WEBSOCKET: ("WebSocket is switched off", "Data come by polling every few seconds."),
    REALTIME: ("Real-time is switched off", "Pages refresh at an interval."),
    NOTIFICATIONS: ("Notifications are switched off", "Nothing new is noted."),
    READ_ONLY: ("Read-only", "Changes are refused for now."),
}
LABELS: Final = {
    WEBSOCKET: "WebSocket",
    REALTIME: "Real-time",
    NOTIFICATIONS: "Notifications",
    READ_ONLY: "Read-only",
}
MEANINGS: Final = {
    WEBSOCKET: "Off: the gateway refuses sockets, and apps poll from where they were. Nothing is lost.",
    REALTIME: "Off: nothing is pushed to pages, which refresh at an interval instead.",
    NOTIFICATIONS: "Off: nothing new is noted for anybody; no toast, no banner.",
    READ_ONLY: "On: every change of documents is refused with a sentence. Reading goes on.",
}
_COUNTED: Final = {
    WEBSOCKET: "Answers on sockets",
    REALTIME: "Pushes to pages",
    NOTIFICATIONS: "Notices",
    READ_ONLY: "Writes",
}


@view(kind="switches", topics=("flags", "connection"), while_hidden=True)
def switched(store: Store, *, now: float, person: str = "") -> Value:  # noqa: ARG001 - it stands still
    """Render a line for each thing that isn't as it usually is for this person, with since when and why."""
    flags = [flag for flag in store.flags.unusual(person) if flag.name != WEBSOCKET]
    sockets = store.flags.get(WEBSOCKET)
    # Whose sockets are off is decided for this app, not for who looks at it.
    if not sockets.is_usual and (sockets.percent == 0 or store.connection.transport == "polling"):
        flags.insert(0, sockets)
    return {"lines": [_line(flag) for flag in flags]}


@view(kind="ledger", topics=("figures", "flags"))
def figures(store: Store, *, now: float, name: str, zone: str = "UTC") -> Value:  # noqa: ARG001 - they carry their time
    """Render how what a flag governs goes now, and how it went in the minute before the flag was last changed."""
    told = store.flags_told
    found = [] if told is None else [one for one in told.flags if one.name == name]
    columns = [
        {"label": _COUNTED[name], "kind": "text"},
        {"label": "A minute", "kind": "number"},
        {"label": "Failed", "kind": "number"},
        {"label": "Median", "kind": "number"},
        {"label": "Slowest 5 %", "kind": "number"},
    ]
    rows = [
        {"key": key, "cells": [label, *_cells(measured)]}
        for one in found
        for key, label, measured in (("now", "Now", one.now), ("before", "Before the change", one.before))
        if measured is not None
    ]
    return {
        "columns": columns,
        "rows": rows,
        "empty": "The gateway hasn't told any figures yet.",
        "note": _since(store.flags.get(name), zone),
    }


def state_of(flag: Flag) -> str:
    """Say where a flag stands, in a word or two."""
    if flag.percent in (0, EVERYBODY):
        return "On" if flag.percent else "Off"
    return f"On for {flag.percent} % of the people"


def _since(flag: Flag, zone: str) -> str:
    if flag.changed_at is None:
        return "Never touched."
    moment = datetime.fromtimestamp(flag.changed_at, zone_of(zone)).strftime("%d %b %Y, %H:%M:%S")
    by = f" by {flag.changed_by}" if flag.changed_by else ""
    return f"Switched {moment}{by}{': ' if flag.why else ''}{flag.why}"


def _line(flag: Flag) -> dict[str, Any]:
    text, meaning = _WORDS[flag.name]
    at = None if flag.changed_at is None else round(flag.changed_at * 1000)
    return {"key": flag.name, "symbol": "■", "text": text, "meaning": meaning, "why": flag.why, "at": at}


def _cells(measured: Figures) -> list[str]:
    if not measured.count:
        return ["none", "–", "–", "–"]
    share = measured.errors / measured.count
    a_minute = measured.count * 60 / max(measured.seconds, 1.0)
    return [
        f"{a_minute:,.0f}",
        f"{share:.2%}" if 0 < share < 0.1 else f"{share:.0%}",
        *map(_ms, (measured.p50_ms, measured.p95_ms)),
    ]


def _ms(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.2g} ms" if value < 10 else f"{value:,.0f} ms"
