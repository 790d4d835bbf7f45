"""Gives critical events again to connected consumers until they acknowledge them. When: `pending`; what: the log.

Threads: the event loop's only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Annotated, Final

import msgspec

from realtime import metrics
from realtime.errors import StorageError
from realtime.gateway.lens import Lens
from realtime.gateway.pending import Pending
from realtime.gateway.ports import Log
from realtime.gateway.records import CriticalAt, Owed, Redelivery, Stored
from realtime.gateway.rights import Profile
from realtime.hub import Member

_LOG: Final = logging.getLogger(__name__)
UNSEEN_S: Final = 7 * 86_400.0
TEND_S: Final = 3600.0
_AT_ONCE: Final = 64
_LONGEST_WAIT_S: Final = 1.0
_SHORTEST_WAIT_S: Final = 0.02


ConsumerName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""No slash in it: what `consumer_of` makes of it and a user can't be somebody else's."""


class AckRequest(msgspec.Struct, frozen=True):
    """The critical events a consumer has."""

    events: Annotated[list[CriticalAt], msgspec.Meta(max_length=10_000)]


def consumer_of(name: str, *, user: str) -> str:
    """Return under which name the log knows a consumer: nobody acknowledges for another user."""
    return f"{user}/{name}" if user else name


class Redeliverer:
    """Knows which consumers are connected, and reminds them."""

    def __init__(
        self, log: Log, *, lens: Lens, again_s: float, kept: int, most_bytes: int, now: Callable[[], float]
    ) -> None:
        """`most_bytes`: how much goes to one consumer at once, so that its queue has room for the rest."""
        self._log = log
        self._lens = lens
        self._profiles: dict[str, Profile] = {}
        self._again_s = again_s
        self._most_bytes = most_bytes
        self._now = now
        self._pending = Pending(again_s=again_s, kept=kept)
        self._members: dict[str, list[Member]] = {}
        self._woken = asyncio.Event()
        self._loading: set[asyncio.Task[None]] = set()
        # Not at once: after a long time out of order nobody was seen, and everybody is about to come back.
        self._tend_at = now() + TEND_S

    async def meet(self, consumer: str) -> None:
        """Know a consumer before it is let in: what is stored from now on, it is owed. A failure is logged."""
        try:
            await asyncio.wrap_future(self._log.meet(consumer, present=self._pending.consumers))
        except StorageError as error:
            _LOG.warning("the consumer %s couldn't be noted: %s", consumer, error)

    def opened(self, member: Member, consumer: str, *, profile: Profile) -> None:
        """Learn that a consumer's connection can be sent to. What it was owed from before goes out at once."""
        self._profiles[consumer] = profile
        self._members.setdefault(consumer, []).append(member)
        self._pending.connected(consumer)
        self._start_loading(consumer)

    def sees(self, consumer: str, profile: Profile) -> None:
        """Learn what a connected consumer may see from now on."""
        if consumer in self._members:
            self._profiles[consumer] = profile

    def closed(self, member: Member, consumer: str) -> None:
        """Learn that a connection is gone."""
        members = self._members.get(consumer, [])
        if member in members:
            members.remove(member)
        if not members and consumer in self._members:
            del self._members[consumer]
            self._profiles.pop(consumer, None)
            self._pending.gone(consumer)

    def begin_anew(self) -> None:
        """Look up again what connected consumers are owed: some of it may not be there any more."""
        for consumer in list(self._members):
            self._pending.gone(consumer)
            self._pending.connected(consumer)
            self._start_loading(consumer)

    def stored(self, stored: Stored) -> None:
        """Learn of a critical event just before it is broadcast."""
        self._pending.stored((stored.channel, stored.position.offset), now=self._now())
        self._woken.set()

    async def acknowledge(self, consumer: str, events: Sequence[CriticalAt], *, profile: Profile) -> int:
        """Take in what a consumer has; returns how many of them it had been owed. Raises StorageError.

        The positions are as its profile knows them.
        """
        return await self._settle(consumer, await self._in_log(events, profile))

    async def _settle(self, consumer: str, events: Sequence[CriticalAt]) -> int:
        settled = await asyncio.wrap_future(self._log.acknowledge(consumer, events))
        now = self._now()
        for one in settled:
            metrics.ACK_SECONDS.observe(max(0.0, now - one.time_ms / 1000))
        self._pending.settled(consumer, [(event.channel, event.offset) for event in events])
        self._woken.set()
        return len(settled)

    async def _in_log(self, events: Sequence[CriticalAt], profile: Profile) -> list[CriticalAt]:
        """Return where acknowledged events stand in the log; of what isn't seen nothing is known."""
        if profile.is_admin:
            return list(events)
        found: list[CriticalAt] = []
        for event in events:
            sight = profile.sight(event.channel)
            if sight is None:
                continue
            place = await self._lens.origin(sight, event.channel, epoch=event.epoch, offset=event.offset)
            if place is not None:
                found.append(CriticalAt(event.channel, place.epoch, place.offset))
        return found

    async def _seen(self, consumer: str, found: Sequence[Redelivery], profile: Profile) -> list[Redelivery]:
        """Return what is to be given again as a consumer may see it; what it may not, it is owed no more."""
        if profile.is_admin:
            return list(found)
        seen: list[Redelivery] = []
        unseen: list[CriticalAt] = []
        for one in found:
            shown = await self._lens.again(profile.sight(one.channel), one)
            if shown is None:
                unseen.append(CriticalAt(one.channel, one.epoch, one.offset))
            else:
                seen.append(shown)
        if unseen:
            await self._settle(consumer, unseen)
        return seen

    async def overdue(self, consumer: str, *, profile: Profile) -> list[Redelivery]:
        """Read what a consumer without a connection should have acknowledged by now. Raises StorageError."""
        before_ms = int((self._now() - self._again_s) * 1000)
        owed = await asyncio.to_thread(self._log.owed_to, consumer)
        wanted = [_place(one) for one in owed if one.time_ms <= before_ms][:_AT_ONCE]
        found = await self._read(consumer, wanted) if wanted else []
        seen = await self._seen(consumer, found, profile)
        metrics.REDELIVERED.inc(len(seen))
        return seen

    async def run(self) -> None:
        """Remind until cancelled."""
        while True:
            now = self._now()
            try:
                if now >= self._tend_at or now < self._tend_at - TEND_S:
                    self._tend_at = now + TEND_S
                    await asyncio.wrap_future(self._log.tend(present=self._pending.consumers, unseen_s=UNSEEN_S))
                for consumer in self._pending.consumers:
                    await self._remind(consumer)
            except StorageError as error:
                _LOG.warning("critical events can't be given again now: %s", error)
                await asyncio.sleep(_LONGEST_WAIT_S)
            await self._wait()

    async def _wait(self) -> None:
        due_at = self._pending.next_due
        # The clock may be set; nothing is overlooked for longer than this.
        wait_s = TEND_S if due_at is None else min(max(due_at - self._now(), _SHORTEST_WAIT_S), _LONGEST_WAIT_S)
        try:
            async with asyncio.timeout(wait_s):  # wait_for may lose a cancellation that comes with what woke it
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    def _start_loading(self, consumer: str) -> None:
        task = asyncio.create_task(self._load(consumer))
        self._loading.add(task)
        task.add_done_callback(self._loading.discard)

    async def _load(self, consumer: str) -> None:
        try:
            owed = await asyncio.to_thread(self._log.owed_to, consumer)
        except StorageError as error:
            _LOG.warning("what %s has yet to acknowledge can't be read now: %s", consumer, error)
            return
        self._pending.loaded(consumer, [_place(one) for one in owed], now=self._now())
        self._woken.set()

    async def _remind(self, consumer: str) -> None:
        wanted = self._pending.due(consumer, now=self._now(), at_most=_AT_ONCE)
        members = self._members.get(consumer)
        if not wanted or not members or members[-1].backlog_bytes > self._most_bytes:
            return
        found = await self._read(consumer, wanted)
        profile = self._profiles.get(consumer)
        if profile is None:
            return
        seen = await self._seen(consumer, found, profile)
        member = next((one for one in reversed(self._members.get(consumer, [])) if not one.is_closed), None)
        if member is None:
            return
        if self._profiles.get(consumer) != profile:
            return  # what was made ready for it is more, or less, than it may see by now
        for one in seen:
            member.message(msgspec.json.encode({"critical": one}))
        metrics.REDELIVERED.inc(len(seen))
        if seen:
            _LOG.info("%d critical events given again to %s", len(seen), consumer)
        given = [(one.channel, one.offset) for one in found]
        self._pending.given(consumer, given, now=self._now())
        # What was read over before the bytes ran out isn't owed any more: acknowledged elsewhere, or a dead letter.
        last = wanted.index(given[-1]) if given else len(wanted)
        self._pending.settled(consumer, set(wanted[:last]) - set(given))

    async def _read(self, consumer: str, wanted: Sequence[tuple[str, int]]) -> list[Redelivery]:
        return await asyncio.to_thread(self._log.redeliveries, consumer, wanted, most_bytes=self._most_bytes)


def _place(owed: Owed) -> tuple[str, int]:
    return (owed.channel, owed.offset)
