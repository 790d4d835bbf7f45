"""Where everybody may do everything, only this machine gets in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from realtime.config import Settings
from realtime.errors import StartError
from realtime.gateway.exposure import Threshold, came_from_afar, check_exposure, is_loopback, warnings_of


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "::1", "::ffff:127.0.0.1"])
def test_the_loopback_needs_no_secret(host: str) -> None:
    """By whatever name."""
    assert is_loopback(host)
    check_exposure(host, Settings(), option="--host")


@pytest.mark.parametrize("host", [None, "", "0.0.0.0", "::", "192.0.2.7", "2001:db8::1", "nowhere.invalid", "a" * 300])
def test_any_other_address_is_refused_without_one(host: str | None) -> None:
    """In one sentence that says what to do; what can't be resolved may be anything. Asking for tokens isn't enough."""
    for settings in (Settings(), Settings(require_token=True)):
        with pytest.raises(StartError, match=r"TIDEBOARD_SECRET.*--host 127\.0\.0\.1") as refused:
            check_exposure(host, settings, option="--host")
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"secret": "x" * 32},
        {"api_key": "x" * 8},
        {"token_jwks_url": "https://id.example/keys"},
        {"token_public_key": Path("key.pem")},
    ],
)
def test_whoever_can_tell_friends_from_strangers_may_listen_anywhere(settings: dict[str, Any]) -> None:
    """And tokens are required then."""
    check_exposure("0.0.0.0", Settings(**settings), option="--host")
    assert Settings(**settings).is_guarded


@pytest.mark.parametrize(
    ("server", "is_afar"),
    [
        (("127.0.0.1", 80), False),
        (("::1", 80), False),
        (("::ffff:127.0.0.1", 80), False),
        (("192.0.2.7", 80), True),
        (("fe80::1%eth0", 80), True),
        (("/run/tideboard.sock", None), False),
        (("testserver", 80), False),
        (None, False),
    ],
)
def test_it_is_our_end_of_a_connection_that_counts(server: Any, is_afar: bool) -> None:
    """A proxy may say anything of the other end."""
    assert came_from_afar({"type": "http", "server": server, "client": ("203.0.113.9", 1)}) == is_afar


async def sent_by(app: ASGIApp, kind: str, server: str) -> list[Any]:
    """Return what the app sends for a request or handshake that arrives at an address of this machine."""
    sent: list[Any] = []

    async def receive() -> Message:
        return {"type": f"{kind}.connect" if kind == "websocket" else "http.request", "body": b""}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": kind, "path": "/", "method": "GET", "headers": [], "server": (server, 80), "query_string": b""}
    await app(scope, receive, send)
    return sent


def test_what_comes_from_afar_all_the_same_is_turned_away() -> None:
    """Over HTTP with the sentence, over a socket with a refused handshake; guarded or from here, it is let through."""

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "inside"})

    def run(kind: str, server: str, *, is_open: bool) -> list[Any]:
        return asyncio.run(sent_by(Threshold(inside, is_open=lambda: is_open), kind, server))

    started, body = run("http", "192.0.2.7", is_open=True)
    assert (started["status"], b"TIDEBOARD_SECRET" in body["body"]) == (403, True)
    assert run("websocket", "192.0.2.7", is_open=True) == [{"type": "websocket.close", "code": 1008, "reason": ""}]
    for kind in ("http", "websocket"):
        assert run(kind, "192.0.2.7", is_open=False) == [{"type": "inside"}]
        assert run(kind, "127.0.0.1", is_open=True) == [{"type": "inside"}]
    assert run("lifespan", "192.0.2.7", is_open=True) == [{"type": "inside"}]


def test_an_audience_that_isnt_said_is_warned_of() -> None:
    """With a provider's key set: it signs for many applications."""
    assert "TIDEBOARD_TOKEN_AUDIENCE" in warnings_of(Settings(token_jwks_url="https://id.example/keys"))[0]
    assert warnings_of(Settings(token_jwks_url="https://id.example/keys", token_audience="board")) == []
    assert warnings_of(Settings()) == []


def test_gateways_that_share_a_redis_and_no_secret_are_warned_of() -> None:
    """Each has made one of its own then, and takes the others' tokens for forged."""
    assert "the same secret for all" in warnings_of(Settings(redis_url="redis://127.0.0.1"))[0]
    assert warnings_of(Settings(redis_url="redis://127.0.0.1", secret="s" * 32)) == []
