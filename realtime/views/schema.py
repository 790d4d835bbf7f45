"""Guesses the columns of a collection from the documents one looks at. Pure; costs the documents given."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec

from realtime.protocol.events import JsonObject

ColumnKind: TypeAlias = Literal["text", "number", "time", "bool", "json"]

COLUMNS_SHOWN: Final = 24
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d")
_WORD: Final = re.compile(r"[_\-.\s]+|(?<=[a-z0-9])(?=[A-Z])")
# A reader wants to see what is measured, not what numbers a thing.
_MEASURES: Final = re.compile(
    r"delay|amount|total|price|cost|value|score|duration|latency|temp|speed|level|load|rate|size|weight|quantity|qty|ms$",
    re.IGNORECASE,
)  # fmt: skip
_NAMES: Final = re.compile(r"(^|_)(id|year|month|day|hour|minute|number|no|zip|code|flight|phone)$", re.IGNORECASE)


class Column(msgspec.Struct, frozen=True):
    """A field of the documents: its key, a label for people, and what its values are."""

    key: str
    label: str
    kind: ColumnKind


def columns_of(documents: Sequence[JsonObject]) -> tuple[Column, ...]:
    """List the fields of these documents, `id` first, then as the fullest document has them, then the others."""
    fullest = max(documents, key=len, default={})
    keys = dict.fromkeys(["id", *fullest, *(name for document in documents for name in document)])
    return tuple(Column(key, label_of(key), _kind([document.get(key) for document in documents])) for key in keys)


def label_of(key: str) -> str:
    """Write a field's name for people: "dep_delay" and "depDelay" become "Dep delay"."""
    words = " ".join(part for part in _WORD.split(key) if part)
    return words[:1].upper() + words[1:] if words else key


def _kind(values: Iterable[Any]) -> ColumnKind:
    seen = Counter(_kind_of(value) for value in values if value is not None)
    if not seen:
        return "text"
    kind: ColumnKind = seen.most_common(1)[0][0]
    return kind if len(seen) == 1 or kind == "json" else "json" if "json" in seen else "text"


def _kind_of(value: Any) -> ColumnKind:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "time" if _TIME.match(value) else "text"
    return "json"


def numeric_fields(columns: Iterable[Column]) -> tuple[str, ...]:
    """List the fields that can be drawn over time."""
    return tuple(column.key for column in columns if column.kind == "number")


def countable_fields(columns: Iterable[Column], documents: Sequence[JsonObject]) -> tuple[str, ...]:
    """List the fields whose values repeat enough to be counted: at most 40 different, and half as many as documents."""
    found = []
    for column in columns:
        if column.key == "id" or column.kind not in ("text", "bool"):
            continue
        values = {document.get(column.key) for document in documents} - {None}
        if values and len(values) <= 40 and len(values) * 2 <= len(documents) + 1:
            found.append(column.key)
    return tuple(found)


def best_field(columns: Sequence[Column], documents: Sequence[JsonObject]) -> str | None:
    """Choose what to draw when nobody has chosen: a measured number, else something to count, else any number."""
    numbers = numeric_fields(columns)
    for field in numbers:
        if _MEASURES.search(field):
            return field
    plain = [field for field in numbers if not _NAMES.search(field)]
    countable = countable_fields(columns, documents)
    return next(iter([*plain, *countable, *numbers]), None)
