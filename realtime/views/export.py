"""Writes what filters select as CSV and Parquet. Pure; costs every document of the collection, so only when asked."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pandas as pd

from realtime.views import collections
from realtime.views.filters import Filters, select

if TYPE_CHECKING:
    from realtime.store import Store

# A spreadsheet takes a text that begins so as a formula (OWASP, "CSV injection").
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def selected(store: Store, collection: str, *, filters: Filters) -> pd.DataFrame:
    """Return the documents that pass as a table, newest change first.

    The columns are `id`, the documents' fields, and `_changed_at` (ISO 8601 with offset) and `_changed_by`.
    """
    states = list(reversed(select(collection, store.collection(collection).documents.values(), filters)))
    frame = store.frame(collection)
    frame = frame.loc[[state.id for state in states if state.id in frame.index]]
    known = {state.id: state for state in states}
    changed = [known[identifier].changed_at for identifier in frame.index]
    table = frame.reset_index()
    table["_changed_at"] = pd.array([None if at is None else _iso(at) for at in changed], dtype="str")
    table["_changed_by"] = pd.array([known[identifier].actor for identifier in frame.index], dtype="str")
    return table


def to_csv(table: pd.DataFrame) -> bytes:
    """Write CSV (UTF-8 with a mark, for Excel). Texts a spreadsheet would run as a formula get a leading quote."""
    safe = table.apply(_defused)
    return safe.to_csv(index=False).encode("utf-8-sig")


def to_parquet(table: pd.DataFrame) -> bytes:
    """Write Parquet, compressed, with the columns' own types."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False, compression="zstd")
    return buffer.getvalue()


def file_name(collection: str, *, now: float, ending: str) -> str:
    """Name a file after the collection and the moment: "orders-20260131T120000Z.csv"."""
    return f"{collection}-{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%SZ}.{ending}"


def count(store: Store, collection: str, *, filters: Filters) -> int:
    """Count the documents that pass."""
    if filters.is_empty:
        return collections.count(store, collection)
    return len(select(collection, store.collection(collection).documents.values(), filters))


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")


def _defused(column: pd.Series) -> pd.Series:
    if not (pd.api.types.is_string_dtype(column) or column.dtype == object):
        return column
    return column.map(lambda text: f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text)
