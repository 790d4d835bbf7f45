"""Says where in a stream one is. Pure."""

from __future__ import annotations

import msgspec


class Position(msgspec.Struct, frozen=True):
    """A place in a channel's stream: everything up to and including `offset` has been seen.

    `offset` rises by one per event; `epoch` is random and new whenever the counter is created,
    so an offset means nothing under another epoch (DESIGN.md, promise 1).
    """

    epoch: str
    offset: int

    def follows(self, earlier: Position) -> bool:
        """Tell whether this is the very next position after `earlier`."""
        return self.epoch == earlier.epoch and self.offset == earlier.offset + 1
