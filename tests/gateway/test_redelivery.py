"""Critical events come again until they are acknowledged: over real sockets and HTTP, with a patience of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest

from realtime.errors import StorageError
from realtime.gateway.lens import Lens
from realtime.gateway.redelivery import TEND_S, Redeliverer
from realtime.metrics import REGISTRY
from tests.gateway.making import NOON, accepted, envelope, log_class, opened
from tests.gateway.serving import Served, served
from tests.gateway.sockets import Line, line
from tests.hub.making import Wire, dialled, eventually, in_loop
from tests.support.engines import on_each_engine

pytestmark = on_each_engine

ORDERS = "collection:orders"
SECRET = "a secret of more than 32 characters"
SOON: dict[str, Any] = {"redeliver_s": 0.05}
LATE: dict[str, Any] = {"redeliver_s": 3600}


def counted(name: str, **labels: str) -> float:
    """Read a metric."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def greet(wire: Wire, consumer: object = "app", **more: Any) -> dict[str, Any]:
    """Say connect as a consumer."""
    return await wire.ask("connect", data={"announce": True, "consumer": consumer}, **more)


async def critical(wire: Wire) -> dict[str, Any]:
    """Return the next critical event that comes again."""
    while "critical" not in (data := (await wire.hear()).get("push", {}).get("message", {}).get("data", {})):
        pass
    found: dict[str, Any] = data["critical"]
    return found


async def acknowledge(wire: Wire, *events: dict[str, Any]) -> int:
    """Acknowledge; returns how many had been owed."""
    places = [{key: event[key] for key in ("channel", "epoch", "offset")} for event in events]
    reply = await wire.ask("rpc", method="ack", data={"events": places})
    count: int = reply["rpc"]["data"]["acknowledged"]
    return count


def owed(running: Line, consumer: str = "app") -> list[int]:
    """List the offsets a consumer is owed."""
    return [one.offset for one in running.gateway.log.owed_to(consumer)]


@in_loop
async def test_what_nobody_acknowledges_comes_again_and_again(tmp_path: Path) -> None:
    """Whole, with its position; after the acknowledgement it is owed no more, and the time it took is measured."""
    acks = counted("tideboard_ack_seconds_count")
    async with line(tmp_path, **SOON) as running, dialled(running.url, is_open=False) as wire:
        assert "error" not in await greet(wire)
        await running.store(1)
        await running.store(2, critical=True)
        first = await critical(wire)
        assert first == await critical(wire)
        assert (first["channel"], first["offset"], first["event"]["id"]) == (ORDERS, 2, "e2")
        assert first["epoch"] == running.gateway.log.position(ORDERS).epoch
        assert await acknowledge(wire, first) == 1
        assert owed(running) == []
        assert await acknowledge(wire, first) == 0
    assert counted("tideboard_ack_seconds_count") == acks + 1


@in_loop
async def test_a_consumer_that_comes_back_gets_what_it_owes_at_once(tmp_path: Path) -> None:
    """Right behind the answer to connect, also after the gateway was restarted; nobody else is told."""
    async with line(tmp_path, **LATE) as running:
        async with dialled(running.url, is_open=False) as wire:
            await greet(wire)
        await running.store(1, 2, critical=True)
        async with dialled(running.url, is_open=False) as wire, dialled(running.url) as stranger:
            await greet(wire)
            assert [(await critical(wire))["offset"] for _ in range(2)] == [1, 2]
            await stranger.ask("ping")
            assert not any("critical" in message for message in stranger.messages)
    async with line(tmp_path, **LATE) as running, dialled(running.url, is_open=False) as wire:
        await greet(wire)
        again = [await critical(wire) for _ in range(2)]
        assert await acknowledge(wire, *again) == 2
    async with line(tmp_path, **LATE) as running, dialled(running.url, is_open=False) as wire:
        await greet(wire)
        await running.store(3, critical=True)
        assert owed(running) == [3]


