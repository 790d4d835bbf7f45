"""Reads when somebody who refused wants to be asked again: the Retry-After header, the text of error 111. Pure."""

from __future__ import annotations

import re
from typing import Final

MOST_WAIT_S: Final = 300.0
"""Nobody is kept away longer than this by one answer, whatever it says."""
WORDS: Final = "try again in"
_IN_WORDS: Final = re.compile(rf"\b{WORDS} (\d{{1,6}}) s\b")


def retry_after_s(header: str | None) -> float:
    """Return the seconds that a Retry-After header names (RFC 9110, section 10.2.3); 0 for none, or for a date."""
    text = (header or "").strip()
    return min(float(text), MOST_WAIT_S) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0


def told_wait_s(message: str) -> float:
    """Return the seconds that an error's message names, 0 for none: the protocol has no field for them."""
    found = _IN_WORDS.search(message)
    return min(float(found[1]), MOST_WAIT_S) if found else 0.0
