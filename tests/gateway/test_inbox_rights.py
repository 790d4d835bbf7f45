"""Rights on inboxes: one's own, all for the app and admins, everybody's on an open gateway; on every way in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from realtime.errors import EventError
from realtime.gateway.access import Identity
from realtime.gateway.inbox_rights import InboxRights
from realtime.notifications.commands import Meet, command_value
from realtime.protocol.events import InboxCommand, UserLogin
from tests.gateway.inboxing import added, met
from tests.gateway.making import NOON, envelope
from tests.gateway.serving import Served, served
from tests.gateway.sockets import line
from tests.hub.making import Wire, dialled, in_loop

SECRET = "s" * 32
KEY = "k" * 12


def bearer(user: str, *roles: str) -> dict[str, str]:
    """Make the header of somebody's token."""
    return {"authorization": "Bearer " + jwt.encode({"sub": user, "roles": list(roles)}, SECRET, algorithm="HS256")}


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Served]:
    """Serve a gateway with a secret and a key; ann has something in her inbox."""
    with served(tmp_path, secret=SECRET, api_key=KEY) as gateway:
        assert gateway.post(added("ann", 1), **bearer("ann")).json()["stored"] == 1
        yield gateway


@pytest.mark.parametrize(
    ("headers", "may"),
    [
        (bearer("ann"), True), (bearer("bob"), False), (bearer(""), False), (bearer("bob", "user"), False),
        (bearer("tideboard", "app"), True), (bearer("root", "admin"), True), ({"x-api-key": KEY}, True),
    ],
)  # fmt: skip
def test_every_way_over_http_asks_who_it_is(closed: Served, headers: dict[str, str], may: bool) -> None:
    """Snapshot, history, presence, the channels' list, posting and publishing say the same."""
    assert closed.http.get("/api/inbox/ann", headers=headers).status_code == (200 if may else 403)
    for name in ("history", "presence", "presence_stats"):
        reply = closed.http.post(f"/api/{name}", json={"channel": "inbox#ann"}, headers=headers).json()
        assert ("result" in reply) is may, reply
        batch = {"commands": [{name: {"channel": "inbox#ann"}}]}
        [one] = closed.http.post("/api/batch", json=batch, headers=headers).json()["replies"]
        assert (name in one) is may
    for_post = {name.replace("-", "_"): value for name, value in headers.items()}
    answer = closed.post([added("ann", 2), envelope(1)], **for_post)
    assert (answer.status_code, answer.json()["stored"]) == ((200, 2) if may else (207, 1))
    if not may:
        assert answer.json()["results"][0]["code"] == "forbidden"
    publish = {"channel": "inbox#ann", "data": added("ann", 3)}
    assert ("result" in closed.http.post("/api/publish", json=publish, headers=headers).json()) is may


def test_on_an_open_gateway_there_is_nobody_to_hide_from(tmp_path: Path) -> None:
    """Nobody can prove who they are there; every name is believed."""
    with served(tmp_path) as gateway:
        assert gateway.post(added("ann", 1)).json()["stored"] == 1
        assert gateway.http.get("/api/inbox/ann").json()["position"]["offset"] == 1


def test_health_is_open_and_names_no_inbox(closed: Served) -> None:
    """Who uses this place is nobody else's business."""
    assert "inbox#" not in closed.http.get("/api/health").text


@in_loop
async def test_every_way_over_the_socket_asks_who_it_is(tmp_path: Path) -> None:
    """Joining, history, ingest and publish; other connections don't hear that the inbox came into being."""

    async def dialled_as(wire: Wire, user: str, *roles: str) -> None:
        token = jwt.encode({"sub": user, "roles": list(roles)}, SECRET, algorithm="HS256")
        assert "error" not in await wire.ask("connect", token=token, data={"announce": True})

    async with (
        line(tmp_path, secret=SECRET) as running,
        dialled(running.url, is_open=False) as ann,
        dialled(running.url, is_open=False) as bob,
        dialled(running.url, is_open=False) as app,
    ):
        await dialled_as(ann, "ann")
        await dialled_as(bob, "bob")
        await dialled_as(app, "tideboard", "app")
        for wire in (ann, app):
            assert "error" not in await wire.ask("subscribe", channel="inbox#ann")
            assert "error" not in await wire.ask("history", channel="inbox#ann", limit=1)
        for verb in ("subscribe", "history", "presence"):
            assert (await bob.ask(verb, channel="inbox#ann"))["error"]["code"] == 103

        async def ingest(wire: Wire, event: dict[str, Any]) -> str:
            reply = await wire.ask("rpc", method="ingest", data={"events": [event]})
            [result] = reply["rpc"]["data"]["results"]
            return str(result.get("code", result["status"]))

        assert await ingest(bob, added("ann", 1)) == "forbidden"
        assert await ingest(ann, added("ann", 1)) == "stored"
        assert await ingest(app, added("ann", 2)) == "stored"
        assert (await bob.ask("publish", channel="inbox#ann", data=added("ann", 3)))["error"]["code"] == 107
        assert "error" not in await ann.ask("publish", channel="inbox#ann", data=added("ann", 3))
        await bob.ask("ping")
        assert not any("inbox#ann" in one for one in bob.messages if "error" not in one)


def test_nobody_gives_themselves_a_role() -> None:
    """What is told to a role must not reach who only says so; the app says it for others."""
    rights = InboxRights(is_open=False)
    meet = Meet(id="m", at=NOON, roles=("ops",))
    event = InboxCommand(user="ann", command=command_value(meet))
    with pytest.raises(EventError, match="role"):
        rights.check(Identity(user="ann"), event)
    rights.check(Identity(user="ann", roles=("ops", "other")), event)
    rights.check(Identity(user="tideboard", roles=("app",)), event)
    rights.check(Identity(), UserLogin(user_id="ann", timestamp="2026-01-01T00:00:00Z"))
    assert InboxRights(is_open=True).may_use(Identity(), "ann")
    assert not rights.may_use(Identity(), "")


def test_meeting_over_http_needs_the_role_too(closed: Served) -> None:
    """As on the socket."""
    assert closed.post(met("ann", roles=("ops",)), **bearer("ann")).status_code == 403
    assert closed.post(met("ann", roles=("ops",)), **bearer("tideboard", "app")).status_code == 200
