"""Sockets are answered from the event log."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import jwt
import pytest

from realtime.errors import StorageError
from realtime.gateway import socket as socket_module
from realtime.metrics import REGISTRY
from tests.gateway.making import envelope, log_class
from tests.gateway.sockets import line
from tests.hub.making import Wire, dialled, in_loop
from tests.support.engines import on_each_engine

pytestmark = on_each_engine

SECRET = "a secret of more than 32 characters"
ORDERS = "collection:orders"


def token(**claims: Any) -> str:
    """Sign a token."""
    return jwt.encode(claims, SECRET, algorithm="HS256")


async def code_of(wire: Wire, verb: str, **request: Any) -> int:
    """Return the code a command is refused with."""
    code: int = (await wire.ask(verb, **request))["error"]["code"]
    return code


@in_loop
async def test_a_published_event_is_stored_and_comes_back(tmp_path: Path) -> None:
    """With its offset and time, to the publisher too; the time of the event is filled in."""
    async with line(tmp_path) as running, dialled(running.url) as wire:
        start = (await wire.ask("subscribe", channel=ORDERS))["subscribe"]
        assert start["recoverable"]
        assert start["positioned"]
        assert "offset" not in start
        assert (await wire.ask("publish", channel=ORDERS, data=envelope(1)))["publish"] == {}
        got = await wire.publication()
        assert (got["offset"], got["data"]["id"]) == (1, "e1")
        assert got["data"]["time"].endswith("Z")
        assert abs(got["time"] / 1000 - time.time()) < 60
        assert running.gateway.log.position(ORDERS).epoch == start["epoch"]


@in_loop
async def test_a_bad_event_is_refused_with_its_reason_and_kept(tmp_path: Path) -> None:
    """107, in words; it can be listed among the warnings."""
    async with line(tmp_path) as running, dialled(running.url) as wire:
        for bad, reason in [
            (envelope(1, type="nonsense"), "unknown_type"),
            (envelope(1, collection="other"), "wrong_channel"),
            ({"id": 1}, "missing_attribute"),
            ([1], "not_an_object"),
            ("x", "not_an_object"),
        ]:
            error = (await wire.ask("publish", channel=ORDERS, data=bad))["error"]
            assert error["code"] == 107
            assert reason in error["message"]
        kept = running.gateway.log.refusals(limit=10)
        assert [one.code for one in kept][:1] == ["not_an_object"]
        assert len(kept) == 5
        assert not running.gateway.log.has_channel(ORDERS)


@in_loop
async def test_a_resume_brings_all_or_nothing(tmp_path: Path) -> None:
    """All that followed; nothing when the epoch is another, the offset unheard of, trimmed, or too far back."""
    async with line(tmp_path, retention_events=100) as running, dialled(running.url) as wire:
        await running.store(*range(1, 151))
        top = running.gateway.log.position(ORDERS)

        async def resume(offset: int, epoch: str = top.epoch) -> dict[str, Any]:
            reply = await wire.ask("subscribe", channel=ORDERS, recover=True, epoch=epoch, offset=offset)
            await wire.ask("unsubscribe", channel=ORDERS)
            found: dict[str, Any] = reply["subscribe"]
            assert found["was_recovering"]
            return found

        full = await resume(50)
        assert full["recovered"]
        assert full["offset"] == 50
        assert [one["offset"] for one in full["publications"]] == list(range(51, 151))
        assert full["publications"][0]["data"]["id"] == "e51"
        counted = "tideboard_recoveries_total"
        before = [REGISTRY.get_sample_value(counted, {"recovered": word}) or 0 for word in ("true", "false")]
        assert (await resume(150))["recovered"]
        for offset, epoch in [(49, top.epoch), (100, "another"), (151, top.epoch), (0, "")]:
            missed = await resume(offset, epoch)
            assert "recovered" not in missed
            assert "publications" not in missed
            assert (missed["offset"], missed["epoch"]) == (150, top.epoch)
        assert await code_of(wire, "subscribe", channel=ORDERS, recover=True, epoch="x", offset=1, flag=2) == 112
        after = [REGISTRY.get_sample_value(counted, {"recovered": word}) or 0 for word in ("true", "false")]
        assert [now - then for now, then in zip(after, before, strict=True)] == [1, 5]


@in_loop
async def test_a_resume_too_large_for_the_queue_is_a_snapshot(tmp_path: Path) -> None:
    """It has to fit into what may wait for a connection."""
    async with line(tmp_path, queue_bytes=16_384) as running, dialled(running.url) as wire:
        await running.store(*range(1, 201))
        epoch = running.gateway.log.position(ORDERS).epoch
        reply = (await wire.ask("subscribe", channel=ORDERS, recover=True, epoch=epoch, offset=1))["subscribe"]
        assert "recovered" not in reply
        assert reply["offset"] == 200


@in_loop
async def test_history_is_read_in_both_directions(tmp_path: Path) -> None:
    """From the beginning, after a position, before one, the position only; 112 for another epoch."""
    async with line(tmp_path) as running, dialled(running.url) as wire:
        await running.store(*range(1, 11))
        epoch = running.gateway.log.position(ORDERS).epoch

        async def offsets(**request: Any) -> list[int]:
            found = (await wire.ask("history", channel=ORDERS, **request))["history"]
            assert (found["epoch"], found["offset"]) == (epoch, 10)
            return [one["offset"] for one in found.get("publications", [])]

        assert await offsets(limit=0) == []
        assert await offsets() == []
        assert await offsets(limit=-1) == list(range(1, 11))
        assert await offsets(limit=3) == [1, 2, 3]
        assert await offsets(limit=3, reverse=True) == [10, 9, 8]
        assert await offsets(limit=-1, since={"epoch": epoch, "offset": 7}) == [8, 9, 10]
        assert await offsets(limit=2, since={"epoch": epoch, "offset": 7}, reverse=True) == [6, 5]
        assert await code_of(wire, "history", channel=ORDERS, limit=1, since={"epoch": "x", "offset": 7}) == 112


@in_loop
async def test_only_channels_that_can_exist_and_may_be_seen(tmp_path: Path) -> None:
    """102 for no channel of ours, 103 for somebody else's inbox."""
    async with line(tmp_path, secret=SECRET) as running, dialled(running.url, is_open=False) as wire:
        await wire.ask("connect", token=token(sub="ann"))
        for verb in ("subscribe", "history"):
            assert await code_of(wire, verb, channel="nonsense") == 102
            assert await code_of(wire, verb, channel="collection:../x") == 102
            assert await code_of(wire, verb, channel="inbox#bob") == 103
        assert "subscribe" in await wire.ask("subscribe", channel="inbox#ann")
        assert "subscribe" in await wire.ask("subscribe", channel="users")
        assert await code_of(wire, "sub_refresh", channel="users", token="t") == 108
        assert await code_of(wire, "rpc", method="nothing") == 104
        await wire.say({"send": {"data": 1}})
        assert "ping" in await wire.ask("ping")


