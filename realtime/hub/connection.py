"""Drives one WebSocket: reads commands, carries out the session's effects, asks the backend. Decides nothing itself.

Threads: the event loop's.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from time import perf_counter
from typing import Any, Final

from starlette.websockets import WebSocket

from realtime.errors import CommandError, Disconnect, ProtocolError
from realtime.hub.answering import reply_to
from realtime.hub.door import Door
from realtime.hub.effects import Ask, Effect, Effects, Enter, Forward, Hangup, Leave, Live, Phase, Say
from realtime.hub.fanout import Fanout
from realtime.hub.gate import Seat
from realtime.hub.outgoing import outgoing_publication, outgoing_reply, raw_line
from realtime.hub.ports import Backend, Joined, Others, OutPublication, Peer
from realtime.hub.session import Session
from realtime.hub.straight import straight_of
from realtime.hub.tally import Tally
from realtime.hub.writer import LOST, Writer
from realtime.metrics import COALESCED, SLOW_CLOSED
from realtime.protocol.codes import DisconnectCode, ErrorCode, hang_up, refuse
from realtime.protocol.frames import (
    ClientInfo,
    Command,
    ConnectRequest,
    MessagePush,
    Presence,
    Push,
    Reply,
    SubscribeRequest,
    TokenRequest,
    decode_commands,
)
from realtime.pulse import PULSE

_LOG = logging.getLogger(__name__)
MAX_WAITING: Final = 64
"""Commands of one connection that the backend works on at a time; beyond that it isn't read, and TCP slows it down."""
CLOSE_WITHIN_S: Final = 5.0
MAX_REASON_BYTES: Final = 123


