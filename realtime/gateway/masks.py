"""Keeps fields of documents back: hidden (absent) or redacted (a mark). Pure; knows no roles and no wire.

A mask is what one grant keeps back. Of several masks the most permissive speaks, field by field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, Final, TypeAlias

from realtime.errors import EventError
from realtime.protocol.events import JsonObject

MARK: Final = "•••"
"""What stands for a redacted value. Written back, it means: leave it as it is."""


class Verdict(IntEnum):
    """What becomes of one field."""

    KEEP = 0
    REDACT = 1
    HIDE = 2


Mask: TypeAlias = tuple[tuple[tuple[str, ...], Verdict], ...]
"""Paths, cut at the dots, and what becomes of what stands there. Empty: everything is kept."""
Masks: TypeAlias = tuple[Mask, ...]
"""The masks of several grants. None at all stands for no restriction."""

_ALL_REDACTED: Final[Mask] = ((("*",), Verdict.REDACT),)
_NOTHING: Final = object()


def mask_of(*, hidden: Iterable[str], redacted: Iterable[str]) -> Mask:
    """Build a mask from dotted paths; `*` and `?` match as in file names, lists are looked into."""
    paths = {tuple(path.split(".")): Verdict.REDACT for path in redacted}
    paths |= {tuple(path.split(".")): Verdict.HIDE for path in hidden}
    return tuple(sorted(paths.items()))


def show(document: JsonObject, masks: Masks) -> JsonObject:
    """Return a document as it may be seen; the same object when nothing is kept back. The id always stays."""
    if not _open(masks):
        return document
    shown = {"id": document["id"]} if "id" in document else {}
    return shown | _shown({key: value for key, value in document.items() if key != "id"}, masks)


def weave(old: JsonObject | None, new: JsonObject, *, reading: Masks, writing: Masks) -> JsonObject:
    """Return what is stored when somebody who doesn't see all of `old` puts `new` in its place.

    What is kept back from the writer stays as it was, whether it was left out or came back as the mark. Raises
    EventError `forbidden` for a field that isn't the writer's to set, and where what is kept back can't be told apart.
    """
    woven = _woven(old or {}, new, _open(reading), _open(writing), path="")
    return {"id": new["id"], **woven} if "id" in new else woven


def _open(masks: Masks) -> Masks:
    """Drop them all when one of them keeps nothing back."""
    return masks if all(masks) else ()


@lru_cache(maxsize=8192)
def _verdict(masks: Masks, key: str) -> Verdict | Masks:
    """Say what becomes of a field under the masks of several grants; masks again when it depends on what is inside."""
    if not masks:
        return Verdict.KEEP
    found = [_step(mask, key) for mask in masks]
    if Verdict.KEEP in found:
        return Verdict.KEEP
    inner = tuple(one for one in found if isinstance(one, tuple))
    if inner:
        return (*inner, _ALL_REDACTED) if Verdict.REDACT in found else inner
    return Verdict.REDACT if Verdict.REDACT in found else Verdict.HIDE


def _step(mask: Mask, key: str) -> Verdict | Mask:
    """Go down one field. A name with dots in it is matched by a path with as many parts, too."""
    worst = Verdict.KEEP
    inner: list[tuple[tuple[str, ...], Verdict]] = []
    for parts, verdict in mask:
        for count in range(1, len(parts) + 1):
            if not fnmatchcase(key, ".".join(parts[:count]).replace("[", "[[]")):
                continue
            if count == len(parts):
                worst = max(worst, verdict)
            else:
                inner.append((parts[count:], verdict))
    if worst is Verdict.KEEP and inner:
        return tuple(inner)
    return worst


def _shown(value: Mapping[str, Any], masks: Masks) -> JsonObject:
    shown: JsonObject = {}
    for key, each in value.items():
        verdict = _verdict(masks, key)
        if verdict is Verdict.KEEP:
            shown[key] = each
        elif verdict is Verdict.REDACT:
            shown[key] = MARK
        elif isinstance(verdict, tuple):
            shown[key] = _inside(each, verdict)
    return shown


def _inside(value: Any, masks: Masks) -> Any:
    if isinstance(value, dict):
        return _shown(value, masks)
    return [_inside(each, masks) for each in value] if isinstance(value, list) else value


# Writing


def _woven(old: JsonObject, new: JsonObject, reading: Masks, writing: Masks, *, path: str) -> JsonObject:
    woven: JsonObject = {}
    for key, value in new.items():
        if not path and key == "id":
            continue
        found = _woven_field(
            old.get(key, _NOTHING), value, _verdict(reading, key), _verdict(writing, key), path=f"{path}{key}"
        )
        if found is not _NOTHING:
            woven[key] = found
    for key, value in old.items():
        if key not in new:
            kept = _kept_back(value, _verdict(reading, key), _verdict(writing, key), path=f"{path}{key}")
            if kept is not _NOTHING:
                woven[key] = kept
    return woven


def _woven_field(old: Any, new: Any, reading: Verdict | Masks, writing: Verdict | Masks, *, path: str) -> Any:
    if new == MARK and Verdict.REDACT in (reading, writing):
        return old
    if writing in (Verdict.REDACT, Verdict.HIDE):
        raise EventError("forbidden", f"The field '{path[:80]}' isn't yours to change; leave it out.")
    # From here on what the writer can't see at all has been set on purpose, with the right to.
    seen = reading if isinstance(reading, tuple) else ()
    settable = writing if isinstance(writing, tuple) else ()
    if not seen and not settable:
        return new
    return _woven_value(old, new, seen, settable, path=path)


def _woven_value(old: Any, new: Any, reading: Masks, writing: Masks, *, path: str) -> Any:
    if isinstance(new, dict) and (isinstance(old, dict) or not isinstance(old, list)):
        return _woven(old if isinstance(old, dict) else {}, new, reading, writing, path=f"{path}.")
    if not _holds_back(old, reading, writing):
        # Nothing in the way; what is new may still hold what isn't the writer's to set.
        inside = new if isinstance(new, list) else []
        return [_woven_value(_NOTHING, each, reading, writing, path=path) for each in inside] if inside else new
    if isinstance(old, list) and new == _inside(_inside(old, reading), writing):
        return old
    raise EventError("forbidden", f"'{path[:80]}' holds fields you can't see, so it can't be replaced; leave it out.")


def _kept_back(value: Any, reading: Verdict | Masks, writing: Verdict | Masks, *, path: str) -> Any:
    """Return the part of a value that its writer couldn't see or set, and so can't have meant to remove."""
    hidden = (Verdict.REDACT, Verdict.HIDE)
    if reading in hidden or writing in hidden:
        return value
    seen = reading if isinstance(reading, tuple) else ()
    settable = writing if isinstance(writing, tuple) else ()
    if not _holds_back(value, seen, settable):
        return _NOTHING
    if not isinstance(value, dict):
        raise EventError("forbidden", f"'{path[:80]}' holds fields you can't see, so it can't be removed.")
    parts = {
        key: _kept_back(each, _verdict(seen, key), _verdict(settable, key), path=f"{path}.{key}")
        for key, each in value.items()
    }
    return {key: each for key, each in parts.items() if each is not _NOTHING}


def _holds_back(value: Any, reading: Masks, writing: Masks) -> bool:
    """Tell whether something in a value is kept back under either."""
    return any(
        masks and isinstance(value, dict | list) and _inside(value, masks) != value for masks in (reading, writing)
    )
