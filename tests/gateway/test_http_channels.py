"""Claims about the routes in Centrifugo's shape, health, metrics, origins, keys and tokens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from websocket import create_connection

from tests.gateway.making import envelope
from tests.gateway.serving import Served, served
from tests.support.engines import on_each_engine

pytestmark = on_each_engine

SECRET = "s" * 32
ORDERS = "collection:orders"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    """Serve a gateway."""
    with served(tmp_path) as one:
        yield one


def _command(gateway: Served, name: str, content: Any) -> Any:
    answer = gateway.http.post(f"/api/{name}", json=content)
    assert answer.status_code == 200
    return answer.json()


def test_publish_stores_one_event_in_its_channel(gateway: Served) -> None:
    """The result is its position; another channel than the event's own is a bad request."""
    result = _command(gateway, "publish", {"channel": ORDERS, "data": envelope(1)})["result"]
    assert result["offset"] == 1
    assert _command(gateway, "publish", {"channel": "users", "data": envelope(2)})["error"]["code"] == 107
    assert _command(gateway, "publish", {"channel": ORDERS, "data": {}})["error"]["code"] == 107
    assert _command(gateway, "publish", {"data": {}})["error"]["code"] == 107


def test_history_is_what_polls_when_the_socket_cannot_be_had(gateway: Served) -> None:
    """From `since` on, in order, to the top; without a limit the position alone; 112 when it can't be complete."""
    gateway.post([envelope(number) for number in range(5)])
    top = _command(gateway, "history", {"channel": ORDERS})["result"]
    assert (top["offset"], top.get("publications", [])) == (5, [])
    since = {"offset": 2, "epoch": top["epoch"]}
    result = _command(gateway, "history", {"channel": ORDERS, "limit": -1, "since": since})["result"]
    assert [one["offset"] for one in result["publications"]] == [3, 4, 5]
    assert result["publications"][0]["data"]["id"] == "e2"
    back = _command(gateway, "history", {"channel": ORDERS, "limit": 2, "reverse": True})["result"]
    assert [one["offset"] for one in back["publications"]] == [5, 4]
    lost = _command(gateway, "history", {"channel": ORDERS, "limit": 1, "since": {"offset": 2, "epoch": "other"}})
    assert lost["error"]["code"] == 112
    assert _command(gateway, "history", {"channel": "nonsense"})["error"]["code"] == 102
    assert _command(gateway, "history", {})["error"]["code"] == 107
    assert _command(gateway, "history", {"channel": 3})["error"]["code"] == 107


def test_presence_tells_who_listens(gateway: Served) -> None:
    """A subscribed socket is in presence, its counts, the list of channels and the node's numbers."""
    socket = create_connection(gateway.url.replace("http", "ws") + "/connection/websocket", timeout=10)
    socket.send(json.dumps({"id": 1, "connect": {}}))
    client = json.loads(socket.recv())["connect"]["client"]
    socket.send(json.dumps({"id": 2, "subscribe": {"channel": ORDERS}}))
    socket.recv()
    assert list(_command(gateway, "presence", {"channel": ORDERS})["result"]["presence"]) == [client]
    assert _command(gateway, "presence_stats", {"channel": ORDERS})["result"] == {"num_clients": 1, "num_users": 1}
    assert _command(gateway, "channels", {"pattern": "collection:*"})["result"] == {
        "channels": {ORDERS: {"num_clients": 1}}
    }
    assert _command(gateway, "channels", {"pattern": "x*"})["result"] == {"channels": {}}
    [node] = gateway.http.post("/api/info", headers={"content-type": "application/json"}).json()["result"]["nodes"]
    assert (node["num_clients"], node["num_channels"]) == (1, 1)
    socket.close()


