"""What lets people in can be taken back, over real sockets: at once, for good, and by no other way in."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from realtime.config import Settings
from realtime.errors import StartError, StorageError
from realtime.gateway.revocations import Revocations
from realtime.gateway.revocations_file import FILE_NAME, RevocationFile
from realtime.gateway.secret import FILE_NAME as SECRET_NAME
from realtime.gateway.secret import secret_of
from tests.gateway.keeping import revocations_in
from tests.gateway.making import envelope
from tests.gateway.sockets import Line, line
from tests.gateway.tokens import (
    AUDIENCE,
    ISSUER,
    SECRET,
    by_ec,
    by_rsa,
    forged,
    pem,
    raw,
    rsa_key,
    token,
    unsigned,
)
from tests.hub.making import dialled, in_loop
from tests.support.engines import on_each_engine, sqlite_only
from tests.support.provider import KID, running_provider

pytestmark = on_each_engine
ORDERS = "collection:orders"
SOON = time.time() + 3600
GOOD: dict[str, Any] = {"sub": "ann", "exp": SOON, "aud": AUDIENCE, "iss": ISSUER}
ADMIN = "Bearer " + token(sub="root", roles=["admin"], exp=SOON)


async def answer(running: Line, method: str, path: str, *, bearer: str = "", **options: Any) -> httpx.Response:
    """Ask the API as the bearer of a token."""
    base = running.url.replace("ws", "http", 1).rpartition("/connection")[0]
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as http:
        return await http.request(method, path, **options)


async def put_out(running: Line, path: str, **command: Any) -> None:
    """Revoke or block as an administrator."""
    answered = await answer(running, "POST", path, bearer=ADMIN.removeprefix("Bearer "), json=command)
    assert answered.status_code == 200, answered.text


REFUSED = {
    "none": ("", 3500, 401, "unauthorized"),
    "garbage": ("rubbish", 3500, 401, "unauthorized"),
    "expired": (token(**(GOOD | {"exp": 1})), 109, 401, "token_expired"),
    "expired, a provider's": (by_rsa(**(GOOD | {"exp": 1})), 109, 401, "token_expired"),
    "wrong key": (token("another secret of more than 32 chars", **GOOD), 3500, 401, "unauthorized"),
    "wrong key, a provider's": (by_rsa(rsa_key("stranger"), **GOOD), 3500, 401, "unauthorized"),
    "a key of another kind": (by_ec(**GOOD), 3500, 401, "unauthorized"),
    "alg none": (unsigned(**GOOD), 3500, 401, "unauthorized"),
    "a public key as a secret": (forged(pem(rsa_key()), **GOOD), 3500, 401, "unauthorized"),
    "wrong audience": (token(**(GOOD | {"aud": "another"})), 3500, 401, "unauthorized"),
    "wrong issuer": (by_rsa(**(GOOD | {"iss": "https://evil.example"})), 3500, 401, "unauthorized"),
    "not begun": (token(nbf=SOON, **GOOD), 3500, 401, "unauthorized"),
    "huge": (token(pad="x" * 20_000, **GOOD), 3500, 401, "unauthorized"),
    "not claims": (raw(b"[]"), 3500, 401, "unauthorized"),
    "revoked": (token(jti="revoked", **GOOD), 3500, 401, "unauthorized"),
    "all of a user's revoked": (token(**(GOOD | {"sub": "carl"})), 3500, 401, "unauthorized"),
    "a blocked user's": (by_rsa(**(GOOD | {"sub": "bob"})), 3507, 403, "permission_denied"),
}


@in_loop
async def test_a_bad_token_is_refused_with_the_protocols_code_everywhere(tmp_path: Path) -> None:
    """On the socket and on every kind of route of the API; a good one, ours or a provider's, isn't."""
    (tmp_path / "key.pem").write_bytes(pem(rsa_key()))
    settings = {"token_public_key": tmp_path / "key.pem", "token_audience": AUDIENCE, "token_issuer": ISSUER}
    async with line(tmp_path / "data", secret=SECRET, **settings) as running:
        await running.store(1)
        admin = token(roles=["admin"], **(GOOD | {"sub": "root"}))
        for path, command in [("revoke", {"id": "revoked"}), ("revoke", {"user": "carl"}), ("block", {"user": "bob"})]:
            await answer(running, "POST", f"/api/{path}", bearer=admin, json=command)
        for name, (bad, code, status, word) in REFUSED.items():
            async with dialled(running.url, is_open=False) as wire:
                if code == 109:
                    assert (await wire.ask("connect", token=bad))["error"]["code"] == code, name
                else:
                    await wire.say({"id": 1, "connect": {"token": bad}})
                    assert (await wire.end())[0] == code, name
            for method, path in [
                ("GET", "/api/collections"),
                ("GET", "/api/collections/orders/documents/d1/history"),
                ("POST", "/api/history"),
                ("POST", "/api/batch"),
                ("POST", "/api/events"),
                ("GET", "/api/inbox/ann"),
                ("POST", "/api/revoke"),
            ]:
                answered = await answer(running, method, path, bearer=bad, json={} if method == "POST" else None)
                assert (answered.status_code, answered.json()["error"]["code"]) == (status, word), (name, path)
                assert ("www-authenticate" in answered.headers) == (status == 401), name
        for good in (token(**GOOD), by_rsa(**GOOD)):
            async with dialled(running.url, is_open=False) as wire:
                assert (await wire.ask("connect", token=good))["connect"]["expires"]
            assert (await answer(running, "GET", "/api/collections", bearer=good)).status_code == 200


@in_loop
async def test_who_is_put_out_is_cut_off_at_once_and_nobody_else(tmp_path: Path) -> None:
    """By token, by user, by block; each with its code, before the answer to who asked for it."""
    async with line(tmp_path, secret=SECRET) as running:
        tokens = {name: token(sub=name[:3], jti=name, exp=SOON) for name in ("ann-1", "ann-2", "bob-1", "eve-1")}
        for revoked, command, code in [
            ("ann-1", ("/api/revoke", {"token": tokens["ann-1"]}), 3500),
            ("bob-1", ("/api/revoke", {"user": "bob"}), 3500),
            ("eve-1", ("/api/block", {"user": "eve"}), 3507),
        ]:
            async with (
                dialled(running.url, is_open=False) as wire,
                dialled(running.url, is_open=False) as other,
            ):
                await wire.ask("connect", token=tokens[revoked])
                await wire.ask("subscribe", channel=ORDERS)
                await other.ask("connect", token=tokens["ann-2"])
                await put_out(running, command[0], **command[1])
                assert (await wire.end())[0] == code
                assert "ping" in await other.ask("ping")


@in_loop
async def test_a_user_blocked_while_away_doesnt_come_back_by_any_way(tmp_path: Path) -> None:
    """Resume, polling, history, inbox: refused, with a fresh token too, and after a restart; unblocked, all go."""
    (tmp_path / "data").mkdir()
    async with line(tmp_path / "data", secret=SECRET) as running:
        async with dialled(running.url, is_open=False) as wire:
            await wire.ask("connect", token=token(sub="ann", exp=SOON))
            start = (await wire.ask("subscribe", channel=ORDERS))["subscribe"]
        await put_out(running, "/api/block", user="ann")
        await running.store(1, 2)
    async with line(tmp_path / "data", secret=SECRET) as running:
        fresh = token(sub="ann", jti="fresh", iat=time.time(), exp=SOON)
        since = {"epoch": start["epoch"], "offset": start.get("offset", 0)}

        async def ways() -> list[int]:
            poll = {"commands": [{"history": {"channel": ORDERS, "since": since, "limit": 10}}]}
            answers = [
                await answer(running, "POST", "/api/batch", bearer=fresh, json=poll),
                await answer(running, "POST", "/api/history", bearer=fresh, json=poll["commands"][0]["history"]),
                await answer(running, "GET", "/api/collections/orders/documents", bearer=fresh),
                await answer(running, "GET", "/api/inbox/ann", bearer=fresh),
                await answer(running, "POST", "/api/events", bearer=fresh, json=envelope(3)),
                await answer(running, "POST", "/api/ack", bearer=fresh, json={"consumer": "c", "events": []}),
            ]
            return [one.status_code for one in answers]

        assert set(await ways()) == {403}
        async with dialled(running.url, is_open=False) as wire:
            resume = {"subs": {ORDERS: {"recover": True, **since}}}
            await wire.say({"id": 1, "connect": {"token": fresh, **resume}})
            assert (await wire.end())[0] == 3507
        await put_out(running, "/api/unblock", user="ann")
        assert set(await ways()) == {200}
        async with dialled(running.url, is_open=False) as wire:
            await wire.ask("connect", token=fresh)
            reply = await wire.ask("subscribe", channel=ORDERS, recover=True, **since)
            assert [one["offset"] for one in reply["subscribe"]["publications"]] == [1, 2, 3]


@in_loop
async def test_a_replayed_refresh_ends_the_connection(tmp_path: Path) -> None:
    """On the connection it prolonged, and on another one of the same user."""
    async with line(tmp_path, secret=SECRET) as running:
        second = token(sub="ann", jti="2", exp=SOON + 9)
        async with dialled(running.url, is_open=False) as one, dialled(running.url, is_open=False) as other:
            for wire in (one, other):
                await wire.ask("connect", token=token(sub="ann", jti="1", exp=SOON))
            assert "refresh" in await one.ask("refresh", token=second)
            for wire in (one, other):
                await wire.say({"id": 9, "refresh": {"token": second}})
                assert await wire.end() == (3500, "invalid token")


@in_loop
async def test_a_refresh_changes_what_a_connection_may_do(tmp_path: Path) -> None:
    """What the new token says counts: here, the role of our own processes."""
    async with line(tmp_path, secret=SECRET) as running, dialled(running.url, is_open=False) as wire:
        await wire.ask("connect", token=token(sub="t", roles=["app"], exp=SOON))
        assert "subscribe" in await wire.ask("subscribe", channel="inbox#ann")
        await wire.ask("refresh", token=token(sub="t", exp=SOON))
        assert (await wire.ask("history", channel="inbox#ann"))["error"]["code"] == 103


@in_loop
async def test_a_token_may_come_in_the_handshakes_header_and_never_in_the_address(tmp_path: Path) -> None:
    """There it is refused with a sentence, on the socket and on every route, even those that ask for none."""
    async with line(tmp_path, secret=SECRET) as running:
        made = token(sub="ann", exp=SOON)
        headers = {"Authorization": f"Bearer {made}"}
        async with dialled(running.url, is_open=False, additional_headers=headers) as wire:
            assert (await wire.ask("connect"))["connect"]["client"]
        async with dialled(f"{running.url}?token={made}", is_open=False) as wire:
            code, reason = await wire.end()
            assert (code, "in a header or in connect" in reason) == (3501, True)
        for path in ("/api/collections", "/api/health", "/metrics"):
            for name in ("token", "access_token", "api_key", "X-API-Key"):
                answered = await answer(running, "GET", path, params={name: made}, bearer=made)
                assert (answered.status_code, answered.json()["error"]["code"]) == (400, "token_in_url")


@in_loop
async def test_only_administrators_take_back(tmp_path: Path) -> None:
    """The role `admin`, or our own app; and where no token is required, anybody."""
    async with line(tmp_path / "a", secret=SECRET, api_key="k" * 12) as running:
        for roles, status in [([], 403), (["reader"], 403), (["ingest"], 403), (["admin"], 200), (["app"], 200)]:
            bearer = token(sub="x", roles=roles, exp=SOON)
            for path in ("/api/block", "/api/unblock", "/api/revoke"):
                answered = await answer(running, "POST", path, bearer=bearer, json={"user": "nobody"})
                assert answered.status_code == status, (roles, path)
            assert (await answer(running, "GET", "/api/revocations", bearer=bearer)).status_code == status
        keyed = await answer(running, "GET", "/api/revocations", headers={"X-API-Key": "k" * 12})
        assert {one["kind"] for one in keyed.json()["revocations"]} == {"user"}
    async with line(tmp_path / "b") as running:
        assert (await answer(running, "POST", "/api/block", json={"user": "ann"})).status_code == 200
        made = token(secret_of(Settings(data_dir=tmp_path / "b")), sub="ann")
        assert (await answer(running, "GET", "/api/collections", bearer=made)).status_code == 403


@in_loop
async def test_what_isnt_to_be_revoked_is_said(tmp_path: Path) -> None:
    """In one sentence: nothing, two things, no token of ours."""
    async with line(tmp_path, secret=SECRET) as running:
        for command in ({}, {"id": "a", "user": "b"}, {"token": "rubbish"}, {"user": ""}, {"user": 7}):
            answered = await answer(running, "POST", "/api/revoke", bearer=ADMIN.removeprefix("Bearer "), json=command)
            assert (answered.status_code, answered.json()["error"]["code"]) == (422, "bad_revocation"), command


def test_revocations_outlive_a_restart(tmp_path: Path) -> None:
    """Those of expired tokens are forgotten."""
    now = [1000.0]

    async def put(bars: Revocations) -> None:
        await bars.bar("token", "short", until=1010.0)
        await bars.bar("block", "ann")

    with revocations_in(tmp_path, now=lambda: now[0]) as bars:
        asyncio.run(put(bars))
    with revocations_in(tmp_path, now=lambda: now[0]) as bars:
        assert bars.is_revoked("short", user="", issued_at=None)
        assert bars.is_blocked("ann")
        now[0] = 1011.0
        asyncio.run(bars.bar("token", "other"))
        assert [bar.name for bar in bars.all()] == ["other", "ann"]
        assert asyncio.run(bars.lift("block", "ann"))
        assert not asyncio.run(bars.lift("block", "ann"))
    with revocations_in(tmp_path, now=lambda: now[0]) as bars:
        assert [bar.name for bar in bars.all()] == ["other"]


@sqlite_only
def test_the_file_is_for_its_owners_eyes_and_forgets_what_has_expired(tmp_path: Path) -> None:
    """Whatever the umask says."""
    now = [1000.0]
    path = tmp_path / FILE_NAME
    with closing(RevocationFile.open(path, now=lambda: now[0])) as bars:
        asyncio.run(bars.bar("token", "short", until=1010.0))
        now[0] = 1011.0
        asyncio.run(bars.bar("token", "other"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT name FROM bars").fetchall() == [("other",)]
    connection.close()


@sqlite_only
def test_what_cant_be_kept_is_said_and_holds_all_the_same(tmp_path: Path) -> None:
    """Until a restart."""
    bars = RevocationFile.open(tmp_path / FILE_NAME, now=lambda: 1.0)
    bars.close()
    with pytest.raises(StorageError):
        asyncio.run(bars.bar("block", "ann"))
    assert bars.is_blocked("ann")


@sqlite_only
def test_a_list_that_cant_be_read_stops_the_start(tmp_path: Path) -> None:
    """Rather than letting everybody in again."""
    (tmp_path / FILE_NAME).write_bytes(b"rubbish" * 200)
    with pytest.raises(StartError, match="revoked tokens"):
        RevocationFile.open(tmp_path / FILE_NAME, now=lambda: 1.0)


@sqlite_only
def test_the_secret_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    """However many ask at once; a configured one wins, and nothing is written then."""
    settings = Settings(data_dir=tmp_path / "data")
    found: list[str] = []
    threads = [threading.Thread(target=lambda: found.append(secret_of(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found[0]) >= 43
    path = tmp_path / "data" / SECRET_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in path.parent.iterdir()] == [SECRET_NAME]
    assert secret_of(Settings(data_dir=tmp_path / "none", secret=SECRET)) == SECRET
    assert not (tmp_path / "none").exists()


@sqlite_only
def test_a_secret_that_isnt_one_any_more_stops_the_start(tmp_path: Path) -> None:
    """Read by others, cut short, or a folder that can't be written: said with what to do."""
    settings = Settings(data_dir=tmp_path)
    secret_of(settings)
    path = tmp_path / SECRET_NAME
    path.chmod(0o644)
    with pytest.raises(StartError, match="chmod 600"):
        secret_of(settings)
    path.chmod(0o600)
    path.write_text("short")
    with pytest.raises(StartError, match="too short"):
        secret_of(settings)
    path.write_bytes(b"\xff" * 40)
    with pytest.raises(StartError, match="can't be read"):
        secret_of(settings)
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match="secret"):
        secret_of(Settings(data_dir=tmp_path / "file" / "data"))


