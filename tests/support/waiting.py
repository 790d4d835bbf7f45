"""Waits for a condition that the code really brings about; never for time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], *, within_s: float = 20.0, what: str = "the condition") -> T:
    """Ask again and again until the answer is truthy, and return it. Fails with the last answer."""
    deadline = time.monotonic() + within_s
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"Not within {within_s:.0f} s: {what}; the last answer was {answer!r}.")
        time.sleep(0.05)
