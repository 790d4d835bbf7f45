"""Folds each person's inbox out of its stream, and keeps snapshots, so that trimming the stream loses nothing.

No rules and no HTTP in here. Threads: `fold` and `committed` any; `run` the event loop's.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

import msgspec

from realtime.errors import NoticeError, StorageError
from realtime.gateway.ports import Log
from realtime.gateway.records import Along, HistoryPage, Stored
from realtime.notifications.commands import Command, read_command
from realtime.notifications.inbox import apply
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.channels import inbox_channel, inbox_of
from realtime.protocol.events import JsonObject
from realtime.protocol.positions import Position

_LOG: Final = logging.getLogger(__name__)
SNAPSHOT_COMMANDS: Final = 200
"""A snapshot is taken once so many commands lie beyond the last."""
_KEPT: Final = 64
_PAGE: Final = 500
_AGAIN_S: Final = 1.0


class Folded(msgspec.Struct, frozen=True):
    """An inbox as its stream made it, up to a position."""

    inbox: Inbox
    position: Position


class _Data(msgspec.Struct):
    command: JsonObject


class _Envelope(msgspec.Struct):
    data: _Data


_ENVELOPES: Final = msgspec.json.Decoder(_Envelope)
_INBOXES: Final = msgspec.json.Decoder(Inbox)


class Inboxes:
    """The inboxes of all people; those asked for lately are in memory."""

    def __init__(self, log: Log, *, kept: int = _KEPT) -> None:
        self._log = log
        self._kept = kept
        self._held: OrderedDict[str, Folded] = OrderedDict()
        self._lock = threading.Lock()
        self._due: set[str] = set()
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def fold(self, user: str) -> Folded:
        """Return a person's inbox as it is now; of one never heard of, an empty one. Raises StorageError."""
        channel = inbox_channel(user)
        top = self._log.position(channel)
        with self._lock:
            folded = self._held.get(channel)
        if folded is None or folded.position.epoch != top.epoch:
            folded = self._kept_of(channel, top)
        while folded.position.offset < top.offset:
            page = self._log.read(channel, since=folded.position, limit=_PAGE)
            if page.top.epoch != folded.position.epoch or page.top.offset < folded.position.offset:
                top = page.top  # the stream has begun anew, which wasn't heard of yet
                folded = self._kept_within(channel, top)
            elif not page.is_complete:
                folded = self._beyond(channel, folded)
            elif not page.publications:
                break
            else:
                folded = _folded_on(folded, page)
        self._hold(channel, folded)
        return folded

    def begin_anew(self) -> None:
        """Forget what is in memory: it is folded from what the log holds now."""
        with self._lock:
            self._held.clear()

    def committed(self, stored: Sequence[Stored]) -> None:
        """Learn of a commit; inboxes that moved on far enough are kept soon."""
        channels = {one.channel for one in stored if inbox_of(one.channel) is not None}
        if channels and self._note_due(channels) and self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken.set)

    async def run(self) -> None:
        """Keep snapshots until cancelled, beginning with those of inboxes that moved on while nobody kept any."""
        self._loop = asyncio.get_running_loop()
        self._note_due({row.name for row in self._log.channels() if inbox_of(row.name) is not None})
        while True:
            for channel in self._take_due():
                try:
                    await self._keep(channel)
                except StorageError as error:
                    _LOG.warning("the inbox %s can't be kept now: %s", channel, error)
                    await asyncio.sleep(_AGAIN_S)
                    self._note_due({channel})
            await self._woken.wait()
            self._woken.clear()

    def _note_due(self, channels: set[str]) -> bool:
        due = {channel for channel in channels if self._log.unfolded(channel) >= SNAPSHOT_COMMANDS}
        with self._lock:
            self._due |= due
        return bool(due)

    def _take_due(self) -> set[str]:
        with self._lock:
            due, self._due = self._due, set()
        return due

    async def _keep(self, channel: str) -> None:
        user = inbox_of(channel)
        assert user is not None
        folded = await asyncio.to_thread(self.fold, user)
        raw = await asyncio.to_thread(msgspec.json.encode, folded.inbox)
        along = Along(inboxes={channel: (folded.position.offset, raw)})
        await asyncio.wrap_future(self._log.append((), along=along))

    def _kept_of(self, channel: str, top: Position) -> Folded:
        row = self._log.kept_inbox(channel)
        if row is None:
            return Folded(Inbox(), Position(top.epoch, 0))
        offset, raw = row
        return Folded(_INBOXES.decode(raw), Position(top.epoch, offset))

    def _kept_within(self, channel: str, top: Position) -> Folded:
        """Return the kept fold of a stream that may have lost its newest commands since: it goes on from its top."""
        kept = self._kept_of(channel, top)
        return Folded(kept.inbox, Position(top.epoch, min(kept.position.offset, top.offset)))

    def _beyond(self, channel: str, folded: Folded) -> Folded:
        """Go on from where the stream begins now: only what a snapshot holds is trimmed, so there is one."""
        kept = self._kept_of(channel, folded.position)
        if kept.position.offset > folded.position.offset:
            return kept
        page = self._log.read(channel, limit=1)
        first = page.publications[0].offset if page.publications else page.top.offset + 1
        _LOG.error("commands %d to %d of %s are lost", folded.position.offset + 1, first - 1, channel)
        return Folded(folded.inbox, Position(folded.position.epoch, first - 1))

    def _hold(self, channel: str, folded: Folded) -> None:
        with self._lock:
            known = self._held.get(channel)
            if known is None or known.position.offset < folded.position.offset:
                self._held[channel] = folded
            self._held.move_to_end(channel)
            while len(self._held) > self._kept:
                self._held.popitem(last=False)


def _folded_on(folded: Folded, page: HistoryPage) -> Folded:
    inbox = folded.inbox
    for record in page.publications:
        command = _command_in(record.raw)
        if command is not None:
            inbox = apply(inbox, command)
    return Folded(inbox, Position(folded.position.epoch, page.publications[-1].offset))


def _command_in(raw: bytes) -> Command | None:
    """Read a command out of an envelope; one that a version unlike this one has stored is passed over."""
    try:
        return read_command(_ENVELOPES.decode(raw).data.command)
    except (NoticeError, msgspec.DecodeError) as error:
        _LOG.warning("a command in an inbox can't be read and is passed over: %s", error)
        return None
