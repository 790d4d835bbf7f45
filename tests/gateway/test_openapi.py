"""Claims about the description of the HTTP API: it is the table, and the table is the routes."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]  # no stubs are among the tools
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from realtime.config import Settings
from realtime.errors import NotRunning
from realtime.gateway.endpoints import ENDPOINTS
from realtime.gateway.facade import Gateway
from realtime.gateway.http import NOWHERE
from realtime.gateway.openapi import describe
from tests.gateway.making import envelope
from tests.gateway.serving import Served, served


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        found = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return found.union(*(map(_references, value.values())))
    return set().union(*map(_references, value)) if isinstance(value, list) else set()


def test_every_route_is_described_and_nothing_else(tmp_path: Path) -> None:
    """Method and path of each mounted route, exactly; OPTIONS is what browsers ask for themselves."""
    mounted = {
        (method.lower(), re.sub(r":\w+}", "}", route.path))
        for route in Gateway(Settings(data_dir=tmp_path)).routes()
        if isinstance(route, Route) and route.path != NOWHERE
        for method in (route.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(method, path) for path, methods in describe(version="1")["paths"].items() for method in methods}
    assert described == mounted
    assert len(mounted) == len(ENDPOINTS)


def test_every_reference_leads_somewhere() -> None:
    """No schema is named that isn't there, and none is there that nobody names."""
    description = describe(version="1")
    schemas = {f"#/components/schemas/{name}" for name in description["components"]["schemas"]}
    assert _references(description) <= schemas
    for schema in description["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def _check(gateway: Served, method: str, path: str, **request: Any) -> int:
    """Send a request and hold the answer against what the description says of it."""
    description = gateway.http.get("/api/openapi.json").json()
    answer = gateway.http.request(method, path.replace("{collection}", "orders").replace("{id}", "d1"), **request)
    said = description["paths"][path][method.lower()]["responses"][str(answer.status_code)]
    schema = said["content"]["application/json"]["schema"] | {"components": description["components"]}
    jsonschema.validate(answer.json(), schema)
    return answer.status_code


def test_answers_are_as_described(tmp_path: Path) -> None:
    """Real answers of every kind, good and bad, hold against their schemas."""
    documents = "/api/collections/{collection}/documents"
    one = documents + "/{id}"
    with served(tmp_path, max_body_bytes=2000) as gateway:
        statuses = [
            _check(gateway, "POST", "/api/events", json=[envelope(1), envelope(2)]),
            _check(gateway, "POST", "/api/events", json=[envelope(1), 3]),
            _check(gateway, "POST", "/api/events", json=3),
            _check(gateway, "POST", "/api/events", json="x" * 3000),
            _check(gateway, "POST", "/api/events", data={"form": "1"}),
            _check(gateway, "GET", "/api/ingestion-warnings"),
            _check(gateway, "GET", "/api/collections"),
            _check(gateway, "GET", documents),
            _check(gateway, "POST", documents, json={"id": "d1"}),
            _check(gateway, "POST", documents, json={"id": "new"}),
            _check(gateway, "GET", one),
            _check(gateway, "PUT", one, json={}, headers={"if-match": "99"}),
            _check(gateway, "PATCH", one, json={"n": 1}),
            _check(gateway, "GET", one + "/history"),
            _check(gateway, "DELETE", one),
            _check(gateway, "DELETE", one),
            _check(gateway, "POST", "/api/history", json={"channel": "users"}),
            _check(gateway, "POST", "/api/history", json={"channel": "nonsense"}),
            _check(gateway, "POST", "/api/batch", json={"commands": [{"info": {}}]}),
            _check(gateway, "GET", "/api/health"),
            _check(gateway, "GET", "/api/health/live"),
            _check(gateway, "GET", "/api/health/ready"),
            _check(gateway, "GET", "/api/flags"),
            _check(gateway, "PUT", "/api/flags", json={"flags": {"websocket": 50}}),
            _check(gateway, "PUT", "/api/flags", json={"flags": {"nonsense": 50}}),
        ]
    assert statuses[-5:] == [200, 200, 200, 200, 422]
    assert statuses[:-5] == [
        200, 207, 422, 413, 415, 200, 200, 200, 409, 201, 200, 412, 200, 200, 200, 404, 200, 200, 200, 200,
    ]  # fmt: skip


async def _unopened(gateway: Gateway) -> tuple[httpx.Response, list[Any]]:
    app = Starlette(routes=gateway.routes())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/api/health")
    sent: list[Any] = []

    async def receive() -> dict[str, str]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "websocket", "path": "/connection/websocket", "headers": [], "query_string": b""}
    await app(scope, receive, send)
    return answer, sent


def test_routes_send_everybody_away_before_the_log_is_open(tmp_path: Path) -> None:
    """Mounted but not running: 503, come back in a second; a socket isn't accepted."""
    gateway = Gateway(Settings(data_dir=tmp_path))
    answer, sent = asyncio.run(_unopened(gateway))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert [message["type"] for message in sent] == ["websocket.close"]
    for look in (lambda: gateway.log, lambda: gateway.hub, lambda: gateway.ingest):
        with pytest.raises(NotRunning):
            look()
