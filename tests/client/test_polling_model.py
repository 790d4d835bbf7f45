"""Polls, subscriptions and a model of the gateway's streams: whatever happens, each event arrives once, in order."""

from __future__ import annotations

from unittest.mock import patch

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.client import polling
from realtime.client.loading import Api, Listed
from realtime.client.polling import Polling
from realtime.client.steps import Deliver, Install, Join, Leave, Load, Lost, Step
from realtime.client.sync import Subscription
from realtime.protocol.frames import ChannelRequest, Command, HistoryRequest, Reply, SubscribeRequest
from realtime.protocol.positions import Position

NOW = 1_800_000_000.0
CHANNEL = "collection:orders"


class _Gateway(Api):
    """A stream behind `POST /api/batch`, in the shape the gateway answers."""

    def __init__(self) -> None:
        self.top = 0
        self.epoch = 0
        self.trimmed_to = 0
        self.is_failing = False

    @property
    def position(self) -> Position:
        return Position(f"e{self.epoch}", self.top)

    def collections(self) -> list[Listed]:
        return []

    def post(self, path: str, body: bytes, *, headers: object = None) -> tuple[int, bytes]:
        assert path == "/api/batch"
        commands = msgspec.json.decode(body)["commands"]
        return 200, msgspec.json.encode({"replies": [self._reply(command["history"]) for command in commands]})

    def _reply(self, asked: dict[str, object]) -> dict[str, object]:
        if self.is_failing:
            return {"error": {"code": 100, "message": "internal server error"}}
        request = msgspec.convert(asked, HistoryRequest)
        offsets = list(range(self.trimmed_to + 1, self.top + 1))
        if request.reverse:
            offsets.reverse()
        elif request.since is not None:
            if request.since.epoch != self.position.epoch or request.since.offset < self.trimmed_to:
                return {"error": {"code": 112, "message": "unrecoverable position"}}
            offsets = [offset for offset in offsets if offset > request.since.offset]
        shown = [{"data": {}, "offset": offset} for offset in offsets[: request.limit]]
        return {"history": {"publications": shown, "epoch": self.position.epoch, "offset": self.top}}


class _Client:
    """What the driver and the channels do with steps and replies, for one channel."""

    def __init__(self, gateway: _Gateway) -> None:
        self.now = NOW
        self.gateway = gateway
        self.line = Polling(gateway, consumer=None, now=lambda: self.now)
        self.subscription = Subscription(CHANNEL, position=None, jitter=lambda: 0.5)
        self.applied: dict[str, int] = {}
        self.lost: list[Lost] = []
        self._loads: dict[int, int] = {}
        self.begin()

    def begin(self) -> None:
        """Be let in."""
        self.line.open()
        self.obey(self.subscription.join())

    def cut(self) -> None:
        """Lose the connection."""
        self.line.close()
        self.subscription.cut()

    def turn(self) -> None:
        """Poll once and take in what it brought."""
        self.obey(self.subscription.tick(self.now))
        for reply in self.line.poll():
            self._take(reply)

    def obey(self, steps: list[Step]) -> None:
        for step in steps:
            if isinstance(step, Deliver):
                for one in step.publications:
                    assert one.offset == self.applied.get(step.epoch, 0) + 1, "missed or twice"
                    self.applied[step.epoch] = one.offset
            elif isinstance(step, Install):
                assert step.position.offset >= self.applied.get(step.position.epoch, 0), "went back"
                self.applied[step.position.epoch] = step.position.offset
            elif isinstance(step, Lost):
                self.lost.append(step)
            elif isinstance(step, Leave):
                self.line.send([Command(unsubscribe=ChannelRequest(channel=CHANNEL))])
            elif isinstance(step, Join):
                self.line.send([Command(id=1, subscribe=_request(step))])
            else:
                self._load(step)

    def _load(self, load: Load) -> None:
        request = HistoryRequest(channel=CHANNEL, limit=load.limit, reverse=True)
        self.line.send([Command(id=1 + load.number, history=request)])

    def _take(self, reply: Reply) -> None:
        subscription, push = self.subscription, reply.push
        if push is not None and push.pub is not None:
            self.obey(subscription.received([push.pub]))
        elif push is not None and push.unsubscribe is not None:
            subscription.unsubscribed(self.now, code=push.unsubscribe.code, reason="")
        elif reply.subscribe is not None:
            self.obey(subscription.joined(reply.subscribe))
        elif reply.history is not None:
            position = Position(reply.history.epoch, reply.history.offset)
            history = reply.history.publications[::-1]
            self.obey(subscription.loaded(reply.id - 1, self.now, position=position, history=history))
        elif reply.error is not None and reply.id == 1:
            steps = subscription.join_refused(
                self.now, code=reply.error.code, reason="", is_temporary=reply.error.temporary
            )
            self.obey(steps)
        elif reply.error is not None:
            subscription.load_failed(reply.id - 1, self.now, reason="")


def _request(join: Join) -> SubscribeRequest:
    if join.position is None:
        return SubscribeRequest(channel=CHANNEL, recoverable=True)
    return SubscribeRequest(
        channel=CHANNEL, recoverable=True, recover=True, epoch=join.position.epoch, offset=join.position.offset
    )


_ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.integers(1, 9)),
        st.tuples(st.just("poll"), st.just(0)),
        st.tuples(st.just("trim"), st.integers(0, 3)),
        st.tuples(st.just("begin anew"), st.integers(0, 3)),
        st.tuples(st.just("cut"), st.just(0)),
        st.tuples(st.just("fail"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(acts=_ACTS)
def test_polls_bring_each_event_once_and_in_order(acts: list[tuple[str, int]]) -> None:
    """Through full pages, trimming, new lives, cuts and answers that fail; at rest all is there."""
    with patch.object(polling, "PAGE_EVENTS", 4), patch.object(polling, "_LEAST_PAGE", 2):
        gateway = _Gateway()
        client = _Client(gateway)
        for act, count in acts:
            client.now += 1
            if act == "publish":
                gateway.top += count
            elif act == "poll":
                client.turn()
            elif act == "trim":
                gateway.trimmed_to = max(gateway.top - count, gateway.trimmed_to)
            elif act == "begin anew":
                gateway.epoch, gateway.top, gateway.trimmed_to = gateway.epoch + 1, count, 0
            elif act == "cut":
                client.cut()
                client.begin()
            else:
                gateway.is_failing = True
                client.turn()
                gateway.is_failing = False
        for _ in range(60):
            client.now += 15
            client.turn()
        assert client.subscription.is_settled
        assert client.subscription.position == gateway.position
        assert client.applied.get(gateway.position.epoch, 0) == gateway.top
        assert not client.line.is_behind
        assert client.lost == [] or any(act in ("trim", "begin anew") for act, _ in acts)
