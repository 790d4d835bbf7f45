"""Judges posted events, stores the good ones and keeps why the others were refused. No HTTP and no sockets in here.

Threads: the event loop's only. Long bodies are judged in slices, so that others get their turn in between.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from time import perf_counter
from typing import Any, Final, TypeAlias

import msgspec

from realtime import metrics
from realtime.config import Settings
from realtime.errors import ConflictError, EventError, NoticeError, ReadOnly, StorageError
from realtime.gateway.asking import current_asker
from realtime.gateway.bodies import Kind, Malformed, excerpt_of, items_of
from realtime.gateway.lens import Lens
from realtime.gateway.noting import note_refused, note_stored
from realtime.gateway.ports import Log
from realtime.gateway.records import Accepted, Refusal, Stored
from realtime.gateway.restricted import Restricted
from realtime.gateway.rights import EVERYTHING, Profile
from realtime.gateway.shelf import OWN_SOURCE
from realtime.gateway.switchboard import Switches, Untouched
from realtime.hub.gate import Gate
from realtime.notifications.commands import read_command
from realtime.protocol.channels import USERS, inbox_of
from realtime.protocol.codes import too_fast
from realtime.protocol.events import Event, InboxCommand, channel_of, check_event, encode_envelope
from realtime.protocol.flags import READ_ONLY
from realtime.pulse import PULSE, WRITES

_LOG: Final = logging.getLogger(__name__)
_SLICE: Final = 100
MAX_CHANNELS: Final = 10_000
STORED: Final = "stored"
DUPLICATE: Final = "duplicate"
REFUSED: Final = "refused"
READ_ONLY_WORDS: Final = "Read-only: an operator has switched changes off for now, nothing was stored; send it later."

Check: TypeAlias = Callable[[Event], None]


class Result(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one item. Positions of what is stored (of a duplicate: the first one's), reasons of what isn't.

    With the code `conflict`, `offset` is the document's version now; 0, or none, when it is gone.
    """

    index: int
    status: str
    channel: str = ""
    offset: int = 0
    epoch: str = ""
    code: str = ""
    reason: str = ""


class Report(msgspec.Struct, frozen=True):
    """What became of a whole posting, item by item."""

    results: list[Result]
    stored: int
    duplicates: int
    refused: int


