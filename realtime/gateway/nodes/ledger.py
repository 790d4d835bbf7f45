"""Keeps who has yet to acknowledge which critical event, in Redis, by script. Delivers nothing itself.

Threads: changes are the writer's; reading any. Everything raises StorageError.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from realtime.gateway import ledger as rules
from realtime.gateway.nodes.adopting import run_adopted
from realtime.gateway.nodes.replies import LedgerReply, OwedPart
from realtime.gateway.nodes.server import Server, whole
from realtime.gateway.nodes.writer import tell_of
from realtime.gateway.records import DeadLetter, Owed, Redelivery
from realtime.gateway.schema import epoch_of


class LetterAt(msgspec.Struct, array_like=True, frozen=True):
    """A dead letter as it is kept."""

    time_ms: int
    stored_ms: int
    consumer: str
    channel: str
    offset: int
    reason: str
    raw: str


class Ledger:
    """Who is owed what."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._keys = server.keys

    def meet(self, consumer: str, present: Collection[str]) -> None:
        """Know a consumer from now on."""
        self._change(["meet", self._server.now_ms, consumer, list(present)])

    def acknowledge(self, consumer: str, places: Sequence[tuple[str, int]]) -> list[Owed]:
        """Take in what a consumer has; returns what it was owed of that."""
        found = self._change(["acknowledge", self._server.now_ms, consumer, list(places)])
        return [Owed(*one) for one in found] if isinstance(found, list) else []

    def tend(self, present: Collection[str], *, before_ms: int) -> None:
        """Note who is here, and forget who wasn't seen since."""
        self._change(["tend", self._server.now_ms, list(present), before_ms])

    def owed_to(self, consumer: str) -> list[Owed]:
        """List what a consumer has yet to acknowledge, oldest first."""
        part = self._server.run("owed", self._keys.for_ledger(), [consumer, False, 0], OwedPart)
        whole(part.seed)
        return [Owed(one.channel, one.offset, one.time_ms) for one in part.found]

    def redeliveries(self, consumer: str, wanted: Sequence[tuple[str, int]], *, most_bytes: int) -> list[Redelivery]:
        """Read those of `wanted` that a consumer is still owed."""
        request = [consumer, list(wanted), most_bytes]
        part = self._server.run("owed", self._keys.for_ledger(), request, OwedPart)
        seed = whole(part.seed)
        return [
            Redelivery(one.channel, epoch_of(seed, one.channel), one.offset, msgspec.Raw(one.raw.encode()))
            for one in part.found
        ]

    def dead_letters(self, *, limit: int, before: int | None) -> tuple[list[DeadLetter], int]:
        """List dead letters, newest first, and count all."""
        dead = self._keys.dead
        newest = "+" if before is None else str(max(before - 1, 0))
        seed, [count, entries] = self._server.read(
            lambda pipeline: pipeline.xlen(dead),
            lambda pipeline: pipeline.xrevrange(dead, newest, "-", count=max(limit, 1)),
        )
        return [_letter(place, fields, seed=seed) for place, fields in entries], count

    def _change(self, asked: list[Any]) -> bool | list[tuple[str, int, int]]:
        request = [rules.LETTERS_KEPT, rules.MAX_CONSUMERS, *asked]
        reply = run_adopted(self._server, "ledger", self._keys.for_ledger(), request, LedgerReply)
        tell_of(reply.buried)
        return reply.found


def _letter(place: bytes, fields: dict[bytes, bytes], *, seed: str) -> DeadLetter:
    one = msgspec.msgpack.decode(fields[b"b"], type=LetterAt)
    return DeadLetter(
        number=int(place.split(b"-")[0]), time_ms=one.time_ms, stored_ms=one.stored_ms, consumer=one.consumer,
        channel=one.channel, epoch=epoch_of(seed, one.channel), offset=one.offset, reason=one.reason,
        event=msgspec.Raw(one.raw.encode()),
    )  # fmt: skip
