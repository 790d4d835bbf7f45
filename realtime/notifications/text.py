"""Makes plain text of anything, and fills templates such as "{id} was cancelled". Pure; knows no markup."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from string import Formatter
from typing import Any, Final

import msgspec

MAX_TITLE_CHARS: Final = 200
MAX_MESSAGE_CHARS: Final = 10_240
MAX_KEY_CHARS: Final = 200
MAX_VALUE_CHARS: Final = 2_000
MISSING: Final = "–"
# Controls, lone surrogates, and the marks that turn the direction of whatever follows them.
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d)")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PATH: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_\-]*(\.[A-Za-z0-9_\-]+)*")


class Template(msgspec.Struct, frozen=True):
    """A text with places to fill: literal, then the path of a value or None, and so on."""

    text: str
    parts: tuple[tuple[str, str | None], ...]


def read_template(text: str) -> Template:
    """Read a template. Raises ValueError, one sentence without a full stop, when it isn't one."""
    try:
        pieces = list(Formatter().parse(text))
    except ValueError:
        raise ValueError("its braces don't match; write {{ for a brace that is meant as one") from None
    for _, path, form, conversion in pieces:
        if path is not None and (form or conversion or not _PATH.fullmatch(path)):
            raise ValueError(f"{{{path}}} isn't the name of a field, such as {{id}} or {{document.status}}")
    return Template(text, tuple((literal, path) for literal, path, _, _ in pieces))


def fill(template: Template, look: Callable[[str], Any], *, limit: int, is_read: bool = False) -> str:
    """Fill a template with values as plain text, at most `limit` characters. `is_read`: by people, not as a key."""
    if not template.parts:
        return ""
    say = spoken if is_read else plain
    filled = "".join(literal + ("" if path is None else say(look(path))) for literal, path in template.parts)
    return clip(clean(filled), limit)


def spoken(value: Any) -> str:
    """Say a JSON value to a reader: as `plain`, and a time with its own offset such as "8 Feb 2013, 10:56 (UTC-5)"."""
    if not isinstance(value, str) or not _MOMENT.fullmatch(value):
        return plain(value)
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return plain(value)
    seconds = int(offset.total_seconds() if (offset := moment.utcoffset()) else 0)
    hours, minutes = divmod(abs(seconds) // 60, 60)
    zone = f"{'-' if seconds < 0 else '+'}{hours}{f':{minutes:02}' if minutes else ''}" if seconds else ""
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}, {moment:%H:%M} (UTC{zone})"


def plain(value: Any) -> str:
    """Say a JSON value as people write it."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return clip(value, MAX_VALUE_CHARS)
    if isinstance(value, int | float):
        return f"{value:.10g}" if isinstance(value, float) else str(value)
    return clip(msgspec.json.encode(value).decode(), MAX_VALUE_CHARS)


def clean(text: str) -> str:
    """Take out control characters and marks that turn the direction of text."""
    return _CONTROLS.sub("", text).strip()


def clip(text: str, limit: int) -> str:
    """Cut a text to `limit` characters, saying so with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
