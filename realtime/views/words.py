"""Says numbers, shares, kinds and states in words, shapes and colours, the same on every page. Pure."""

from __future__ import annotations

import math
from typing import Any, Final, Literal, TypeAlias

Tone: TypeAlias = Literal["good", "info", "quiet", "warn", "bad"]

# Okabe & Ito (2008), the members that keep 3:1 against both the white and the dark background.
BLUE: Final = "#0072B2"
GREEN: Final = "#009E73"
VERMILLION: Final = "#D55E00"
PURPLE: Final = "#CC79A7"
PALETTE: Final = (BLUE, GREEN, VERMILLION, PURPLE)

KIND_WORDS: Final[dict[str, str]] = {"created": "Created", "updated": "Updated", "deleted": "Deleted"}
KIND_COLOURS: Final[dict[str, str]] = {"created": GREEN, "updated": BLUE, "deleted": VERMILLION}
KIND_SYMBOLS: Final[dict[str, str]] = {"created": "+", "updated": "↻", "deleted": "✕"}
KIND_TONES: Final[dict[str, Tone]] = {"created": "good", "updated": "info", "deleted": "warn"}

_ELLIPSIS: Final = "…"


def number(value: float, *, places: int | None = None) -> str:
    """Write a number with thousands separators: 12,345 · 0.4 · 1.25."""
    if not math.isfinite(value):
        return "–"
    if places is None:
        places = 0 if float(value).is_integer() or abs(value) >= 100 else 2 if abs(value) < 10 else 1
    text = f"{value:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def plural(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: "1 document", "12,345 documents"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def change(current: float, before: float) -> tuple[float | None, str]:
    """Compare with the window before: the relative change (None when there is nothing to compare with) and its text."""
    if before == 0:
        return None, "was 0" if current else "no change"
    share = (current - before) / before
    if abs(share) < 0.005:
        return 0.0, "no change"
    return share, f"{share:+.0%}".replace("-", "−") if abs(share) < 10 else f"×{current / before:,.0f}"


def duration(seconds: float) -> str:
    """Write a length of time in at most two units: "8 s", "3 min", "2 h 5 min", "4 d 3 h"."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, _ = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def brief(value: Any, *, limit: int = 40) -> str:
    """Write a JSON value on one short line, cut with an ellipsis."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = value if isinstance(value, str) else _flat(value)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + _ELLIPSIS


def _flat(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {brief(part, limit=16)}" for name, part in list(value.items())[:6]) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(brief(part, limit=16) for part in list(value)[:8]) + "]"
    return str(value)


def span(seconds: float) -> str:
    """Write a measured time with the precision it deserves: "0.4 ms", "12 ms", "1.2 s", "3 min"."""
    if seconds < 0.01:
        return f"{seconds * 1000:.1f}".rstrip("0").rstrip(".") + " ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f}".removesuffix(".0") + " s" if seconds < 59.95 else duration(seconds)


def size(count: float) -> str:
    """Write a number of bytes in decimal units: "812 B", "1.2 kB", "210 MB"."""
    unit = "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if count < 999.5:
            break
        count, unit = count / 1000, larger
    return f"{count:.1f}".removesuffix(".0") + f" {unit}" if count < 9.95 and unit != "B" else f"{count:.0f} {unit}"
