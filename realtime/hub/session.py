"""Decides what a connection of the Centrifuge protocol does next. No sockets, tasks, clocks or logging of its own.

The caller brings facts (a command arrived, the backend answered) and the time, and carries out the effects.
Source of the rules: centrifugal.dev docs/transports/client_protocol.md and docs/server/codes.md, centrifuge client.go.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from realtime.errors import CommandError, Disconnect
from realtime.hub.effects import (
    STEPS,
    Ask,
    Effects,
    Enter,
    Forward,
    Hangup,
    Leave,
    Limits,
    Live,
    Phase,
    Request,
    Say,
)
from realtime.hub.outgoing import raw_line
from realtime.hub.ports import Granted, Joined
from realtime.hub.subscription import Subscription
from realtime.protocol.codes import DisconnectCode, ErrorCode, UnsubscribeCode, hang_up, may_reconnect, refuse, too_fast
from realtime.protocol.frames import (
    PING,
    Command,
    ConnectResult,
    DisconnectPush,
    Empty,
    ErrorFrame,
    HistoryRequest,
    PublishRequest,
    Push,
    RefreshResult,
    Reply,
    SubscribeRequest,
    SubscribeResult,
    TokenRequest,
    UnsubscribePush,
)

MAX_CHANNEL_CHARS: Final = 255
MAX_COMMAND_ID: Final = 2**32 - 1
REJECT_UNRECOVERED: Final = 2
"""Bit of a subscribe's `flag`: answer 112 rather than `recovered: false` (subscriptionFlagRejectUnrecovered)."""

_VERBS: Final = (
    "connect", "subscribe", "unsubscribe", "publish", "presence", "presence_stats",
    "history", "ping", "send", "rpc", "refresh", "sub_refresh",
)  # fmt: skip
_PER_CHANNEL: Final = frozenset({"subscribe", "unsubscribe", "sub_refresh"})


