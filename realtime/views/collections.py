"""Renders collections: their cards, the window of a table, the chart of a field. Pure.

What is asked for by default costs the window shown; a search, a sort by a column or a count reads every document.
Times are unix milliseconds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from heapq import nlargest, nsmallest
from typing import TYPE_CHECKING, Any, Final

from realtime.protocol.channels import collection_channel
from realtime.protocol.events import CollectionDeleted, JsonObject
from realtime.views.figures import figure, layout, local_times, zone_label
from realtime.views.filters import Filters, select, text_of
from realtime.views.freshness import judge
from realtime.views.registry import Value, view
from realtime.views.schema import (
    COLUMNS_SHOWN,
    best_field,
    columns_of,
    countable_fields,
    label_of,
    numeric_fields,
)
from realtime.views.spans import time_span, value_span
from realtime.views.words import plural

if TYPE_CHECKING:
    from realtime.store import CollectionSummary, DocumentState, Store

WINDOW: Final = 200
LARGEST_WINDOW: Final = 2_000
_BARS_SHOWN: Final = 15
_TOO_FEW_POINTS: Final = 12
_GONE_SHOWN: Final = 100


@view(kind="cards", topics=("collections", "connection"), refresh_s=1.0)
def cards(store: Store, *, now: float) -> Value:
    """Render a card for every collection, by name: cards don't change places under the pointer."""
    is_linked = store.connection.is_connected
    found = [_card(store, summary, is_linked=is_linked, now=now) for summary in store.collections(now=now)]
    return {"cards": sorted(found, key=lambda card: card["name"])}


@view(kind="cards", topics=("collections", "connection"), refresh_s=1.0)
def busiest(store: Store, *, now: float, limit: int = 8) -> Value:
    """Render the collections with most events in the last hour, most first; `share` is against the busiest."""
    is_linked = store.connection.is_connected
    found = [_card(store, summary, is_linked=is_linked, now=now) for summary in store.collections(now=now)]
    found.sort(key=lambda card: (-card["lastHour"], card["name"]))
    most = max((card["lastHour"] for card in found), default=0)
    return {"cards": [{**card, "share": card["lastHour"] / most if most else 0.0} for card in found[:limit]]}


def _card(store: Store, summary: CollectionSummary, *, is_linked: bool, now: float) -> dict[str, Any]:
    channel = collection_channel(summary.name)
    freshness = judge(summary, is_linked=is_linked, now=now)
    seconds = store.rates(channel, now=now, bucket_s=1, buckets=300)
    running = int(now) % 10 + 1
    whole = seconds[: len(seconds) - running]
    tens = [sum(whole[max(0, end - 10) : end]) for end in range(len(whole), 0, -10)][::-1]
    return {
        "name": summary.name,
        "label": label_of(summary.name),
        "count": summary.count,
        "ratePerMin": summary.rate_per_min,
        "lastHour": sum(store.rates(channel, now=now, bucket_s=60, buckets=60)),
        "lastChangeAt": _ms(summary.last_change_at),
        "freshness": freshness.word,
        "symbol": freshness.symbol,
        "tone": freshness.tone,
        "staleSince": _ms(freshness.since),
        "spark": [*tens, sum(seconds[-running:])][-30:],
    }


def _topics(*, collection: str, **_others: Any) -> tuple[str, ...]:
    return (collection_channel(collection),)


@view(kind="table", topics=_topics)
def table(
    store: Store,
    *,
    now: float,  # noqa: ARG001  # every view is given the time
    collection: str,
    limit: int = WINDOW,
    sort: str = "",
    descending: bool = True,
    search: str = "",
    field: str = "",
    value: str = "",
) -> Value:
    """Render the window of a table: the first `limit` documents that pass, most recently changed first.

    With `sort` they are ordered by that field instead; documents without it come last. `total` counts all that
    pass, `gone` lists ids that were deleted lately, so that a table standing still can strike them out.
    """
    limit = max(1, min(limit, LARGEST_WINDOW))
    filters = Filters(search, field, value)
    states, total = window(store, collection, filters=filters, limit=limit, sort=sort, descending=descending)
    columns = columns_of([state.document for state in states])
    shown = columns[:COLUMNS_SHOWN]
    return {
        "columns": [{"key": column.key, "label": column.label, "kind": column.kind} for column in shown],
        "rows": _rows(states, [column.key for column in shown]),
        "total": total,
        "all": total if filters.is_empty else count(store, collection),
        "shown": len(states),
        "sort": sort,
        "descending": descending,
        "gone": _gone(store, collection),
        "note": _note(states, total, filters=filters, fields=len(columns)),
    }


