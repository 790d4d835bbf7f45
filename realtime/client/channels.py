"""Carries out what `sync` decides, for all channels: subscribes, loads, applies to the store. Decides nothing itself.

Threads: driver only. Any method that sends may raise NotConnected: the connection is of no use then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from realtime.client.answers import error_of, words_of
from realtime.client.applying import Applying
from realtime.client.calls import Call, Purpose
from realtime.client.criticals import Criticals
from realtime.client.handlers import Handlers
from realtime.client.loading import Api, Loading
from realtime.client.steps import Deliver, Install, Join, Leave, Load, Lost, Stage, Step
from realtime.client.sync import Subscription
from realtime.client.tops import TOPS_S, TopCheck
from realtime.client.wire import Wire
from realtime.errors import NotConnected
from realtime.metrics import CLIENT_GAPS
from realtime.protocol.channels import inbox_of, is_known_channel
from realtime.protocol.frames import (
    ChannelRequest,
    Command,
    HistoryRequest,
    Publication,
    Reply,
    RpcRequest,
    SubscribeRequest,
    UnsubscribePush,
)
from realtime.protocol.positions import Position
from realtime.store import Store

_LIST_AGAIN_S: Final = 1.0
_log = logging.getLogger(__name__)


class _Announced(msgspec.Struct):
    channel: str
    epoch: str


class Channels:
    """All subscriptions of one client."""

    def __init__(
        self,
        channels: Iterable[str],
        *,
        wire: Wire,
        api: Api,
        store: Store,
        handlers: Handlers,
        criticals: Criticals,
        now: Callable[[], float],
        jitter: Callable[[], float],
        top_check_s: float = TOPS_S,
        resume_from: Mapping[str, Position] | None = None,
    ) -> None:
        self.criticals = criticals
        self.has_gap = False  # set when a hole was found; whoever looks clears it
        self._wire = wire
        self._api = api
        self._store = store
        self._applying = Applying(store=store, handlers=handlers, criticals=criticals, now=now)
        self._now = now
        self._jitter = jitter
        self._subscriptions: dict[str, Subscription] = {}
        self._unsettled: set[str] = set()
        self._suspects: set[str] = set()  # live, but the stream's top was told to be further on
        self._loadings: dict[str, Loading] = {}
        self._unasked: dict[str, Load] = {}  # whose history is asked for after the first page
        self._is_open = False
        self._numbered = 0  # up to where channels that were left have numbered their questions
        self._holes = 0
        self._list_at: float | None = None
        self._list_problem: str | None = None
        self._tops = TopCheck(interval_s=top_check_s, jitter=jitter)
        self._seen = dict(resume_from or {})
        for channel in channels:
            self._add(channel)

    @property
    def are_settled(self) -> bool:
        """Tell whether every channel is live, or not to be had."""
        return self._list_at is None and not self._unsettled

    @property
    def is_loading(self) -> bool:
        """Tell whether there is a page to fetch at once."""
        return self._next_loading() is not None

    @property
    def due_at(self) -> float | None:
        """Return when `do_due` has something to try again."""
        moments = [self._list_at, self._tops.due_at]
        moments += [self._subscriptions[channel].due_at for channel in self._unsettled | self._suspects]
        return min((moment for moment in moments if moment is not None), default=None)

    @property
    def problem(self) -> str | None:
        """Say why something isn't settled, if there is a reason other than time."""
        reasons = [self._list_problem, *(self._subscriptions[channel].reason for channel in self._unsettled)]
        return next((reason for reason in reasons if reason), None)

    def begin(self, now: float) -> None:
        """Subscribe to all known channels on a new connection, and ask which others there are."""
        self._is_open = True
        self._list_at = now
        self._tops.begin(now)
        self._join(list(self._subscriptions.values()))

    def cut(self) -> None:
        """Take in that the connection is gone."""
        self.has_gap = self._is_open = False
        self._list_at = self._list_problem = None
        self._tops.stop()
        self._loadings.clear()
        self._unsettled.clear()
        self._suspects.clear()
        for subscription in self._subscriptions.values():
            subscription.cut()

    def follow(self, channel: str) -> None:
        """Join a channel that wasn't followed so far; with the next connection, if there is none."""
        if channel not in self._subscriptions:
            added = self._add(channel)
            if self._is_open:
                self._join([added])

    def unfollow(self, channel: str) -> None:
        """Leave a channel; answers that are still on their way mean nothing any more."""
        subscription = self._subscriptions.pop(channel, None)
        if subscription is None:
            return
        self._numbered = max(self._numbered, subscription.number)
        for places in (self._loadings, self._unasked):
            places.pop(channel, None)
        self._unsettled.discard(channel)
        self._suspects.discard(channel)
        if subscription.leave() and self._is_open:
            leave = Command(unsubscribe=ChannelRequest(channel=channel))
            self._wire.send([self._wire.numbered(Purpose.UNSUBSCRIBE, leave)])

    def doubt(self) -> None:
        """Join every live channel anew from its position: what made a hole in one may have made others not seen yet."""
        holes = sum(subscription.gaps for subscription in self._subscriptions.values())
        if holes == self._holes:
            return  # it was a channel's own affair
        self._holes = holes
        live = [one for one in self._subscriptions.values() if one.stage is Stage.LIVE]
        leaves = [Command(unsubscribe=ChannelRequest(channel=one.channel)) for one in live]
        self._wire.send([self._wire.numbered(Purpose.UNSUBSCRIBE, leave) for leave in leaves])
        self._join(live)

    def invalidate(self) -> None:
        """Trust no position any more."""
        for subscription in self._subscriptions.values():
            subscription.invalidate()

    def do_due(self, now: float) -> None:
        """Try again what is due, and fetch one page of what is being loaded: the socket has to be read in between."""
        if self._list_at is not None and now >= self._list_at:
            self._list(now)
        for channel in (*self._unsettled, *self._suspects):
            self._carry_out(channel, self._subscriptions[channel].tick(now))
        self._ask_for_tops(now)
        loading = self._next_loading()
        if loading is None:
            return
        try:
            self._api.load_page(loading)
        except NotConnected as error:
            self._load_failed(loading, str(error))
        else:
            self._wire.send(self._history_after_page(loading))
            self._try_to_install(loading)

    # What the gateway says

    def published(self, channel: str, publications: Sequence[Publication]) -> None:
        """Take in a run of live events."""
        subscription = self._subscriptions.get(channel)
        if subscription is not None:
            self._carry_out(channel, subscription.received(publications))

    def announced(self, data: bytes) -> None:
        """Join a channel that has just come into being, or take a critical event that comes again."""
        if self.criticals.pushed(data, is_followed=self.is_followed):
            self._wire.send(self._acks())
            return
        try:
            news = msgspec.json.decode(data, type=_Announced)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        is_for_all = is_known_channel(news.channel) and inbox_of(news.channel) is None
        if news.channel not in self._subscriptions and is_for_all:
            self._join([self._add(news.channel, Position(news.epoch, 0))])

    def is_followed(self, channel: str) -> bool:
        """Tell whether a channel's stream is still going to bring what the store lacks of it."""
        subscription = self._subscriptions.get(channel)
        return self._list_at is not None if subscription is None else subscription.stage is not Stage.REFUSED

    def unsubscribed(self, channel: str, push: UnsubscribePush) -> None:
        """Take in that the gateway ended a subscription."""
        subscription = self._subscriptions.get(channel)
        if subscription is not None:
            self._loadings.pop(channel, None)
            subscription.unsubscribed(self._now(), code=push.code, reason=push.reason)
            self._carry_out(channel, [])

    def joined(self, call: Call, reply: Reply) -> None:
        """Take in the answer to a subscribe."""
        channel, subscription = call.channel, self._subscriptions.get(call.channel)
        if subscription is None or subscription.joins != call.number:
            return  # left meanwhile
        if reply.subscribe is not None:
            self._carry_out(channel, subscription.joined(reply.subscribe))
            return
        error = error_of(reply)
        _log.warning("The gateway refused the channel %s: %s (%d)", channel, error.message, error.code)
        steps = subscription.join_refused(
            self._now(), code=error.code, reason=words_of(error), is_temporary=error.temporary
        )
        self._carry_out(channel, steps)

    def history(self, call: Call, reply: Reply) -> None:
        """Take in the answer to a history."""
        loading = self._loadings.get(call.channel)
        if loading is None or loading.number != call.number:
            return
        result = reply.history
        if result is None:
            self._load_failed(loading, words_of(error_of(reply)))
            return
        loading.take_history(result.publications, Position(result.epoch, result.offset))
        self._try_to_install(loading)

    def top(self, call: Call, reply: Reply) -> None:
        """Take in where a stream ends. A gateway that keeps no history can't tell, which is no harm."""
        subscription, result = self._subscriptions.get(call.channel), reply.history
        if subscription is not None and result is not None:
            self._carry_out(call.channel, subscription.told_top(Position(result.epoch, result.offset), self._now()))

    # Steps

    def _carry_out(self, channel: str, steps: Sequence[Step]) -> None:
        """Carry out one channel's steps, and keep in mind whether it is settled. Commands go out as one message."""
        commands = []
        for step in steps:
            if isinstance(step, Deliver):
                self._applying.deliver(step)
            elif isinstance(step, Install):
                self._applying.install(step, self._loadings[channel])
            elif isinstance(step, Lost):
                self._applying.tell_lost(step)
            elif isinstance(step, Load):
                commands += self._load(step)
            elif isinstance(step, Leave):
                self.has_gap = True
                CLIENT_GAPS.inc()
                self._loadings.pop(channel, None)
                leave = Command(unsubscribe=ChannelRequest(channel=channel))
                commands.append(self._wire.numbered(Purpose.UNSUBSCRIBE, leave))
            else:
                commands.append(self._subscribe(step))
        subscription = self._subscriptions[channel]
        if subscription.is_settled:
            self._unsettled.discard(channel)
        elif subscription.stage is not Stage.OUT:
            self._unsettled.add(channel)
        if subscription.awaited_until is None:
            self._suspects.discard(channel)
        else:
            self._suspects.add(channel)
        self._wire.send([*commands, *self._acks()])

    def _acks(self) -> list[Command]:
        data = self.criticals.take_acks()
        if data is None:
            return []
        return [self._wire.numbered(Purpose.ACK, Command(rpc=RpcRequest(method="ack", data=data)))]

    def _add(self, channel: str, position: Position | None = None) -> Subscription:
        known = self._store.position(channel) or position
        subscription = Subscription(
            channel, position=known, jitter=self._jitter, seen=self._seen.get(channel), number=self._numbered
        )
        self._subscriptions[channel] = subscription
        return subscription

    def _join(self, subscriptions: Sequence[Subscription]) -> None:
        """Subscribe to several channels with one message."""
        steps = [step for subscription in subscriptions for step in subscription.join()]
        self._unsettled.update(subscription.channel for subscription in subscriptions)
        self._wire.send([self._subscribe(step) for step in steps if isinstance(step, Join)])

    def _subscribe(self, join: Join) -> Command:
        request = SubscribeRequest(channel=join.channel, recoverable=True, positioned=True)
        if join.position is not None:
            epoch, offset = join.position.epoch, join.position.offset
            request = msgspec.structs.replace(request, recover=True, epoch=epoch, offset=offset)
        number = self._subscriptions[join.channel].joins
        return self._wire.numbered(Purpose.SUBSCRIBE, Command(subscribe=request), channel=join.channel, number=number)

    def _list(self, now: float) -> None:
        """Ask which collections there are; those that come later are announced."""
        try:
            channels = self._api.channels()
        except NotConnected as error:
            self._list_at = now + _LIST_AGAIN_S
            self._list_problem = str(error)
            return
        self._list_at = self._list_problem = None
        self._join([self._add(channel) for channel in channels if channel not in self._subscriptions])

    def _load(self, load: Load) -> list[Command]:
        loading = self._loadings[load.channel] = Loading(load.channel, load.number)
        if loading.needs_page:
            self._unasked[load.channel] = load
            return []
        return [self._history_of(load)]

    def _history_after_page(self, loading: Loading) -> list[Command]:
        """Ask for the history once the first page is here: what the snapshot contains may still be on its way to us."""
        load = self._unasked.pop(loading.channel, None)
        return [self._history_of(load)] if load is not None and loading.needs_history else []

    def _history_of(self, load: Load) -> Command:
        request = HistoryRequest(channel=load.channel, limit=load.limit, reverse=True)
        return self._wire.numbered(Purpose.HISTORY, Command(history=request), channel=load.channel, number=load.number)

    def _ask_for_tops(self, now: float) -> None:
        live = [one.channel for one in self._subscriptions.values() if one.stage is Stage.LIVE]
        asked = [(channel, Command(history=HistoryRequest(channel=channel))) for channel in self._tops.take(live, now)]
        self._wire.send([self._wire.numbered(Purpose.TOP, command, channel=channel) for channel, command in asked])

    def _next_loading(self) -> Loading | None:
        return next((loading for loading in self._loadings.values() if loading.needs_page), None)

    def _load_failed(self, loading: Loading, reason: str) -> None:
        _log.warning("Loading %s failed: %s", loading.channel, reason)
        self._loadings.pop(loading.channel, None)
        self._subscriptions[loading.channel].load_failed(loading.number, self._now(), reason=reason)

    def _try_to_install(self, loading: Loading) -> None:
        if not loading.is_complete or loading.position is None:
            return
        steps = self._subscriptions[loading.channel].loaded(
            loading.number, self._now(), position=loading.position, history=loading.history or ()
        )
        self._carry_out(loading.channel, steps)
        if self._loadings.get(loading.channel) is loading:
            del self._loadings[loading.channel]
