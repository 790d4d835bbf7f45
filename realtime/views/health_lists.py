"""Renders the Health page's words and lists: why the connection was lost, what waits, what is missing. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from realtime.store.timeline import outages, reasons
from realtime.views.health import DAY_S, REFRESH_S, TOPICS
from realtime.views.registry import Value, view
from realtime.views.words import duration, plural, size, span

if TYPE_CHECKING:
    from realtime.store import Store

_UNKNOWN: Final = "–"
_NEWEST: Final = 20
_HUBS: Final = {"gateway": "Gateway to its clients", "live": "App to open tabs"}


@view(kind="ledger", topics=TOPICS, refresh_s=REFRESH_S)
def verdict(store: Store, *, now: float) -> Value:
    """Render how the connection stands, in two or three sentences."""
    health, status = store.health(now=now), store.connection
    found = outages(health.spans)
    newest = health.spans[-1] if health.spans else None
    if newest is None:
        return _ledger([], [], empty="Nothing is known of the connection yet.")
    if found and found[-1].end is None:
        words = f"Down for {duration(found[-1].length_s(now))}. {status.reason or found[-1].reason}"
    elif status.is_connected:
        words = f"{'Live' if newest.transport == 'websocket' else 'Polling'} for {duration(newest.length_s)}."
    else:
        words = f"Not in sync yet. {status.reason or ''}"
    recent = [outage for outage in found if (outage.end or now) > now - DAY_S]
    away = sum(outage.length_s(now) for outage in recent)
    lost = f"Lost {_times(len(recent))} in 24 h, for {span(away)} in all." if recent else "Not lost in 24 h."
    gaps = store.gaps
    missed = f"{plural(len(gaps), 'gap')} could not be recovered." if gaps else "No event was missed for good."
    return _ledger([], [], empty=f"{words} {lost} {missed}")


def _times(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count:,} times")


@view(kind="ledger", topics=TOPICS, refresh_s=REFRESH_S)
def lost_because(store: Store, *, now: float) -> Value:
    """Render why the connection was lost, how often, when last, and what it cost."""
    rows = [
        {
            "key": why.reason,
            "cells": [why.reason, why.count, round(why.last_at * 1000), span(why.down_s)],
        }
        for why in reasons(outages(store.health(now=now).spans), now=now)
    ]
    columns = [_column("Reason"), _column("Times", "number"), _column("Last", "ago"), _column("Away in all", "number")]
    return _ledger(columns, rows, empty="The connection hasn't been lost since the app watches it.")


@view(kind="ledger", topics=("health",), refresh_s=5.0)
def queues(store: Store, *, now: float) -> Value:
    """Render what the hubs of this process have sent, hold back, and gave up on."""
    samples = store.health(now=now).samples
    rows = [
        {
            "key": hub.name,
            "cells": [
                _HUBS.get(hub.name, hub.name), hub.connections, hub.deliveries, size(hub.bytes_out),
                _UNKNOWN if hub.queue_bytes is None else size(hub.queue_bytes), hub.coalesced, hub.slow_closed,
            ],
        }
        for hub in (samples[-1].hubs if samples else ())
    ]  # fmt: skip
    columns = [
        _column("From"), _column("Open", "number"), _column("Sent", "number"),
        _column("Bytes", "number"), _column("Waiting", "number"),
        _column("Coalesced", "number"), _column("Slow", "number"),
    ]  # fmt: skip
    return _ledger(columns, rows, empty="Not sampled yet.")


@view(kind="ledger", topics=TOPICS, refresh_s=5.0)
def gaps(store: Store, *, now: float) -> Value:  # noqa: ARG001  # every view is given the time
    """Render what could not be recovered, newest first."""
    rows = [
        {
            "key": f"{gap.channel} {gap.first} {gap.since}",
            "cells": [
                gap.channel, _UNKNOWN if gap.count is None else gap.count, round(gap.since * 1000),
                span(max(gap.until - gap.since, 0.0)),
            ],
        }
        for gap in store.gaps[:_NEWEST]
    ]  # fmt: skip
    columns = [_column("Channel"), _column("Events", "number"), _column("Began", "ago"), _column("Lasted", "number")]
    return _ledger(columns, rows, empty="None: what was missed was made up for.")


@view(kind="ledger", topics=("health",), refresh_s=5.0)
def dead_letters(store: Store, *, now: float) -> Value:
    """Render the critical events that some consumer never acknowledged, as the gateway lists them."""
    letters = store.health(now=now).dead_letters
    columns = [_column("Channel"), _column("Offset", "number"), _column("Consumer"), _column("Reason")]
    if letters is None:
        return _ledger(columns, [], empty="The gateway doesn't say: it can't be reached, or keeps no such list.")
    rows = [
        {
            "key": f"{letter.channel} {letter.offset} {letter.consumer}",
            "cells": [letter.channel, letter.offset, letter.consumer or _UNKNOWN, letter.reason],
        }
        for letter in letters.newest
    ]
    more = letters.total - len(rows)
    note = f"{plural(letters.total, 'dead letter')}, the newest {len(rows)} shown" if more > 0 else ""
    return _ledger(columns, rows, note=note, empty="None: every critical event was acknowledged.")


def _column(label: str, kind: str = "text") -> dict[str, str]:
    return {"label": label, "kind": kind}


def _ledger(columns: list[dict[str, str]], rows: list[dict[str, Any]], *, empty: str, note: str = "") -> Value:
    return {"columns": columns, "rows": rows, "empty": empty, "note": note}
