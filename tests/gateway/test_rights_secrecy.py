"""What somebody may not see is in no byte they receive: everything that comes in is kept, and searched.

Also through errors, conflicts, repeats, positions and counts; and before, while and after their rights change.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from realtime.gateway.masks import MARK
from tests.gateway.roles import HUSH, ORDERS, Desk, bearer, desk, history_of_orders, order, stored, ticket
from tests.hub.making import Wire, in_loop

DOCUMENTS = "/api/collections/orders/documents"


class Capture:
    """Somebody with a role, who keeps every byte that comes in."""

    def __init__(self, running: Desk, role: str) -> None:
        self.running = running
        self.role = role
        self.received: list[str] = []
        self._wires: list[Wire] = []

    async def ask(self, method: str, path: str, content: Any = None, **headers: str) -> httpx.Response:
        """Ask over HTTP."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await self.running.http.request(
            method, path, json=content if method != "GET" else None, headers=bearer(self.role) | named
        )
        self.received.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer

    @asynccontextmanager
    async def wire(self) -> AsyncIterator[Wire]:
        """Dial in, as a consumer too."""
        async with self.running.wire(self.role) as wire:
            self._wires.append(wire)
            yield wire

    def search(self, *words: str) -> list[str]:
        """Return every message in which a word stands."""
        told = [*self.received, *(message for wire in self._wires for message in wire.messages)]
        return [each for each in told for word in words if word in each]


async def probe(viewer: Capture) -> None:
    """Try every way in, right and wrong."""
    running = viewer.running
    async with viewer.wire() as wire:
        joined = await wire.ask("subscribe", channel=ORDERS, join_leave=True)
        assert "error" not in joined
        for region in ("north", "south"):
            identifier = f"{viewer.role}-{region}"
            await running.post(stored("created", order(identifier, region)))
            await running.post(stored("updated", order(identifier, "south", total=8)))
            await running.post(stored("updated", order(identifier, region, total=9)))
            await running.post(stored("deleted", order(identifier, region, total=10)))
        last = await wire.publication()
        while _about(last) != f"{viewer.role}-north" or last["data"]["type"] != "collection:deleted":
            last = await wire.publication()
        place = joined["subscribe"]
        epoch, offset = place["epoch"], place.get("offset", 0)
        await wire.ask("unsubscribe", channel=ORDERS)
        for position in ((epoch, offset), (epoch, 0), (epoch, 999), ("other", 1), (epoch, max(offset - 3, 0))):
            await wire.ask("subscribe", channel=ORDERS, recover=True, epoch=position[0], offset=position[1])
            await wire.ask("unsubscribe", channel=ORDERS)
        since = {"since": {"epoch": epoch, "offset": 1}}
        for request in ({"limit": -1}, {"limit": 2, "reverse": True}, {"limit": 0}, since):
            await wire.ask("history", channel=ORDERS, **request)
        await wire.ask("rpc", method="ack", data={"events": [{"channel": ORDERS, "epoch": epoch, "offset": 1}]})
        changes = [
            stored("updated", {"id": "n1", "region": "north", "margin": "guess"}, key="g1"),
            stored("updated", {"id": "s1", "region": "south", "margin": "guess"}, key="g2"),
            stored("updated", {"id": "n1", "region": "north", "customer": "all of it"}, key="g3"),
            stored("created", {"id": "s1", "region": "north"}, key="g4"),
            stored("created", order("n1"), key="created-n1-7-north"),
            {"nonsense": HUSH[:4]},
        ]
        for expect in (None, {"offset": 0}, {"offset": 1}, {"offset": 99}):
            for change in changes:
                await wire.ask("rpc", method="ingest", data={"events": [change], "expect": expect})
                await wire.ask("publish", channel=ORDERS, data=change)
    await _probe_http(viewer)


