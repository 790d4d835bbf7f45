"""Carries out what `connection` decides: the loop of the client's one thread. Decides nothing itself.

An event's way is recv → decode → received → store.apply, all on this thread, with no queue in between.
Threads: driver only, but for `wish`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

import msgspec

from realtime import __version__
from realtime.client.answers import error_of, words_of
from realtime.client.asleep import Clocks
from realtime.client.calls import Purpose
from realtime.client.channels import Channels
from realtime.client.connection import ABNORMAL, Connection
from realtime.client.emits import fail, resolve
from realtime.client.handlers import Handlers
from realtime.client.phases import Dial, Effect, Hangup, Open, Phase, Ping, Raise
from realtime.client.wire import Wire
from realtime.errors import Disconnect, NotConnected, ProtocolError
from realtime.metrics import CLIENT_DIALS, CLIENT_STALE
from realtime.protocol.events import Envelope, data_of
from realtime.protocol.frames import (
    NO_DATA,
    Command,
    ConnectRequest,
    Publication,
    Push,
    Reply,
    TokenRequest,
    decode_replies,
)
from realtime.store import ConnectionStatus, Store

_TURN_S: Final = 1.0
_BREATH_S: Final = 0.1
_LOST: Final = "The connection was lost before the gateway answered; look whether it is there before repeating."
Wish: TypeAlias = Callable[[float], list[Effect]]
_log = logging.getLogger(__name__)


class Driver:
    """The client's loop: waits for the socket, the bell or the time, and does what follows."""

    def __init__(
        self,
        *,
        url: str,
        connection: Connection,
        channels: Channels,
        wire: Wire,
        store: Store,
        handlers: Handlers,
        token: Callable[[], str] | None,
        now: Callable[[], float],
        steady: Callable[[], float],
        announce: bool,
    ) -> None:
        self._url = url
        self._connection = connection
        self._channels = channels
        self._wire = wire
        self._store = store
        self._handlers = handlers
        self._token = token
        self._now = now
        self._steady = steady
        self._clocks = Clocks()
        self._announce = announce
        self._wishes: deque[Wish | None] = deque()
        self._fresh_token = ""
        self._wants_pong = False
        self._told: tuple[object, ...] = ()
        self._told_at = 0.0
        self._stale_told = 0

    def wish(self, fact: Wish | None) -> None:
        """Have the thread give the connection a fact, or end (None). Threads: any."""
        self._wishes.append(fact)
        self._wire.transport.ring()

    def run(self) -> None:
        """Turn until told to end. The one broad `except` is here: whatever goes wrong costs the connection, no more."""
        is_wanted = True
        while is_wanted:
            try:
                is_wanted = self._turn()
            except NotConnected as error:
                self._carry_out(self._closed(str(error)))
            except ProtocolError as error:
                self._carry_out(self._closed(f"The gateway sent what isn't the protocol. {error}"))
            except Disconnect as disconnect:
                self._carry_out(self._closed(disconnect.reason, code=disconnect.code))
            except Exception as error:
                _log.exception("The client stumbled and dials again")
                self._carry_out(self._closed(f"The client stumbled over {type(error).__name__}."))
                self._wire.transport.wait(_BREATH_S)
        self._cut()
        self._tell(self._now())

    # One turn

    def _turn(self) -> bool:
        now = self._now()
        while self._wishes:
            wish = self._wishes.popleft()
            if wish is None:
                return False
            self._carry_out(wish(now))
        if self._clocks.have_jumped(wall=now, steady=self._steady()):
            self._carry_out(self._connection.woke(now))
        self._carry_out(self._connection.tick(now))
        if self._connection.is_open:
            self._catch_up(now)
        self._tell(now)
        if self._wire.transport.wait(self._patience(now)):
            self._receive()
        return True

    def _patience(self, now: float) -> float:
        """Return how long nothing has to be done unless something comes."""
        if self._connection.is_open and self._channels.is_loading:
            return 0.0
        moments = (self._connection.wake_at, self._channels.due_at)
        due = min((moment for moment in moments if moment is not None), default=now + _TURN_S)
        return min(max(due - now, 0.0), _TURN_S)

    def _catch_up(self, now: float) -> None:
        """Move on what isn't settled, and tell the connection when all is."""
        connection, channels = self._connection, self._channels
        overdue = self._wire.calls.overdue(now)
        if overdue is not None:
            raise NotConnected("The gateway didn't answer a command in time.")
        channels.do_due(now)
        if channels.has_gap:
            channels.has_gap = False
            connection.unsynced(connection.generation, now)
        if connection.phase is Phase.SYNCING and channels.are_settled:
            self._carry_out(connection.synced(connection.generation, now))

    def _receive(self) -> None:
        message = self._wire.transport.receive()
        self._connection.heard(self._connection.generation, self._now())
        if message:
            self._take(decode_replies(message))

    def _take(self, replies: Sequence[Reply]) -> None:
        """Take one message's replies in; consecutive publications of one channel go on together."""
        channel = ""
        run: list[Publication] = []
        for reply in replies:
            push = reply.push
            if push is not None and push.pub is not None:
                if push.channel != channel and run:
                    self._channels.published(channel, run)
                    run = []
                channel = push.channel
                run.append(push.pub)
                continue
            if run:
                self._channels.published(channel, run)
                run = []
            self._take_other(reply)
        if run:
            self._channels.published(channel, run)

    def _take_other(self, reply: Reply) -> None:
        push = reply.push
        if push is not None:
            self._pushed(push)
        elif reply.id:
            self._replied(reply)
        elif self._wants_pong:
            self._wire.pong()

    def _pushed(self, push: Push) -> None:
        if push.disconnect is not None:
            reason = f"The gateway is closing the connection: {push.disconnect.reason or 'no reason given'}."
            raise Disconnect(push.disconnect.code, reason)
        if push.unsubscribe is not None:
            self._channels.unsubscribed(push.channel, push.unsubscribe)
        elif push.message is not None:
            self._channels.announced(bytes(push.message.data))

    def _replied(self, reply: Reply) -> None:
        call = self._wire.calls.close(reply.id)
        if call is None:
            return
        if call.purpose is Purpose.INGEST:
            resolve(call, reply, version_of=self._version_of)
        elif call.purpose is Purpose.CONNECT:
            self._let_in(reply)
        elif call.purpose is Purpose.SUBSCRIBE:
            self._channels.joined(call.channel, reply)
        elif call.purpose is Purpose.HISTORY:
            self._channels.history(call, reply)
        elif call.purpose is Purpose.TOP:
            self._channels.top(call, reply)
        elif call.purpose is Purpose.RENEW and reply.refresh is not None:
            expires_in_s = float(reply.refresh.ttl) if reply.refresh.expires else None
            self._connection.renewed(self._connection.generation, self._now(), expires_in_s=expires_in_s)

    def _version_of(self, collection: str, identifier: str) -> int | None:
        state = self._store.document(collection, identifier)
        return None if state is None else state.offset

    # The connection's effects

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Dial):
                self._dial(effect.generation)
            elif isinstance(effect, Hangup):
                self._cut()
            elif isinstance(effect, Open):
                self._open()
            elif isinstance(effect, Raise):
                self._raise(effect)
            elif isinstance(effect, Ping):
                self._wire.transport.ping()
            else:
                self._renew()

    def _dial(self, generation: int) -> None:
        self._tell(self._now())
        self._wire.generation = generation
        try:
            self._fresh_token = self._ask_for_token()
            self._wire.transport.open(self._url)
        except NotConnected as error:
            CLIENT_DIALS.labels(outcome="failed").inc()
            self._carry_out(self._connection.dial_failed(generation, str(error), self._now()))
            return
        CLIENT_DIALS.labels(outcome="opened").inc()
        self._carry_out(self._connection.dialed(generation, self._now()))

    def _open(self) -> None:
        greeting = self._channels.criticals.greeting(announce=self._announce)
        data = msgspec.Raw(greeting) if greeting else NO_DATA
        request = ConnectRequest(token=self._fresh_token, data=data, name="tideboard", version=__version__)
        self._wire.send([self._wire.numbered(Purpose.CONNECT, Command(connect=request))])

    def _let_in(self, reply: Reply) -> None:
        now, connection, result = self._now(), self._connection, reply.connect
        if result is None:
            error = error_of(reply)
            words, is_temporary = words_of(error), error.temporary
            effects = connection.refused(
                connection.generation, now, code=error.code, reason=words, is_temporary=is_temporary
            )
            self._carry_out(effects)
            return
        expires_in_s = float(result.ttl) if result.expires else None
        connection.welcomed(connection.generation, now, ping_s=float(result.ping), expires_in_s=expires_in_s)
        self._wants_pong = result.pong
        self._channels.begin(now)
        self._wire.begin_emits()

    def _renew(self) -> None:
        command = Command(refresh=TokenRequest(token=self._ask_for_token()))
        self._wire.send([self._wire.numbered(Purpose.RENEW, command)])

    def _ask_for_token(self) -> str:
        """Ask the owner for a token. Raises NotConnected: no token is no connection."""
        try:
            return "" if self._token is None else self._token()
        except Exception as error:  # it is someone else's code
            _log.exception("No token could be had")
            raise NotConnected(f"No token could be had: {type(error).__name__}.") from error

    def _raise(self, effect: Raise) -> None:
        now, event = self._now(), effect.event
        self._tell(now)
        self._store.raise_local(event, now=now)
        envelope = Envelope(
            id=f"local-{self._connection.generation}",
            source="/tideboard/client",
            type=event.TYPE,
            specversion="1.0",
            time=event.timestamp,
            data=data_of(event),
        )
        self._handlers.call((envelope,))

    def _closed(self, reason: str, *, code: int = ABNORMAL) -> list[Effect]:
        return self._connection.closed(self._connection.generation, self._now(), code=code, reason=reason)

    def _cut(self) -> None:
        """Hang up and forget all that belonged to this dial."""
        self._wire.end_emits()
        self._wire.transport.hang_up()
        self._channels.cut()
        for call in self._wire.calls.drop_all():
            fail(call, _LOST)

    def _tell(self, now: float) -> None:
        """Hand the status to the store when it changed, and the running numbers once a second."""
        connection = self._connection
        reason = connection.reason or (self._channels.problem if connection.is_open else None)
        told = (connection.phase, connection.since, connection.generation, connection.next_dial_at, reason)
        if told == self._told and 0 <= now - self._told_at < _TURN_S:
            return
        self._told, self._told_at = told, now
        CLIENT_STALE.inc(connection.stale_facts - self._stale_told)
        self._stale_told = connection.stale_facts
        status = ConnectionStatus(
            state=connection.state,
            since=connection.since,
            attempts=connection.attempts,
            next_dial_at=connection.next_dial_at,
            connected_since=connection.connected_since,
            downtime_s=connection.downtime_s,
            reason=reason,
            dials=connection.generation,
            reconnects=connection.reconnects,
            bytes_in=self._wire.transport.bytes_in,
            bytes_out=self._wire.transport.bytes_out,
        )
        self._store.set_connection(status, now=now)
