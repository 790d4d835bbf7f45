"""Claims about what a running gateway writes into its audit, and who gets to read it."""

from __future__ import annotations

import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from websocket import create_connection

from realtime.gateway.audit_words import MASK
from realtime.gateway.tokens import mint
from tests.gateway.making import envelope
from tests.gateway.serving import Served, served

SECRET = "an audited secret of more than 32 characters"
KEY = "an api key that is long"


def token(user: str, *roles: str) -> str:
    """Sign a token."""
    return mint(SECRET, user=user, identifier=f"{user}-{roles}", now=time.time(), life_s=600, roles=roles)


def bearer(user: str, *roles: str) -> dict[str, str]:
    """Make the header of a token."""
    return {"Authorization": f"Bearer {token(user, *roles)}"}


def rows(gateway: Served, **query: Any) -> list[dict[str, Any]]:
    """Search the audit as an administrator would; oldest first."""
    answer = gateway.http.get("/api/audit", params=query, headers={"X-API-Key": KEY})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["rows"]
    return found[::-1]


def told(gateway: Served, **query: Any) -> list[tuple[str, ...]]:
    """Tell rows by what matters here."""
    return [
        tuple(str(row[name]) for name in ("actor", "action", "outcome", "target", "detail"))
        for row in rows(gateway, **query)
    ]


@pytest.fixture
def gateway(tmp_path: Path) -> Any:
    """Serve a gateway that wants tokens."""
    with served(tmp_path, secret=SECRET, require_token=True, api_key=KEY) as one:
        yield one


def test_writes_are_noted_with_their_document_and_never_their_contents(gateway: Served) -> None:
    """Whoever changes a document over HTTP is named, with the verb, the document and their address."""
    documents = "/api/collections/orders/documents"
    ann = bearer("ann", "admin")
    gateway.http.post(documents, json={"id": "A-1", "card": "4111-1111"}, headers=ann)
    gateway.http.patch(f"{documents}/A-1", json={"card": "5500-0000"}, headers=ann)
    gateway.http.delete(f"{documents}/A-1", headers=ann)
    assert told(gateway, action="write") == [
        ("ann", "write", "ok", "collection:orders/A-1", verb) for verb in ("create", "update", "delete")
    ]
    assert rows(gateway, action="write")[0]["origin"] == "127.0.0.1"
    written = b"".join(path.read_bytes() for path in _files(gateway))
    assert b"4111-1111" not in written
    assert b"5500-0000" not in written


def test_many_events_are_one_row_with_their_number(gateway: Served) -> None:
    """A bulk load says how many, and to which collection."""
    gateway.post([envelope(number) for number in range(30)], **_named("X-API-Key", KEY))
    assert told(gateway, action="write") == [("key", "write", "ok", "collection:orders", "create")]
    assert rows(gateway, action="write")[0]["times"] == 30


def test_what_comes_through_the_app_is_its_peoples(gateway: Served) -> None:
    """The actor of an event counts when the app brings it; anybody else stays who they are."""
    gateway.post(envelope(1, actor="bob"), **bearer("tideboard", "app"))
    gateway.post(envelope(2, actor="bob"), **bearer("mallory", "admin"))
    assert told(gateway, action="write") == [
        ("bob", "write", "ok", "collection:orders/d1", "create"),
        ("mallory", "write", "ok", "collection:orders/d2", "create in the name of bob"),
    ]


def test_refusals_are_noted(gateway: Served) -> None:
    """Strangers by their address and what they wanted, the known by name, bad events by their code."""
    gateway.http.get("/api/collections")
    gateway.http.get("/api/collections", headers={"Authorization": f"Bearer {token('ann')}x"})
    gateway.http.get("/api/audit", headers=bearer("ann", "reader"))
    gateway.post({"specversion": "1.0"}, **bearer("ann", "admin"))
    found = told(gateway, outcome="refused")
    assert [one[:4] for one in found] == [
        ("", "call", "refused", "GET /api/collections"),
        ("", "call", "refused", "GET /api/collections"),
        ("ann", "call", "refused", "GET /api/audit"),
        ("ann", "write", "refused", ""),
    ]
    assert found[-1][4] == "missing_attribute"


def test_sockets_are_noted_let_in_or_not(gateway: Served) -> None:
    """With the person, and without the token."""
    url = gateway.url.replace("http", "ws") + "/connection/websocket"
    for sent in (token("ann"), token("ann") + "x", ""):
        socket = create_connection(url, timeout=10)
        socket.send(json.dumps({"id": 1, "connect": {"token": sent}}))
        socket.recv()
        socket.shutdown()  # type: ignore[no-untyped-call]
    found = rows(gateway, action="connect")
    assert {(one["actor"], one["outcome"]) for one in found} == {("ann", "ok"), ("", "refused")}
    assert sum(one["times"] for one in found) == 3
    written = b"".join(path.read_bytes() for path in _files(gateway))
    assert token("ann").encode() not in written


def test_events_over_the_socket_are_noted(gateway: Served) -> None:
    """Published or by rpc alike."""
    socket = create_connection(gateway.url.replace("http", "ws") + "/connection/websocket", timeout=10)
    socket.send(json.dumps({"id": 1, "connect": {"token": token("ann", "admin")}}))
    assert "connect" in socket.recv()
    socket.send(json.dumps({"id": 2, "publish": {"channel": "collection:orders", "data": envelope(1)}}))
    assert "publish" in socket.recv()
    socket.send(json.dumps({"id": 3, "rpc": {"method": "ingest", "data": {"events": [envelope(2)]}}}))
    assert "stored" in socket.recv()
    socket.shutdown()  # type: ignore[no-untyped-call]
    assert [one[3] for one in told(gateway, action="write")] == ["collection:orders/d1", "collection:orders/d2"]


