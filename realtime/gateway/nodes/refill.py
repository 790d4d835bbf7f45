"""Puts back into Redis what it has lost, from this node's copy: at the same offsets, in the same order.

Nobody writes or reads meanwhile. Should this node die over it, another goes on from where Redis is then.
Threads: the follower's.
"""

from __future__ import annotations

import logging
import secrets
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from realtime.gateway import ledger as rules
from realtime.gateway.nodes.copy_file import Kept, Side
from realtime.gateway.nodes.copy_reading import Reading
from realtime.gateway.nodes.events import event_row
from realtime.gateway.nodes.log_keys import key_text
from realtime.gateway.nodes.own import accepted_of
from realtime.gateway.nodes.replies import Adopted
from realtime.gateway.nodes.scripts import raw
from realtime.gateway.nodes.server import LEASE_MS, Server
from realtime.gateway.plan import duplicate_key

_LOG: Final = logging.getLogger(__name__)
_EVENTS: Final = 500
_BYTES: Final = 1_048_576
_FOLDS: Final = 100
_JUDGEMENTS: Final = 100


class Replaced(Exception):
    """Another node fills by now, or Redis was restarted again: what comes next is found out anew."""


class Refill:
    """The way from a copy back into Redis."""

    def __init__(self, server: Server, path: Path, *, critical_kept: int, may_go_on: Callable[[], bool]) -> None:
        self._server = server
        self._keys = server.keys
        self._path = path
        self._critical_kept = critical_kept
        self._may_go_on = may_go_on

    def run(self, adopted: Adopted) -> None:
        """Fill, then adopt. Raises what the redis package raises."""
        try:
            with Reading.of(self._path) as copy:
                self._fill(copy, adopted)
        except Replaced:
            _LOG.warning("putting back what Redis has lost was broken off here: another node goes on")
        except sqlite3.Error as error:
            # Its lease runs out, and the next best takes over; that may be this one again.
            _LOG.error("this node's copy can't be read: %s", error)

    def _fill(self, copy: Reading, adopted: Adopted) -> None:
        is_tail = adopted.was == copy.at.seed
        lost = "what was stored last" if is_tail else "everything"
        _LOG.warning("Redis has lost %s: it is put back from this node's copy", lost)
        if not is_tail:
            self._wipe()
            at = copy.at
            self._send("begin", at.seed, at.lineage, at.generation, at.term)
        side = copy.side()
        known_to = (adopted.was, adopted.seq)
        if side is not None and (not is_tail or (side.seed == adopted.was and side.seq > adopted.seq)):
            self._send("side", raw(side.packed))
            known_to = (side.seed, side.seq)
        for part in _parts(copy.folds(), _FOLDS):
            self._send("folds", [(channel, offset, fold.decode()) for channel, offset, fold in part])
        known = self._tops()
        count = sum(self._fill_channel(copy, kept, known.get(name, 0), side) for name, kept in copy.channels.items())
        for judged in _parts(_later(copy.judgements(), than=known_to, is_tail=is_tail), _JUDGEMENTS):
            self._send("judgements", judged)
        is_whole = all(kept.solid >= kept.top for kept in copy.channels.values())
        self._send("finish", self._server.now_ms, secrets.token_hex(16), is_whole)
        _LOG.warning("Redis has everything again: %d events of %d channels were put back", count, len(copy.channels))

    def _fill_channel(self, copy: Reading, kept: Kept, top: int, side: Side | None) -> int:
        if kept.top <= top:
            return 0
        name = kept.name
        first = copy.events(name, after=0, limit=1)
        trimmed_to = max(kept.trimmed_to, first[0][0] - 1) if first else kept.top
        if 0 < top < trimmed_to:
            self._send("wipe", name, channel=name)
            top = 0
        if top == 0:
            self._fill_documents(copy, name, trimmed_to)
        owed_after = 0 if side is None else side.tops.get(name, 0)
        after, count = max(top, trimmed_to), 0
        while events := copy.events(name, after=after, limit=_EVENTS):
            for part in _portions(events):
                rows = [self._row(name, event, owed_after=owed_after) for event in part]
                self._send(
                    "events", name, rows, self._server.now_ms, self._critical_kept, rules.LETTERS_KEPT, channel=name
                )
            after = events[-1][0]
            count += len(events)
        return count

    def _fill_documents(self, copy: Reading, name: str, trimmed_to: int) -> None:
        documents = [(identifier, offset, one.decode()) for identifier, offset, one in copy.unretained(name)]
        for part in _parts(documents, _EVENTS):
            self._send("documents", name, trimmed_to, part, channel=name)
        if not documents:
            self._send("documents", name, trimmed_to, [], channel=name)

    def _row(self, channel: str, event: tuple[int, int, bytes], *, owed_after: int) -> list[Any]:
        offset, time_ms, envelope = event
        accepted = accepted_of(channel, envelope)
        identifier, kind, document = event_row(accepted)
        is_owed = offset > owed_after and accepted.is_critical
        return [
            offset, time_ms, key_text(duplicate_key(accepted)), identifier, kind, document, envelope.decode(), is_owed,
        ]  # fmt: skip

    def _wipe(self) -> None:
        for name in self._tops():
            self._send("wipe", name, channel=name)

    def _tops(self) -> dict[str, int]:
        kept: Any = self._server.link.client().hgetall(self._keys.tops)
        return {name.decode(): int(top) for name, top in kept.items()}

    def _send(self, op: str, *what: Any, channel: str | None = None) -> None:
        if not self._may_go_on():
            raise Replaced
        request = [self._server.node, LEASE_MS, op, *what]
        if not self._server.run_now("fill", self._keys.for_filling(channel), request, bool):
            raise Replaced


def _later(
    judgements: list[tuple[str, int, bytes]], *, than: tuple[str | bool, int], is_tail: bool
) -> list[msgspec.Raw]:
    """Return those that aren't among what Redis knows up to a place in the feed of one seed."""
    known_seed, known_seq = than
    return [raw(packed) for seed, seq, packed in judgements if (seq > known_seq if seed == known_seed else not is_tail)]


def _parts(rows: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _portions(events: list[tuple[int, int, bytes]]) -> Iterator[list[tuple[int, int, bytes]]]:
    """Cut events into portions of about a megabyte, so that no script holds Redis up for long."""
    portion: list[tuple[int, int, bytes]] = []
    size = 0
    for event in events:
        portion.append(event)
        size += len(event[2])
        if size >= _BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