def window(
    store: Store, collection: str, *, filters: Filters, limit: int, sort: str = "", descending: bool = True
) -> tuple[Sequence[DocumentState], int]:
    """Return the first `limit` documents that pass, in order, and how many pass in all."""
    if filters.is_empty and not sort:
        return store.recent(collection, limit), count(store, collection)
    documents = store.collection(collection).documents
    if filters.is_empty:
        return _first(list(documents.values()), sort, limit=limit, descending=descending), len(documents)
    passing = select(collection, documents.values(), filters)
    if not sort:
        return passing[: -limit - 1 : -1], len(passing)
    return _first(passing, sort, limit=limit, descending=descending), len(passing)


def count(store: Store, collection: str) -> int:
    """Count a collection's documents without a snapshot, which copies what may be 100,000 references."""
    return next((summary.count for summary in store.collections() if summary.name == collection), 0)


def _first(states: list[DocumentState], sort: str, *, limit: int, descending: bool) -> list[DocumentState]:
    with_it = [state for state in states if state.document.get(sort) is not None]
    choose = nlargest if descending else nsmallest
    found = choose(limit, with_it, key=lambda state: order_key(state.document[sort]))
    if len(found) < limit:
        found += [state for state in reversed(states) if state.document.get(sort) is None][: limit - len(found)]
    return found


def order_key(value: Any) -> tuple[int, float, str]:
    """Give any JSON value a place: numbers (and booleans) by size, then texts regardless of case, then the rest."""
    if isinstance(value, int | float):
        return (0, _size(value), "")
    if isinstance(value, str):
        return (1, 0.0, value.casefold())
    return (2, 0.0, text_of(value))


