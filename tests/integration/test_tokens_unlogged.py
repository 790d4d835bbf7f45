"""No token, and no secret, is in the log of a whole run, however much is logged."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from websockets.exceptions import ConnectionClosed

from tests.gateway.making import envelope
from tests.hub.making import dialled
from tests.support.processes import Process, start_app, start_gateway
from tests.support.waiting import until

SECRET = "0123456789abcdef0123456789abcdef"
API_KEY = "a-key-that-must-not-be-logged"


def made(**claims: Any) -> str:
    """Sign a token."""
    return jwt.encode({"sub": "ann", "exp": time.time() + 600, "roles": ["admin"], **claims}, SECRET)


async def on_socket(url: str, tokens: list[str]) -> None:
    """Bring tokens in every way a socket takes, or refuses, them."""
    good, second, bad, refused = tokens
    async with dialled(url, is_open=False) as wire:
        assert "connect" in await wire.ask("connect", token=good)
        assert "refresh" in await wire.ask("refresh", token=second)
        await wire.say({"id": 99, "refresh": {"token": second}})
        await wire.end()
    async with dialled(url, is_open=False, additional_headers={"Authorization": f"Bearer {good}"}) as wire:
        await wire.ask("connect")
    for query, token in ((f"?token={refused}", ""), ("", bad)):
        async with dialled(url + query, is_open=False) as wire:
            with contextlib.suppress(ConnectionClosed):  # an address with a token is refused before that
                await wire.say({"id": 1, "connect": {"token": token}})
            assert (await wire.end())[0] in (3500, 3501)


def over_http(url: str, tokens: list[str]) -> None:
    """Bring tokens in every way the API takes, or refuses, them."""
    good, second, bad, refused = tokens
    with httpx.Client(base_url=url, trust_env=False) as http:
        for headers in (
            {"Authorization": f"Bearer {good}"},
            {"X-API-Key": API_KEY},
            {"Authorization": f"Bearer {bad}"},
        ):
            http.get("/api/collections", headers=headers)
            http.post("/api/events", json=envelope(1), headers=headers)
            http.post("/api/revoke", json={"token": second}, headers=headers)
        for name in ("token", "access_token"):
            assert http.get("/api/collections", params={name: refused}).status_code == 400
        http.get(f"/api/collections/orders/documents/{good}", headers={"Authorization": f"Bearer {good}"})


@pytest.mark.parametrize("log_format", ["text", "json"])
@pytest.mark.parametrize("start", [start_gateway, start_app])
def test_no_token_is_in_the_log_of_a_whole_run(tmp_path: Path, start: Any, log_format: str) -> None:
    """Taken, refused, refreshed, replayed, revoked, in headers, frames, bodies and addresses, at the debug level."""
    extra = {"TIDEBOARD_SECRET": SECRET, "TIDEBOARD_API_KEY": API_KEY, "TIDEBOARD_LOG_FORMAT": log_format}
    tokens = [made(jti="1"), made(jti="2"), made(sub="x") + "spoilt", made(jti="3")]
    with start(tmp_path / "data", extra={**extra, "TIDEBOARD_LOG_LEVEL": "debug"}) as process:
        process.wait_ready()
        asyncio.run(on_socket(f"{process.ws_url}/connection/websocket", tokens))
        over_http(process.base_url, tokens)
        until(lambda: "closed" in process.output(), what="something in the log")
        shown = _printed(process)
    for hidden in (*tokens, *(one.split(".")[1] for one in tokens), SECRET, API_KEY):
        assert hidden not in shown
    assert "eyJ" not in shown


def _printed(process: Process) -> str:
    process.stop()
    return process.output()
