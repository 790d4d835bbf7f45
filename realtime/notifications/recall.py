"""Remembers of each document the fields that rules ask about, the newest fifty thousand documents. Pure.

An event that deletes a document doesn't say what it was; rules ask all the same ("flights from which airport?").
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Final

import msgspec

from realtime.notifications.facts import Fact
from realtime.protocol.events import CollectionCreated

DOCUMENTS_KEPT: Final = 50_000
_PREFIXES: Final = ("document.", "before.")
_MAX_CHARS: Final = 500


class Recall:
    """Documents by collection and id, cut to what is asked about; the longest untouched leaves first."""

    def __init__(self, *, fields: frozenset[str], kept: int = DOCUMENTS_KEPT) -> None:
        self._kept = kept
        names = {name.removeprefix(prefix) for name in fields for prefix in ("", *_PREFIXES)}
        self._names = frozenset({name.partition(".")[0] for name in names} | names) - {"data", "document", "before"}
        self._known: OrderedDict[tuple[str, str], dict[str, Any]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def knows(self, collection: str, identifier: str) -> bool:
        """Tell whether a document is remembered."""
        return (collection, identifier) in self._known

    def complete(self, fact: Fact) -> Fact:
        """Add to a fact how its document was, unless it says so itself."""
        if fact.before is not None or fact.collection is None or fact.id is None or fact.type == CollectionCreated.TYPE:
            return fact  # what was created anew under an old id has no past
        known = self._known.get((fact.collection, fact.id))
        return fact if known is None else msgspec.structs.replace(fact, before=known)

    def take(self, fact: Fact) -> None:
        """Take in what an event did to its document. What was deleted is kept for a while, for replays."""
        if fact.collection is not None and fact.document is not None:
            self.note(fact.collection, fact.document)

    def note(self, collection: str, document: dict[str, Any]) -> None:
        """Note a document as it is. O(fields asked about)."""
        identifier = document.get("id")
        if not isinstance(identifier, str):
            return
        key = (collection, identifier)
        self._known[key] = {name: _cut(document[name]) for name in self._names if name in document}
        self._known.move_to_end(key)
        if len(self._known) > self._kept:
            self._known.popitem(last=False)


def _cut(value: Any) -> Any:
    return value[:_MAX_CHARS] if isinstance(value, str) else value
