"""One suite, two servers: our client and store, unchanged, against our gateway and against a real Centrifugo.

Centrifugo is the judge of what we make of its protocol. It runs wherever the program is found (`.ci/run` brings it
where Go is); elsewhere each test says how to get it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from realtime.client import WebSocketClient
from realtime.protocol.positions import Position
from realtime.store import ConnectionState, Store
from tests.conformance.centrifugo import API_KEY, HOW_TO_GET_IT, binary, token
from tests.conformance.judges import Judged, Make, a_centrifugo, a_gateway
from tests.gateway.making import envelope
from tests.support.waiting import until

ORDERS = "collection:orders"

_NOT_HERE = pytest.mark.skipif(
    binary() is None, reason=f"not run against a real Centrifugo, which isn't here: {HOW_TO_GET_IT}"
)


class Judge:
    """A server and clients of ours."""

    def __init__(self, server: Judged, stack: ExitStack) -> None:
        self.server = server
        self._stack = stack
        stack.callback(server.stop)
        server.start()

    def client(self, store: Store, *, get_token: Callable[[], str] = token, **options: Any) -> WebSocketClient:
        """Make a client that follows the orders, and is ended with the test."""
        client = WebSocketClient(
            self.server.socket_url, http_url=self.server.base_url, store=store, token=get_token, api_key=API_KEY,
            channels=("users", "system", ORDERS), **options,
        )  # fmt: skip
        client.set_reconnect_options(cap_s=0.2)
        self._stack.callback(client.disconnect)
        client.connect()
        return client

    def orders(self, *numbers: int) -> None:
        """Publish one order for each number, by the server API."""
        for number in numbers:
            self.api("publish", channel=ORDERS, data=order(number))

    def api(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call the server API."""
        answer = self.server.http.post(f"/api/{method}", json=parameters)
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        assert "error" not in body, body
        result: dict[str, Any] = body["result"]
        return result

    def cut(self) -> None:
        """End the connections with a code that means "come back"."""
        self.api("disconnect", user="ann", disconnect={"code": 3011, "reason": "force reconnect"})


@pytest.fixture(
    params=[pytest.param(a_gateway, id="ours"), pytest.param(a_centrifugo, id="centrifugo", marks=_NOT_HERE)]
)
def make(request: pytest.FixtureRequest) -> Make:
    """Say which server it is about."""
    chosen: Make = request.param
    return chosen


@pytest.fixture
def judge(make: Make, tmp_path: Path) -> Iterator[Judge]:
    """Give a running server."""
    with ExitStack() as stack:
        yield Judge(make(tmp_path), stack)


def order(number: int) -> dict[str, Any]:
    """Return the event that creates an order."""
    return envelope(number, document=f"o{number}")


def offsets(store: Store) -> list[int]:
    """Return the offsets of the orders' events that the feed has, oldest first."""
    return [entry.offset for entry in store.feed(limit=1000, channels=(ORDERS,))][::-1]


def has_come(store: Store, count: int) -> None:
    """Wait until so many orders' events have come."""
    until(lambda: len(offsets(store)) == count)


def has_dialed(store: Store, count: int) -> None:
    """Wait until it is in sync on its `count`th dial or a later one."""
    until(lambda: store.connection.dials >= count and store.connection.is_connected)


def test_it_connects_by_token_subscribes_and_hears(judge: Judge) -> None:
    """A JWT of Centrifugo's form lets it in; what the server API publishes is in the store, in order."""
    store = Store()
    client = judge.client(store)
    until(lambda: client.is_connected)
    judge.orders(*range(1, 21))
    until(lambda: len(store.collection("orders").documents) == 20)
    assert offsets(store) == list(range(1, 21))
    assert store.document("orders", "o7") is not None


def test_what_was_published_before_comes_with_the_history(judge: Judge) -> None:
    """Of a server that keeps no documents, too: then its newest events tell of them."""
    judge.orders(*range(1, 31))
    store = Store()
    client = judge.client(store)
    until(lambda: client.is_connected)
    assert offsets(store) == list(range(1, 31))
    assert {one.document["number"] for one in store.collection("orders").documents.values()} == set(range(1, 31))
    judge.orders(31)
    until(lambda: store.document("orders", "o31") is not None)


def test_it_recovers_what_it_missed_three_times_over(judge: Judge) -> None:
    """Cut by the server with "come back": nothing is skipped and nothing comes twice."""
    store, number = Store(), 0
    client = judge.client(store)
    until(lambda: client.is_connected)
    for cut in range(1, 4):
        judge.orders(number + 1, number + 2)
        has_come(store, number + 2)
        judge.cut()
        judge.orders(number + 3, number + 4)
        number += 4
        has_come(store, number)
        has_dialed(store, cut + 1)
    assert offsets(store) == list(range(1, number + 1))
    assert store.totals()["duplicates"] == 0
    assert store.gaps == ()