class Connection:
    """One connection. What backends see of it is `ports.Member`."""

    def __init__(
        self,
        websocket: WebSocket,
        session: Session,
        *,
        backend: Backend,
        fanout: Fanout,
        peer: Peer,
        door: Door,
        seat: Seat,
        tally: Tally,
        hub: str,
        subject: str,
        queue_bytes: int,
        max_frame_bytes: int,
        clock: Callable[[], float],
        others: Others | None,
    ) -> None:
        self.slot: Any = None
        self.user = ""
        self.info = b""
        self.group = ""
        self.session = session
        self.peer = peer
        self.writer = Writer(
            websocket.send, tally=tally, limit_bytes=queue_bytes, on_slow=self.be_slow, on_lost=self._lost,
            straight=straight_of(websocket.scope),
        )  # fmt: skip
        self._door = door
        self._seat = seat
        self._tally = tally
        self._websocket = websocket
        self._backend = backend
        self._fanout = fanout
        self._hub = hub
        self._subject = subject
        self._max_frame_bytes = max_frame_bytes
        self._clock = clock
        self._others = others
        self._was_let_in = False
        self._is_given_up = False
        self._asks: set[asyncio.Task[None]] = set()
        self._closing: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[Any] | None = None

    # -- what backends see -------------------------------------------------------------------------------------

    @property
    def client(self) -> str:
        """Return the connection's id."""
        return self.session.client

    @property
    def expires_at(self) -> float | None:
        """Return when the connection has to be refreshed, in Unix seconds."""
        return self.session.expires_at

    @property
    def channels(self) -> Collection[str]:
        """Name the channels it is subscribed to."""
        return [one.channel for one in self.session.subscriptions.values() if not one.is_joining]

    @property
    def backlog_bytes(self) -> int:
        """Return how much waits to be sent to it."""
        return self.writer.backlog_bytes

    @property
    def is_closed(self) -> bool:
        """Tell whether nothing will be sent to it any more."""
        return self.session.phase is Phase.CLOSED

    @property
    def ended_by(self) -> Disconnect | None:
        """Return why the connection ended, None while it is open."""
        return self.session.ended_by

    def push(self, channel: str, publication: OutPublication) -> None:
        """Send a publication to this connection alone; dropped unless it is subscribed."""
        subscription = self.session.subscriptions.get(channel)
        if subscription is None:
            return
        outgoing = outgoing_publication(channel, publication)
        if not subscription.is_joining:
            self._fanout.send(self, outgoing)
        elif not subscription.hold(outgoing, limit_bytes=self.writer.backlog.limit_bytes):
            self.be_slow()

    def message(self, data: bytes) -> None:
        """Send a message to this connection alone."""
        if self.session.phase is Phase.OPEN:
            self._say(Reply(push=Push(message=MessagePush(data=raw_line(data)))))

    def disconnect(self, disconnect: Disconnect) -> None:
        """End the connection."""
        self.carry_out(self.session.hang_up(disconnect))

    def unsubscribe(self, channel: str, code: int, reason: str) -> None:
        """End one subscription."""
        self.carry_out(self.session.unsubscribe(channel, code, reason))

    def regroup(self, group: str, *, ending: Callable[[str], tuple[int, str] | None]) -> None:
        """Move to another group; end the subscriptions for whose channel `ending` gives a code and a reason."""
        for channel in list(self.session.subscriptions):
            ended = ending(channel)
            if ended is not None:
                self.unsubscribe(channel, *ended)
        staying = list(self.session.subscriptions.values())
        for subscription in staying:
            self._fanout.leave(self, subscription)
        self.group = group
        for subscription in staying:
            self._fanout.enter(self, subscription)

    def client_info(self) -> ClientInfo:
        """Say who this is."""
        return ClientInfo(user=self.user, client=self.client, conn_info=raw_line(self.info))

    # -- the socket --------------------------------------------------------------------------------------------

    async def read(self) -> None:
        """Read commands until the socket is gone, then clean up."""
        self._reading = asyncio.current_task()
        try:
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    break
                await self._take(message)
        except asyncio.CancelledError:
            if not self._is_given_up or self._reading is None:
                raise
            self._reading.uncancel()
        except LOST:
            _LOG.debug("%s: the socket went away", self.client)
        finally:
            self._end()

    async def _take(self, message: dict[str, Any] | Any) -> None:
        text: str | None = message.get("text")
        raw: bytes = message.get("bytes") or b"" if text is None else text.encode()
        self._tally.bytes_in += len(raw)
        try:
            if len(raw) > self._max_frame_bytes:
                raise ProtocolError(f"A frame of {len(raw)} bytes; {self._max_frame_bytes} may come at once.")
            if text is None:
                raw.decode()  # what is passed on has to be UTF-8, and nobody has looked yet
            commands = decode_commands(raw)
        except (ProtocolError, UnicodeDecodeError) as error:
            _LOG.info("%s: closed for a malformed frame: %s", self.client, error)
            self.disconnect(hang_up(DisconnectCode.BAD_REQUEST))
            return
        for command in commands:
            while self._asks and (self._is_full or self.session.phase is Phase.CONNECTING):
                await asyncio.wait(self._asks, return_when=asyncio.FIRST_COMPLETED)
                self.session.excuse(self._clock())
            await self._receive(command)

    async def _receive(self, command: Command) -> None:
        """Give a command to the session, unless it is one too many of late; heartbeats never are."""
        if self.session.phase is Phase.OPEN and (command.id or command.send is not None):
            try:
                wait_s = await self._seat.wait_s(self._clock())
            except Disconnect as disconnect:
                self.disconnect(disconnect)
                return
            if wait_s > 0:
                self.carry_out(self.session.overrun(command, wait_s))
                return
        self.carry_out(self.session.received(command))

    @property
    def _is_full(self) -> bool:
        return self.session.waiting >= MAX_WAITING

    def tick(self, now: float) -> None:
        """Let the session see the time, unless it is us who doesn't read what the peer may have said."""
        if not self._is_full:
            self.carry_out(self.session.tick(now))

    def be_slow(self) -> None:
        """Close the connection because it can't keep up; it will come back and resume."""
        if not self.is_closed:
            SLOW_CLOSED.labels(self._hub).inc()
            PULSE.note(self._subject, None, is_error=True)
            _LOG.info("%s: closed as slow", self.client)
            self.disconnect(hang_up(DisconnectCode.SLOW))

    def give_up(self) -> None:
        """Stop reading, whether or not the peer says goodbye."""
        self._is_given_up = True
        if self._reading is not None:
            self._reading.cancel()

    def _lost(self) -> None:
        """Learn from a failed send that the socket is gone; the read that is under way ends by itself."""
        _LOG.debug("%s: a send failed, the socket is gone", self.client)

    def _end(self) -> None:
        self.carry_out(
            [one for one in self.session.hang_up(hang_up(DisconnectCode.CONNECTION_CLOSED)) if isinstance(one, Leave)]
        )
        self.writer.stop()
        COALESCED.labels(self._hub).inc(self.writer.backlog.coalesced)
        if self._closing is not None:
            self._closing.cancel()
        self._seat.leave()
        if self._was_let_in:
            self._backend.closed(self)

    async def _close(self, disconnect: Disconnect) -> None:
        try:
            async with asyncio.timeout(CLOSE_WITHIN_S):
                reason = disconnect.reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore")
                await self._websocket.close(disconnect.code, reason)
        except TimeoutError:
            self.give_up()  # it takes nothing, not even a goodbye
        except LOST:
            pass

    # -- effects -----------------------------------------------------------------------------------------------

    def carry_out(self, effects: Effects) -> None:
        """Do what the session wants."""
        for effect in effects:
            self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Say(reply):
                self._say(reply)
            case Forward(outgoing):
                self._fanout.send(self, outgoing, may_wait=True)
            case Ask():
                self._ask(effect)
            case Enter(subscription):
                self._fanout.enter(self, subscription)
            case Live(subscription):
                self._announce(subscription.channel, has_joined=True)
            case Leave(subscription, was_live, was_granted):
                self._fanout.leave(self, subscription)
                self._seat.unfollow(subscription.channel)
                if was_granted:
                    self._backend.unsubscribed(self, subscription.channel)
                if was_live:
                    self._announce(subscription.channel, has_joined=False)
            case Hangup(disconnect):
                self.writer.flush()
                self.writer.stop()
                self._closing = asyncio.create_task(self._close(disconnect))

    def _say(self, reply: Reply) -> None:
        self._fanout.send(self, outgoing_reply(reply), may_wait=self.session.waiting > 0)

    def _announce(self, channel: str, *, has_joined: bool) -> None:
        self._touch()
        if self._fanout.has_watchers(channel):
            info = Presence(info=self.client_info())
            push = Push(channel=channel, join=info) if has_joined else Push(channel=channel, leave=info)
            self._fanout.tell_watchers(channel, outgoing_reply(Reply(push=push)))

    def _touch(self) -> None:
        if self._others is not None:
            self._others.touch()

    # -- the backend -------------------------------------------------------------------------------------------

    def _ask(self, ask: Ask) -> None:
        task = asyncio.create_task(self._answer(ask))
        self._asks.add(task)
        task.add_done_callback(self._asks.discard)

    async def _answer(self, ask: Ask) -> None:
        began, is_error = perf_counter(), False
        try:
            effects = await self._consult(ask)
        except CommandError as error:
            is_error = error.code == ErrorCode.INTERNAL  # the others are the peer's doing
            effects = self.session.refused(ask, error)
        except Disconnect as disconnect:
            effects = self.session.hang_up(disconnect)
        except Exception:
            _LOG.exception("%s: %s failed", self.client, ask.verb)
            is_error = True
            effects = self.session.refused(ask, refuse(ErrorCode.INTERNAL))
        PULSE.note(self._subject, perf_counter() - began, is_error=is_error)
        self.carry_out(effects)

    async def _consult(self, ask: Ask) -> Effects:
        request = ask.request
        match request:
            case ConnectRequest():
                async with self._door.passing(is_gone=lambda: self.is_closed):
                    return [] if self.is_closed else await self._let_in(ask, request)
            case SubscribeRequest():
                if not self.is_closed:
                    self._seat.follow(request.channel)
                joined = await self._backend.subscribe(self, request)
                if self.is_closed:
                    self._backend.unsubscribed(self, request.channel)
                return self.session.joined(ask, joined, now=self._clock())
            case TokenRequest(token=token) if ask.verb == "refresh":
                expires_at = await self._backend.refresh(self, token)
                return self.session.refreshed(ask, expires_at, now=self._clock())
            case TokenRequest(token=token, channel=channel):
                expires_at = await self._backend.sub_refresh(self, channel, token)
                return self.session.refreshed(ask, expires_at, now=self._clock())
        answer = await reply_to(ask, member=self, backend=self._backend, infos=self._infos)
        return self.session.answered(answer)

    async def _infos(self, channel: str) -> list[ClientInfo]:
        elsewhere = () if self._others is None else await self._others.elsewhere(channel)
        return [*elsewhere, *(one.client_info() for one in self._fanout.live(channel))]

    async def _let_in(self, ask: Ask, request: ConnectRequest) -> Effects:
        granted = await self._backend.connect(self, request, self.peer)
        try:
            self._seat.let_in(granted.user, is_trusted=granted.is_trusted)
        except Disconnect:
            self._backend.closed(self)
            raise
        self.user, self.info, self.group = granted.user, granted.info, granted.group
        joins: dict[str, Joined] = {}
        for channel in granted.channels:
            wanted = request.subs.get(channel, SubscribeRequest())
            wanted = SubscribeRequest(channel, recover=wanted.recover, epoch=wanted.epoch, offset=wanted.offset)
            self.carry_out(self.session.enter(channel, wanted))
            try:
                joins[channel] = await self._backend.subscribe(self, wanted)
            except CommandError as error:
                _LOG.info("%s: no server-side subscription to %s: %s", self.client, channel, error)
                self.carry_out(self.session.abandon(channel))
        if self.is_closed:  # it left meanwhile
            for channel in joins:
                self._backend.unsubscribed(self, channel)
            self._backend.closed(self)
            return []
        self._was_let_in = True
        self._touch()
        self.carry_out(self.session.granted(ask, granted, joins, now=self._clock()))
        if not self.is_closed:
            self._backend.opened(self)
        return []
