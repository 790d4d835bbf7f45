"""Claims about what stands before every route: foreign pages, forms, borrowed names, too much of anything."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from realtime.errors import ConfigError
from realtime.gateway import requests as requests_module
from realtime.gateway.endpoints import ENDPOINTS
from realtime.gateway.http_guard import SECURITY_HEADERS
from tests.gateway.making import envelope
from tests.gateway.serving import Served, served
from tests.hub.making import Wire, in_loop

WALL = "https://wall.example"
EVIL = "https://evil.example"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Serve a gateway that has one friend."""
    with served(tmp_path_factory.mktemp("guarded"), allowed_origins=WALL) as one:
        yield one


@pytest.mark.parametrize("endpoint", [one for one in ENDPOINTS if one.method != "GET"], ids=lambda one: one.handler)
def test_no_foreign_page_changes_anything(gateway: Served, endpoint: Any) -> None:
    """Whichever route: 403 before the body is looked at, and no permission to read the answer."""
    path = endpoint.path.replace("{id:whole}", "a").replace("{collection}", "orders")
    answer = gateway.http.request(endpoint.method, path, json={}, headers={"Origin": EVIL})
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded", "id=A-1"),
        ("text/plain", json.dumps(envelope(1))),
        ("multipart/form-data; boundary=x", "--x--"),
    ],
)
def test_a_form_changes_nothing(gateway: Served, kind: str, body: str) -> None:
    """What a form can send without asking is no event, from our own pages neither, nor with the origin left out."""
    for headers in ({"Origin": gateway.url}, {"Origin": "null"}, {}):
        answer = gateway.http.post("/api/events", content=body, headers={"Content-Type": kind, **headers})
        assert answer.status_code in (403, 415)
    assert gateway.http.get("/api/collections").json() == {"collections": []}


def test_a_foreign_page_may_ask_and_hears_nothing(gateway: Served) -> None:
    """Reading isn't refused, for links and tools; but no browser gives the answer to another site's script."""
    answer = gateway.http.get("/api/collections", headers={"Origin": EVIL})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "origin" in answer.headers["vary"].lower()


def test_the_page_of_an_origin_that_is_named_may(gateway: Served) -> None:
    """It asks first, as browsers do, is told what it may, and may then."""
    asked = {"Origin": WALL, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "if-match"}
    path = "/api/collections/friends/documents/a"
    before = gateway.http.options(path, headers=asked)
    assert before.status_code == 204
    assert before.headers["access-control-allow-origin"] == WALL
    assert "PUT" in before.headers["access-control-allow-methods"]
    assert "If-Match" in before.headers["access-control-allow-headers"]
    answer = gateway.http.put(path, json={"id": "a"}, headers={"Origin": WALL})
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == WALL
    assert "ETag" in answer.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in answer.headers
    gateway.http.delete(path)


def test_nobody_else_is_told_that_they_may(gateway: Served) -> None:
    """The list is closed: no wildcard, no echo of whatever is asked."""
    for origin in (EVIL, "null", "http://wall.example", WALL + ".evil.example"):
        answer = gateway.http.options(
            "/api/events", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
        )
        assert answer.status_code == 204
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "path", ["/api/health", "/api/collections", "/metrics", "/api/openapi.json", "/api/audit?limit=x"]
)
def test_every_answer_tells_browsers_what_it_is(gateway: Served, path: str) -> None:
    """Data: not to be run, framed, guessed at; errors alike."""
    answer = gateway.http.get(path)
    assert {name: answer.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert answer.headers["cache-control"] in ("no-cache", "no-store")


def test_a_borrowed_name_is_refused(gateway: Served) -> None:
    """A site whose name leads to this machine gets nothing, not even to read."""
    for host, status in (("rebound.example:80", 403), ("wall.example", 200), ("localhost:1", 200), ("board", 200)):
        assert gateway.http.get("/api/collections", headers={"Host": host}).status_code == status


@in_loop
async def test_no_foreign_page_opens_a_socket(gateway: Served) -> None:
    """403 at the handshake; its friend may."""
    url = gateway.url.replace("http", "ws") + "/connection/websocket"
    for origin in (EVIL, "null"):
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None, origin=origin)  # type: ignore[arg-type]
        assert refused.value.response.status_code == 403
    async with connect(url, proxy=None, origin=WALL) as opened:  # type: ignore[arg-type]
        assert "connect" in await Wire(opened).ask("connect")