@in_loop
async def test_many_events_can_be_ingested_in_one_call(tmp_path: Path) -> None:
    """Each with its own outcome, in order; a repeat is a duplicate at the first position."""
    async with line(tmp_path) as running, dialled(running.url) as wire:
        events = [envelope(1), envelope(2, type="nonsense"), envelope(1), envelope(3)]
        results = (await wire.ask("rpc", method="ingest", data={"events": events}))["rpc"]["data"]["results"]
        assert [one["status"] for one in results] == ["stored", "refused", "duplicate", "stored"]
        assert results[1]["code"] == "unknown_type"
        assert (results[0]["offset"], results[2]["offset"], results[3]["offset"]) == (1, 1, 2)
        assert results[0]["channel"] == ORDERS
        assert results[0]["epoch"] == running.gateway.log.position(ORDERS).epoch
        wrong: list[Any] = [[], {"events": 1}, {}, {"events": [], "expect": 3}]
        for bad in wrong:
            assert await code_of(wire, "rpc", method="ingest", data=bad) == 107
        assert await code_of(wire, "rpc", method="ingest") == 107


@in_loop
async def test_an_expectation_that_fails_is_a_conflict(tmp_path: Path) -> None:
    """Nothing is stored then."""
    async with line(tmp_path) as running, dialled(running.url) as wire:
        await running.store(1, 2)
        change = envelope("c", "updated", document="d1")

        async def save(offset: int) -> dict[str, Any]:
            data = {"events": [change], "expect": {"offset": offset}}
            reply = await wire.ask("rpc", method="ingest", data=data)
            found: dict[str, Any] = reply["rpc"]["data"]["results"][0]
            return found

        assert (await save(2))["code"] == "conflict"
        assert (await save(1))["status"] == "stored"
        assert running.gateway.log.position(ORDERS).offset == 3


@in_loop
async def test_too_many_at_once_are_refused(tmp_path: Path) -> None:
    """The limit of the settings."""
    async with line(tmp_path, max_batch_events=2) as running, dialled(running.url) as wire:
        events = [envelope(number) for number in range(3)]
        assert await code_of(wire, "rpc", method="ingest", data={"events": events}) == 107


