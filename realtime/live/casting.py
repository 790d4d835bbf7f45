"""One distinct (profile, view, parameters): its newest value, who follows it, when it may be rendered next.

No threads, clocks or hub in here: the caster brings the time and sends what comes out. Guarded by `lock`, which also
keeps two threads from making the same value twice; a view is called under it, and a view only reads the store.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from realtime.live.diff import diff
from realtime.views.registry import Value, View

_ENCODE: Final = msgspec.json.Encoder().encode
_DECODE: Final = msgspec.json.Decoder().decode
_MOST_OF_A_CORE: Final = 0.2
_COST_MEMORY: Final = 0.7
_NEARLY_S: Final = 0.001  # sleeping for less is pointless, and a clock's rounding mustn't cost a beat


@dataclass(slots=True)
class Casting:
    """A view in use. `value` is plain JSON, as a tab gets it; `version` 0 means it was never rendered."""

    view: View
    parameters: Mapping[str, Any]
    profile: str
    channel: str
    topics: frozenset[str]
    touched_at: float
    lock: threading.Lock = field(default_factory=threading.Lock)
    followers: int = 0
    is_dirty: bool = False
    version: int = 0
    value: Value = field(default_factory=dict)
    encoded: bytes = b""
    seen: tuple[int, ...] = ()
    rendered_at: float = 0.0
    cost_s: float = 0.0

    def gap_s(self, *, paint_hz: float) -> float:
        """Return how long to wait between two renderings: more when one is dear, never over a fifth of a core."""
        return max(1.0 / paint_hz, self.cost_s / _MOST_OF_A_CORE)

    def wait_s(self, *, now: float, gap_s: float) -> float:
        """Return how long until it may be rendered again, 0 when at once. A clock set back doesn't hold it up."""
        passed = now - self.rendered_at
        return gap_s - passed if self.version and 0.0 <= passed < gap_s - _NEARLY_S else 0.0

    def clock_wait_s(self, *, now: float) -> float | None:
        """Return how long until the clock alone asks for a rendering, None if it never does."""
        if self.view.refresh_s is None:
            return None
        return max(0.0, self.rendered_at + self.view.refresh_s - now)

    def take(self, encoded: bytes, *, seen: tuple[int, ...], now: float, version: Callable[[], int]) -> bytes | None:
        """Take over what was rendered; return what to send to those who have the version before, None if it's the same.

        `version` gives the next number; it is only asked when there is something new.
        """
        self.seen, self.rendered_at, self.is_dirty = seen, now, False
        if encoded == self.encoded:
            return None
        value: Value = _DECODE(encoded)
        old, base = self.value, self.version
        self.value, self.encoded, self.version = value, encoded, version()
        if base and self.followers:
            patch = _ENCODE(diff(old, value))
            if len(patch) * 2 < len(encoded):
                return b'{"v":%d,"base":%d,"patch":%s}' % (self.version, base, patch)
        return self.full()

    def full(self) -> bytes:
        """Return the publication that needs nothing before it."""
        return b'{"v":%d,"full":%s}' % (self.version, self.encoded)

    def spent(self, seconds: float) -> None:
        """Learn what one rendering cost; a single slow one doesn't weigh for long."""
        self.cost_s = seconds if not self.cost_s else _COST_MEMORY * self.cost_s + (1 - _COST_MEMORY) * seconds
