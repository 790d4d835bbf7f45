"""Role by action by way in: every cell of the table is asked of a running gateway, over real sockets and HTTP."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from realtime.gateway.masks import MARK
from tests.gateway.following import exported
from tests.gateway.roles import (
    EVERYBODY,
    HUSH,
    ORDERS,
    SETTINGS,
    Desk,
    bearer,
    desk,
    history_of_orders,
    order,
    stored,
    visiting,
)
from tests.gateway.serving import Served, served
from tests.hub.making import in_loop

NORTH = frozenset({"n1", "back"})
ALL = frozenset({"n1", "s1", "away", "back"})
NORTH_TYPES = [("n1", "created"), ("away", "created"), ("gone", "created"), ("away", "deleted"), ("back", "created"),
               ("gone", "deleted"), ("n1", "updated")]  # fmt: skip
ALL_TYPES = [("n1", "created"), ("s1", "created"), ("away", "created"), ("back", "created"), ("gone", "created"),
             ("away", "updated"), ("s1", "updated"), ("back", "updated"), ("gone", "deleted"),
             ("n1", "updated")]  # fmt: skip

# What each role sees of the orders: which documents, as which events, and of which of them every field.
SEES: dict[str, tuple[frozenset[str], list[tuple[str, str]], frozenset[str]]] = {
    "admin": (ALL, ALL_TYPES, ALL),
    "reader": (ALL, ALL_TYPES, ALL),
    "editor": (ALL, ALL_TYPES, ALL),
    "clerk": (ALL, ALL_TYPES, frozenset()),
    "mixed": (ALL, ALL_TYPES, NORTH),
    "north": (NORTH, NORTH_TYPES, NORTH),
    "northclerk": (NORTH, NORTH_TYPES, frozenset()),
}

# Which changes each role may make: to n1 in the north, s1 in the south, and by making something new.
MAY: dict[str, set[str]] = {
    "admin": {"create n1", "update n1", "update s1", "delete n1", "delete s1", "ingest"},
    "editor": {"create n1", "update n1", "update s1", "delete n1", "delete s1"},
    "clerk": {"update n1", "update s1"},
    "north": {"update n1", "delete n1"},
    "northclerk": {"update n1"},
    "maker": {"create n1"},
    "feeder": {"ingest"},
    "ingest": {"ingest"},
}


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway in which it all has happened."""
    with served(tmp_path_factory.mktemp("past"), **SETTINGS) as gateway:

        async def fill() -> None:
            async with visiting(gateway) as running:
                await history_of_orders(running)

        asyncio.run(fill())
        yield gateway