class Session:
    """One connection's side of the protocol. Threads: driver only."""

    def __init__(
        self,
        client: str,
        *,
        now: float,
        limits: Limits,
        stagger: float = 1.0,
        log: Callable[[str], None] | None = None,
    ) -> None:
        """Start waiting for the connect command. `stagger` (0..1) spreads first pings after a mass reconnect."""
        self.client = client
        self.phase = Phase.WAITING
        self.subscriptions: dict[str, Subscription] = {}
        self.expires_at: float | None = None
        self.ended_by: Disconnect | None = None
        self.waiting = 0
        """Commands taken whose answer isn't there yet; the driver reads no further when they are many."""
        self._limits = limits
        self._stagger = stagger
        self._log = log
        self._connect_by = now + limits.connect_within_s
        self._ping_at = 0.0
        self._pong_by: float | None = None
        self._held: list[Command] = []

    # -- facts -------------------------------------------------------------------------------------------------

    def received(self, command: Command) -> Effects:
        """Take one command."""
        if self.phase is Phase.CLOSED:
            return []
        verb = next((name for name in _VERBS if getattr(command, name) is not None), None)
        if self.phase is Phase.WAITING and verb == "connect" and _has_id(command):
            return self._begin(command)
        if self.phase is Phase.CONNECTING and verb != "connect":
            self._held.append(command)
            return []
        if self.phase is not Phase.OPEN or verb == "connect":
            return self.hang_up(hang_up(DisconnectCode.BAD_REQUEST))
        if verb is None and command.id == 0:
            return self._pong()
        if verb is None or not (_has_id(command) or (verb == "send" and command.id == 0)):
            return self.hang_up(hang_up(DisconnectCode.BAD_REQUEST))
        try:
            return self._command(verb, command)
        except CommandError as error:
            return [Say(_error_reply(command.id, error))]
        except Disconnect as disconnect:
            return self.hang_up(disconnect)

    def overrun(self, command: Command, wait_s: float) -> Effects:
        """Refuse a command that came too fast; it may come again in `wait_s` seconds."""
        if self.phase is not Phase.OPEN:
            return []
        if not _has_id(command):
            return self.hang_up(hang_up(DisconnectCode.TOO_MANY_REQUESTS))  # nothing else can be answered to it
        return [Say(_error_reply(command.id, too_fast(wait_s)))]

    def granted(self, ask: Ask, granted: Granted, joins: Mapping[str, Joined], *, now: float) -> Effects:
        """Learn that the backend lets the connection in. `joins`: the server-side subscriptions entered meanwhile."""
        if not self._settle():
            return []
        self._set_phase(Phase.OPEN)
        self.expires_at = granted.expires_at
        self._ping_at = now + self._limits.ping_s * min(1.0, max(0.25, self._stagger))
        effects: Effects = []
        try:
            results = {channel: self._live(channel, joined, effects, now=now) for channel, joined in joins.items()}
        except Disconnect as disconnect:
            return self.hang_up(disconnect)
        result = ConnectResult(
            client=self.client,
            expires=granted.expires_at is not None,
            ttl=_ttl(granted.expires_at, now),
            data=raw_line(granted.data),
            subs=results,
            ping=max(1, round(self._limits.ping_s)),
            pong=True,
        )
        effects.insert(0, Say(Reply(id=ask.id, connect=result)))
        held, self._held = self._held, []
        return effects + [effect for command in held for effect in self.received(command)]

    def enter(self, channel: str, request: SubscribeRequest) -> Effects:
        """Begin a server-side subscription, while connecting."""
        if self.phase is not Phase.CONNECTING:
            return []
        subscription = self.subscriptions[channel] = Subscription(channel, request, is_server_side=True)
        return [Enter(subscription)]

    def abandon(self, channel: str, *, was_granted: bool = False) -> Effects:
        """Give up a subscription before it is live; `was_granted` when the backend had let it in."""
        subscription = self.subscriptions.pop(channel, None)
        return [] if subscription is None else [Leave(subscription, was_live=False, was_granted=was_granted)]

    def joined(self, ask: Ask, joined: Joined, *, now: float) -> Effects:
        """Learn that the backend lets the connection into a channel."""
        if not self._settle() or not isinstance(ask.request, SubscribeRequest):
            return []
        request = ask.request
        if request.recover and not joined.recovered and request.flag & REJECT_UNRECOVERED:
            return self._not_joined(ask, request, refuse(ErrorCode.UNRECOVERABLE_POSITION), was_granted=True)
        subscription = self.subscriptions[request.channel]
        effects: Effects = []
        try:
            result = self._live(request.channel, joined, effects, now=now)
        except Disconnect as disconnect:
            return self.hang_up(disconnect)
        effects.insert(0, Say(Reply(id=ask.id, subscribe=result)))
        if subscription.eviction is not None:
            effects += self.unsubscribe(request.channel, *subscription.eviction)
        return effects + self._resume_held(subscription)

    def refused(self, ask: Ask, error: CommandError) -> Effects:
        """Learn that the backend refused a command."""
        if not self._settle():
            return []
        if isinstance(ask.request, SubscribeRequest):
            return self._not_joined(ask, ask.request, error, was_granted=False)
        if ask.verb == "connect":
            self._held = []
            self._set_phase(Phase.REFUSED)
        return [] if ask.verb == "send" else [Say(_error_reply(ask.id, error))]

    def answered(self, reply: Reply | None) -> Effects:
        """Learn the backend's answer to anything else; None for a command without a reply."""
        return [Say(reply)] if self._settle() and reply is not None else []

    def refreshed(self, ask: Ask, expires_at: float | None, *, now: float) -> Effects:
        """Learn until when the connection or the subscription named in `ask` lives now."""
        if not self._settle() or not isinstance(ask.request, TokenRequest):
            return []
        if expires_at is not None and expires_at <= now:
            return [Say(_error_reply(ask.id, refuse(ErrorCode.EXPIRED)))]
        expires, ttl_s = expires_at is not None, _ttl(expires_at, now)
        if ask.verb == "refresh":
            self.expires_at = expires_at
            return [Say(Reply(id=ask.id, refresh=RefreshResult(client=self.client, expires=expires, ttl=ttl_s)))]
        subscription = self.subscriptions.get(ask.request.channel)
        if subscription is not None:
            subscription.expires_at = expires_at
        return [Say(Reply(id=ask.id, sub_refresh=RefreshResult(expires=expires, ttl=ttl_s)))]

    def unsubscribe(self, channel: str, code: int, reason: str) -> Effects:
        """End a subscription from the server's side."""
        subscription = self.subscriptions.get(channel)
        if subscription is None or self.phase is Phase.CLOSED:
            return []
        if subscription.is_joining:
            subscription.eviction = (code, reason)
            return []
        del self.subscriptions[channel]
        push = Push(channel=channel, unsubscribe=UnsubscribePush(code=code, reason=reason))
        return [Leave(subscription, was_live=True, was_granted=True), Say(Reply(push=push))]

    def tick(self, now: float) -> Effects:
        """Learn the time: pings, missing pongs, expiry."""
        if self.phase is Phase.CLOSED or now < self.next_due:
            return []
        if self.phase is not Phase.OPEN:
            return self.hang_up(hang_up(DisconnectCode.STALE))
        if self._pong_by is not None and now >= self._pong_by:
            return self.hang_up(hang_up(DisconnectCode.NO_PONG))
        if self._is_overdue(self.expires_at, now):
            return self.hang_up(hang_up(DisconnectCode.EXPIRED))
        effects: Effects = []
        for subscription in list(self.subscriptions.values()):
            if not subscription.is_joining and self._is_overdue(subscription.expires_at, now):
                if subscription.is_server_side:
                    return self.hang_up(hang_up(DisconnectCode.SUB_EXPIRED))
                effects += self.unsubscribe(subscription.channel, UnsubscribeCode.EXPIRED, "expired")
        if now >= self._ping_at and self._pong_by is None:
            self._ping_at = now + self._limits.ping_s
            self._pong_by = now + self._limits.pong_within_s
            effects.append(Say(PING))
        return effects

    def excuse(self, now: float) -> None:
        """Learn that nothing was read for a while: a pong may be waiting to be."""
        if self._pong_by is not None:
            self._pong_by = now + self._limits.pong_within_s

    def hang_up(self, disconnect: Disconnect) -> Effects:
        """End the session, from either side or for any other reason."""
        if self.phase is Phase.CLOSED:
            return []
        was_open = self.phase is Phase.OPEN
        self.ended_by = disconnect
        self._set_phase(Phase.CLOSED)
        left = list(self.subscriptions.values())
        self.subscriptions.clear()
        self._held = []
        effects: Effects = [Leave(one, was_live=not one.is_joining, was_granted=not one.is_joining) for one in left]
        if was_open:
            effects.append(Say(_goodbye(disconnect)))
        return [*effects, Hangup(disconnect)]

    @property
    def next_due(self) -> float:
        """Return when `tick` has something to do next."""
        if self.phase is not Phase.OPEN:
            return self._connect_by
        deadlines = [self._ping_at if self._pong_by is None else self._pong_by]
        if self.expires_at is not None:
            deadlines.append(self.expires_at + self._limits.expired_grace_s)
        deadlines += [
            one.expires_at + self._limits.expired_grace_s
            for one in self.subscriptions.values()
            if one.expires_at is not None
        ]
        return min(deadlines)

    # -- steps -------------------------------------------------------------------------------------------------

    def _begin(self, command: Command) -> Effects:
        self._set_phase(Phase.CONNECTING)
        return [self._ask(command, "connect")]

    def _command(self, verb: str, command: Command) -> Effects:
        request = getattr(command, verb)
        channel: str = getattr(request, "channel", "")
        if "channel" in getattr(request, "__struct_fields__", ()) and not channel and verb != "refresh":
            raise hang_up(DisconnectCode.BAD_REQUEST)
        subscription = self.subscriptions.get(channel)
        if subscription is not None and subscription.is_joining and verb in _PER_CHANNEL:
            self.waiting += 1
            subscription.held.append(command)
            return []
        if verb == "ping":
            return [Say(Reply(id=command.id, ping=Empty()))]
        if verb == "subscribe":
            return self._subscribe(command, request)
        if verb == "unsubscribe":
            return self._unsubscribe(command, subscription)
        self._check(verb, request, subscription)
        return [self._ask(command, verb)]

    @staticmethod
    def _check(verb: str, request: Request, subscription: Subscription | None) -> None:
        if verb in ("presence", "presence_stats", "sub_refresh") and subscription is None:
            raise refuse(ErrorCode.PERMISSION_DENIED)
        if isinstance(request, TokenRequest) and not request.token:
            raise hang_up(DisconnectCode.BAD_REQUEST) if verb == "refresh" else refuse(ErrorCode.BAD_REQUEST)
        if isinstance(request, PublishRequest) and not bytes(request.data):
            raise refuse(ErrorCode.BAD_REQUEST, message="publish needs data")
        if isinstance(request, HistoryRequest) and request.limit < -1:
            raise refuse(ErrorCode.BAD_REQUEST, message="limit is -1 (all), 0 (the position only) or more")

    def _subscribe(self, command: Command, request: SubscribeRequest) -> Effects:
        if len(request.channel) > MAX_CHANNEL_CHARS or request.offset < 0:
            raise refuse(ErrorCode.BAD_REQUEST)
        if request.channel in self.subscriptions:
            raise refuse(ErrorCode.ALREADY_SUBSCRIBED)
        if len(self.subscriptions) >= self._limits.channels:
            raise refuse(ErrorCode.LIMIT_EXCEEDED)
        subscription = self.subscriptions[request.channel] = Subscription(request.channel, request)
        return [Enter(subscription), self._ask(command, "subscribe")]

    def _unsubscribe(self, command: Command, subscription: Subscription | None) -> Effects:
        effects: Effects = [Say(Reply(id=command.id, unsubscribe=Empty()))]
        if subscription is not None:
            del self.subscriptions[subscription.channel]
            effects.insert(0, Leave(subscription, was_live=True, was_granted=True))
        return effects

    def _pong(self) -> Effects:
        if self._pong_by is None:
            return self.hang_up(hang_up(DisconnectCode.BAD_REQUEST))  # nobody asked for it
        self._pong_by = None
        return []

    def _live(self, channel: str, joined: Joined, effects: Effects, *, now: float) -> SubscribeResult:
        subscription = self.subscriptions[channel]
        kept = subscription.release(joined)
        effects += [Forward(outgoing) for outgoing in kept]
        effects.append(Live(subscription))
        return subscription.result(joined, ttl_s=_ttl(joined.expires_at, now))

    def _not_joined(self, ask: Ask, request: SubscribeRequest, error: CommandError, *, was_granted: bool) -> Effects:
        subscription = self.subscriptions[request.channel]
        effects: Effects = [Say(_error_reply(ask.id, error))]
        effects += self.abandon(request.channel, was_granted=was_granted)
        return effects + self._resume_held(subscription)

    def _resume_held(self, subscription: Subscription) -> Effects:
        held, subscription.held = subscription.held, []
        self.waiting -= len(held)
        return [effect for command in held for effect in self.received(command)]

    def _ask(self, command: Command, verb: str) -> Ask:
        self.waiting += 1
        return Ask(command.id, verb, getattr(command, verb))

    def _settle(self) -> bool:
        self.waiting -= 1
        return self.phase is not Phase.CLOSED

    def _is_overdue(self, expires_at: float | None, now: float) -> bool:
        return expires_at is not None and now >= expires_at + self._limits.expired_grace_s

    def _set_phase(self, phase: Phase) -> None:
        if phase not in STEPS[self.phase]:
            raise RuntimeError(f"a session can't go from {self.phase.value} to {phase.value}")
        if self._log is not None:
            self._log(f"{self.client}: {self.phase.value} -> {phase.value}")
        self.phase = phase


def _has_id(command: Command) -> bool:
    return 0 < command.id <= MAX_COMMAND_ID


def _ttl(expires_at: float | None, now: float) -> int:
    return 0 if expires_at is None else max(1, int(expires_at - now))


def _error_reply(command_id: int, error: CommandError) -> Reply:
    frame = ErrorFrame(code=error.code, message=error.message, temporary=error.is_temporary)
    return Reply(id=command_id, error=frame)


def _goodbye(disconnect: Disconnect) -> Reply:
    push = DisconnectPush(disconnect.code, disconnect.reason, reconnect=may_reconnect(disconnect.code))
    return Reply(push=Push(disconnect=push))
