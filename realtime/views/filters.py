"""Chooses documents by text and by field = value. Pure but for a memo of what was already searched.

Threads: any. The memo is only a saving: two threads at once may both search, and find the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import msgspec

from realtime.protocol.events import JsonObject

if TYPE_CHECKING:
    from realtime.store import DocumentState

_Memo: TypeAlias = dict[str, tuple[JsonObject, bool]]

_MEMOS_KEPT: Final = 4
_memos: dict[tuple[str, str], _Memo] = {}


class Filters(msgspec.Struct, frozen=True):
    """What a person is looking for: a text anywhere in a document, and one field's value."""

    search: str = ""
    field: str = ""
    value: str = ""

    @property
    def is_empty(self) -> bool:
        """Tell whether everything is wanted."""
        return not self.search.strip() and not (self.field and self.value)

    def describe(self) -> str:
        """Say the filter in words, for captions: 'containing “jfk”, carrier = UA'; empty when there is none."""
        parts = []
        if self.search.strip():
            parts.append(f"containing “{self.search.strip()}”")
        if self.field and self.value:
            parts.append(f"{self.field} = {self.value}")
        return ", ".join(parts)


def select(collection: str, states: Iterable[DocumentState], filters: Filters) -> list[DocumentState]:
    """Return the states whose documents pass, in the order given.

    Searching the text of a document again is saved while it hasn't changed, so that a busy collection of
    100,000 documents can be searched live.
    """
    chosen: Iterable[DocumentState] = states
    if filters.field and filters.value:
        is_equal = _equals(filters.field, filters.value)
        chosen = (state for state in chosen if is_equal(state.document))
    needle = filters.search.strip().casefold()
    if not needle:
        return list(chosen)
    key = (collection, needle)
    known: _Memo = _memos.get(key, {})
    memo: _Memo = {}
    found = [state for state in chosen if _contains(state, needle, known, memo)]
    _keep(key, memo)
    return found


def _equals(field: str, value: str) -> Callable[[JsonObject], bool]:
    wanted = value.strip().casefold()
    return lambda document: field in document and text_of(document[field]).casefold() == wanted


def text_of(value: Any) -> str:
    """Write a value as a filter names it: texts as they are, everything else as JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _contains(state: DocumentState, needle: str, known: _Memo, memo: _Memo) -> bool:
    entry = known.get(state.id)
    if entry is None or entry[0] is not state.document:
        entry = (state.document, any(needle in text_of(value).casefold() for value in state.document.values()))
    memo[state.id] = entry
    return entry[1]


def _keep(key: tuple[str, str], memo: _Memo) -> None:
    """Keep the newest few searches only; what is no longer in the collection isn't in `memo` any more."""
    _memos.pop(key, None)
    while len(_memos) >= _MEMOS_KEPT:
        _memos.pop(next(iter(_memos)), None)
    _memos[key] = memo
