"""Carries out what `connection` decides: the loop of the client's one thread. Decides nothing itself.

An event's way is recv → decode → received → store.apply, all on this thread, with no queue in between.
Threads: driver only, but for `wish`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

from realtime.client.answers import error_of, words_of
from realtime.client.asleep import Clocks
from realtime.client.calls import Purpose
from realtime.client.channels import Channels
from realtime.client.connection import ABNORMAL, Connection
from realtime.client.dialing import Dialing
from realtime.client.emits import fail, resolve
from realtime.client.phases import Dial, Effect, Hangup, Open, Phase, Ping, Probe, Raise
from realtime.client.telling import Telling
from realtime.client.wire import Wire
from realtime.errors import Disconnect, NotConnected, ProtocolError
from realtime.protocol.codes import STATE_INVALIDATED
from realtime.protocol.frames import Publication, Push, Reply, decode_replies

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
        connection: Connection,
        channels: Channels,
        wire: Wire,
        dialing: Dialing,
        telling: Telling,
        version_of: Callable[[str, str], int | None],
        on_message: Callable[[bytes], bool],
        now: Callable[[], float],
        steady: Callable[[], float],
    ) -> None:
        self._connection = connection
        self._channels = channels
        self._wire = wire
        self._dialing = dialing
        self._telling = telling
        self._version_of = version_of
        self._on_message = on_message
        self._now = now
        self._steady = steady
        self._clocks = Clocks()
        self._wishes: deque[Wish | None] = deque()
        self._wants_pong = False

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
                if disconnect.code == STATE_INVALIDATED:
                    self._channels.invalidate()
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
        moments = (self._connection.wake_at, self._channels.due_at, self._wire.polling.due_at)
        due = min((moment for moment in moments if moment is not None), default=now + _TURN_S)
        return min(max(due - now, 0.0), _TURN_S)

    def _catch_up(self, now: float) -> None:
        """Move on what isn't settled, and tell the connection when all is."""
        connection, channels = self._connection, self._channels
        overdue = self._wire.calls.overdue(now)
        if overdue is not None:
            raise NotConnected("The gateway didn't answer a command in time.")
        channels.do_due(now)
        if self._wire.polling.is_due(now):
            self._take(self._wire.polling.poll())
        if channels.has_gap:
            channels.has_gap = False
            connection.unsynced(connection.generation, now)
            channels.doubt()
        is_current = channels.are_settled and not self._wire.polling.is_behind
        if connection.phase is Phase.SYNCING and is_current:
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
        elif push.message is not None and not self._on_message(bytes(push.message.data)):
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
            self._channels.joined(call, reply)
        elif call.purpose is Purpose.HISTORY:
            self._channels.history(call, reply)
        elif call.purpose is Purpose.TOP:
            self._channels.top(call, reply)
        elif call.purpose is Purpose.RENEW and reply.refresh is not None:
            expires_in_s = float(reply.refresh.ttl) if reply.refresh.expires else None
            self._connection.renewed(self._connection.generation, self._now(), expires_in_s=expires_in_s)

    # The connection's effects

    def _carry_out(self, effects: Iterable[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Dial):
                self._dial(effect)
            elif isinstance(effect, Hangup):
                self._cut()
            elif isinstance(effect, Open):
                self._open()
            elif isinstance(effect, Raise):
                now = self._now()
                self._tell(now)
                self._telling.news(effect.event, now)
            elif isinstance(effect, Ping):
                self._wire.transport.ping()
            elif isinstance(effect, Probe):
                is_open = self._dialing.probe()
                self._carry_out(self._connection.probed(effect.generation, self._now(), is_open=is_open))
            else:
                self._dialing.renew()

    def _dial(self, dial: Dial) -> None:
        self._tell(self._now())
        try:
            self._dialing.dial(dial.generation, dial.over)
        except NotConnected as error:
            self._carry_out(self._connection.dial_failed(dial.generation, str(error), self._now()))
            return
        self._carry_out(self._connection.dialed(dial.generation, self._now()))

    def _open(self) -> None:
        """Send `connect`; who polls is let in by having been answered."""
        if self._connection.over == "polling":
            self._connection.welcomed(self._connection.generation, self._now(), ping_s=0)
            self._begin()
        else:
            self._dialing.greet()

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
        self._begin()

    def _begin(self) -> None:
        self._channels.begin(self._now())
        self._wire.begin_emits()

    def _closed(self, reason: str, *, code: int = ABNORMAL) -> list[Effect]:
        return self._connection.closed(self._connection.generation, self._now(), code=code, reason=reason)

    def _cut(self) -> None:
        """Hang up and forget all that belonged to this dial."""
        self._wire.end_emits()
        self._wire.hang_up()
        self._channels.cut()
        for call in self._wire.calls.drop_all():
            fail(call, _LOST)

    def _tell(self, now: float) -> None:
        self._telling.status(now, problem=self._channels.problem if self._connection.is_open else None)
