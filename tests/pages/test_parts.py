"""Parts of pages that reach out: history over HTTP, writes, the sidebar where pages can't be pushed to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from realtime.live.runtime import current, install
from realtime.ui.history import fetch_history
from realtime.ui.writes import write
from tests.pages.conftest import Board


class _Answers(BaseHTTPRequestHandler):
    asked: list[str]
    tokens: set[str]
    status: int
    body: bytes

    def do_GET(self) -> None:
        """Answer as told."""
        type(self).asked.append(self.path)
        type(self).tokens.add(self.headers.get("Authorization", ""))
        self.send_response(type(self).status)
        self.send_header("Content-Length", str(len(type(self).body)))
        self.end_headers()
        self.wfile.write(type(self).body)

    def log_message(self, *_arguments: object) -> None:
        """Keep quiet."""


@pytest.fixture
def gateway(board: Board) -> Iterator[type[_Answers]]:
    """Run an HTTP server that the recording client points at."""

    class Answers(_Answers):
        asked: list[str] = []  # noqa: RUF012  # one class per test
        tokens: set[str] = set()  # noqa: RUF012
        status = 200
        body = json.dumps({"events": [{"offset": 1, "event": {}}]}).encode()

    server = HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    board.client.http_url = f"http://127.0.0.1:{server.server_port}"
    yield Answers
    server.shutdown()
    thread.join()
    server.server_close()


def test_history_is_asked_of_the_gateway(gateway: type[_Answers]) -> None:
    """Ids are quoted: a slash in one is not a path."""
    assert fetch_history("orders", "a/b c", limit=7) == [{"offset": 1, "event": {}}]
    assert gateway.asked == ["/api/collections/orders/documents/a%2Fb%20c/history?limit=7"]


def test_history_is_asked_for_with_the_clients_token(gateway: type[_Answers]) -> None:
    """A gateway that requires a token gives a drawer its history too."""
    fetch_history("orders", "a")
    assert gateway.tokens == {"Bearer let-me-in"}


@pytest.mark.parametrize(("status", "body"), [(500, b"{}"), (200, b"not json"), (200, b"{}")])
def test_history_that_cant_be_had_is_empty(gateway: type[_Answers], status: int, body: bytes) -> None:
    """A drawer without history is better than a page without drawer."""
    gateway.status, gateway.body = status, body
    assert fetch_history("orders", "a") == []


def test_without_a_gateway_there_is_neither_history_nor_saving(board: Board) -> None:
    """A demo over an in-process store says so instead of failing."""
    runtime = current()
    install(type(runtime)(**{name: getattr(runtime, name) for name in runtime.__dataclass_fields__} | {"client": None}))
    assert fetch_history("orders", "a") == []
    outcome = write("deleted", "orders", {"id": "a"}, expected_offset=None)
    assert "isn't connected to a gateway" in outcome.reason
    assert not outcome.is_stored


def test_what_the_gateway_would_refuse_isnt_sent(board: Board) -> None:
    """The reason is told at once."""
    outcome = write("created", "bad name!", {"id": "a"}, expected_offset=0)
    assert "can't name a collection" in outcome.reason
    assert board.client.sent == []


def test_a_blocked_channel_offers_an_interval(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page refreshes by itself, says so, and the interval can be chosen."""
    monkeypatch.setattr("realtime.ui.sidebar.is_channel_blocked", lambda: True)
    monkeypatch.setattr("realtime.ui.badge.is_channel_blocked", lambda: True)
    test = board.open()
    assert test.sidebar.selectbox(key="refresh").value == 5.0
    assert any("Refreshing every 5 s" in caption.value for caption in test.sidebar.caption)
    test.sidebar.selectbox(key="refresh").set_value(30.0).run()
    assert any("Refreshing every 30 s" in caption.value for caption in test.sidebar.caption)


def test_with_a_channel_no_interval_is_offered(board: Board) -> None:
    """Nobody has to think about refreshing."""
    assert not [box for box in board.open().sidebar.selectbox if box.key == "refresh"]
