"""Says what people did and look at in words and shapes. Pure. What a producer wrote is passed on as text, cut short."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from realtime.protocol.events import LOCAL_PERSON
from realtime.views.words import KIND_SYMBOLS, KIND_WORDS, brief

if TYPE_CHECKING:
    from realtime.store import Looking, PersonDid

_LONGEST: Final = 60
UNNAMED: Final = "Unnamed visitor"
_DEEDS: Final[dict[str, tuple[str, str]]] = {
    "login": ("→", "Arrived"),
    "logout": ("←", "Left"),
    "view": ("◉", "Viewed"),
    "filter": ("▽", "Filtered"),
    "edit": ("✎", "Edited"),
    "export": ("⇩", "Exported"),
    "idle": ("◐", "Idle"),
    "active": ("●", "Back"),
    **{kind: (KIND_SYMBOLS[kind], KIND_WORDS[kind]) for kind in KIND_WORDS},
}


def name_of(person: str) -> str:
    """Write a person's id for people: whoever said no name has none to show."""
    return UNNAMED if person == LOCAL_PERSON else brief(person, limit=_LONGEST)


def deed(action: str) -> tuple[str, str]:
    """Return the shape and the word of an action; one that isn't ours keeps its own name."""
    return _DEEDS.get(action) or ("·", brief(action, limit=24))


def is_ours(action: str) -> bool:
    """Tell whether an action is one that Tideboard itself records, and so has a word for."""
    return action in _DEEDS


def about(did: PersonDid) -> str:
    """Say what a deed was about: "Collections › orders › o1 · rows 3"."""
    return " · ".join(part for part in (place(did.looking), brief(did.detail, limit=80) if did.detail else "") if part)


def place(looking: Looking | None) -> str:
    """Say what somebody looks at; where there is a document its collection says enough of the page."""
    if looking is None:
        return ""
    page = "" if looking.collection else looking.page
    parts = (page, looking.collection, looking.document)
    return " › ".join(brief(part, limit=_LONGEST) for part in parts if part)
