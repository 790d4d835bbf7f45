"""Two whole gateways over one Redis, on real ports: what is done at one holds at the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from realtime.protocol.flags import READ_ONLY, WEBSOCKET
from tests.gateway.making import envelope
from tests.gateway.sockets import Line, line
from tests.gateway.tokens import SECRET, token
from tests.hub.making import dialled, eventually, in_loop
from tests.support.redis_server import RedisServer

SOON = time.time() + 3600
ADMIN = token(sub="root", roles=["admin"], exp=SOON)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a server of one's own."""
    with RedisServer() as one:
        yield one


@asynccontextmanager
async def two(server: RedisServer, folder: Path, **settings: Any) -> AsyncIterator[tuple[Line, Line]]:
    """Run two gateways, each with a folder of its own."""
    shared = {"redis_url": server.url, "secret": SECRET, "require_token": True} | settings
    for name in ("one", "other"):
        (folder / name).mkdir()
    async with line(folder / "one", **shared) as one, line(folder / "other", **shared) as other:
        yield one, other


async def ask(gateway: Line, path: str, content: Any, *, bearer: str = ADMIN, method: str = "POST") -> httpx.Response:
    """Ask the API."""
    base = gateway.url.replace("ws", "http", 1).rpartition("/connection")[0]
    headers = {"Authorization": f"Bearer {bearer}"}
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as http:
        return await http.request(method, path, json=content)


@in_loop
async def test_who_is_put_out_at_one_gateway_is_cut_off_and_refused_at_the_other(
    server: RedisServer, tmp_path: Path
) -> None:
    """By socket and over HTTP; let in again, it is at both."""
    ann = token(sub="ann", jti="a1", exp=SOON)
    async with two(server, tmp_path) as (one, other):
        async with dialled(other.url, is_open=False) as wire:
            await wire.ask("connect", token=ann)
            assert (await ask(one, "/api/block", {"user": "ann"})).status_code == 200
            assert (await wire.end())[0] == 3507
        assert (await ask(other, "/api/events", envelope(1), bearer=ann)).status_code == 403
        assert (await ask(other, "/api/unblock", {"user": "ann"})).json()["wasBlocked"]
        await eventually(lambda: not one.gateway._current().revocations.is_blocked("ann"))
        assert (await ask(one, "/api/events", envelope(1), bearer=ann)).status_code == 200
        await ask(one, "/api/revoke", {"token": ann})
        await eventually(lambda: bool(other.gateway._current().revocations.all()))
        assert (await ask(other, "/api/events", envelope(2), bearer=ann)).status_code == 401


@in_loop
async def test_a_flag_that_is_switched_at_one_gateway_is_obeyed_at_the_other(
    server: RedisServer, tmp_path: Path
) -> None:
    """Sockets that are off are let go there, too, and what is read-only takes nothing."""
    async with two(server, tmp_path) as (one, other):
        async with dialled(other.url, is_open=False) as wire:
            await wire.ask("connect", token=ADMIN)
            answer = await ask(one, "/api/flags", {"flags": {WEBSOCKET: 0, READ_ONLY: 100}}, method="PUT")
            assert answer.status_code == 200
            assert (await wire.end())[0] == 4200
        assert (await ask(other, "/api/events", envelope(1))).json()["error"]["code"] == "read_only"


@in_loop
async def test_presence_and_numbers_are_of_all_gateways(server: RedisServer, tmp_path: Path) -> None:
    """Asked of either, over HTTP or the socket; and either ends connections to both."""
    async with (
        two(server, tmp_path) as (one, other),
        dialled(one.url, is_open=False) as here,
        dialled(other.url, is_open=False) as there,
    ):
        clients = [
            (await wire.ask("connect", token=token(sub=name, exp=SOON)))["connect"]["client"]
            for wire, name in ((here, "ann"), (there, "bob"))
        ]
        for wire in (here, there):
            await wire.ask("subscribe", channel="users")
        async with asyncio.timeout(20):
            while len((await here.ask("presence", channel="users"))["presence"]["presence"]) < 2:
                await asyncio.sleep(0.05)
        assert (await here.ask("presence_stats", channel="users"))["presence_stats"] == {
            "num_clients": 2, "num_users": 2,
        }  # fmt: skip
        async with asyncio.timeout(20):
            while True:
                content = {"channel": "users"}
                present = (await ask(other, "/api/presence", content)).json()["result"]["presence"]
                if sorted(present) == sorted(clients):
                    break
                await asyncio.sleep(0.05)
        nodes = (await ask(other, "/api/info", {})).json()["result"]["nodes"]
        assert [node["num_clients"] for node in nodes] == [1, 1]
        assert len({node["uid"] for node in nodes}) == 2
        channels = (await ask(one, "/api/channels", {})).json()["result"]["channels"]
        assert channels["users"] == {"num_clients": 2}
        await ask(one, "/api/disconnect", {"user": "bob"})
        assert (await there.end())[0] == 3503
        assert "ping" in await here.ask("ping")


@in_loop
async def test_limits_are_of_both_gateways_together(server: RedisServer, tmp_path: Path) -> None:
    """Whoever has asked one of them too often is refused by the other."""
    async with two(server, tmp_path, commands_per_s=1) as (one, other):
        answers = [
            (await ask((one, other)[n % 2], "/api/presence", {"channel": "users"})).status_code for n in range(14)
        ]
    assert answers.count(200) in range(9, 12), "ten in ten seconds, and one more where a window ended meanwhile"
    assert 429 in answers[10:]


@in_loop
async def test_what_administrators_did_outlives_a_redis_that_lost_everything(
    server: RedisServer, tmp_path: Path
) -> None:
    """A switch and a block are what the gateways remember; events are gone, and said to be by other epochs."""
    ann = token(sub="ann", exp=SOON)
    async with two(server, tmp_path) as (one, other):
        await ask(one, "/api/block", {"user": "ann"})
        await ask(one, "/api/flags", {"flags": {WEBSOCKET: 10}}, method="PUT")
        await eventually(lambda: other.gateway.flags.current.get(WEBSOCKET).percent == 10)
        await eventually(lambda: other.gateway._current().revocations.is_blocked("ann"))
        await asyncio.to_thread(server.flush)
        (tmp_path / "third").mkdir()
        settings = {"redis_url": server.url, "secret": SECRET, "require_token": True}
        async with line(tmp_path / "third", **settings) as third:
            await eventually(lambda: third.gateway.flags.current.get(WEBSOCKET).percent == 10)
            await eventually(lambda: third.gateway._current().revocations.is_blocked("ann"))
            assert (await ask(third, "/api/events", envelope(1), bearer=ann)).status_code == 403
