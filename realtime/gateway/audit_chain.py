"""Chains audit rows by hashes, and finds where a chain was broken. Values in, values out: no files, no clock. Pure.

Each row's hash is over the hash before it and the row itself, so that a changed, missing, moved or inserted row breaks
the chain there. What was cut off in front is held by the anchor, what was cut off behind by the head.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from realtime.protocol.audit import AuditRow

RETENTION: Final = "audit.retention"
"""The action of the row that says which rows were let go: its target names the last of them."""
LOST: Final = "audit.lost"
"""The action of the row that says how many notes found no room."""


class Link(msgspec.Struct, frozen=True):
    """A place in the chain: a row's number and its hash."""

    number: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.number}:{self.digest.hex()}"


@dataclass(frozen=True, slots=True)
class Break:
    """A place where the chain doesn't hold, and what that means."""

    number: int
    reason: str


START: Final = Link(0, bytes(32))


def digest_of(before: bytes, row: AuditRow) -> bytes:
    """Return the SHA-256 of a row behind the hash `before`."""
    return hashlib.sha256(before + msgspec.json.encode(msgspec.structs.astuple(row))).digest()


def last_let_go(row: AuditRow) -> int | None:
    """Return the number that a row of the retention says was the last to go; None for other rows."""
    if row.action != RETENTION:
        return None
    digits = row.target.removeprefix("row:")
    return int(digits) if digits.isdecimal() and digits.isascii() else -1


def breaks(
    rows: Iterable[tuple[AuditRow, bytes]], *, anchor: Link, head: Link, witness: Link | None = None
) -> Iterator[Break]:
    """Find where rows (with the hashes kept beside them) don't follow from the anchor to the head.

    `witness` is a place somebody noted earlier: with it even a chain that was forged as a whole is found.
    """
    last = anchor
    let_go = 0
    is_witnessed = witness is None or witness.number <= anchor.number
    for row, kept in rows:
        if row.number > last.number + 1:
            yield Break(last.number + 1, _missing(last.number + 1, row.number - 1))
        elif digest_of(last.digest, row) != kept:
            yield Break(row.number, f"row {row.number} was changed, or doesn't follow the row before it")
        let_go = last_let_go(row) or let_go
        if witness is not None and row.number == witness.number:
            is_witnessed = True
            if kept != witness.digest:
                yield Break(
                    row.number, f"row {row.number} isn't the one that was noted; what came before was rewritten"
                )
        last = Link(row.number, kept)
    if last.number < head.number:
        yield Break(last.number + 1, _missing(last.number + 1, head.number) + " at the end")
    elif last != head:
        yield Break(last.number, f"row {last.number} isn't where the chain should end")
    if let_go != anchor.number:
        yield Break(anchor.number, f"rows up to {anchor.number} are gone, the retention let go those up to {let_go}")
    if witness is not None and not is_witnessed and witness.number > last.number:
        yield Break(witness.number, f"row {witness.number}, which was noted, isn't there")


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"
