"""Makes a DataFrame of a collection, once a version. No store, no lock but its own, no clock.

Threads: any. The lock only guards the making, so that ten tabs make one frame, not ten.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
import pandas as pd

from realtime.protocol.events import JsonObject
from realtime.store.model import CollectionSnapshot

COLUMNS_KEPT: Final = 256
_INT64: Final = 2**63
_ENCODE: Final = msgspec.json.Encoder().encode


class Frames:
    """The newest frame of every collection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._frames: dict[str, tuple[int, pd.DataFrame]] = {}

    def get(self, snapshot: CollectionSnapshot) -> pd.DataFrame:
        """Return the frame of a snapshot: a shallow copy whose columns are shared by all and copied on write."""
        with self._lock:
            made = self._frames.get(snapshot.name)
            if made is None or made[0] < snapshot.version:
                frame = frame_of([state.document for state in snapshot.documents.values()])
                made = self._frames[snapshot.name] = (snapshot.version, frame)
            return made[1].copy(deep=False)


def frame_of(documents: Sequence[JsonObject]) -> pd.DataFrame:
    """Build a frame: the index is `id`, the columns are the other fields in the order they first appear.

    Numbers, booleans and texts get their own column types; objects and arrays, and fields of mixed kinds, become text
    (JSON). Beyond COLUMNS_KEPT fields the rest is left out; `frame.attrs["columns_left_out"]` says how many.
    """
    names = list(dict.fromkeys(name for document in documents for name in document if name != "id"))
    columns = {name: _column([document.get(name) for document in documents]) for name in names[:COLUMNS_KEPT]}
    index = pd.Index([str(document["id"]) for document in documents], dtype=object, name="id")
    frame = pd.DataFrame(columns, index=index, copy=False)
    frame.attrs["columns_left_out"] = max(len(names) - COLUMNS_KEPT, 0)
    return frame


def _column(values: list[Any]) -> Any:
    kinds = set(map(type, values))
    has_missing = type(None) in kinds
    kinds.discard(type(None))
    if not kinds:
        return pd.array(values, dtype="object")
    if kinds == {bool}:
        return pd.array(values, dtype="boolean" if has_missing else "bool")
    if kinds == {int} and _fits(values):
        return pd.array(values, dtype="Int64" if has_missing else "int64")
    if kinds <= {int, float} and _fits(values):
        return pd.array([float("nan") if value is None else float(value) for value in values], dtype="float64")
    texts = values if kinds == {str} else [_text(value) for value in values]
    try:
        return pd.array(texts, dtype="str")
    except UnicodeError:  # a lone surrogate can't be stored as UTF-8
        return pd.array([text and text.encode(errors="replace").decode() for text in texts], dtype="str")


def _fits(values: Iterable[Any]) -> bool:
    return all(not isinstance(value, int) or -_INT64 <= value < _INT64 for value in values)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    try:
        return _ENCODE(value).decode()
    except (msgspec.MsgspecError, RecursionError, TypeError, ValueError, OverflowError):
        return str(value)