@in_loop
async def test_a_log_that_fails_is_an_error_never_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """100, temporary, with the reason."""
    async with line(tmp_path) as running, dialled(running.url) as wire:
        await running.store(1)

        def fail(*_: Any, **__: Any) -> Any:
            raise StorageError("The disk is on fire.")

        monkeypatch.setattr(log_class(), "append", fail)
        monkeypatch.setattr(log_class(), "read", fail)
        fire = {"code": 100, "message": "The disk is on fire.", "temporary": True}
        assert (await wire.ask("publish", channel=ORDERS, data=envelope(9)))["error"] == fire
        assert (await wire.ask("rpc", method="ingest", data={"events": [envelope(9)]}))["error"] == fire
        assert (await wire.ask("history", channel=ORDERS, limit=1))["error"] == fire
        epoch = running.gateway.log.position(ORDERS).epoch
        assert (await wire.ask("subscribe", channel=ORDERS, recover=True, epoch=epoch))["error"] == fire


@in_loop
async def test_new_channels_are_announced_to_who_asked(tmp_path: Path) -> None:
    """Once, with the epoch to resume from, before anything else is known of it."""
    async with (
        line(tmp_path) as running,
        dialled(running.url, is_open=False) as told,
        dialled(running.url) as untold,
    ):
        await told.ask("connect", data={"announce": True})
        await running.store(1, 2, 3)
        news = (await told.hear())["push"]["message"]["data"]
        assert news == {"channel": ORDERS, "epoch": running.gateway.log.position(ORDERS).epoch}
        reply = await told.ask("subscribe", channel=news["channel"], recover=True, epoch=news["epoch"], offset=0)
        assert [one["offset"] for one in reply["subscribe"]["publications"]] == [1, 2, 3]
        await untold.ask("ping")
        assert not any("message" in message for message in untold.messages)


@in_loop
async def test_tokens_decide_who_is_let_in(tmp_path: Path) -> None:
    """109 for an expired one, 3500 for an invalid one or none; user, info and channels come from a good one."""
    async with line(tmp_path, secret=SECRET, require_token=True) as running:
        async with dialled(running.url, is_open=False) as wire:
            assert await code_of(wire, "connect", token=token(sub="ann", exp=1)) == 109
        for bad in ("rubbish", ""):
            async with dialled(running.url, is_open=False) as wire:
                await wire.say({"id": 1, "connect": {"token": bad}})
                assert await wire.end() == (3500, "invalid token")
        async with dialled(running.url, is_open=False) as wire:
            good = token(sub="ann", exp=time.time() + 60, info={"n": 1}, channels=["users", "nonsense"])
            reply = (await wire.ask("connect", token=good))["connect"]
            assert reply["expires"]
            assert 50 < reply["ttl"] <= 60
            assert set(reply["subs"]) == {"users"}
            present = (await wire.ask("presence", channel="users"))["presence"]["presence"]
            assert [(one["user"], one["conn_info"]) for one in present.values()] == [("ann", {"n": 1})]
            refreshed = await wire.ask("refresh", token=token(sub="ann", exp=time.time() + 600))
            assert refreshed["refresh"]["ttl"] > 500
            event = envelope(1)
            await wire.ask("publish", channel=ORDERS, data=event)
            stored = (await wire.ask("history", channel=ORDERS, limit=1))["history"]["publications"]
            assert stored[0]["data"]["actor"] == "ann"
            await wire.say({"id": 99, "refresh": {"token": token(sub="bob")}})
            assert await wire.end() == (3500, "invalid token")


@in_loop
async def test_joining_while_events_are_stored_leaves_no_hole(tmp_path: Path) -> None:
    """Fresh and resuming subscribers see an unbroken run from where they start, over the real log."""
    async with line(tmp_path) as running:
        await running.store(*range(1, 11))
        epoch = running.gateway.log.position(ORDERS).epoch
        is_done = False

        async def produce() -> None:
            number = 100
            while not is_done:
                await asyncio.gather(*(running.store(number + i) for i in range(5)))
                number += 5

        async def join(is_resuming: bool) -> None:
            async with dialled(running.url) as wire:
                for _ in range(4):
                    at = max(0, running.gateway.log.position(ORDERS).offset - 7)
                    request = {"recover": True, "epoch": epoch, "offset": at} if is_resuming else {}
                    reply = (await wire.ask("subscribe", channel=ORDERS, **request))["subscribe"]
                    seen = [one["offset"] for one in reply.get("publications", [])]
                    seen += [(await wire.publication())["offset"] for _ in range(30)]
                    assert seen == list(range(reply["offset"] + 1, reply["offset"] + 1 + len(seen)))
                    await wire.ask("unsubscribe", channel=ORDERS)
                    wire._lines.clear()

        producing = asyncio.create_task(produce())
        await asyncio.gather(*(join(bool(number % 2)) for number in range(4)))
        is_done = True
        await producing


def test_a_resume_is_bounded() -> None:
    """Who missed more than this takes a snapshot."""
    assert socket_module.MOST_RECOVERED == 10_000