def _size(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _rows(states: Sequence[DocumentState], keys: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {
            "id": state.id,
            "version": state.offset,
            "cells": list(map(state.document.get, keys)),
            "changedAt": _ms(state.changed_at),
        }
        for state in states
    ]


def _gone(store: Store, collection: str) -> list[str]:
    """List ids deleted lately that haven't come back."""
    deleted = store.feed(limit=_GONE_SHOWN, channels=(collection_channel(collection),), types=(CollectionDeleted.TYPE,))
    ids = [entry.event.id for entry in deleted if isinstance(entry.event, CollectionDeleted)]
    return [identifier for identifier in dict.fromkeys(ids) if store.document(collection, identifier) is None]


def _note(states: Sequence[DocumentState], total: int, *, filters: Filters, fields: int) -> str:
    which = f" · {filters.describe()}" if not filters.is_empty else ""
    text = f"Showing {len(states):,} of {total:,}{which}" if len(states) < total else plural(total, "document") + which
    return text + (f" · {COLUMNS_SHOWN} of {fields} fields" if fields > COLUMNS_SHOWN else "")


@view(kind="chart", topics=_topics)
def chart(
    store: Store,
    *,
    now: float,  # noqa: ARG001  # every view is given the time
    collection: str,
    y: str = "",
    zone: str = "UTC",
    search: str = "",
    field: str = "",
    value: str = "",
) -> Value:
    """Render the field `y` (chosen for the reader when empty): numbers over the newest documents, else counts."""
    filters = Filters(search, field, value)
    newest, _ = window(store, collection, filters=filters, limit=WINDOW)
    documents = [state.document for state in newest]
    columns = columns_of(documents)
    chosen = y or best_field(columns, documents)
    if chosen is None:
        return figure([], layout())
    if chosen in numeric_fields(columns):
        few = len(newest) <= _TOO_FEW_POINTS
        return _each(newest, chosen) if few else _points(newest, chosen, zone=zone)
    states = store.collection(collection).documents.values()
    return _counts([state.document for state in select(collection, states, filters)], chosen)


def _points(newest: Sequence[DocumentState], name: str, *, zone: str) -> Value:
    """Draw a field's values at the moments their documents changed, oldest first.

    A stream of new documents reads as a line; documents that go on changing are points: no line leads from one to
    the next.
    """
    drawn = [
        (state.changed_at, state.document[name], state.id)
        for state in reversed(newest)
        if state.changed_at is not None and _is_number(state.document.get(name))
    ]
    is_stream = all(state.kind == "created" for state in newest if state.changed_at is not None)
    trace = {
        "type": "scatter", "mode": "lines" if is_stream else "markers", "name": label_of(name),
        "x": local_times([moment for moment, _, _ in drawn], zone=zone),
        "y": [value for _, value, _ in drawn],
        "text": [identifier for _, _, identifier in drawn],
        "marker": {"size": 6, "opacity": 0.8},  # the colour is the theme's first
        "line": {"width": 1.8},
        "hovertemplate": "%{y}<br>%{text}<br>%{x|%H:%M:%S}<extra></extra>",
    }  # fmt: skip
    across, up = time_span([moment for moment, _, _ in drawn]), value_span([value for _, value, _ in drawn])
    return figure(
        [trace],
        layout(zone=zone_label(zone)),
        y_axis={"range": list(up)} if up else None,
        **({"range": local_times(list(across), zone=zone)} if across else {}),
    )


def _each(states: Sequence[DocumentState], name: str) -> Value:
    """Draw a field's value for each of a few documents, by id: as points in time they would say nothing."""
    drawn = sorted(
        ((state.id, state.document[name]) for state in states if _is_number(state.document.get(name))), reverse=True
    )
    return _bars([(identifier, value, f"{value:,}") for identifier, value in drawn], name)


def _counts(documents: Sequence[JsonObject], name: str) -> Value:
    """Draw how many documents have each value, the commonest on top; what is beyond the first 15 is one bar."""
    counts = Counter(text_of(document[name]) for document in documents if document.get(name) is not None)
    common = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    bars = common[:_BARS_SHOWN]
    rest = sum(count for _, count in common[_BARS_SHOWN:])
    if rest:
        bars = [*bars, (f"{len(common) - _BARS_SHOWN:,} others", rest)]
    return _bars([(word[:40], count, f"{count:,}") for word, count in reversed(bars)], name)


def _bars(bars: Sequence[tuple[str, float, str]], name: str) -> Value:
    """Draw (label, value, text) as horizontal bars, the first at the bottom."""
    trace = {
        "type": "bar", "orientation": "h", "name": label_of(name),
        "x": [value for _, value, _ in bars], "y": [label for label, _, _ in bars],
        "text": [text for _, _, text in bars], "textposition": "auto", "cliponaxis": False,
        "width": min(0.75, 0.15 * len(bars)),  # a single bar needn't fill the panel
        "hovertemplate": "%{y}: %{x:,}<extra></extra>",
    }  # fmt: skip
    return figure([trace], layout(bars="stack"), type="linear")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def chartable(store: Store, collection: str) -> tuple[tuple[str, ...], str | None]:
    """List the fields worth drawing (numbers first, then what can be counted), and the one to begin with."""
    documents = [state.document for state in store.recent(collection, WINDOW)]
    columns = columns_of(documents)
    return numeric_fields(columns) + countable_fields(columns, documents), best_field(columns, documents)


def chart_title(store: Store, collection: str, y: str) -> str:
    """Say what the chart of a field shows."""
    documents = [state.document for state in store.recent(collection, WINDOW)]
    if y in numeric_fields(columns_of(documents)):
        if len(documents) <= _TOO_FEW_POINTS:
            return f"{label_of(y)} by document"
        return f"{label_of(y)} of the newest documents"  # not how many: the title stands while documents come
    return f"Documents by {label_of(y).lower()}"


def fields(store: Store, collection: str) -> tuple[str, ...]:
    """List the fields of the newest documents, for choosing one to filter by."""
    return tuple(column.key for column in columns_of([state.document for state in store.recent(collection, WINDOW)]))


def values_of(store: Store, collection: str, field: str, *, limit: int = 50) -> tuple[str, ...]:
    """List a field's commonest values among the newest documents, for choosing one to filter by."""
    newest = store.recent(collection, LARGEST_WINDOW)
    counts = Counter(text_of(state.document[field]) for state in newest if field in state.document)
    return tuple(value for value, _ in counts.most_common(limit))


def _ms(moment: float | None) -> int | None:
    return None if moment is None else round(moment * 1000)