async def _probe_http(viewer: Capture) -> None:
    for identifier in ("n1", "s1", "away", "back", "gone", "never"):
        path = f"{DOCUMENTS}/{identifier}"
        await viewer.ask("GET", path)
        await viewer.ask("GET", f"{path}/history")
        await viewer.ask("GET", f"{path}/history?before=5&limit=1")
        await viewer.ask("POST", DOCUMENTS, {"id": identifier, "region": "north"})
        for headers in ({}, {"If_Match": '"1"'}, {"If_Match": '"99"'}, {"If_Match": "*"}, {"If_None_Match": "*"}):
            await viewer.ask("PATCH", path, {"margin": "guess"}, **headers)
            await viewer.ask("PATCH", path, {"margin": None, "customer": None}, **headers)
            await viewer.ask("PATCH", path, {"items": []}, **headers)
            await viewer.ask("PUT", path, {"region": "north", "margin": "guess"}, **headers)
            await viewer.ask("PUT", path, {"region": "north", "items": [{"sku": "x", "price": "guess"}]}, **headers)
            await viewer.ask("DELETE", path, **{"If_Match": '"98"'})
        await viewer.ask("PATCH", path, {"total": 11}, Idempotency_Key="created-n1-7-north")
    for path in (
        "/api/collections", DOCUMENTS, f"{DOCUMENTS}?limit=1", f"{DOCUMENTS}?limit=1&cursor=n1", "/api/health",
        "/metrics", "/api/ingestion-warnings", "/api/dead-letters", f"/api/inbox/a-{viewer.role}", "/api/inbox/a-admin",
    ):  # fmt: skip
        await viewer.ask("GET", path)
    commands: list[dict[str, Any]] = [
        {"history": {"channel": ORDERS, "limit": 100}}, {"history": {"channel": ORDERS, "limit": 2, "reverse": True}},
        {"presence": {"channel": ORDERS}}, {"presence_stats": {"channel": ORDERS}}, {"info": {}}, {"channels": {}},
        {"publish": {"channel": ORDERS, "data": stored("updated", {"id": "s1", "margin": 1, "region": "x"}, key="g")}},
    ]  # fmt: skip
    await viewer.ask("POST", "/api/batch", {"commands": commands})
    await viewer.ask("POST", "/api/ack", {"consumer": "app", "events": []})
    await viewer.ask("POST", "/api/events", [stored("created", order("s1"), key="x1"), {"id": 1}, order("n2")])


@pytest.mark.parametrize("role", ["clerk", "northclerk"])
@in_loop
async def test_a_hidden_value_is_in_no_byte_a_viewer_receives(tmp_path: Path, role: str) -> None:
    """Whatever they ask, and however wrongly. That the search finds anything is shown by who may see it."""
    async with desk(tmp_path, redeliver_s=0.05, critical_kept=10) as running:
        await history_of_orders(running)
        await running.post(stored("created", order("crit"), key="crit", critical=True))
        viewer = Capture(running, role)
        await probe(viewer)
        assert viewer.search(HUSH) == []
        witness = Capture(running, "editor")
        await probe(witness)
        assert witness.search(HUSH)


@in_loop
async def test_nothing_of_rows_that_are_not_seen_gets_out(tmp_path: Path) -> None:
    """Neither their contents nor their ids, and no count, offset or top that tells how many there are."""
    async with desk(tmp_path, redeliver_s=0.05) as running:
        await history_of_orders(running)
        for number in range(50):
            await running.post(stored("created", order(f"deep-south-{number}", "south")))
        viewer = Capture(running, "north")
        await probe(viewer)
        assert viewer.search("deep-south", f"{HUSH}-s1") == []
        await viewer.ask("GET", "/api/collections")
        [listed] = json.loads(viewer.received[-1].partition("} ")[2])["collections"]
        assert listed["documents"] < 10
        assert listed["position"]["offset"] < 50
        numbers = [json.loads(line) for line in _lines(viewer)]
        assert max((_largest(each, {"offset", "num_clients"}) for each in numbers), default=0) < 60


def _lines(viewer: Capture) -> list[str]:
    return [line for wire in viewer._wires for message in wire.messages for line in message.split("\n")]


def _largest(value: Any, names: set[str]) -> int:
    if isinstance(value, dict):
        own = [each for name, each in value.items() if name in names and isinstance(each, int)]
        return max([0, *own, *(_largest(each, names) for each in value.values())])
    return max([0, *(_largest(each, names) for each in value)]) if isinstance(value, list) else 0


def _about(publication: dict[str, Any]) -> str:
    content = publication["data"]["data"]
    identifier: str = content["document"]["id"] if "document" in content else content["id"]
    return identifier