class Ingest:
    """The one way into the log."""

    def __init__(
        self,
        log: Log,
        *,
        settings: Settings,
        now: Callable[[], float],
        flags: Switches | None = None,
        gate: Gate | None = None,
        lens: Lens | None = None,
    ) -> None:
        self._log = log
        self._settings = settings
        self._now = now
        self._flags = flags or Untouched()
        self._gate = gate or Gate()
        self._restricted = Restricted(log, lens or Lens(log, now=now), self._append)

    async def take_body(
        self,
        body: bytes,
        kind: Kind,
        *,
        expected: int | None = None,
        actor: str | None = None,
        check: Check | None = None,
        profile: Profile = EVERYTHING,
    ) -> Report:
        """Take a posted body. Raises EventError when it is refused as a whole, StorageError when it can't be stored."""
        limits = self._settings
        items = items_of(body, kind, most_items=limits.max_batch_events, max_depth=limits.max_depth)
        return await self.take_items(items, expected=expected, actor=actor, check=check, profile=profile)

    async def take_items(
        self,
        items: Sequence[Any],
        *,
        expected: int | None = None,
        actor: str | None = None,
        check: Check | None = None,
        profile: Profile = EVERYTHING,
    ) -> Report:
        """Take decoded JSON values (or `Malformed`): the good ones are stored together, the bad ones kept as refusals.

        `expected` is the offset the first item's document has to be at; if it isn't, nothing is stored and the first
        result says `conflict`. `check` raises EventError for what this caller may not post, `profile` says what
        they may; who may not write freely has each event judged and stored on its own. Raises StorageError, and
        TooFast when who asks has sent too many lately.
        """
        await self._count(len(items))
        accepted: list[Accepted] = []
        places: list[int] = []
        refusals: list[Refusal] = []
        for index, item in enumerate(items):
            if index and index % _SLICE == 0:
                await asyncio.sleep(0)
            try:
                accepted.append(self.judge(item, actor=actor, check=check))
                places.append(index)
            except EventError as error:
                refusals.append(_refusal(index, error, item))
        is_first_judged_good = places[:1] == [0]
        if not all(_is_free(profile, one.channel, expected=expected) for one in accepted):
            return await self._take_restricted(
                profile, accepted, places, refusals, expected=expected if is_first_judged_good else None, items=items
            )
        try:
            stored = await self._store(accepted, expected=expected if is_first_judged_good else None)
        except ConflictError as conflict:
            return _conflicted(conflict, places, refusals)
        await self.keep(refusals)
        if not profile.is_admin:
            stored = [await self._restricted.placed(profile, one) for one in stored]
        return _report(stored, places, refusals)

    async def store_as(self, profile: Profile, accepted: Accepted, *, expected: int | None = None) -> Stored:
        """Store one judged event as somebody may; where it stands is told as they know it.

        Raises EventError `forbidden`, `not_found`, `exists`, and what `store` raises.
        """
        await self._count(1)
        return await self._store_as(profile, accepted, expected=expected)

    async def _store_as(self, profile: Profile, accepted: Accepted, *, expected: int | None) -> Stored:
        if _is_free(profile, accepted.channel, expected=expected):
            [stored] = await self._append([accepted], expected)
            return stored if profile.is_admin else await self._restricted.placed(profile, stored)
        return await self._restricted.store(profile, accepted, expected=expected)

    async def _take_restricted(
        self,
        profile: Profile,
        accepted: Sequence[Accepted],
        places: Sequence[int],
        refusals: list[Refusal],
        *,
        expected: int | None,
        items: Sequence[Any],
    ) -> Report:
        stored: list[Stored] = []
        kept: list[int] = []
        for number, (one, place) in enumerate(zip(accepted, places, strict=True)):
            try:
                of_first = expected if number == 0 else None
                stored.append(await self._store_as(profile, one, expected=of_first))
                kept.append(place)
            except EventError as error:
                refusals.append(_refusal(place, error, items[place]))
            except ConflictError as conflict:
                return _conflicted(conflict, places, refusals)
        await self.keep(refusals)
        return _report(stored, kept, refusals)

    def judge(self, item: Any, *, actor: str | None = None, check: Check | None = None) -> Accepted:
        """Judge one decoded JSON value. Raises EventError."""
        if isinstance(item, Malformed):
            raise item.error
        envelope, event = check_event(item, max_depth=self._settings.max_depth)
        if envelope.source.startswith(OWN_SOURCE):
            raise EventError("bad_attribute", f"Sources that begin with {OWN_SOURCE} are the gateway's own.")
        if isinstance(event, InboxCommand):
            _check_command(event)
        if check is not None:
            check(event)
        if envelope.time is None:
            moment = datetime.fromtimestamp(self._now(), UTC)
            envelope = msgspec.structs.replace(envelope, time=moment.isoformat(timespec="milliseconds")[:-6] + "Z")
        if actor and envelope.actor is None:
            envelope = msgspec.structs.replace(envelope, actor=actor)
        raw = encode_envelope(envelope)
        if len(raw) > self._settings.max_event_bytes:
            most = self._settings.max_event_bytes
            raise EventError("event_too_large", f"The event has {len(raw)} bytes; {most} are accepted.")
        channel = channel_of(event)
        if not self._log.has_channel(channel) and self._log.channel_count >= MAX_CHANNELS:
            raise EventError("too_many_collections", f"There are {MAX_CHANNELS} collections already; use one of them.")
        return Accepted(envelope, event, channel, raw)

    async def store(self, accepted: Sequence[Accepted], *, expected: int | None = None) -> list[Stored]:
        """Store judged events, all or none. Raises ConflictError, StorageError, StorageFull, ReadOnly, TooFast."""
        await self._count(len(accepted))
        return await self._store(accepted, expected=expected)

    async def _count(self, events: int) -> None:
        """Count events of whoever asks; what the gateway says itself, and what the app brings, isn't counted."""
        asker = current_asker()
        if asker is None or asker.is_app or not events:
            return
        wait_s = await self._gate.wait_s("events", asker.who, per_s=self._gate.quotas.events_per_s, cost=events)
        if wait_s > 0:
            self._gate.told("events_per_s", actor=asker.name, origin=asker.origin)
            raise too_fast(wait_s)

    async def _store(self, accepted: Sequence[Accepted], *, expected: int | None) -> list[Stored]:
        if not accepted:
            return []
        self._check_writable(accepted)
        began = perf_counter()
        try:
            stored = await asyncio.wrap_future(self._log.append(accepted, expected=expected))
        except StorageError:
            PULSE.note(WRITES, perf_counter() - began, is_error=True)
            raise
        PULSE.note(WRITES, perf_counter() - began)
        repeated = sum(one.is_duplicate for one in stored)
        if repeated:
            metrics.EVENTS_DUPLICATE.inc(repeated)
        asker = current_asker()
        if asker is not None:
            note_stored(self._gate.notes, asker, stored)
        return stored

    def _check_writable(self, accepted: Sequence[Accepted]) -> None:
        """Refuse changes while an operator has switched writing off, all of a posting when it is off for one in it.

        People's comings and goings and their own inboxes go on: they change nobody's documents.
        """
        for one in accepted:
            is_own = one.channel == USERS or isinstance(one.event, InboxCommand)
            if not is_own and self._flags.is_on(READ_ONLY, one.envelope.actor or one.envelope.source):
                raise ReadOnly(READ_ONLY_WORDS)

    async def _append(self, accepted: Sequence[Accepted], expected: int | None) -> list[Stored]:
        return await self._store(accepted, expected=expected)

    async def keep(self, refusals: Sequence[Refusal]) -> None:
        """Keep refusals where they can be listed; a failure is only logged, for the producer has its answer anyway."""
        if not refusals:
            return
        for refusal in refusals:
            metrics.EVENTS_REFUSED.labels(code=refusal.code).inc()
        asker = current_asker()
        if asker is not None:
            note_refused(self._gate.notes, asker, (refusal.code for refusal in refusals))
        try:
            await asyncio.wrap_future(self._log.keep_refusals(refusals))
        except StorageError as error:
            _LOG.warning("%d refusals could not be kept: %s", len(refusals), error)

    async def keep_body(self, error: EventError, excerpt: bytes) -> None:
        """Keep why a whole body was refused."""
        await self.keep([Refusal(index=0, code=error.code, reason=error.reason, excerpt=excerpt_of(excerpt))])