@in_loop
async def test_strangers_learn_nothing_of_what_there_is(tmp_path: Path) -> None:
    """Of a guarded gateway they hear that it lives and is ready, for that route is open, but no collection's name."""
    async with line(tmp_path, secret=SECRET) as running:
        await running.store(1)
        for bearer, knows in (("", False), ("rubbish", False), (token(sub="ann", exp=SOON), True)):
            health = await answer(running, "GET", "/api/health", bearer=bearer)
            assert (health.status_code, health.json()["ready"], "collection:orders" in health.text) == (
                200,
                True,
                knows,
            )


@in_loop
async def test_an_identity_providers_key_set_is_fetched_over_http(tmp_path: Path) -> None:
    """Its tokens let in, on the socket and the API; those of a key it doesn't publish don't."""
    with running_provider() as provider:
        settings = {"token_jwks_url": f"{provider.url}/keys", "token_audience": AUDIENCE, "token_issuer": provider.url}
        claims = {**GOOD, "iss": provider.url}
        good = by_rsa(provider.key, kid=KID, **claims)
        forged_one = by_rsa(rsa_key("stranger"), kid=KID, **claims)
        async with line(tmp_path, secret=SECRET, **settings) as running:
            async with dialled(running.url, is_open=False) as wire:
                assert (await wire.ask("connect", token=good))["connect"]["expires"]
                present = (await wire.ask("subscribe", channel="users"))["subscribe"]
                assert present["recoverable"]
            assert (await answer(running, "GET", "/api/collections", bearer=good)).status_code == 200
            assert (await answer(running, "GET", "/api/collections", bearer=forged_one)).status_code == 401
            async with dialled(running.url, is_open=False) as wire:
                await wire.say({"id": 1, "connect": {"token": forged_one}})
                assert (await wire.end())[0] == 3500
