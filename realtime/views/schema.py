"""Guesses the columns of a collection from the documents one looks at. Pure; costs the documents given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
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


@lru_cache(maxsize=4096)
def label_of(key: str) -> str:
    """Write a field's name for people: "dep_delay" and "depDelay" become "Dep delay"."""
    words = " ".join(part for part in _WORD.split(key) if part)
    return words[:1].upper() + words[1:] if words else key


def _kind(values: Sequence[Any]) -> ColumnKind:
    """Name what all values are; what is of several kinds is text, or JSON where any of it is. None is of no kind."""
    kinds: set[ColumnKind] = set()
    for found in set(map(type, values)):
        if issubclass(found, str):
            are_times = [_TIME.match(value) is not None for value in values if type(value) is found]
            kinds |= {"time" if is_time else "text" for is_time in set(are_times)}
        elif found is not type(None):
            kinds.add("bool" if issubclass(found, bool) else "number" if issubclass(found, int | float) else "json")
    if len(kinds) == 1:
        return kinds.pop()
    return "json" if "json" in kinds else "text"


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