@pytest.fixture(scope="module")
def present(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway to change."""
    with served(tmp_path_factory.mktemp("present"), **SETTINGS) as gateway:
        yield gateway


# Reading: each way returns the events or documents that came, None when it was refused.

Seen = list[dict[str, Any]] | None


async def _live(running: Desk, role: str) -> Seen:
    """Subscribe before anything happens, and hear it all."""
    async with running.wire(role) as wire:
        joined = await wire.ask("subscribe", channel=ORDERS)
        await history_of_orders(running)
        if "error" in joined:
            assert joined["error"]["code"] == 103
            return None
        sees = SEES[role][1]
        return [await wire.publication() for _ in sees]


async def _resume(running: Desk, role: str) -> Seen:
    """Note the position, be away while it all happens, and resume."""
    async with running.wire(role) as wire:
        first = await wire.ask("subscribe", channel=ORDERS)
        await wire.ask("unsubscribe", channel=ORDERS)
        await history_of_orders(running)
        start = first.get("subscribe", {"epoch": "x"})
        place = {"epoch": start["epoch"], "offset": start.get("offset", 0)}
        again = await wire.ask("subscribe", channel=ORDERS, recover=True, **place)
        if "error" in first:
            assert first["error"]["code"] == again["error"]["code"] == 103
            return None
        assert again["subscribe"]["recovered"]
        found: list[dict[str, Any]] = again["subscribe"]["publications"]
        return found


async def _history(running: Desk, role: str) -> Seen:
    """Ask for the stream on the socket."""
    async with running.wire(role) as wire:
        reply = await wire.ask("history", channel=ORDERS, limit=-1)
        if "error" in reply:
            assert reply["error"]["code"] == 103
            return None
        found: list[dict[str, Any]] = reply["history"]["publications"]
        assert reply["history"]["offset"] == found[-1]["offset"]
        return found


async def _polled(running: Desk, role: str) -> Seen:
    """Ask for the stream as who can't have a socket does, in two parts."""
    ask = {"channel": ORDERS, "limit": 3}
    answer = await running.http.post("/api/batch", json={"commands": [{"history": ask}]}, headers=bearer(role))
    [reply] = answer.json()["replies"]
    if "error" in reply:
        assert reply["error"]["code"] == 103
        return None
    first = reply["history"]
    since = {"epoch": first["epoch"], "offset": first["publications"][-1]["offset"]}
    rest = await running.http.post("/api/history", json=ask | {"limit": 100, "since": since}, headers=bearer(role))
    return [*first["publications"], *rest.json()["result"]["publications"]]


async def _document_history(running: Desk, role: str) -> Seen:
    """Ask for each order's history, and put them together."""
    found: list[dict[str, Any]] = []
    for identifier in ("n1", "s1", "away", "back", "gone"):
        answer = await running.get(f"/api/collections/orders/documents/{identifier}/history", role=role)
        if answer.status_code == 403:
            assert answer.json()["error"]["code"] == "forbidden"
            return None
        found += [{"offset": each["offset"], "data": each["event"]} for each in answer.json()["events"]]
    return sorted(found, key=lambda each: each["offset"])


async def _snapshot(running: Desk, role: str) -> Seen:
    """Page through the documents, two at a time."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while True:
        answer = await running.get(f"/api/collections/orders/documents?limit=2{cursor}", role=role)
        if answer.status_code == 403:
            assert answer.json()["error"]["code"] == "forbidden"
            return None
        page = answer.json()
        assert len(page["documents"]) == len(page["offsets"])
        found += page["documents"]
        if page["cursor"] is None:
            return found
        cursor = f"&cursor={page['cursor']}"


async def _one_by_one(running: Desk, role: str) -> Seen:
    """Ask for each document; of what isn't seen it is said that there is none."""
    found: list[dict[str, Any]] = []
    for identifier in ("n1", "s1", "away", "back", "gone", "never"):
        answer = await running.get(f"/api/collections/orders/documents/{identifier}", role=role)
        if answer.status_code == 403:
            return None
        if answer.status_code == 404:
            assert answer.json()["error"]["reason"] == f"There is no document '{identifier}' in 'orders'."
        else:
            found.append(answer.json()["document"])
    return found


async def _export(running: Desk, role: str) -> Seen:
    """Follow the gateway as the app does for one profile, and export what its store holds."""
    return await asyncio.to_thread(exported, running.url, role, expected=len(SEES.get(role, ((),))[0]))


EVENTS: dict[str, Callable[[Desk, str], Awaitable[Seen]]] = {
    "live": _live, "resume": _resume, "history": _history, "polling": _polled, "document history": _document_history,
}  # fmt: skip
AS_IT_HAPPENS = ("live", "resume")
DOCUMENTS: dict[str, Callable[[Desk, str], Awaitable[Seen]]] = {
    "snapshot": _snapshot, "one document": _one_by_one, "export": _export,
}  # fmt: skip


@pytest.mark.parametrize(("role", "way"), list(itertools.product(EVERYBODY, EVENTS)))
@in_loop
async def test_events_are_read_as_the_role_says(past: Served, tmp_path: Path, role: str, way: str) -> None:
    """Which events, as what, with which fields, at offsets without a hole; nothing for who may not read."""
    async with desk(tmp_path) if way in AS_IT_HAPPENS else visiting(past) as running:
        seen = await EVENTS[way](running, role)
    if role not in SEES:
        assert seen is None
        return
    _, expected, whole = SEES[role]
    assert seen is not None
    told = [(_about(each["data"]), each["data"]["type"].partition(":")[2]) for each in seen]
    assert told == expected
    assert [each["offset"] for each in seen] == list(range(1, len(expected) + 1))
    for each in seen:
        document = each["data"]["data"].get("document")
        if document is not None:
            _check(document, is_whole=document["region"] == "north" if role == "mixed" else bool(whole))


@pytest.mark.parametrize(("role", "way"), list(itertools.product(EVERYBODY, DOCUMENTS)))
@in_loop
async def test_documents_are_read_as_the_role_says(past: Served, role: str, way: str) -> None:
    """Which documents, with which fields; nothing for who may not read."""
    async with visiting(past) as running:
        seen = await DOCUMENTS[way](running, role)
    if role not in SEES:
        assert seen is None
        return
    documents, _, whole = SEES[role]
    assert seen is not None
    assert {each["id"] for each in seen} == documents
    for each in seen:
        _check(each, is_whole=each["id"] in whole)


# Writing: each way returns what became of it, as a word.


class Change:
    """One change to a document of its own."""

    def __init__(self, identifier: str, action: str, where: str) -> None:
        self.id = identifier
        self.action = action
        self.region = "south" if where == "s1" else "north"

    @property
    def event(self) -> dict[str, Any]:
        """The event that says it."""
        document: dict[str, Any] = {"id": self.id, "region": self.region, "total": 9}
        if self.action == "update":
            document["items"] = [{"sku": "x", "price": MARK}]  # a list with parts that aren't seen goes back as it came
        kind = {"create": "created", "update": "updated", "delete": "deleted"}[self.action]
        return stored(kind, document, key=f"change-{self.id}")


def _word(answer: Any) -> str:
    """Read the answer of the API."""
    content = answer.json()
    if "results" in content:
        [result] = content["results"]
        return result.get("code") or "stored"
    if "result" in content:
        return "stored"
    error = content.get("error")
    return "stored" if error is None else str(error["code"])


async def _by_verb(running: Desk, role: str, change: Change) -> str:
    """Use the verb of HTTP that is meant for it."""
    path, headers = "/api/collections/orders/documents", bearer(role)
    if change.action == "create":
        document = {"id": change.id, "region": change.region}
        return _word(await running.http.post(path, json=document, headers=headers))
    if change.action == "delete":
        return _word(await running.http.delete(f"{path}/{change.id}", headers=headers))
    return _word(await running.http.patch(f"{path}/{change.id}", json={"total": 9}, headers=headers))


async def _by_post(running: Desk, role: str, change: Change) -> str:
    """Post it as an event."""
    return _word(await running.post(change.event, role=role))


async def _by_publish(running: Desk, role: str, change: Change) -> str:
    """Publish it over HTTP."""
    command = {"channel": ORDERS, "data": change.event}
    return _word(await running.http.post("/api/publish", json=command, headers=bearer(role)))


async def _by_socket(running: Desk, role: str, change: Change) -> str:
    """Publish it on the socket."""
    async with running.wire(role) as wire:
        reply = await wire.ask("publish", channel=ORDERS, data=change.event)
        return str(reply["error"]["code"]) if "error" in reply else "stored"


async def _by_rpc(running: Desk, role: str, change: Change) -> str:
    """Send it as the app's pages do."""
    async with running.wire(role) as wire:
        reply = await wire.ask("rpc", method="ingest", data={"events": [change.event], "expect": None})
        [result] = reply["rpc"]["data"]["results"]
        return result.get("code") or "stored"


WRITING: dict[str, Callable[[Desk, str, Change], Awaitable[str]]] = {
    "verb": _by_verb, "post": _by_post, "publish": _by_publish, "socket": _by_socket, "rpc": _by_rpc,
}  # fmt: skip
CHANGES = ("create n1", "update n1", "update s1", "delete n1", "delete s1")
REFUSED = {"forbidden", "not_found", "exists", "103", "107"}


@pytest.mark.parametrize(("role", "way"), list(itertools.product(EVERYBODY, WRITING)))
@in_loop
async def test_changes_are_made_as_the_role_says(present: Served, role: str, way: str) -> None:
    """What may be done is done, and leaves what wasn't seen as it was; what may not changes nothing at all."""
    async with visiting(present) as running:
        for said in CHANGES:
            change = Change(f"{role}-{way}-{said.replace(' ', '-')}", *said.split(" "))
            if change.action != "create":
                await running.post(stored("created", order(change.id, change.region), key=f"first-{change.id}"))
            before = running.gateway.log.get("orders", change.id)
            became = await WRITING[way](running, role, change)
            after = running.gateway.log.get("orders", change.id)
            # Who ingests may write by every way; but a verb that changes what is there is only for who can see it.
            is_fed = "ingest" in MAY.get(role, set()) and (way != "verb" or change.action == "create")
            may = said in MAY.get(role, set()) or is_fed
            assert (became == "stored") is may, (said, became)
            if not may:
                assert became in REFUSED
                assert after == before
            elif change.action == "delete":
                assert after is None
            elif change.action == "update":
                assert before is not None
                assert after is not None
                _check_update(
                    msgspec.json.decode(before.document), msgspec.json.decode(after.document),
                    is_patch=way == "verb", is_masked=role in ("clerk", "northclerk"),
                )  # fmt: skip


def _check_update(before: dict[str, Any], after: dict[str, Any], *, is_patch: bool, is_masked: bool) -> None:
    assert after["total"] == 9
    if is_patch:
        assert after == before | {"total": 9}
    elif is_masked:
        # The whole document was put in place of what the writer saw; the rest is as it was.
        assert (after["margin"], after["items"]) == (before["margin"], before["items"])
        assert after["customer"] == {"email": before["customer"]["email"]}
    else:
        assert set(after) == {"id", "region", "total", "items"}


def _about(envelope: dict[str, Any]) -> str:
    content = envelope["data"]
    identifier: str = content["document"]["id"] if "document" in content else content["id"]
    return identifier


def _check(document: dict[str, Any], *, is_whole: bool) -> None:
    if is_whole:
        assert document == order(document["id"], document["region"], total=document["total"])
        return
    assert "margin" not in document
    assert "email" not in document["customer"]
    assert document["customer"]["name"] == "Ann"
    assert HUSH not in str({key: each for key, each in document.items() if key != "items"})