@in_loop
async def test_what_is_redacted_is_a_mark_and_stays_when_the_mark_comes_back(tmp_path: Path) -> None:
    """Over the API, with the version that was seen."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        shown = await running.get(f"{DOCUMENTS}/n1", role="clerk")
        document = shown.json()["document"]
        assert document["items"] == [{"sku": "x", "price": MARK}]
        headers = bearer("clerk") | {"If-Match": shown.headers["etag"]}
        answer = await running.http.put(f"{DOCUMENTS}/n1", json=document | {"total": 12}, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.json()["document"] == document | {"total": 12}
        whole = (await running.get(f"{DOCUMENTS}/n1", role="admin")).json()["document"]
        assert whole == order("n1", total=12)


@in_loop
async def test_a_conflict_shows_the_document_as_it_may_be_seen(tmp_path: Path) -> None:
    """With versions of the reader's own; of a document that isn't seen, it says that there is none."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        path = f"{DOCUMENTS}/n1"
        seen = (await running.get(path, role="northclerk")).headers["etag"]
        assert seen == '"7"'
        await running.post(stored("updated", order("n1", total=20)))
        late = await running.http.patch(path, json={"total": 1}, headers=bearer("northclerk") | {"If-Match": seen})
        assert late.status_code == 412
        assert late.json()["offset"] == 8
        assert late.json()["document"]["total"] == 20
        assert "it is at 8" in late.json()["error"]["reason"]
        hidden, none = [
            await running.http.patch(
                f"{DOCUMENTS}/{identifier}", json={"total": 1}, headers=bearer("northclerk") | {"If-Match": seen}
            )
            for identifier in ("s1", "never")
        ]
        assert (hidden.status_code, hidden.json()) == (none.status_code, none.json())


@pytest.mark.parametrize("method", ["GET", "PATCH", "DELETE"])
@in_loop
async def test_a_hidden_document_is_answered_like_one_that_is_not_there(tmp_path: Path, method: str) -> None:
    """404, in the same words, but for the id."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        answers = [
            await running.http.request(
                method, f"{DOCUMENTS}/{identifier}", json={"total": 1} if method == "PATCH" else None,
                headers=bearer("north"),
            )
            for identifier in ("s1", "never")
        ]  # fmt: skip
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.text.replace("s1", "never") for answer in answers}) == 1


@in_loop
async def test_a_collection_of_which_nothing_is_seen_is_not_there(tmp_path: Path) -> None:
    """It comes into being with the first document in view, and is told of then."""
    async with desk(tmp_path) as running:
        await running.post(stored("created", order("s1", "south")))
        assert (await running.get("/api/collections", role="north")).json() == {"collections": []}
        async with running.wire("north") as wire, running.wire("clerk") as other:
            await running.post(stored("created", order("n1")))
            told = (await wire.hear())["push"]["message"]["data"]
            joined = await wire.ask("subscribe", channel=ORDERS, recover=True, epoch=told["epoch"], offset=0)
            assert told["channel"] == ORDERS
            assert [each["offset"] for each in joined["subscribe"]["publications"]] == [1]
            assert joined["subscribe"]["recovered"]
            assert "error" not in await other.ask("ping")
            assert not [message for message in other.messages if "message" in message]
        [listed] = (await running.get("/api/collections", role="north")).json()["collections"]
        assert (listed["documents"], listed["position"]["offset"]) == (1, 1)


@in_loop
async def test_a_new_token_changes_what_is_seen_at_once(tmp_path: Path) -> None:
    """What isn't allowed any more ends for good, what is seen otherwise ends so that the client comes back for it."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        async with running.wire("reader", sub="ann", jti="1") as wire:
            for channel in (ORDERS, "users", "system"):
                assert "error" not in await wire.ask("subscribe", channel=channel)
            before = wire.messages[-1]
            refreshed = await wire.ask("refresh", token=ticket("clerk", sub="ann", jti="2"))
            assert "error" not in refreshed
            ended = {}
            for _ in range(2):
                push = (await wire.hear())["push"]
                ended[push["channel"]] = push["unsubscribe"]["code"]
            assert ended == {ORDERS: 2500, "users": 2000}
            place = json.loads(before)
            again = await wire.ask("subscribe", channel=ORDERS, recover=True, epoch=place.get("epoch", "x"), offset=3)
            assert "recovered" not in again["subscribe"]
            await running.post(stored("updated", order("n1", total=30)))
            assert HUSH not in str({**await wire.publication(), "items": 0}["data"]["data"]["document"]["customer"])
            assert (await wire.ask("subscribe", channel="users"))["error"]["code"] == 103
            system = {"error": "x", "severity": "low"}
            event = {"specversion": "1.0", "id": "e", "source": "/t", "type": "system:error", "data": system}
            await running.post(event)
            assert (await wire.publication())["data"]["type"] == "system:error"


