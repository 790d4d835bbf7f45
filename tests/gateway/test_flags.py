"""Claims about flags at the gateway: durable, all or none, for whom they are on, told and obeyed at once."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from websocket import create_connection

from realtime.errors import EventError, StartError, StorageError
from realtime.gateway.audit_file import Search
from realtime.gateway.flags import CHANGES_KEPT, FILE_NAME, FlagFile
from realtime.protocol.flags import NOTIFICATIONS, READ_ONLY, UNTOUCHED, WEBSOCKET
from realtime.pulse import Pulse
from tests.gateway.keeping import flags_in
from tests.gateway.making import NOON, envelope
from tests.gateway.serving import Served, served
from tests.gateway.sockets import line
from tests.hub.making import Wire, dialled, in_loop
from tests.support.engines import on_each_engine, sqlite_only

pytestmark = on_each_engine
SECRET = "a secret of more than 32 characters"
POLLING_INSTEAD = (4200, "websocket switched off")


def token(user: str, *roles: str) -> dict[str, str]:
    """Make the header of somebody with roles."""
    return {"Authorization": f"Bearer {jwt.encode({'sub': user, 'roles': list(roles)}, SECRET, algorithm='HS256')}"}


# What is kept


def test_what_was_switched_outlives_a_restart(tmp_path: Path) -> None:
    """With who did it, when and why; what wasn't touched stands where it usually does."""
    with flags_in(tmp_path) as flags:
        assert flags.current == UNTOUCHED
        flags.set({WEBSOCKET: 25}, by="ann", why="the proxy drops sockets")
    with flags_in(tmp_path) as flags:
        flag = flags.current.get(WEBSOCKET)
        assert (flag.percent, flag.changed_by, flag.why, flag.changed_at) == (
            25, "ann", "the proxy drops sockets", NOON,
        )  # fmt: skip
        assert not flags.is_on(READ_ONLY, "ann")


def test_listeners_hear_of_changes_alone(tmp_path: Path) -> None:
    """Putting a flag where it stands is no change, and raises no revision."""
    with flags_in(tmp_path) as flags:
        heard: list[int] = []
        flags.watch(lambda changed: heard.append(changed.revision))
        flags.set({WEBSOCKET: 0, READ_ONLY: 100}, by="ann")
        flags.set({WEBSOCKET: 0}, by="bob")
        assert heard == [2]
        assert flags.current.get(WEBSOCKET).changed_by == "ann"


@pytest.mark.parametrize(
    "wanted", [{"nonsense": 0}, {WEBSOCKET: 101}, {WEBSOCKET: -1}, {WEBSOCKET: True}, {WEBSOCKET: "0"}]
)
def test_what_makes_no_sense_changes_nothing(tmp_path: Path, wanted: dict[str, Any]) -> None:
    """All or none: what stands beside it isn't switched either."""
    with flags_in(tmp_path) as flags:
        with pytest.raises(EventError, match="bad_flag"):
            flags.set({READ_ONLY: 100, **wanted}, by="ann")
        with pytest.raises(EventError, match="200 characters"):
            flags.set({READ_ONLY: 100}, by="ann", why="x" * 201)
        assert flags.current == UNTOUCHED


def test_how_things_were_before_a_change_is_kept_with_it(tmp_path: Path) -> None:
    """Across a restart: re-enabling is judged days later."""
    pulse = Pulse(lambda: NOON)
    pulse.note("sockets", 0.01, is_error=True)
    with flags_in(tmp_path, pulse=pulse) as flags:
        flags.set({WEBSOCKET: 0}, by="ann")
    with flags_in(tmp_path, pulse=pulse) as flags:
        before = flags.before(WEBSOCKET)["sockets"]
        assert (before.count, before.errors) == (1, 1)
        assert flags.before(READ_ONLY) == {}


@sqlite_only
def test_changes_are_bounded_but_no_flag_is_forgotten(tmp_path: Path) -> None:
    """One that was switched long ago keeps its place, however often another was."""
    with flags_in(tmp_path) as flags:
        flags.set({READ_ONLY: 100}, by="ann")
        assert isinstance(flags, FlagFile)
        flags._connection.execute("PRAGMA synchronous = OFF")
        for number in range(CHANGES_KEPT + 10):
            flags.set({WEBSOCKET: number % 2}, by="bob")
        (count,) = flags._connection.execute("SELECT count(*) FROM changes").fetchone()
        assert count == CHANGES_KEPT + 1
    with flags_in(tmp_path) as flags:
        assert flags.is_on(READ_ONLY, "anybody")


@sqlite_only
def test_a_file_that_cant_be_used_is_one_sentence(tmp_path: Path) -> None:
    """Broken, or of a later version."""
    (tmp_path / FILE_NAME).write_bytes(b"x" * 8192)
    with pytest.raises(StartError, match="can't be opened"), flags_in(tmp_path):
        pass
    (tmp_path / FILE_NAME).unlink()
    with sqlite3.connect(tmp_path / FILE_NAME) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    with pytest.raises(StartError, match="format 99"), flags_in(tmp_path):
        pass


