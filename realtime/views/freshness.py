"""Judges whether a panel's data are Fresh, Quiet or Stale (UX.md "Time and freshness"). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from realtime.views.words import Tone

if TYPE_CHECKING:
    from realtime.store import CollectionSummary

_QUIET_AFTER: Final = 2.0
_STALE_AFTER: Final = 5.0
_SHORTEST_GAP_S: Final = 5.0
_UNKNOWN_GAP_S: Final = 60.0


class Freshness(msgspec.Struct, frozen=True):
    """How current a panel is, as shape + word + colour; `since` is unix seconds, set when Stale."""

    word: str
    symbol: str
    tone: Tone
    since: float | None = None


def judge(summary: CollectionSummary, *, is_linked: bool, now: float) -> Freshness:
    """Judge a collection: Fresh up to twice its usual gap, Quiet up to five times, then Stale; Stale without a link.

    A gap under five seconds counts as five: a source of ten a second isn't stale after half a second.
    """
    last = summary.last_change_at
    if not is_linked:
        return Freshness("Stale", "■", "bad", last)
    if last is None:
        return Freshness("Quiet", "◐", "quiet")
    usual = max(summary.usual_gap_s or _UNKNOWN_GAP_S, _SHORTEST_GAP_S)
    silent = now - last
    if silent <= _QUIET_AFTER * usual:
        return Freshness("Fresh", "●", "good")
    if silent <= _STALE_AFTER * usual:
        return Freshness("Quiet", "◐", "quiet")
    return Freshness("Stale", "■", "warn", last)
