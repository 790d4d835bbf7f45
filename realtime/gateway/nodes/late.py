"""Puts into Redis, the ordinary way, what this node's copy has and nobody put back: it was away, or late.

Redis knows by duplicate key what it has. A document that was changed since ways parted keeps its newer state: that is
said again after the older events, in one commit that is refused where the document changes meanwhile, and then made
anew. Threads: the copy's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import msgspec

from realtime.errors import ConflictError
from realtime.gateway.nodes.copy_file import CopyFile
from realtime.gateway.nodes.log_keys import key_text
from realtime.gateway.nodes.own import accepted_of
from realtime.gateway.nodes.replies import Overview
from realtime.gateway.nodes.server import Server
from realtime.gateway.plan import duplicate_key
from realtime.gateway.records import Accepted, Stored
from realtime.protocol.channels import collection_of

_LOG: Final = logging.getLogger(__name__)
SOURCE: Final = "/tideboard/copy"
_AT_ONCE: Final = 500
PutBack = Callable[[Sequence[Accepted], int | None], "Future[list[Stored]]"]
"""Stores events, all or none: none where the first one's document isn't of this version (0: isn't there) any more."""
_Commit = tuple[list[Accepted], int | None]


@dataclass(frozen=True)
class Parting:
    """Up to where a copy is of the same data as Redis, by channel. `seed` is the copy's."""

    tops: Mapping[str, int]
    seed: str
    is_all_lost: bool = False


class Late:
    """What Redis has to get yet. It is on the disk until Redis has it."""

    def __init__(self, file: CopyFile, server: Server, *, put_back: PutBack) -> None:
        self._file = file
        self._server = server
        self._put_back = put_back
        self._sent: tuple[int, list[Future[list[Stored]]]] | None = None
        self._own_versions: dict[tuple[str, str], int] = {}
        self._is_waiting = bool(file.late(1))

    @property
    def is_due(self) -> bool:
        """Tell whether there is something to do."""
        return self._is_waiting and (self._sent is None or all(future.done() for future in self._sent[1]))

    def parting(self, overview: Overview, *, is_following: bool) -> Parting | None:
        """Find where ways parted; None where the copy is of no use for it. Raises StorageError."""
        at = self._file.at
        if at.lineage == overview.lineage:
            fork = self._fork(at.seed)
            if fork is None:
                return None
            return Parting({one.name: max(fork.get(one.name, 0), one.trimmed_to) for one in overview.channels}, at.seed)
        # Of a Redis that was followed until now, nobody put back what it lost; else it is simply another.
        return Parting({}, at.seed, is_all_lost=True) if is_following else None

    def part_ways(self, parting: Parting) -> None:
        """Put on the list what the copy has of the data before, and Redis under its new seed not."""
        count = 0
        for name, kept in self._file.channels.items():
            if parting.is_all_lost:
                count += self._set_late_documents(name, seed=parting.seed)
            if kept.top > (upto := parting.tops.get(name, 0)):
                count += self._file.part_ways(name, fork=upto)
        if parting.is_all_lost:
            self._file.forget_sides()
        if count:
            self._file.forget_judgements()
            _LOG.warning("%d events of this node's copy are looked for in Redis, and put back where missing", count)
        self._is_waiting = self._is_waiting or count > 0
        self._own_versions = {}

    def step(self) -> None:
        """Send some, or take in that Redis has them. Raises StorageError, sqlite3.Error."""
        if self._sent is not None:
            (upto, futures), self._sent = self._sent, None
            stored = [self._is_stored(future) for future in futures]  # raises StorageError: then they are sent again
            if all(stored):
                self._drop(upto)
            return
        rows = self._file.late(_AT_ONCE)
        if not rows:
            self._is_waiting = False
            return
        missing = self._missing([(name, fork, accepted_of(name, raw)) for _, name, fork, raw in rows])
        if not missing:
            self._drop(rows[-1][0])
            return
        self._sent = (rows[-1][0], [self._put_back(events, expected) for events, expected in self._commits(missing)])

    def _drop(self, upto: int) -> None:
        with self._file.writing():
            self._file.drop_late(upto)

    def _is_stored(self, future: Future[list[Stored]]) -> bool:
        """Take in what became of a commit. False: its document was changed meanwhile, and all is looked up anew."""
        try:
            stored = future.result()
        except ConflictError:
            return False
        for one in stored:
            if one.accepted.document_id is not None:
                self._own_versions[one.channel, one.accepted.document_id] = one.position.offset
        return True

    def _fork(self, seed: str) -> dict[str, int] | None:
        """Return where ways parted, by channel; None if nobody knows."""
        kept: Any = self._server.ask(lambda client: client.hget(self._server.keys.forks, seed))
        found: Any = None if kept is None else msgspec.msgpack.decode(kept)
        return found if isinstance(found, dict) or found is None else {}

    def _set_late_documents(self, name: str, *, seed: str) -> int:
        collection = collection_of(name)
        if collection is None:
            return 0
        documents = self._file.unretained(name)
        for identifier, offset, document in documents:
            raw = _said(f"{seed}/{name}/{offset}", collection, identifier, document)
            self._file.add_late(name, raw)
        return len(documents)

    def _missing(self, rows: list[tuple[str, int, Accepted]]) -> list[tuple[int, Accepted]]:
        """Return those that Redis hasn't, with where ways parted."""
        keys = [key_text(duplicate_key(one)) for _, _, one in rows]
        known: Any = self._server.ask(lambda client: client.hmget(self._server.keys.dups, keys))
        missing = [(fork, one) for (_, fork, one), place in zip(rows, known, strict=True) if place is None]
        return [(fork, one) for fork, one in missing if one.envelope.source != SOURCE or self._is_lost(one)]

    def _is_lost(self, said: Accepted) -> bool:
        return said.document_id is not None and self._state(said.channel, said.document_id) == (0, None)

    def _commits(self, missing: Sequence[tuple[int, Accepted]]) -> list[_Commit]:
        """Make a commit for each document, in order, with the version it has; and one for what is about none."""
        others = [one for _, one in missing if one.document_id is None]
        forks: dict[tuple[str, str], int] = {}
        changes: dict[tuple[str, str], list[Accepted]] = {}
        for fork, one in missing:
            if one.document_id is not None:
                forks[one.channel, one.document_id] = fork
                changes.setdefault((one.channel, one.document_id), []).append(one)
        commits = [self._commit(place, events, fork=forks[place]) for place, events in changes.items()]
        return [(others, None), *commits] if others else commits

    def _commit(self, place: tuple[str, str], events: list[Accepted], *, fork: int) -> _Commit:
        """Have a document that was changed since ways parted be again as it is, after the older events."""
        channel, identifier = place
        collection = collection_of(channel)
        version, document = self._state(channel, identifier)
        if collection is not None and version > fork and version != self._own_versions.get(place):
            events = [*events, accepted_of(channel, _said(uuid4().hex, collection, identifier, document))]
        return events, 0 if document is None else version

    def _state(self, channel: str, identifier: str) -> tuple[int, bytes | None]:
        keys = self._server.keys
        _, [kept, gone] = self._server.read(
            lambda pipeline: pipeline.hget(keys.documents(channel), identifier),
            lambda pipeline: pipeline.hget(keys.gone(channel), identifier),
        )
        if kept is None:
            return int(gone or 0), None
        version, document = kept.split(b" ", 1)
        return int(version), document


def _said(number: str, collection: str, identifier: str, document: bytes | None) -> bytes:
    """Write an event that says how a document is."""
    content: dict[str, Any] = {"collection": collection, "id": identifier}
    if document is not None:
        content["document"] = msgspec.Raw(document)
    kind = "collection:deleted" if document is None else "collection:updated"
    return msgspec.json.encode({"specversion": "1.0", "id": number, "source": SOURCE, "type": kind, "data": content})
