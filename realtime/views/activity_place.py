"""Reads and writes what the Activity page shows as URL parameters, so that a link or a reload keeps it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from realtime.views.deeds import name_of

KINDS: Final = {
    "created": "Created",
    "updated": "Updated",
    "deleted": "Deleted",
    "people": "People",
    "system": "System",
    "connection": "Connection",
}
SEVERITIES: Final = {"": "Any severity", "warning": "Warnings and errors", "error": "Errors only"}
GROUPS: Final = {"": "Not grouped", "person": "By person", "document": "By document"}
_LONGEST: Final = 256
_LATEST: Final = 4_102_444_800  # 2100: what lies beyond is no time of an event


class ActivityPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Which events the Activity page shows, and how. `since` and `until` are Unix seconds, 0 for none."""

    kinds: tuple[str, ...] = ()
    collection: str = ""
    person: str = ""
    severity: str = ""
    search: str = ""
    group: str = ""
    since: int = 0
    until: int = 0

    @property
    def is_pinned(self) -> bool:
        """Tell whether a stretch of the past is shown, rather than what comes."""
        return self.until > 0

    @property
    def is_filtered(self) -> bool:
        """Tell whether anything is left out."""
        return msgspec.structs.replace(self, group="") != ActivityPlace()

    def describe(self) -> str:
        """Say the filters in words: "person ann, errors only"; empty when there are none."""
        parts = [
            ", ".join(KINDS[kind].lower() for kind in self.kinds),
            f"collection {self.collection}" if self.collection else "",
            f"person {name_of(self.person)}" if self.person else "",
            SEVERITIES[self.severity].lower() if self.severity else "",
            f"containing “{self.search}”" if self.search else "",
        ]
        return ", ".join(part for part in parts if part)


_NAMES: Final = {
    "kinds": "kind", "collection": "collection", "person": "person", "severity": "severity", "search": "q",
    "group": "group", "since": "from", "until": "to",
}  # fmt: skip


def read_activity(query: Mapping[str, Any]) -> ActivityPlace:
    """Read a place from parameters of a URL or of a form; what makes no sense is left at its default."""
    texts = {name: _text(query.get(short)) for name, short in _NAMES.items()}
    since, until = _seconds(texts["since"]), _seconds(texts["until"])
    is_range = 0 < since < until
    return ActivityPlace(
        kinds=tuple(kind for kind in KINDS if kind in texts["kinds"].split(",")),
        collection=texts["collection"],
        person=texts["person"],
        severity=texts["severity"] if texts["severity"] in SEVERITIES else "",
        search=texts["search"].strip(),
        group=texts["group"] if texts["group"] in GROUPS else "",
        since=since if is_range else 0,
        until=until if is_range else 0,
    )


def write_activity(place: ActivityPlace) -> dict[str, str]:
    """Write a place as URL parameters, defaults left out: what `read_activity` reads back."""
    written = {short: getattr(place, name) for name, short in _NAMES.items()}
    written["kind"] = ",".join(place.kinds)
    return {short: str(value) for short, value in written.items() if value}


def _text(value: Any) -> str:
    return value[:_LONGEST] if isinstance(value, str) else ""


def _seconds(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 12 and int(text) <= _LATEST else 0
