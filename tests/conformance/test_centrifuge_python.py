"""centrifuge-python, unchanged, works against our gateway, recovery included."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from centrifuge import (
    Client,
    ClientEventHandler,
    PublicationContext,
    ReplyError,
    SubscribedContext,
    SubscriptionEventHandler,
    UnsubscribedContext,
)

from tests.gateway.making import envelope
from tests.gateway.sockets import Line, line
from tests.hub.making import eventually, in_loop

SECRET = "a secret of more than 32 characters"
ORDERS = "collection:orders"


class Recorder(SubscriptionEventHandler, ClientEventHandler):  # type: ignore[misc]  # the package has no types
    """Records what happens to a client and its subscription."""

    def __init__(self) -> None:
        self.subscribed: list[SubscribedContext] = []
        self.offsets: list[int] = []
        self.ids: list[str] = []
        self.unsubscribed: list[int] = []
        self.connecting: list[int] = []
        self.disconnected: list[int] = []

    async def on_publication(self, ctx: PublicationContext) -> None:
        """Record a publication."""
        self.offsets.append(ctx.pub.offset)
        self.ids.append(ctx.pub.data["id"])

    async def on_subscribed(self, ctx: SubscribedContext) -> None:
        """Record where a subscription starts."""
        self.subscribed.append(ctx)

    async def on_unsubscribed(self, ctx: UnsubscribedContext) -> None:
        """Record why it ended."""
        self.unsubscribed.append(ctx.code)

    async def on_connecting(self, ctx: Any) -> None:
        """Record why it connects."""
        self.connecting.append(ctx.code)

    async def on_disconnected(self, ctx: Any) -> None:
        """Record why it doesn't come back."""
        self.disconnected.append(ctx.code)

    async def have(self, count: int) -> None:
        """Wait until so many publications have come."""
        await eventually(lambda: len(self.offsets) >= count)


def client(running: Line, told: Recorder, **options: Any) -> Client:
    """Make a client that reconnects soon."""
    return Client(running.url, events=told, min_reconnect_delay=0.05, proxy=None, **options)


@in_loop
async def test_it_recovers_what_it_missed_when_it_was_cut_off(tmp_path: Path) -> None:
    """recovered: true, and not one offset skipped or repeated, three times over."""
    async with line(tmp_path) as running:
        told = Recorder()
        sdk = client(running, told)
        subscription = sdk.new_subscription(ORDERS, told)
        await sdk.connect()
        await subscription.subscribe()
        await subscription.ready()
        assert not told.subscribed[0].was_recovering
        number = 0
        for cut_off in range(1, 4):
            for _ in range(3):
                number += 1
                await running.store(number)
            await told.have(number)
            running.cut()
            for _ in range(4):
                number += 1
                await running.store(number)
            await told.have(number)
            assert len(told.subscribed) == cut_off + 1
            assert told.subscribed[-1].was_recovering
            assert told.subscribed[-1].recovered
        assert told.offsets == list(range(1, 22))
        assert told.ids == [f"e{one}" for one in range(1, 22)]
        await sdk.disconnect()


@in_loop
async def test_it_learns_that_too_much_is_gone(tmp_path: Path) -> None:
    """recovered: false, at the new top, and it goes on from there."""
    async with line(tmp_path, retention_events=100) as running:
        told = Recorder()
        sdk = client(running, told)
        subscription = sdk.new_subscription(ORDERS, told)
        await sdk.connect()
        await subscription.subscribe()
        await subscription.ready()
        await running.store(1)
        await eventually(lambda: told.offsets == [1])
        running.cut()
        await running.store(*range(2, 300))
        await eventually(lambda: len(told.subscribed) == 2)
        assert told.subscribed[1].was_recovering
        assert not told.subscribed[1].recovered
        assert told.subscribed[1].stream_position.offset == 299
        await running.store(300)
        await eventually(lambda: told.offsets == [1, 300])
        await sdk.disconnect()


@in_loop
async def test_its_commands_are_answered(tmp_path: Path) -> None:
    """publish, history, presence, presence stats, rpc, unsubscribe; refusals carry code and message."""
    async with line(tmp_path) as running:
        told = Recorder()
        sdk = client(running, told, data={"any": 1})
        subscription = sdk.new_subscription(ORDERS, told, join_leave=True)
        await sdk.connect()
        await subscription.subscribe()
        await subscription.publish(envelope(1))
        await eventually(lambda: told.ids == ["e1"])
        history = await subscription.history(limit=10)
        assert [one.offset for one in history.publications] == [1]
        assert list((await subscription.presence()).clients) == [sdk.client_id]
        assert (await subscription.presence_stats()).num_clients == 1
        result = await sdk.rpc("ingest", {"events": [envelope(2)]})
        assert result.data["results"][0]["offset"] == 2
        with pytest.raises(ReplyError) as refused:
            await subscription.publish({"nonsense": 1})
        assert refused.value.code == 107
        await subscription.unsubscribe()
        await eventually(lambda: not running.gateway.hub.subscribers(ORDERS))
        await sdk.disconnect()
        nowhere = Recorder()
        other = client(running, nowhere)
        unknown = other.new_subscription("nonsense", nowhere)
        await other.connect()
        await unknown.subscribe()
        await eventually(lambda: nowhere.unsubscribed == [102])
        await other.disconnect()


@in_loop
async def test_it_comes_back_after_a_shutdown_and_renews_an_expired_token(tmp_path: Path) -> None:
    """3001 means come back; 109 makes it fetch another token; 3500 makes it stay away."""
    made: list[float] = []

    async def get_token() -> str:
        made.append(time.time() - 10 if not made else time.time() + 600)
        return jwt.encode({"sub": "ann", "exp": made[-1]}, SECRET, algorithm="HS256")

    async with line(tmp_path, secret=SECRET) as running:
        told = Recorder()
        sdk = client(running, told, get_token=get_token)
        await sdk.connect()
        await sdk.ready()
        assert len(made) == 2
        await running.gateway.hub.shutdown()
        await eventually(lambda: 3001 in told.connecting)
        await sdk.disconnect()
    async with line(tmp_path, secret=SECRET, require_token=True) as running:
        told = Recorder()
        sdk = client(running, told, token="rubbish")
        await sdk.connect()
        await eventually(lambda: told.disconnected == [3500])


@in_loop
async def test_it_answers_pings(tmp_path: Path) -> None:
    """It stays connected over several, and notices that we ask for pongs."""
    async with line(tmp_path, ping_interval_s=1) as running:
        told = Recorder()
        sdk = client(running, told)
        await sdk.connect()
        await sdk.ready()
        [member] = running.gateway.hub.members
        pings = 0

        original = member.tick  # type: ignore[attr-defined]

        def count(now: float) -> None:
            nonlocal pings
            pings += 1
            original(now)

        member.tick = count  # type: ignore[attr-defined]
        await eventually(lambda: pings >= 3)
        assert not member.is_closed
        assert told.connecting == [0]
        await sdk.disconnect()