def _check_command(event: InboxCommand) -> None:
    try:
        read_command(event.command)
    except NoticeError as error:
        raise EventError("bad_command", str(error)) from error


def _is_free(profile: Profile, channel: str, *, expected: int | None) -> bool:
    """Tell whether events go into a channel as they come. Whose inbox is whose was checked before.

    What version is `expected` is a question, and its answer is for who may read.
    """
    return profile.is_admin or inbox_of(channel) is not None or (expected is None and profile.ingests_freely(channel))


def _refusal(index: int, error: EventError, item: Any) -> Refusal:
    return Refusal(index=index, code=error.code, reason=error.reason, excerpt=excerpt_of(item))


def _conflicted(conflict: ConflictError, places: Sequence[int], refusals: Sequence[Refusal]) -> Report:
    """Report that nothing was stored: a conflict is no bad input, so it isn't kept as a refusal."""
    first = Result(0, REFUSED, offset=conflict.actual or 0, code="conflict", reason=str(conflict))
    others = [
        Result(place, REFUSED, code="not_stored", reason="Sent along with a change that met a conflict.")
        for place in places[1:]
    ]
    bad = [Result(one.index, REFUSED, code=one.code, reason=one.reason) for one in refusals]
    results = sorted([first, *others, *bad], key=lambda result: result.index)
    return Report(results, 0, 0, len(results))


def _report(stored: Sequence[Stored], places: Sequence[int], refusals: Sequence[Refusal]) -> Report:
    results = [
        Result(
            place, DUPLICATE if one.is_duplicate else STORED,
            channel=one.channel, offset=one.position.offset, epoch=one.position.epoch,
        )
        for place, one in zip(places, stored, strict=True)
    ]  # fmt: skip
    if refusals:
        results += [Result(one.index, REFUSED, code=one.code, reason=one.reason) for one in refusals]
        results.sort(key=lambda result: result.index)
    duplicates = sum(one.is_duplicate for one in stored)
    return Report(results, len(stored) - duplicates, duplicates, len(refusals))