def test_what_is_posted_reaches_a_socket_in_order(gateway: Served) -> None:
    """A long batch arrives whole, contiguous, and is what was stored."""
    socket = create_connection(gateway.url.replace("http", "ws") + "/connection/websocket", timeout=10)
    socket.send(json.dumps({"id": 1, "connect": {}}) + "\n" + json.dumps({"id": 2, "subscribe": {"channel": ORDERS}}))
    replies = 0
    while replies < 2:
        replies += len(socket.recv().splitlines())
    gateway.post([envelope(number) for number in range(450)])
    offsets: list[int] = []
    while len(offsets) < 450:
        offsets += [json.loads(line)["push"]["pub"]["offset"] for line in socket.recv().splitlines()]
    assert offsets == list(range(1, 451))
    socket.close()


def test_a_batch_answers_each_command(gateway: Served) -> None:
    """In order; one that fails leaves the others alone."""
    commands = [
        {"publish": {"channel": ORDERS, "data": envelope(1)}},
        {"nonsense": {}},
        {"history": {"channel": ORDERS}},
        {"info": {}, "channels": {}},
    ]
    replies = _command(gateway, "batch", {"commands": commands})["replies"]
    assert replies[0]["publish"]["offset"] == replies[2]["history"]["offset"] == 1
    assert [reply["error"]["code"] for reply in (replies[1], replies[3])] == [104, 104]
    assert _command(gateway, "batch", {})["error"]["code"] == 107
    assert _command(gateway, "batch", {"commands": [{}] * 1001})["error"]["code"] == 106


def test_health_and_metrics_tell_how_it_is(gateway: Served) -> None:
    """Live, ready, version, positions; Prometheus' text."""
    gateway.post(envelope(1))
    health = gateway.http.get("/api/health").json()
    assert (health["live"], health["ready"], health["store"]["events"]) == (True, True, 1)
    assert health["store"]["positions"][ORDERS]["offset"] == 1
    assert health["version"]
    metrics = gateway.http.get("/metrics")
    assert "tideboard_events_stored_total" in metrics.text
    assert metrics.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1"])
def test_a_page_of_another_site_changes_nothing(gateway: Served, origin: str) -> None:
    """403 for a browser's foreign Origin on anything but reading; our own passes."""
    answer = gateway.post(envelope(1), origin=origin)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "foreign_origin")
    assert gateway.http.get("/api/collections", headers={"origin": origin}).json() == {"collections": []}
    assert gateway.post(envelope(1), origin=gateway.url).status_code == 200


def test_a_set_key_is_needed(tmp_path: Path) -> None:
    """401 without or with a wrong one; health, metrics and the description stay open."""
    with served(tmp_path, api_key="k" * 12) as gateway:
        for headers in ({}, {"x_api_key": "wrong"}, {"authorization": "Bearer x"}):
            assert gateway.post(envelope(1), **headers).status_code == 401
        assert gateway.http.get("/api/collections").status_code == 401
        for path in ("/api/health", "/metrics", "/api/openapi.json"):
            assert gateway.http.get(path).status_code == 200
        assert gateway.post(envelope(1), x_api_key="k" * 12).status_code == 200


def test_a_required_token_says_who_acts(tmp_path: Path) -> None:
    """401 without a valid, unexpired one; `sub` becomes the event's actor."""
    with served(tmp_path, secret=SECRET, require_token=True) as gateway:
        assert gateway.post(envelope(1)).status_code == 401
        for claims, secret in (({"sub": "eve"}, "x" * 32), ({"sub": "ann", "exp": 5}, SECRET)):
            token = jwt.encode(claims, secret, algorithm="HS256")
            assert gateway.post(envelope(1), authorization=f"Bearer {token}").status_code == 401
        bearer = "Bearer " + jwt.encode({"sub": "ann"}, SECRET, algorithm="HS256")
        assert gateway.post(envelope(1), authorization=bearer).status_code == 200
        gateway.http.patch(
            "/api/collections/orders/documents/d1", json={"n": 2}, headers={"authorization": bearer}
        ).raise_for_status()
        history = gateway.http.get(
            "/api/collections/orders/documents/d1/history", headers={"authorization": bearer}
        ).json()
        assert [told["event"]["actor"] for told in history["events"]] == ["ann", "ann"]
