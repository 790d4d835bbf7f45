"""The roles, people and orders that the tests about rights share."""

from __future__ import annotations

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx

from realtime.gateway.facade import SOCKET_PATH, Gateway
from tests.gateway.serving import Served
from tests.gateway.sockets import line
from tests.gateway.tokens import SECRET, token
from tests.hub.making import Wire, dialled

ORDERS: Final = "collection:orders"
HUSH: Final = "hush-hush"
"""Stands in every value that somebody may not see."""
ROLES: Final[dict[str, Any]] = tomllib.loads("""
[clerk]
actions = ["read", "update"]
collections = ["orders"]
hide = ["margin", "customer.email"]
redact = ["items.price"]

[north]
actions = ["read", "update", "delete"]
collections = ["orders"]
where = [{ field = "region", op = "==", value = "north" }]

[northclerk]
actions = ["read", "update"]
collections = ["orders"]
hide = ["margin", "customer.email"]
redact = ["items.price"]
where = [{ field = "region", op = "==", value = "north" }]

[maker]
actions = ["create"]
collections = ["orders"]

[editor]
actions = ["read", "create", "update", "delete"]
collections = ["orders"]

[feeder]
actions = ["ingest"]
collections = ["ord*"]

[outsider]
actions = ["read", "create", "update", "delete", "ingest"]
collections = ["other"]

[[mixed]]
actions = ["read"]
collections = ["orders"]
hide = ["margin", "customer.email"]

[[mixed]]
actions = ["read"]
collections = ["orders"]
where = [{ field = "region", op = "==", value = "north" }]
""")
SETTINGS: Final[dict[str, Any]] = {
    "secret": SECRET, "require_token": True, "roles": ROLES, "contact": "the desk",
}  # fmt: skip
EVERYBODY: Final = (*ROLES, "admin", "reader", "ingest", "app", "nobody")


def order(identifier: str, region: str = "north", **more: Any) -> dict[str, Any]:
    """Make an order whose every secret says so. Of the south, everything is one to who sees the north only."""
    hush = f"{HUSH}-{identifier}"
    return {
        "id": identifier, "region": region, "margin": hush, "total": 7,
        "customer": {"name": "Ann", "email": hush}, "items": [{"sku": "x", "price": hush}], **more,
    }  # fmt: skip


def stored(kind: str, document: dict[str, Any], *, key: str = "", **more: Any) -> dict[str, Any]:
    """Make an event about an order."""
    content: dict[str, Any] = {"collection": "orders"}
    if kind != "created":
        content["id"] = document["id"]
    if kind != "deleted":
        content["document"] = document
    identifier = key or f"{kind}-{document['id']}-{document.get('total')}-{document['region']}"
    return {
        "specversion": "1.0", "id": identifier, "source": "/till", "type": f"collection:{kind}", "data": content,
        **more,
    }  # fmt: skip


def bearer(role: str, **claims: Any) -> dict[str, str]:
    """Return the header of somebody with one role."""
    return {"Authorization": f"Bearer {ticket(role, **claims)}"}


def ticket(role: str, **claims: Any) -> str:
    """Return the token of somebody with one role."""
    return token(**({"sub": f"a-{role}", "roles": [role]} | claims))


class Desk:
    """A running gateway with roles, and who asks it."""

    def __init__(self, gateway: Gateway, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self.http = http
        self.gateway = gateway

    async def post(self, *events: dict[str, Any], role: str = "admin", **headers: str) -> httpx.Response:
        """Post events."""
        return await self.http.post("/api/events", json=list(events), headers=bearer(role) | headers)

    async def get(self, path: str, *, role: str) -> httpx.Response:
        """Get something."""
        return await self.http.get(path, headers=bearer(role))

    @asynccontextmanager
    async def wire(self, role: str, **claims: Any) -> AsyncIterator[Wire]:
        """Dial in with a role; the answer to connect is the first message."""
        async with dialled(self.url, is_open=False) as wire:
            reply = await wire.ask("connect", token=ticket(role, **claims), data={"announce": True})
            assert "error" not in reply, reply
            yield wire


@asynccontextmanager
async def desk(folder: Path, **settings: Any) -> AsyncIterator[Desk]:
    """Run a gateway with the roles above."""
    async with line(folder, **(SETTINGS | settings)) as running:
        base = running.url.replace("ws://", "http://").partition("/connection")[0]
        async with httpx.AsyncClient(base_url=base, timeout=30, trust_env=False) as http:
            yield Desk(running.gateway, running.url, http)


@asynccontextmanager
async def visiting(served: Served) -> AsyncIterator[Desk]:
    """Ask a gateway that runs in a thread of its own, for many tests."""
    url = served.url.replace("http://", "ws://") + SOCKET_PATH
    async with httpx.AsyncClient(base_url=served.url, timeout=30, trust_env=False) as http:
        yield Desk(served.gateway, url, http)


async def history_of_orders(running: Desk) -> None:
    """Store a little history: one in the north, one in the south, one that went there, one that came, one gone."""
    events = [
        stored("created", order("n1")),
        stored("created", order("s1", "south")),
        stored("created", order("away")),
        stored("created", order("back", "south")),
        stored("created", order("gone")),
        stored("updated", order("away", "south", total=8)),
        stored("updated", order("s1", "south", total=8)),
        stored("updated", order("back", "north", total=8)),
        stored("deleted", order("gone")),
        stored("updated", order("n1", total=8)),
    ]
    answer = await running.post(*events)
    assert answer.json()["stored"] == len(events), answer.text