@pytest.mark.parametrize(
    "path",
    [
        "/api/collections/../../../etc/passwd/documents",
        "/api/collections/..%2f..%2fetc/documents",
        "/api/collections/%2e%2e/documents",
        "/api/collections/orders/documents/..%2f..%2f..%2fetc%2fpasswd",
        "/api/collections/orders%00/documents",
    ],
)
def test_a_path_leads_nowhere_else(gateway: Served, path: str) -> None:
    """Whatever is climbed: no file, no failure."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status in (404, 422)
    assert b"root:" not in answer.read()
    connection.close()


def test_too_large_a_body_is_refused_and_the_next_is_answered(gateway: Served) -> None:
    """Plain or as a bomb; what it would have become is never held."""
    most = 1_048_576
    answer = gateway.post(b"[" + b" " * most + b"]")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert gateway.http.get("/api/health").status_code == 200


def _trickle(port: int, *, head: bytes) -> tuple[int, bytes]:
    """Send a head and nothing after it; returns the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as wire:
        wire.sendall(head)
        answer = http.client.HTTPResponse(wire)
        answer.begin()
        return answer.status, answer.read()


def test_a_body_that_doesnt_come_is_given_up(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """408, and nothing waits for it any more."""
    monkeypatch.setattr(requests_module, "PART_WITHIN_S", 0.05)
    head = b"POST /api/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
    status, body = _trickle(gateway.port, head=head)
    assert (status, json.loads(body)["error"]["code"]) == (408, "too_slow")


def test_a_body_that_dribbles_is_given_up(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy it looks."""
    monkeypatch.setattr(requests_module, "BODY_WITHIN_S", 0.2)
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as wire:
        wire.sendall(
            b"POST /api/events HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
        )
        is_answered = threading.Event()

        def dribble() -> None:
            try:
                while not is_answered.wait(0.01):
                    wire.sendall(b" ")
            except OSError:
                pass

        thread = threading.Thread(target=dribble)
        thread.start()
        answer = http.client.HTTPResponse(wire)
        answer.begin()
        is_answered.set()
        thread.join()
        assert answer.status == 408


def test_requests_have_a_limit_and_say_when_to_come_back(tmp_path: Path) -> None:
    """429 with Retry-After; a person with a token isn't held to what strangers at their address do."""
    with served(tmp_path, commands_per_s=1, api_key="a key that is long") as gateway:
        answers = [gateway.http.get("/api/collections") for _ in range(15)]
        assert [one.status_code for one in answers[:10]] == [401] * 10
        late = answers[-1]
        assert (late.status_code, late.json()["error"]["code"]) == (429, "too_many_requests")
        assert 1 <= int(late.headers["retry-after"]) <= 20
        assert gateway.http.get("/api/collections", headers={"X-API-Key": "a key that is long"}).status_code == 200


def test_events_have_a_limit_and_nothing_of_what_is_over_is_stored(tmp_path: Path) -> None:
    """Over HTTP and over the socket alike."""
    with served(tmp_path, events_per_s=1) as gateway:
        assert gateway.post([envelope(number) for number in range(10)]).json()["stored"] == 10
        answer = gateway.post(envelope(11))
        assert (answer.status_code, "retry-after" in answer.headers) == (429, True)

        async def over_the_socket() -> dict[str, Any]:
            url = gateway.url.replace("http", "ws") + "/connection/websocket"
            async with connect(url, proxy=None) as opened:
                wire = Wire(opened)
                await wire.ask("connect")
                return await wire.ask("rpc", method="ingest", data={"events": [envelope(12)]})

        error = asyncio.run(over_the_socket())["error"]
        assert (error["code"], error["temporary"]) == (111, True)
        assert "try again in" in error["message"]
        assert gateway.http.get("/api/health").json()["store"]["events"] == 10


def test_commands_on_a_socket_have_a_limit(tmp_path: Path) -> None:
    """Error 111 for each that is too many, then the connection is sent away with 3013; others aren't touched."""
    with served(tmp_path, commands_per_s=1) as gateway:

        async def walk() -> tuple[list[Any], int]:
            url = gateway.url.replace("http", "ws") + "/connection/websocket"
            async with connect(url, proxy=None) as opened:
                wire = Wire(opened)
                await wire.ask("connect")
                codes = [(await wire.ask("history", channel="users")).get("error", {}).get("code") for _ in range(15)]
                for _ in range(300):
                    await wire.say({"id": 999, "history": {"channel": "users"}})
                return codes, (await wire.end())[0]

        codes, end = asyncio.run(walk())
        assert codes[:5] == [None] * 5
        assert codes[-1] == 111
        assert end == 3013


def test_sockets_of_an_address_have_a_limit(tmp_path: Path) -> None:
    """429 at the handshake, with when to come back; who leaves makes room."""
    with served(tmp_path, connections_per_address=4) as gateway:

        async def walk() -> None:
            url = gateway.url.replace("http", "ws") + "/connection/websocket"
            async with connect(url, proxy=None):
                with pytest.raises(InvalidStatus) as refused:
                    await connect(url, proxy=None)
                response = refused.value.response
                assert (response.status_code, int(response.headers["Retry-After"]) > 0) == (429, True)
                assert json.loads(response.body or b"")["error"]["code"] == "too_many_requests"
            async with asyncio.timeout(10):
                while True:
                    try:
                        async with connect(url, proxy=None) as opened:
                            assert "connect" in await Wire(opened).ask("connect")
                            return
                    except InvalidStatus:
                        pass

        asyncio.run(walk())
        assert gateway.on_loop(lambda: gateway.gateway.gate.counted) is not None


def test_nothing_stays_counted(tmp_path: Path) -> None:
    """Once everybody has left, the gate has forgotten them."""
    with served(tmp_path) as gateway:

        async def walk() -> None:
            url = gateway.url.replace("http", "ws") + "/connection/websocket"
            for polite in (True, False):
                async with connect(url, proxy=None) as opened:
                    wire = Wire(opened)
                    await wire.ask("connect")
                    await wire.ask("subscribe", channel="users")
                    await wire.ask("subscribe", channel="no channel")
                    if not polite:
                        opened.transport.abort()
            async with connect(url, proxy=None) as opened:
                await opened.send("not json")

        asyncio.run(walk())
        for _ in range(500):
            if not gateway.on_loop(lambda: gateway.gateway.gate.counted):
                break
        assert gateway.on_loop(lambda: gateway.gateway.gate.counted) == {}


def test_people_behind_a_proxy_are_counted_by_their_own_address(tmp_path: Path) -> None:
    """With the proxy named; and the audit names them."""
    with served(tmp_path, commands_per_s=1, trusted_proxies="127.0.0.1", api_key="a key that is long") as gateway:
        for _ in range(12):
            gateway.http.get("/api/collections", headers={"X-Forwarded-For": "203.0.113.7"})
        other = gateway.http.get("/api/collections", headers={"X-Forwarded-For": "203.0.113.8"})
        same = gateway.http.get("/api/collections", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.7"})
        assert (other.status_code, same.status_code) == (401, 429)
        rows = gateway.http.get("/api/audit", headers={"X-API-Key": "a key that is long"}).json()["rows"]
        assert {row["origin"] for row in rows} == {"203.0.113.7", "203.0.113.8"}


def test_pages_behind_a_tls_proxy_are_our_own(tmp_path: Path) -> None:
    """With X-Forwarded-Host and -Proto of a proxy that is named; anybody else's mean nothing."""
    headers = {"Origin": "https://board.example", "X-Forwarded-Host": "board.example", "X-Forwarded-Proto": "https"}
    with served(tmp_path / "a", trusted_proxies="127.0.0.1", allowed_origins="https://board.example") as gateway:
        assert gateway.http.post("/api/events", json=envelope(1), headers=headers).status_code == 200
        plain = headers | {"Origin": "http://board.example"}
        assert gateway.http.post("/api/events", json=envelope(2), headers=plain).status_code == 403
    with served(tmp_path / "b") as gateway:
        assert gateway.http.post("/api/events", json=envelope(1), headers=headers).status_code == 403


def test_a_list_that_makes_no_sense_stops_the_start(tmp_path: Path) -> None:
    """With one sentence that says which."""
    for name, value in (("allowed_origins", "*"), ("trusted_proxies", "my-proxy")):
        with pytest.raises(ConfigError, match=name), served(tmp_path, **{name: value}):
            pass


def test_what_is_no_route_is_told_in_json(gateway: Served) -> None:
    """And where a route wants another method, which."""
    nowhere = gateway.http.get("/api/nothing/here")
    assert (nowhere.status_code, nowhere.json()["error"]["code"]) == (404, "no_route")
    wrong = gateway.http.delete("/api/events")
    assert (wrong.status_code, wrong.json()["error"]["code"]) == (405, "no_method")
    assert wrong.headers["allow"] == "OPTIONS, POST"


def test_a_document_is_reached_whatever_its_id(gateway: Served) -> None:
    """Ends of lines and slashes included; over HTTP everything has to be encoded anyway."""
    for identifier in ("a\nb", "a/b", "%", "\n", "ü?#"):
        path = f"/api/collections/odd/documents/{quote(identifier, safe='')}"
        assert gateway.http.put(path, json={"id": identifier}).status_code == 201
        assert gateway.http.get(path).json()["document"] == {"id": identifier}


@in_loop
async def test_a_bomb_in_a_frame_is_refused(gateway: Served) -> None:
    """However small it came: what it would become is never held, and the others are served."""
    url = gateway.url.replace("http", "ws") + "/connection/websocket"
    async with connect(url, proxy=None, compression="deflate", max_size=None) as opened:
        wire = Wire(opened)
        await wire.ask("connect")
        with contextlib.suppress(ConnectionClosed):
            await opened.send('{"id": 2, "rpc": {"data": "' + "0" * 50_000_000 + '"}}')
        assert (await wire.end())[0] in (1009, 3501)
    assert (await asyncio.to_thread(gateway.http.get, "/api/health")).status_code == 200