def test_acknowledging_is_noted_and_reading_isnt(gateway: Served) -> None:
    """What somebody reads or snoozes in their inbox is theirs."""
    commands = [
        {"do": "acknowledge", "id": "c1", "at": 1.0, "keys": ["k"], "who": "ann", "why": "on it"},
        {"do": "set", "id": "c2", "at": 2.0, "keys": ["k"], "mark": "read"},
    ]
    for number, command in enumerate(commands):
        content = {"user": "ann", "command": command}
        body = envelope(f"c{number}") | {"type": "inbox:command", "data": content, "actor": "ann", "id": command["id"]}
        assert gateway.post(body, **bearer("tideboard", "app")).json()["stored"] == 1
    assert told(gateway, action="acknowledge") == [("ann", "acknowledge", "ok", "inbox#ann", "")]
    assert told(gateway, text="inbox#") == told(gateway, action="acknowledge")


def test_an_app_notes_what_its_people_do(gateway: Served) -> None:
    """Signing in and taking exports happen there; nobody else may write into the audit, nor what isn't a note."""
    note = {
        "action": "export",
        "actor": "ann",
        "target": "collection:orders",
        "detail": "CSV, 12 rows",
        "origin": "10.1.1.1",
    }
    app = bearer("tideboard", "app")
    assert gateway.http.post("/api/audit", json=note, headers=app).json() == {"noted": True}
    for stranger in (bearer("ann", "admin"), bearer("ann", "reader")):
        assert gateway.http.post("/api/audit", json=note, headers=stranger).status_code == 403
    for bad in ("since=yesterday", "until=2026-01-01T00:00:00", "limit=0", "limit=many", "outcome=fine"):
        answer = gateway.http.get(f"/api/audit?{bad}", headers={"X-API-Key": KEY})
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_query")


def test_the_chain_is_walked_on_request(gateway: Served) -> None:
    """A whole one says where it ends; a broken one where it is broken."""

    gateway.post([envelope(number) for number in range(3)], **_named("X-API-Key", KEY))
    verdict = _walked(gateway)
    assert verdict["isWhole"]
    assert verdict["head"].startswith(f"{verdict['rows']}:")
    [path] = [path for path in _files(gateway) if path.suffix == ".db"]
    connection = sqlite3.connect(path)
    connection.execute("UPDATE rows SET actor = 'eve' WHERE number = 1")
    connection.commit()
    connection.close()
    assert _walked(gateway)["breaks"][0].startswith("row 1 was changed")


def test_tokens_and_people_taken_back_are_noted(gateway: Served) -> None:
    """Who did it, and whom it was about; never the token itself."""
    lost = token("till-7", "ingest")
    root = bearer("root", "admin")
    gateway.http.post("/api/revoke", json={"token": lost}, headers=root)
    gateway.http.post("/api/revoke", json={"user": "till-8"}, headers=root)
    gateway.http.post("/api/block", json={"user": "eve"}, headers=root)
    gateway.http.post("/api/unblock", json={"user": "eve"}, headers=root)
    gateway.http.post("/api/block", json={"user": "root"}, headers=bearer("ann", "reader"))
    assert told(gateway, actor="root") == [
        ("root", "token.revoke", "ok", "till-7-('ingest',)", "one token"),
        ("root", "token.revoke", "ok", "till-8", "all tokens so far of this person"),
        ("root", "user.block", "ok", "eve", ""),
        ("root", "user.unblock", "ok", "eve", ""),
    ]
    assert [one[3] for one in told(gateway, actor="ann")] == ["POST /api/block"]
    assert lost.encode() not in b"".join(path.read_bytes() for path in _files(gateway))


def test_flags_are_noted_with_where_it_came_from(gateway: Served) -> None:
    """Switched or refused."""
    gateway.http.put("/api/flags", json={"flags": {"websocket": 50}, "why": "try"}, headers=bearer("root", "admin"))
    gateway.http.put("/api/flags", json={"flags": {"websocket": 0}}, headers=bearer("ann", "reader"))
    found = rows(gateway, action="flag.set")
    assert [(row["actor"], row["outcome"], row["origin"]) for row in found] == [
        ("root", "ok", "127.0.0.1"),
        ("ann", "refused", "127.0.0.1"),
    ]


def test_a_secret_in_a_path_is_masked(gateway: Served) -> None:
    """Whoever pastes a token where it doesn't belong doesn't find it in the audit."""
    gateway.http.get(f"/api/collections/{token('ann')}/documents")
    assert MASK in rows(gateway, action="call")[0]["target"]


def _walked(gateway: Served) -> dict[str, Any]:
    verdict: dict[str, Any] = gateway.http.get("/api/audit/verify", headers={"X-API-Key": KEY}).json()
    return verdict


def _named(name: str, value: str) -> dict[str, str]:
    return {name: value}


def _files(gateway: Served) -> list[Path]:
    folder = gateway.gateway.audit.path.parent
    return [path for path in folder.iterdir() if path.name.startswith("audit.db")]