@in_loop
async def test_an_acknowledged_delivery_isnt_repeated(tmp_path: Path) -> None:
    """The ordinary way: published, applied, acknowledged. Nothing is left that could come due."""
    async with line(tmp_path, **LATE) as running, dialled(running.url, is_open=False) as wire:
        await greet(wire)
        start = (await wire.ask("subscribe", channel=ORDERS))["subscribe"]
        redelivered = counted("tideboard_criticals_redelivered_total")
        for number in range(1, 21):
            await running.store(number, critical=True)
            got = await wire.publication()
            await acknowledge(wire, {"channel": ORDERS, "epoch": start["epoch"], "offset": got["offset"]})
        assert owed(running) == []
        assert counted("tideboard_criticals_redelivered_total") == redelivered
        running_now = running.gateway._running
        assert running_now is not None
        assert running_now.socket.redeliverer._pending.next_due is None


@in_loop
async def test_more_than_one_may_take_at_once_comes_in_portions(tmp_path: Path) -> None:
    """Nobody is closed as slow for what it is owed, and all of it comes."""
    async with line(tmp_path, queue_bytes=16_384, **LATE) as running:
        async with dialled(running.url, is_open=False) as wire:
            await greet(wire)
        padded = {"collection": "orders", "document": {"id": "d", "x": "x" * 1500}}
        for number in range(1, 101):
            await running.store(number, critical=True, data=padded)
        async with dialled(running.url, is_open=False) as wire:
            await greet(wire)
            seen = [await critical(wire) for _ in range(100)]
            assert [one["offset"] for one in seen] == list(range(1, 101))
            assert await acknowledge(wire, *seen) == 100


@in_loop
async def test_of_two_connections_of_one_consumer_the_newer_is_reminded(tmp_path: Path) -> None:
    """The older one may be half dead; an acknowledgement over either counts."""
    async with line(tmp_path, **LATE) as running, dialled(running.url, is_open=False) as old:
        await greet(old)
        await running.store(1, critical=True)
        async with dialled(running.url, is_open=False) as new:
            await greet(new)
            again = await critical(new)
        await eventually(lambda: len(running.gateway.hub.members) == 1)
        assert await acknowledge(old, again) == 1


@in_loop
async def test_nobody_acknowledges_for_another_user(tmp_path: Path) -> None:
    """A consumer's name is its user's own."""
    async with (
        line(tmp_path, secret=SECRET, **LATE) as running,
        dialled(running.url, is_open=False) as ann,
        dialled(running.url, is_open=False) as bob,
    ):
        await greet(ann, token=jwt.encode({"sub": "ann"}, SECRET, algorithm="HS256"))
        await greet(bob, token=jwt.encode({"sub": "bob"}, SECRET, algorithm="HS256"))
        await running.store(1, critical=True)
        [one] = running.gateway.log.owed_to("ann/app")
        place = {"channel": one.channel, "epoch": running.gateway.log.position(ORDERS).epoch, "offset": 1}
        assert await acknowledge(bob, place) == 1
        assert owed(running, "ann/app") == [1]


@in_loop
async def test_who_named_no_consumer_acknowledges_nothing(tmp_path: Path) -> None:
    """107 for that, for a name that can't be one, and for what aren't positions."""
    async with line(tmp_path) as running, dialled(running.url) as wire, dialled(running.url, is_open=False) as app:
        assert (await wire.ask("rpc", method="ack", data={"events": []}))["error"]["code"] == 107
        for name in ("", "a/b", "x" * 65, 7):
            async with dialled(running.url, is_open=False) as bad:
                assert (await greet(bad, name))["error"]["code"] == 107
        await greet(app)
        bad_data: list[Any] = [{}, {"events": [{"channel": 1}]}, {"events": "x"}, []]
        for nonsense in bad_data:
            assert (await app.ask("rpc", method="ack", data=nonsense))["error"]["code"] == 107


@in_loop
async def test_a_log_that_cant_be_written_keeps_nobody_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was owed already still comes; the acknowledgement is refused, and so it comes again later."""
    async with line(tmp_path, **SOON) as running:
        async with dialled(running.url, is_open=False) as wire:
            await greet(wire)
        await running.store(1, critical=True)

        def full(*_: Any, **__: Any) -> None:
            raise StorageError("full")

        monkeypatch.setattr(log_class(), "meet", full)
        monkeypatch.setattr(log_class(), "acknowledge", full)
        async with dialled(running.url, is_open=False) as wire:
            assert "error" not in await greet(wire)
            again = await critical(wire)
            place = {key: again[key] for key in ("channel", "epoch", "offset")}
            reply = await wire.ask("rpc", method="ack", data={"events": [place]})
            assert reply["error"]["code"] == 100
            monkeypatch.undo()
            assert await acknowledge(wire, await critical(wire)) == 1


@in_loop
async def test_a_log_that_cant_be_read_for_a_while_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reminding outlives it."""
    async with line(tmp_path, **SOON) as running, dialled(running.url, is_open=False) as wire:
        await greet(wire)
        failed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def broken(*_: Any, **__: Any) -> None:
            loop.call_soon_threadsafe(failed.set)
            raise StorageError("broken")

        monkeypatch.setattr(log_class(), "redeliveries", broken)
        await running.store(1, critical=True)
        await failed.wait()
        monkeypatch.undo()
        assert (await critical(wire))["offset"] == 1