@sqlite_only
def test_a_disk_that_cant_be_written_switches_nothing(tmp_path: Path) -> None:
    """It is said, and everything stays as it was."""
    with flags_in(tmp_path) as flags:
        assert isinstance(flags, FlagFile)
        flags._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(StorageError, match="nothing was switched"):
            flags.set({WEBSOCKET: 0}, by="ann")
        assert flags.current == UNTOUCHED


# Over HTTP


def put(gateway: Served, content: Any, **headers: str) -> httpx.Response:
    """Switch flags."""
    return gateway.http.put("/api/flags", json=content, headers=headers)


def test_flags_are_told_with_the_figures_now_and_before(tmp_path: Path) -> None:
    """Writes are counted beside read-only: one before the change, two since."""
    with served(tmp_path) as gateway:
        gateway.post(envelope(1))
        answer = put(gateway, {"flags": {READ_ONLY: 100}, "why": "a move", "by": "ann"})
        assert answer.status_code == 200
        put(gateway, {"flags": {READ_ONLY: 0}})
        told = {flag["name"]: flag for flag in gateway.http.get("/api/flags").json()["flags"]}
        assert (told[READ_ONLY]["percent"], told[WEBSOCKET]["changedAt"]) == (0, None)
        assert told[READ_ONLY]["before"]["count"] >= 1
        assert told[READ_ONLY]["before"]["p95Ms"] > 0
        assert told[WEBSOCKET]["before"] is None
        put(gateway, {"flags": {NOTIFICATIONS: 0}})
        [quiet] = [one for one in gateway.http.get("/api/flags").json()["flags"] if one["name"] == NOTIFICATIONS]
        assert quiet["before"]["count"] >= 0, "nothing was noted before, and that is told"
        [first] = [flag for flag in answer.json()["flags"] if flag["name"] == READ_ONLY]
        assert (first["changedBy"], first["why"]) == ("ann", "a move")


@pytest.mark.parametrize(
    "content", [{}, {"flags": 3}, {"flags": {"nonsense": 1}}, {"flags": {WEBSOCKET: 1.5}}, [], "x"]
)
def test_a_body_that_makes_no_sense_is_refused(tmp_path: Path, content: Any) -> None:
    """With the code that says so."""
    with served(tmp_path) as gateway:
        answer = put(gateway, content)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_flag")


def test_only_an_administrator_may_see_or_switch_flags(tmp_path: Path) -> None:
    """By role or by the API key; an app says for whom it asks, nobody else may. All of it is audited."""
    change = {"flags": {WEBSOCKET: 50}, "by": "somebody else"}
    with served(tmp_path, secret=SECRET, require_token=True, api_key="a long key") as gateway:
        for headers in ({}, token("ann"), token("ann", "reader"), {"X-API-Key": "wrong"}):
            assert gateway.http.get("/api/flags", headers=headers).status_code in (401, 403)
            assert put(gateway, change, **headers).status_code in (401, 403)
        assert put(gateway, change, **token("ann", "admin")).json()["flags"][0]["changedBy"] == "ann"
        asked = {"flags": {WEBSOCKET: 60}, "by": "bob"}
        assert put(gateway, asked, **token("tideboard", "app")).json()["flags"][0]["changedBy"] == "bob"
        assert put(gateway, {"flags": {WEBSOCKET: 70}}, **{"X-API-Key": "a long key"}).status_code == 200
        assert gateway.gateway.audit.flush()
        noted = gateway.gateway.audit.reader().all(Search(action="flag.set"))
        rows = [(row.actor, row.outcome, row.target) for row, _ in noted]
    assert ("ann", "refused", f"{WEBSOCKET} 50") in rows
    assert [row for row in rows if row[1] == "ok"] == [
        ("ann", "ok", f"{WEBSOCKET} 50"), ("bob", "ok", f"{WEBSOCKET} 60"), ("", "ok", f"{WEBSOCKET} 70"),
    ]  # fmt: skip


# Read-only


def test_while_read_only_every_change_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """Whatever way it comes; nothing is stored, and it works again at once when it is switched back."""
    documents = "/api/collections/orders/documents"
    with served(tmp_path) as gateway:
        gateway.post(envelope(1))
        put(gateway, {"flags": {READ_ONLY: 100}})
        answers = [
            gateway.post(envelope(2)),
            gateway.http.post(documents, json={"id": "d3"}),
            gateway.http.put(f"{documents}/d1", json={"n": 1}),
            gateway.http.patch(f"{documents}/d1", json={"n": 1}),
            gateway.http.delete(f"{documents}/d1"),
            gateway.http.post("/api/publish", json={"channel": "collection:orders", "data": envelope(4)}),
        ]
        for answer in answers:
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "read_only")
            assert answer.json()["error"]["reason"].startswith("Read-only: an operator")
            assert answer.headers["retry-after"] == "5"
        assert gateway.http.get(documents).json()["documents"] == [{"id": "d1", "number": 1}]
        assert gateway.http.get("/api/ingestion-warnings").json()["warnings"] == []
        put(gateway, {"flags": {READ_ONLY: 0}})
        assert gateway.post(envelope(2)).status_code == 200


