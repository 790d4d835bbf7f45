"""Says which of two words about who is out holds, so that nodes that tell each other all end up the same. Pure.

What was lifted is remembered for a while, too, or a node that was away would put it out again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from realtime.gateway.revocations import Bar, Kind

LIFTED_KEPT_S: Final = 7 * 86_400.0
_LATER_S: Final = 0.001
Key = tuple[Kind, str]


class Row(msgspec.Struct, array_like=True, frozen=True):
    """What was last done about a token or a user: put out `at`, or lifted.

    `until` is when it may be forgotten, 0 for never: Lua's arrays have no room for None.
    """

    kind: Kind
    name: str
    at: float
    until: float = 0.0
    is_lifted: bool = False

    @property
    def key(self) -> Key:
        """Return whom or what it is about."""
        return self.kind, self.name

    @property
    def field(self) -> str:
        """Return where Redis keeps it."""
        return f"{self.kind}:{self.name}"

    @property
    def bar(self) -> Bar:
        """Return what is out by it."""
        return Bar(self.kind, self.name, self.at, self.until or None)

    def is_over(self, now: float) -> bool:
        """Tell whether it may be forgotten."""
        return 0 < self.until < now

    def overrides(self, other: Row | None) -> bool:
        """Tell whether this holds and not the other: the later; of two at one moment, the one that bars."""
        if other is None:
            return True
        return self.at > other.at or (self.at == other.at and other.is_lifted and not self.is_lifted)


def put_out(bar: Bar, *, before: Row | None) -> Row:
    """Say that something is out: later than what is known, whatever another node's clock said."""
    at = bar.at if before is None or not before.is_lifted else max(bar.at, before.at + _LATER_S)
    return Row(bar.kind, bar.name, at, bar.until or 0.0)


def row_of(bar: Bar) -> Row:
    """Return what a bar says."""
    return Row(bar.kind, bar.name, bar.at, bar.until or 0.0)


def lifted(bar: Bar, *, now: float) -> Row:
    """Say that something isn't out any more."""
    return Row(bar.kind, bar.name, max(now, bar.at + _LATER_S), now + LIFTED_KEPT_S, is_lifted=True)


def newer(rows: Iterable[Row], *, than: dict[Key, Row]) -> list[Row]:
    """Return the rows that hold and not what is known."""
    return [row for row in rows if row.overrides(than.get(row.key))]