def test_a_server_that_lost_its_memory_is_not_believed_to_have_recovered(judge: Judge) -> None:
    """Killed and started anew it has another epoch: what it has now is taken, and nothing is claimed of the rest."""
    store = Store()
    client = judge.client(store)
    until(lambda: client.is_connected)
    judge.orders(1, 2, 3)
    until(lambda: len(offsets(store)) == 3)
    before = store.position(ORDERS)
    judge.server.kill()
    until(lambda: store.connection.state is ConnectionState.RECONNECTING)
    judge.server.forget()
    judge.server.start()
    judge.orders(11, 12)
    until(lambda: store.document("orders", "o12") is not None and client.is_connected)
    after = store.position(ORDERS)
    assert before is not None
    assert after is not None
    assert after.epoch != before.epoch
    assert after.offset == 2
    assert store.document("orders", "o11") is not None


def test_more_than_the_server_kept_is_told_as_a_gap(judge: Judge) -> None:
    """`recovered: false` is taken at its word: what can't be had any more is said with its range."""
    store = Store()
    client = judge.client(store)
    until(lambda: client.is_connected)
    judge.orders(1)
    until(lambda: offsets(store) == [1])
    client.disconnect()
    judge.orders(*range(2, 303))  # it keeps 200
    client.connect()
    until(lambda: client.is_connected and bool(store.gaps))
    position = store.position(ORDERS)
    assert position is not None
    assert position.offset == 302
    assert [(gap.channel, gap.first, gap.last) for gap in store.gaps] == [(ORDERS, 2, 102)]


def test_an_expired_token_is_replaced_by_itself(judge: Judge) -> None:
    """109 at connect: a fresh one is fetched before the next dial, which gets in."""
    given: list[str] = []

    def fresh() -> str:
        given.append(token(exp=int(time.time()) - 10) if not given else token())
        return given[-1]

    store = Store()
    client = judge.client(store, get_token=fresh)
    until(lambda: client.is_connected)
    assert len(given) >= 2


def test_a_token_that_runs_out_is_refreshed_without_losing_anything(judge: Judge) -> None:
    """A connection outlives its token: in band or by coming back, but with every event once."""
    store = Store()
    client = judge.client(store, get_token=lambda: token(exp=int(time.time()) + 2))
    until(lambda: client.is_connected)
    for number in range(1, 26):
        judge.orders(number)
        time.sleep(0.2)  # the token runs out by the server's own clock, which can't be told the time
    until(lambda: len(offsets(store)) == 25)
    assert offsets(store) == list(range(1, 26))


def test_a_wrong_token_is_final(judge: Judge) -> None:
    """3500 means don't come back: it says so and dials no more."""
    store = Store()
    client = judge.client(store, get_token=lambda: token(secret="another secret of more than 32 characters"))
    until(lambda: store.connection.state is ConnectionState.REFUSED)
    assert not client.is_connected
    assert store.connection.dials == 1


@pytest.mark.parametrize(("code", "comes_back"), [(3001, True), (4100, True), (3503, False), (4501, False)])
def test_disconnect_codes_are_obeyed(judge: Judge, code: int, comes_back: bool) -> None:
    """3000–3499 and 4000–4499 mean come back, 3500–3999 and 4500–4999 mean don't (client_protocol.md)."""
    store = Store()
    client = judge.client(store)
    until(lambda: client.is_connected)
    judge.api("disconnect", user="ann", disconnect={"code": code, "reason": "because"})
    if comes_back:
        until(lambda: store.connection.dials == 2 and client.is_connected)
    else:
        until(lambda: store.connection.state is ConnectionState.REFUSED)
        assert store.connection.dials == 1


def test_polling_reads_the_same_positions_by_the_server_api(judge: Judge) -> None:
    """Without a socket: `history` since the position, by the server's own batch."""
    judge.orders(1, 2, 3)
    store = Store()
    client = judge.client(store, transport="polling")
    until(lambda: client.is_connected)
    judge.orders(4, 5)
    until(lambda: len(offsets(store)) == 5)
    assert offsets(store) == [1, 2, 3, 4, 5]
    client.set_transport("websocket")
    until(lambda: client.is_connected and store.connection.transport == "websocket")
    judge.orders(6)
    until(lambda: offsets(store) == [1, 2, 3, 4, 5, 6])
    assert store.totals()["duplicates"] == 0


def test_the_server_api_answers_in_the_shape_ours_does(judge: Judge) -> None:
    """publish, history with since, info, channels and presence: the members that our own API has are there."""
    store = Store()
    client = judge.client(store)
    until(lambda: client.is_connected)
    published = judge.api("publish", channel=ORDERS, data=order(1))
    assert set(published) >= {"offset", "epoch"}
    since = {"offset": 0, "epoch": published["epoch"]}
    history = judge.api("history", channel=ORDERS, since=since, limit=10)
    assert [one["offset"] for one in history["publications"]] == [1]
    assert history["publications"][0]["data"]["id"] == "e1"
    assert Position(history["epoch"], history["offset"]) == Position(published["epoch"], 1)
    assert judge.api("info")["nodes"][0]["uid"]
    assert ORDERS in judge.api("channels")["channels"]
    assert len(judge.api("presence", channel=ORDERS)["presence"]) == 1
    assert judge.api("presence_stats", channel=ORDERS)["num_clients"] == 1