def test_a_socket_is_told_to_try_again_later(tmp_path: Path) -> None:
    """Permission denied, for now: an outbox keeps what it has and sends it when writing is on again."""
    with served(tmp_path) as gateway:
        put(gateway, {"flags": {READ_ONLY: 100}})
        socket = create_connection(f"ws://127.0.0.1:{gateway.port}/connection/websocket", timeout=10)
        socket.send('{"id": 1, "connect": {}}')
        socket.recv()
        socket.send(f'{{"id": 2, "rpc": {{"method": "ingest", "data": {{"events": [{json.dumps(envelope(1))}]}}}}}}')
        answer = socket.recv()
        socket.close()
    assert '"code":103' in answer
    assert '"temporary":true' in answer
    assert "Read-only: an operator" in answer


def test_people_come_and_go_while_documents_are_read_only(tmp_path: Path) -> None:
    """Who is here, and what they have read, changes nobody's documents."""
    login = {**envelope(9), "type": "user:login", "data": {"userId": "ann", "timestamp": "2026-01-01T12:00:00Z"}}
    with served(tmp_path) as gateway:
        put(gateway, {"flags": {READ_ONLY: 100}})
        assert gateway.post(login).status_code == 200


def test_read_only_for_a_share_concerns_who_is_in_it(tmp_path: Path) -> None:
    """By the actor of an event, or where it comes from; the same ones every time."""
    people = ["ann", "bob", "cho", "dee", "eva", "finn"]
    with served(tmp_path) as gateway:
        flags = put(gateway, {"flags": {READ_ONLY: 50}})
        assert flags.status_code == 200
        answered = [gateway.post(envelope(name, actor=name)).status_code for name in people]
        expected = [503 if gateway.gateway.flags.is_on(READ_ONLY, name) else 200 for name in people]
    assert answered == expected
    assert set(answered) == {200, 503}


# Sockets


async def _greeted(wire: Wire, **said: Any) -> dict[str, Any]:
    return await wire.ask("connect", data=said)


@in_loop
async def test_switching_sockets_off_sends_everybody_away_to_poll(tmp_path: Path) -> None:
    """Who is connected is told how the flags stand, then let go with the code; so is who dials, until it is on."""
    async with line(tmp_path) as gateway, dialled(gateway.url, is_open=False) as wire:
        await _greeted(wire, flags=True)
        assert (await wire.hear())["push"]["message"]["data"]["flags"]["revision"] == 0
        gateway.gateway.flags.set({WEBSOCKET: 0}, by="ann")
        told = (await wire.hear())["push"]["message"]["data"]["flags"]
        assert [flag["percent"] for flag in told["flags"] if flag["name"] == WEBSOCKET] == [0]
        assert await wire.end() == POLLING_INSTEAD
        async with dialled(gateway.url, is_open=False) as late:
            await late.say({"id": 1, "connect": {}})
            assert await late.end() == POLLING_INSTEAD
        gateway.gateway.flags.set({WEBSOCKET: 100}, by="ann")
        async with dialled(gateway.url) as again:
            assert "publications" not in (await again.ask("history", channel="users"))["history"]


@in_loop
async def test_who_did_not_ask_hears_nothing_of_flags(tmp_path: Path) -> None:
    """Others' clients know no such message."""
    async with line(tmp_path) as gateway, dialled(gateway.url) as wire:
        gateway.gateway.flags.set({READ_ONLY: 100}, by="ann")
        gateway.gateway.flags.set({READ_ONLY: 0}, by="ann")
        await gateway.store(1)
        await wire.ask("ping")
        assert not any("flags" in message for message in wire.messages)


@in_loop
async def test_sockets_are_rolled_out_by_person(tmp_path: Path) -> None:
    """A share keeps its own; an app without a name is told apart by the consumer it is."""
    people = [f"app-{number}" for number in range(8)]
    async with line(tmp_path) as gateway:
        flags = gateway.gateway.flags
        flags.set({WEBSOCKET: 50}, by="ann")
        for person in people:
            async with dialled(gateway.url, is_open=False) as wire:
                await wire.say({"id": 1, "connect": {"data": {"consumer": person}}})
                if flags.is_on(WEBSOCKET, person):
                    assert "connect" in await wire.answer(1)
                else:
                    assert await wire.end() == POLLING_INSTEAD
    assert 0 < sum(flags.is_on(WEBSOCKET, person) for person in people) < len(people)
