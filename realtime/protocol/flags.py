"""Names what an operator can switch while everything runs, and says for whom it is on. Pure.

A flag is a share of the people, from 0 (off) to 100 (on). Who is in at some share stays in at every larger one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from realtime.pulse import Figures

WEBSOCKET: Final = "websocket"
REALTIME: Final = "realtime"
NOTIFICATIONS: Final = "notifications"
READ_ONLY: Final = "read_only"
USUAL: Final[Mapping[str, int]] = MappingProxyType({WEBSOCKET: 100, REALTIME: 100, NOTIFICATIONS: 100, READ_ONLY: 0})
"""Every flag, and where it stands when nobody has touched it."""
EVERYBODY: Final = 100
MOST_WHY_CHARS: Final = 200


class Flag(msgspec.Struct, frozen=True, rename="camel"):
    """Where one flag stands, and who put it there, when (Unix seconds) and why; nobody when it was never touched."""

    name: str
    percent: int
    changed_at: float | None = None
    changed_by: str = ""
    why: str = ""

    @property
    def is_usual(self) -> bool:
        """Tell whether it stands where it stands when nobody touches it."""
        return self.percent == USUAL.get(self.name, EVERYBODY)

    def is_on_for(self, person: str) -> bool:
        """Tell whether this person is in the share. The same person gets the same answer everywhere."""
        return share_of(self.name, person) < self.percent


class Flags(msgspec.Struct, frozen=True, rename="camel"):
    """Where all flags stand. `revision` rises with every change."""

    revision: int
    flags: tuple[Flag, ...]

    def get(self, name: str) -> Flag:
        """Return one flag; one that isn't told of stands where it usually does. Raises KeyError for an unknown name."""
        for flag in self.flags:
            if flag.name == name:
                return flag
        return Flag(name, USUAL[name])

    def is_on(self, name: str, person: str = "") -> bool:
        """Tell whether a flag is on for a person. Raises KeyError for an unknown name."""
        return self.get(name).is_on_for(person)

    def unusual(self, person: str) -> tuple[Flag, ...]:
        """Return the flags that make things different for this person from what they usually are."""
        return tuple(
            flag
            for flag in map(self.get, USUAL)
            if flag.is_on_for(person) != Flag(flag.name, USUAL[flag.name]).is_on_for(person)
        )


class FlagTold(Flag, frozen=True, rename="camel", kw_only=True):
    """One flag as it is told over HTTP, with how things are now and were in the minute before it was last changed."""

    now: Figures
    before: Figures | None = None


class FlagsTold(msgspec.Struct, frozen=True):
    """All flags as they are told over HTTP."""

    revision: int
    flags: tuple[FlagTold, ...]

    def plain(self) -> Flags:
        """Return where they stand, without the figures."""
        plain = tuple(Flag(one.name, one.percent, one.changed_at, one.changed_by, one.why) for one in self.flags)
        return Flags(self.revision, plain)


UNTOUCHED: Final = Flags(0, tuple(Flag(name, percent) for name, percent in USUAL.items()))


def share_of(name: str, person: str) -> float:
    """Return where a person stands in a flag's roll-out, from 0 up to below 100.

    Other flags have another order, so that it isn't always the same people who go first.
    """
    digest = hashlib.blake2b(f"{name}\0{person}".encode("utf-8", "surrogatepass"), digest_size=7).digest()
    return int.from_bytes(digest, "big") / (1 << 56) * EVERYBODY
