"""Reads and writes the view a URL stands for: collection, filters, sort, window, selection. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from realtime.views.collections import LARGEST_WINDOW, WINDOW
from realtime.views.filters import Filters

_LONGEST: Final = 256


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """What the Collections page shows, as a copied link keeps it. `sort` is a field, `-field` when descending."""

    collection: str = ""
    search: str = ""
    field: str = ""
    value: str = ""
    sort: str = ""
    limit: int = WINDOW
    selected: str = ""
    y: str = ""

    @property
    def filters(self) -> Filters:
        """Return what the person is looking for."""
        return Filters(self.search, self.field, self.value)

    @property
    def sort_field(self) -> str:
        """Return the field to sort by, empty for the newest changes first."""
        return self.sort.removeprefix("-")

    @property
    def is_descending(self) -> bool:
        """Tell whether the largest comes first."""
        return not self.sort or self.sort.startswith("-")


_NAMES: Final = {
    "collection": "collection", "search": "q", "field": "field", "value": "value", "sort": "sort", "limit": "rows",
    "selected": "id", "y": "chart",
}  # fmt: skip


def read_place(query: Mapping[str, str]) -> Place:
    """Read a place from a URL's parameters; what makes no sense is left at its default."""
    found: dict[str, str | int] = {}
    for name, short in _NAMES.items():
        text = query.get(short, "")[:_LONGEST]
        if not text:
            continue
        if name != "limit":
            found[name] = text
        elif text.isdecimal() and len(text) < 7:
            found[name] = max(WINDOW, min(int(text), LARGEST_WINDOW))
    return msgspec.convert(found, Place)


def write_place(place: Place) -> dict[str, str]:
    """Write a place as URL parameters, defaults left out: what `read_place` reads back."""
    defaults = Place()
    return {
        short: str(getattr(place, name))
        for name, short in _NAMES.items()
        if getattr(place, name) != getattr(defaults, name)
    }