@in_loop
async def test_critical_events_come_again_only_to_who_may_see_them(tmp_path: Path) -> None:
    """As they may be seen, at positions of their own; what they may not see they don't owe."""
    async with desk(tmp_path, redeliver_s=0.05) as running:
        async with running.wire("northclerk") as wire:
            pass
        async with _consumer(running, "northclerk") as wire:
            await running.post(stored("created", order("s1", "south"), critical=True))
            await running.post(stored("created", order("n1"), critical=True))
            again = None
            while again is None:
                again = (await wire.hear()).get("push", {}).get("message", {}).get("data", {}).get("critical")
            assert (again["offset"], again["event"]["data"]["document"]["id"]) == (1, "n1")
            assert HUSH not in json.dumps(again)
            place = {key: again[key] for key in ("channel", "epoch", "offset")}
            reply = await wire.ask("rpc", method="ack", data={"events": [place]})
            assert reply["rpc"]["data"] == {"acknowledged": 1}
            while running.gateway.log.owed_to("a-northclerk/till"):
                await wire.ask("ping")
            assert HUSH not in "".join(wire.messages)


@asynccontextmanager
async def _consumer(running: Desk, role: str) -> AsyncIterator[Wire]:
    from tests.hub.making import dialled

    async with dialled(running.url, is_open=False) as wire:
        reply = await wire.ask("connect", token=ticket(role), data={"consumer": "till"})
        assert "error" not in reply
        yield wire


@in_loop
async def test_operators_alone_read_what_quotes_others(tmp_path: Path) -> None:
    """Refused items, dead letters, numbers about everything, and how much there is."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        for path in ("/api/ingestion-warnings", "/api/dead-letters", "/metrics"):
            assert (await running.get(path, role="clerk")).status_code == 403
            assert (await running.get(path, role="admin")).status_code == 200
        assert "positions" not in (await running.get("/api/health", role="clerk")).json()["store"]
        assert "positions" in (await running.get("/api/health", role="admin")).json()["store"]
        assert "events" not in (await running.http.get("/api/health")).json()["store"]


@in_loop
async def test_a_token_for_some_collections_reaches_no_other(tmp_path: Path) -> None:
    """Whatever its roles; an administrator's becomes one who may everything in there."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        narrow = bearer("admin", collections=["oth*"])
        assert (await running.http.get(DOCUMENTS, headers=narrow)).status_code == 403
        made = await running.http.post("/api/collections/other/documents", json={"id": "a"}, headers=narrow)
        assert made.status_code == 201
        assert (await running.http.get("/api/dead-letters", headers=narrow)).status_code == 403


@in_loop
async def test_who_only_writes_learns_nothing_of_what_is_there(tmp_path: Path) -> None:
    """No position, no version, no channel of somebody else's event that theirs happens to repeat."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        elsewhere = stored("created", order("n1"), key="shared")
        elsewhere["data"]["collection"] = "secret-plans"
        await running.post(elsewhere)
        fed = stored("updated", {"id": "n1", "region": "north"}, key="fed")
        repeated = stored("updated", {"id": "n1", "region": "north"}, key="shared")
        answers = [
            await running.post(fed, role="feeder", **{"If-Match": '"3"'}),
            await running.post(fed, role="feeder"),
            await running.post(fed, role="feeder"),
            await running.post(repeated, role="feeder"),
            await running.http.post(DOCUMENTS, json={"id": "n1"}, headers=bearer("feeder")),
            await running.http.put(f"{DOCUMENTS}/n1", json={"total": 1}, headers=bearer("feeder")),
        ]
        assert [answer.status_code for answer in answers] == [412, 200, 200, 200, 409, 201]
        first = answers[1].json()["results"][0]
        assert first == {"index": 0, "status": "stored", "channel": ORDERS}
        assert answers[3].json()["results"][0] == first | {"status": "duplicate"}
        assert answers[5].json() == {"document": {"id": "n1"}, "offset": 0, "position": {"epoch": "", "offset": 0}}
        assert "it is at" not in answers[0].text
        assert "secret-plans" not in "".join(answer.text for answer in answers)
