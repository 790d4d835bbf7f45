"""Answers the hub from the event log: who may in, where a stream stands, what was missed, what is published.

No HTTP and no wire in here; the hub speaks the protocol. Threads: the event loop's only.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from realtime.config import Settings
from realtime.errors import CommandError, Disconnect, EventError, ReadOnly, StorageError
from realtime.gateway.access import Access, Identity, is_barred_by
from realtime.gateway.asking import Asker, asker_of, asking
from realtime.gateway.audience import Audience
from realtime.gateway.bodies import decode_item, excerpt_of
from realtime.gateway.greeting import IngestRequest, decoded, person_of, read_greeting
from realtime.gateway.http_access import bearer_in
from realtime.gateway.ingest import Ingest, Report
from realtime.gateway.lens import Lens
from realtime.gateway.permits import Permits
from realtime.gateway.ports import Log
from realtime.gateway.records import Accepted, HistoryPage, Record, Refusal, Stored
from realtime.gateway.redelivery import AckRequest, Redeliverer, consumer_of
from realtime.gateway.revocations import Bar
from realtime.gateway.rights import Sight
from realtime.gateway.sharing import SharedReads
from realtime.gateway.switchboard import Switches, Untouched
from realtime.hub import Granted, Hub, Joined, Member, OutPublication, Peer
from realtime.hub.gate import Gate
from realtime.hub.ports import Others
from realtime.metrics import RECOVERIES
from realtime.protocol.codes import DisconnectCode, ErrorCode, hang_up, refuse
from realtime.protocol.flags import WEBSOCKET, Flags
from realtime.protocol.frames import (
    ConnectRequest,
    HistoryRequest,
    HistoryResult,
    Publication,
    PublishRequest,
    SubscribeRequest,
)
from realtime.protocol.positions import Position
from realtime.pulse import SOCKETS

MOST_RECOVERED: Final = 10_000
"""Events one resume may bring; who missed more takes a snapshot, which is cheaper by then."""
_MOST_HISTORY: Final = 10_000


class Socket:
    """The gateway's backend, and the hub it belongs to."""

    def __init__(
        self,
        log: Log,
        ingest: Ingest,
        *,
        settings: Settings,
        access: Access,
        flags: Switches | None = None,
        gate: Gate | None = None,
        others: Others | None = None,
        permits: Permits,
        lens: Lens,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._log = log
        self._ingest = ingest
        self._permits = permits
        self._lens = lens
        self._audience = Audience(lens, permits)
        self._settings = settings
        self._access = access
        self._flags = flags or Untouched()
        self._gate = gate or Gate()
        self._now = now
        self._told_of_flags: dict[Member, None] = {}
        self._persons: dict[Member, str] = {}
        self._askers: dict[Member, Asker] = {}
        self._consumers: dict[Member, str] = {}
        self._shared: SharedReads[HistoryPage] = SharedReads()
        self.redeliverer = Redeliverer(
            log,
            lens=lens,
            again_s=settings.redeliver_s,
            kept=settings.critical_kept,
            most_bytes=settings.queue_bytes // 4,
            now=now,
        )
        self.hub = Hub(
            self,
            name="gateway",
            subject=SOCKETS,
            ping_s=settings.ping_interval_s,
            queue_bytes=settings.queue_bytes,
            max_frame_bytes=settings.max_body_bytes + 65_536,
            clock=now,
            gate=self._gate,
            others=others,
        )

    def introduce(self, stored: Stored) -> None:
        """Tell those who asked for it of a channel that came into being."""
        self._audience.introduce(stored)

    def broadcast(self, stored: Stored) -> None:
        """Give a committed event to all who see it."""
        self._audience.broadcast(self.hub, stored)

    def identity(self, member: Member) -> Identity:
        """Say who a connection is."""
        return self._audience.identity(member)

    def barred(self, bar: Bar) -> None:
        """End the connections of a token or user that has just been revoked or blocked."""
        code = DisconnectCode.PERMISSION_DENIED if bar.kind == "block" else DisconnectCode.INVALID_TOKEN
        for member, identity in self._audience.identities:
            if is_barred_by(identity, bar):
                member.disconnect(hang_up(code))

    def switched(self, flags: Flags) -> None:
        """Tell those who asked for it how the flags stand now, and send away those whose socket was switched off."""
        news = msgspec.json.encode({"flags": flags})
        for member in list(self._told_of_flags):
            member.message(news)
        for member, person in list(self._persons.items()):
            if not flags.is_on(WEBSOCKET, person):
                member.disconnect(hang_up(DisconnectCode.WEBSOCKET_OFF))

    def begin_anew(self) -> None:
        """Have everybody subscribe again: every channel has another epoch from now on."""
        self._audience.begin_anew()
        self.redeliverer.begin_anew()

    def send_away(self) -> None:
        """End all connections, so that they come back, here or where what is shared can be reached."""
        for member in list(self.hub.members):
            member.disconnect(hang_up(DisconnectCode.FORCE_RECONNECT, reason="it can't reach its Redis"))

    def nudge(self) -> None:
        """Tell our own processes that the list of who is out has changed: they ask for it."""
        news = msgspec.json.encode({"barred": True})
        for member, identity in self._audience.identities:
            if identity.is_app:
                member.message(news)

    # -- the hub's questions -----------------------------------------------------------------------------------

    async def connect(self, member: Member, request: ConnectRequest, peer: Peer) -> Granted:
        """Say who it is by its token; remember whether it wants to hear of new channels and of flags."""
        identity = await self._identified(request, peer)
        greeting = read_greeting(bytes(request.data))
        person = person_of(identity, greeting, peer)
        if not self._flags.is_on(WEBSOCKET, person):
            raise hang_up(DisconnectCode.WEBSOCKET_OFF)
        if self._log.cut_off_s:
            raise refuse(ErrorCode.INTERNAL, message=self._log.trouble)
        if greeting.consumer is not None:
            consumer = consumer_of(greeting.consumer, user=identity.user)
            await self.redeliverer.meet(consumer)
            self._access.check(identity)  # who was barred meanwhile wasn't connected yet, so nobody hung up on it
            self._consumers[member] = consumer
        self._persons[member] = person
        self._askers[member] = asker_of(identity, peer.address)
        profile = self._audience.enter(member, identity)
        if greeting.announce:
            await self._follow_channels(member)
        if greeting.flags:
            self._told_of_flags[member] = None
        return Granted(
            user=identity.user, info=identity.info, expires_at=identity.expires_at, channels=identity.channels,
            is_trusted=identity.is_app, group=profile.key,
        )  # fmt: skip

    async def _identified(self, request: ConnectRequest, peer: Peer) -> Identity:
        """Say who it is by its token, in the command or in the handshake's header."""
        note = partial(self._gate.notes.note, "connect", target="gateway", origin=peer.address)
        token = request.token or bearer_in(peer.headers)
        try:
            await self._access.prepare(token)
            identity = self._access.identify(token, now=self._now())
        except (CommandError, Disconnect) as error:
            note(actor="", outcome="refused", detail=str(error))
            raise
        note(actor=identity.user, outcome="ok")
        return identity

    def opened(self, member: Member) -> None:
        """Send a consumer what it has yet to acknowledge, and who asked for it how the flags stand."""
        if member in self._told_of_flags:
            member.message(msgspec.json.encode({"flags": self._flags.current}))
        if not self._flags.is_on(WEBSOCKET, self._persons.get(member, "")):  # switched while it was let in
            member.disconnect(hang_up(DisconnectCode.WEBSOCKET_OFF))
        consumer = self._consumers.get(member)
        if consumer is not None:
            self.redeliverer.opened(member, consumer, profile=self._audience.profile(member))

    async def subscribe(self, member: Member, request: SubscribeRequest) -> Joined:
        """Let it into a channel at the top, or from the position asked for: with all that followed or with nothing."""
        channel, sight = request.channel, self._sight(member, request.channel)
        top = await self._position(sight, channel)
        if not request.recover:
            return Joined(position=top)
        since = Position(request.epoch, request.offset)
        joined = await self._resume(sight, channel, since=since, top=top)
        RECOVERIES.labels("true" if joined.recovered else "false").inc()
        return joined

    async def publish(self, member: Member, request: PublishRequest) -> None:
        """Store one event, a CloudEvent whose channel has to be the one named."""
        item = decode_item(bytes(request.data))
        try:
            accepted = self._judge(member, item, channel=request.channel)
        except EventError as error:
            await self._ingest.keep([Refusal(index=0, code=error.code, reason=error.reason, excerpt=excerpt_of(item))])
            raise refuse(ErrorCode.BAD_REQUEST, message=str(error)) from error
        try:
            with asking(self._asker(member)):
                await self._ingest.store_as(self._audience.profile(member), accepted)
        except EventError as error:
            code = ErrorCode.PERMISSION_DENIED if error.code == "forbidden" else ErrorCode.BAD_REQUEST
            raise refuse(code, message=str(error)) from error
        except StorageError as error:
            raise _unstored(error) from error

    async def history(self, member: Member, request: HistoryRequest) -> HistoryResult:
        """Read a part of a stream; limit 0 reads the position only, -1 as much as one page takes."""
        channel, sight = request.channel, self._sight(member, request.channel)
        limit = _MOST_HISTORY if request.limit < 0 else min(request.limit, _MOST_HISTORY)
        page = await self._read(
            sight,
            channel,
            since=request.since,
            limit=limit,
            reverse=request.reverse,
            most_bytes=self._settings.queue_bytes // 2,
        )
        if not page.is_complete:
            raise refuse(ErrorCode.UNRECOVERABLE_POSITION)
        publications = [
            Publication(data=msgspec.Raw(one.raw), offset=one.offset, time=one.time_ms) for one in page.publications
        ]
        return HistoryResult(publications, epoch=page.top.epoch, offset=page.top.offset)

    async def rpc(self, member: Member, method: str, data: bytes) -> bytes:
        """Call `ingest`: `{"events": [envelope, …], "expect": {"offset": n} | null}` → `{"results": […]}`.

        Or `ack`: `{"events": [{"channel", "epoch", "offset"}, …]}` → `{"acknowledged": n}`.
        """
        if method == "ack":
            return msgspec.json.encode({"acknowledged": await self._acknowledge(member, data)})
        if method != "ingest":
            raise refuse(ErrorCode.METHOD_NOT_FOUND)
        with asking(self._asker(member)):
            report = await self._take(member, data)
        return msgspec.json.encode({"results": report.results})

    async def refresh(self, member: Member, token: str) -> float | None:
        """Prolong the connection; what it may do is what the new token says."""
        await self._access.prepare(token)
        identity = self._access.renew(token, of=self.identity(member), now=self._now())
        self._audience.change(member, identity)
        consumer = self._consumers.get(member)
        if consumer is not None:
            self.redeliverer.sees(consumer, self._audience.profile(member))
        return identity.expires_at

    async def sub_refresh(self, member: Member, channel: str, token: str) -> float | None:  # noqa: ARG002
        """Refuse: subscriptions don't expire here, the connection does."""
        raise refuse(ErrorCode.NOT_AVAILABLE)

    def message(self, member: Member, data: bytes) -> None:
        """Ignore it: nothing is sent without wanting an answer."""

    def unsubscribed(self, member: Member, channel: str) -> None:
        """Do nothing: subscriptions leave no trace here."""

    def closed(self, member: Member) -> None:
        """Forget the connection."""
        self._audience.leave(member)
        self._told_of_flags.pop(member, None)
        self._persons.pop(member, None)
        self._askers.pop(member, None)
        consumer = self._consumers.pop(member, None)
        if consumer is not None:
            self.redeliverer.closed(member, consumer)

    # -- steps -------------------------------------------------------------------------------------------------

    async def _resume(self, sight: Sight, channel: str, *, since: Position, top: Position) -> Joined:
        if since == top:
            return Joined(position=top, recovered=True)
        if since.epoch != top.epoch or not 0 < top.offset - since.offset <= MOST_RECOVERED:
            return Joined(position=top)
        # Half the queue: what is published meanwhile has to find room behind it.
        most_bytes = self._settings.queue_bytes // 2
        # A herd was cut at one moment, so that nearly all of it asks for the same; but what was read before somebody
        # began to listen may lack what he didn't hear.
        page = await self._shared.read(
            (channel, since),
            partial(self._read, sight, channel, since=since, limit=MOST_RECOVERED, most_bytes=most_bytes),
            is_fresh=lambda page: page.top.epoch == top.epoch and page.top.offset >= top.offset,
        )
        if not (page.is_complete and page.reaches_top):
            return Joined(position=page.top)
        return Joined(position=page.top, publications=[_replayed(one) for one in page.publications], recovered=True)

    async def _follow_channels(self, member: Member) -> None:
        try:
            await self._audience.follow_channels(member)
        except BaseException as error:
            self.closed(member)  # who isn't let in isn't told of as closed
            if isinstance(error, StorageError):
                raise refuse(ErrorCode.INTERNAL, message=str(error)) from error
            raise

    def _sight(self, member: Member, channel: str) -> Sight:
        return self._permits.sight(self.identity(member), channel)

    def _actor(self, member: Member) -> str | None:
        """Name who an event is from unless it says so itself; our own app passes on what people do."""
        identity = self.identity(member)
        return None if identity.is_app else identity.user or None

    def _asker(self, member: Member) -> Asker:
        return self._askers.get(member, Asker())

    def _judge(self, member: Member, item: Any, *, channel: str) -> Accepted:
        check = self._permits.check(self.identity(member))
        accepted = self._ingest.judge(item, actor=self._actor(member), check=check)
        if accepted.channel != channel:
            raise EventError("wrong_channel", f"This event belongs to the channel {accepted.channel}.")
        return accepted

    async def _acknowledge(self, member: Member, data: bytes) -> int:
        consumer = self._consumers.get(member)
        if consumer is None:
            raise refuse(ErrorCode.BAD_REQUEST, message='ack needs a connection that named its "consumer"')
        try:
            acks = msgspec.convert(decoded(data), AckRequest)
            profile = self._audience.profile(member)
            return await self.redeliverer.acknowledge(consumer, acks.events, profile=profile)
        except msgspec.ValidationError as error:
            raise refuse(ErrorCode.BAD_REQUEST, message=f"ack needs the events' positions: {error}") from error
        except StorageError as error:
            raise _unstored(error) from error

    async def _take(self, member: Member, data: bytes) -> Report:
        most = self._settings.max_batch_events
        try:
            request = msgspec.convert(decoded(data), IngestRequest)
        except msgspec.ValidationError as error:
            raise refuse(ErrorCode.BAD_REQUEST, message=f"ingest needs an array of events: {error}") from error
        if len(request.events) > most:
            raise refuse(ErrorCode.BAD_REQUEST, message=f"{len(request.events)} events at once; {most} are accepted")
        expected = None if request.expect is None else request.expect.offset
        try:
            return await self._ingest.take_items(
                request.events,
                expected=expected,
                actor=self._actor(member),
                check=self._permits.check(self.identity(member)),
                profile=self._audience.profile(member),
            )
        except StorageError as error:
            raise _unstored(error) from error

    async def _position(self, sight: Sight, channel: str) -> Position:
        try:
            return await self._lens.position(sight, channel)
        except StorageError as error:
            raise refuse(ErrorCode.INTERNAL, message=str(error)) from error

    async def _read(
        self, sight: Sight, channel: str, *, since: Position | None, limit: int, most_bytes: int, reverse: bool = False
    ) -> HistoryPage:
        try:
            return await self._lens.read(
                sight, channel, since=since, limit=limit, reverse=reverse, most_bytes=most_bytes
            )
        except StorageError as error:
            raise _unstored(error) from error


def _unstored(error: StorageError) -> CommandError:
    """Say that something isn't stored, or read, for now: worth trying again, also where an operator forbids it."""
    if isinstance(error, ReadOnly):
        return CommandError(int(ErrorCode.PERMISSION_DENIED), str(error), is_temporary=True)
    return refuse(ErrorCode.INTERNAL, message=str(error))


def _replayed(record: Record) -> OutPublication:
    return OutPublication(data=record.raw, offset=record.offset, time_ms=record.time_ms)
