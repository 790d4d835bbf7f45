"""Follows the derived streams that somebody reads: begins them, folds in what is committed, keeps them on the disk.

Threads: the event loop's only; reading and writing go to threads.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from typing import Final

import msgspec

from realtime.gateway.derived import Derived, Entry, Fold, begun
from realtime.gateway.derived_file import DerivedFile
from realtime.gateway.ports import Log
from realtime.gateway.records import Record, Stored
from realtime.gateway.rights import Sight
from realtime.protocol.codes import ErrorCode, refuse
from realtime.protocol.events import CollectionCreated, CollectionUpdated, JsonObject
from realtime.protocol.positions import Position

_LOG: Final = logging.getLogger(__name__)
STREAMS_KEPT: Final = 2_000
KEEP_EVERY_S: Final = 5.0
_PAGE_EVENTS: Final = 1_000
_SLICE: Final = 100


class _Stream:
    """A derived stream and how it is followed. `sight` is any with its rows: they tell alike what is seen."""

    __slots__ = ("channel", "derived", "epoch", "is_dirty", "lock", "rows", "sight")

    def __init__(self, sight: Sight, channel: str, *, epoch: str) -> None:
        self.sight = sight
        self.rows = sight.rows
        self.channel = channel
        self.epoch = epoch
        self.derived: Derived | None = None
        self.lock = asyncio.Lock()
        self.is_dirty = True


class Following:
    """The derived streams by channel and rows."""

    def __init__(self, log: Log, *, file: DerivedFile | None, now: Callable[[], float]) -> None:
        self._log = log
        self._file = file
        self._now = now
        self._streams: dict[str, dict[str, _Stream]] = {}
        self._count = 0

    def begin_anew(self) -> None:
        """Forget all streams: they follow from what the log holds now, under its epochs of now."""
        self._streams.clear()
        self._count = 0

    def follows(self, channel: str) -> bool:
        """Tell whether a stream is derived from a channel's."""
        return channel in self._streams

    def advance(self, stored: Stored) -> list[tuple[str, Entry]]:
        """Take in what was committed, in order; returns the rows whose derived stream begins with it."""
        streams = self._streams.get(stored.channel)
        if not streams:
            return []
        found: list[tuple[str, Entry]] = []
        for stream in streams.values():
            entry = _folded(stream, stored)
            if entry is not None:
                found.append((stream.rows, entry))
        return found

    def begin(self, sight: Sight, channel: str) -> None:
        """Follow a channel that just came into being, before its first event is taken in."""
        if sight.is_whole or sight.rows in self._streams.get(channel, {}):
            return
        stream = self._follow(sight, channel)
        if stream.derived is None:
            stream.derived = Derived()

    def find(self, sight: Sight, channel: str) -> Derived | None:
        """Return a stream that is followed, None when it isn't, or not yet."""
        stream = self._streams.get(channel, {}).get(sight.rows)
        return None if stream is None else stream.derived

    async def keep(self) -> None:
        """Write what changed of the derived streams."""
        if self._file is None:
            return
        dirty = [one for streams in self._streams.values() for one in streams.values() if one.is_dirty and one.derived]
        news = [(one.rows, one.channel, one.epoch, one.derived.take_news()) for one in dirty if one.derived]
        for one in dirty:
            one.is_dirty = False
        now_ms = int(self._now() * 1000)
        if news and not await asyncio.to_thread(self._file.save, news, now_ms=now_ms):
            for one in dirty:
                one.is_dirty = True
                if one.derived is not None:
                    one.derived.unkept()

    async def run(self) -> None:
        """Keep them until cancelled."""
        while True:
            await asyncio.sleep(KEEP_EVERY_S)
            await self.keep()

    async def derived(self, sight: Sight, channel: str, *, upto: int | None = None) -> Derived:
        """Return a derived stream that has taken in all that is committed, or what was seen up to an offset."""

        def is_behind(derived: Derived) -> bool:
            # Asked anew each time: what is told while it is read isn't the next, and would never be folded in.
            return derived.upto < max(upto or 0, self._log.position(channel).offset)

        while (stream := self._follow(sight, channel)).derived is None or is_behind(stream.derived):
            async with stream.lock:
                if stream.derived is None:
                    stream.derived = await self._begun(stream)
                if is_behind(stream.derived) and not await self._read_on(stream, stream.derived):
                    stream.derived = None
                    stream.epoch = self._log.position(channel).epoch
        return stream.derived

    def _follow(self, sight: Sight, channel: str) -> _Stream:
        streams = self._streams.setdefault(channel, {})
        stream = streams.get(sight.rows)
        if stream is None:
            if self._count >= STREAMS_KEPT:
                _LOG.warning("%d derived streams are followed already; %s isn't", STREAMS_KEPT, channel)
                raise refuse(ErrorCode.LIMIT_EXCEEDED)
            stream = streams[sight.rows] = _Stream(sight, channel, epoch=self._log.position(channel).epoch)
            self._count += 1
        return stream

    async def _begun(self, stream: _Stream) -> Derived:
        top = self._log.position(stream.channel)
        if top.offset == 0:
            return Derived()
        if self._file is not None:
            kept = await asyncio.to_thread(self._file.load, stream.rows, stream.channel, epoch=stream.epoch)
            if kept is not None and self._trimmed_to(stream.channel) <= kept.upto <= top.offset:
                return kept
        trimmed_to, documents = await asyncio.to_thread(self._log.left_alone, stream.channel)
        if trimmed_to == 0:
            return Derived()
        seen: list[tuple[str, int]] = []
        for index, (raw, offset) in enumerate(documents):
            if index % _SLICE == 0:
                await asyncio.sleep(0)
            document = msgspec.json.decode(raw)
            if stream.sight.sees(document):
                seen.append((document["id"], offset))
        return begun(seen, trimmed_to=trimmed_to, nonce=secrets.token_hex(4))

    async def _read_on(self, stream: _Stream, derived: Derived) -> bool:
        """Fold in what comes next in the log; False when that is trimmed, so that the stream has to begin anew."""
        since = Position(stream.epoch, derived.upto)
        page = await asyncio.to_thread(self._log.read, stream.channel, since=since, limit=_PAGE_EVENTS)
        if not page.is_complete:
            return False
        for index, record in enumerate(page.publications):
            if index % _SLICE == 0:
                await asyncio.sleep(0)
            derived.fold(_fold_of(stream.sight, record))
        stream.is_dirty = True
        return True

    def forget_trimmed(self, channel: str, derived: Derived) -> None:
        """Let a stream forget what the channel's has lost."""
        derived.forget(self._trimmed_to(channel))

    def _trimmed_to(self, channel: str) -> int:
        row = self._log.channel(channel)
        return 0 if row is None else row.trimmed_to


def _folded(stream: _Stream, stored: Stored) -> Entry | None:
    derived = stream.derived
    if derived is None:
        return None
    if stored.position.offset != derived.upto + 1:
        return derived.at(stored.position.offset)  # it was read before it was told
    event = stored.accepted.event
    is_written = isinstance(event, CollectionCreated | CollectionUpdated)
    fold = Fold(
        origin=stored.position.offset,
        id=stored.accepted.document_id or "",
        type=stored.accepted.envelope.type,
        is_seen=is_written and stream.sight.sees(event.document),  # type: ignore[union-attr]
    )
    stream.is_dirty = True
    return derived.fold(fold)


class _Content(msgspec.Struct):
    document: JsonObject | None = None


class _Envelope(msgspec.Struct):
    type: str
    data: _Content


_ENVELOPES: Final = msgspec.json.Decoder(_Envelope)


def _fold_of(sight: Sight, record: Record) -> Fold:
    envelope = _ENVELOPES.decode(record.raw)
    document = envelope.data.document
    is_seen = document is not None and sight.sees(document)
    return Fold(origin=record.offset, id=record.document_id or "", type=envelope.type, is_seen=is_seen)