@in_loop
async def test_who_stays_away_for_a_week_is_forgotten_but_not_at_the_start(tmp_path: Path) -> None:
    """A gateway that was out of order itself gives its consumers an hour to come back; who is connected stays known."""
    clock = [NOON]
    with opened(tmp_path, now=lambda: clock[0]) as log:
        log.meet("gone").result()
        log.append([accepted(1, critical=True)]).result()
        clock[0] += 30 * 86_400

        lens = Lens(log, now=lambda: clock[0])
        one = Redeliverer(log, lens=lens, again_s=10.0, kept=100, most_bytes=1000, now=lambda: clock[0])
        reminding = asyncio.create_task(one.run())
        await one.meet("here")
        one._pending.connected("here")
        log.append([accepted(2, critical=True)]).result()
        one._woken.set()
        await eventually(lambda: not one._woken.is_set())
        assert [each.offset for each in log.owed_to("gone")] == [1, 2]
        clock[0] += TEND_S
        one._woken.set()
        await eventually(lambda: log.owed_to("gone") == [])
        assert [each.offset for each in log.owed_to("here")] == [2]
        assert {letter.reason for letter in log.dead_letters(limit=9)[0]} == {"forgotten"}
        reminding.cancel()


def ack(gateway: Served, *events: dict[str, Any], consumer: str = "app") -> httpx.Response:
    """Acknowledge over HTTP."""
    return gateway.http.post("/api/ack", json={"consumer": consumer, "events": list(events)})


def test_who_polls_acknowledges_over_http_and_hears_what_is_overdue(tmp_path: Path) -> None:
    """The same consumer, the same rows."""
    with served(tmp_path, redeliver_s=0.05) as gateway:
        assert ack(gateway).json() == {"acknowledged": 0, "criticals": []}
        gateway.post(envelope(1, critical=True))
        overdue: list[dict[str, Any]] = []
        while not overdue:
            overdue = ack(gateway).json()["criticals"]
        assert [(one["channel"], one["offset"], one["event"]["id"]) for one in overdue] == [(ORDERS, 1, "e1")]
        place = {key: overdue[0][key] for key in ("channel", "epoch", "offset")}
        assert ack(gateway, place).json() == {"acknowledged": 1, "criticals": []}


def test_a_bad_acknowledgement_is_refused_with_its_reason(tmp_path: Path) -> None:
    """Of the wrong shape, or under a name that can't be a consumer's."""
    with served(tmp_path) as gateway:
        bodies: list[Any] = [{}, [], {"consumer": "a b", "events": []}, {"consumer": "app", "events": [{}]}]
        for body in bodies:
            answer = gateway.http.post("/api/ack", json=body)
            assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_ack")


def test_dead_letters_are_listed_with_their_reasons(tmp_path: Path) -> None:
    """Newest first, in pages, and how many there are in all."""
    with served(tmp_path, critical_kept=10) as gateway:
        ack(gateway)
        gateway.post([envelope(number, critical=True) for number in range(1, 14)])
        answer = gateway.http.get("/api/dead-letters", params={"limit": 2}).json()
        assert answer["total"] == 3
        assert [(one["offset"], one["reason"], one["consumer"]) for one in answer["deadLetters"]] == [
            (3, "overflow", "app"),
            (2, "overflow", "app"),
        ]
        assert answer["deadLetters"][0]["event"]["id"] == "e3"
        rest = gateway.http.get("/api/dead-letters", params={"limit": 2, "before": answer["before"]}).json()
        assert [one["offset"] for one in rest["deadLetters"]] == [1]
        assert rest["before"] is None
