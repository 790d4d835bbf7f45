"""Producers against a real HTTP server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from realtime.bench.events import as_array, reading
from realtime.bench.pace import pace_for
from realtime.bench.posting import OpenLoop, PostFailed, Producer
from realtime.protocol.events import check_event


class Gateway(ThreadingHTTPServer):
    """Answers what it is told to, and remembers the values that were posted."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.status = 200
        self.values: list[int] = []
        self.release: threading.Event | None = None
        self.hangs_up = False

    @property
    def base_url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gateway

    def do_GET(self) -> None:
        self._reply({"path": self.path})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.values += [event["data"]["document"]["value"] for event in body]
        if self.server.release is not None:
            assert self.server.release.wait(20)
        self._reply({"stored": len(body)})

    def _reply(self, content: object) -> None:
        answer = json.dumps(content).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
        self.close_connection = self.server.hangs_up

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """Run the stand-in."""
    server = Gateway()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def body(number: int) -> bytes:
    """Encode one reading."""
    return as_array([reading(number, run="r")])


def test_readings_are_events_the_gateway_accepts() -> None:
    """What the benchmark posts goes through the same check as anyone's."""
    envelope, event = check_event(json.loads(body(7))[0], max_depth=64)
    assert envelope.id == "r-7"
    assert event.document == {"id": "r-0000007", "value": 7}  # type: ignore[union-attr]
    filled = reading(1, run="r", filler="x" * 9)
    assert filled.data["document"]["note"] == "x" * 9


def test_a_producer_keeps_its_connection(gateway: Gateway) -> None:
    """Dialling anew for each post would measure the dialling."""
    producer = Producer(gateway.base_url)
    assert producer.post(body(1)) == {"stored": 1}
    assert producer.get("/api/health") == {"path": "/api/health"}
    producer.close()
    assert gateway.values == [1]


def test_a_producer_outlives_the_end_of_an_idle_connection(gateway: Gateway) -> None:
    """A server that hangs up between two posts, unannounced, costs no figures."""
    gateway.hangs_up = True
    producer = Producer(gateway.base_url)
    for number in (1, 2, 3):
        assert producer.post(body(number)) == {"stored": 1}
    producer.close()
    assert gateway.values == [1, 2, 3]


def test_a_post_that_isnt_stored_is_an_error(gateway: Gateway) -> None:
    """Figures about events that were refused would mean nothing."""
    gateway.status = 503
    producer = Producer(gateway.base_url)
    with pytest.raises(PostFailed, match="answered 503"):
        producer.post(body(1))
    with pytest.raises(PostFailed, match="answered 503"):
        producer.get("/api/collections")
    producer.close()


def test_an_open_loop_posts_everything_and_says_when(gateway: Gateway) -> None:
    """Each event has its due time, and was sent no earlier than that and answered no earlier than sent."""
    pace = pace_for(start=time.time() + 0.02, rate=200, duration_s=0.1)
    loop = OpenLoop(gateway.base_url, pace, body_of=body, first=11)
    posted = loop.run()
    assert list(posted) == list(range(11, 31)) == sorted(gateway.values)
    assert loop.failures == []
    for index, each in enumerate(posted.values()):
        assert each.due_ms == pytest.approx(pace.due_at(index) * 1000)
        assert each.answered_ms is not None
        assert each.due_ms <= each.sent_ms <= each.answered_ms


def test_an_open_loop_doesnt_wait_for_answers(gateway: Gateway) -> None:
    """All of them are sent while not one has been answered: a stall can't slow the asking down."""
    gateway.release = threading.Event()
    loop = OpenLoop(gateway.base_url, pace_for(start=time.time(), rate=200, duration_s=0.025), body_of=body, first=1)
    thread = threading.Thread(target=loop.run)
    thread.start()
    deadline = time.monotonic() + 20
    while len(gateway.values) < 5:
        assert time.monotonic() < deadline, "the loop waited for an answer before it sent on"
    assert loop.posted == {}
    gateway.release.set()
    thread.join()
    assert len(loop.posted) == 5


def test_over_one_connection_everything_is_posted_in_its_order(gateway: Gateway) -> None:
    """Each waits for the answer to the one before, however many are due meanwhile."""
    pace = pace_for(start=time.time(), rate=10_000, duration_s=0.01)
    posted = OpenLoop(gateway.base_url, pace, body_of=body, first=1, connections=1).run()
    assert gateway.values == list(posted) == list(range(1, 101))


def test_an_open_loop_keeps_what_failed(gateway: Gateway) -> None:
    """A refused post has no answer time and leaves its reason."""
    gateway.status = 500
    loop = OpenLoop(gateway.base_url, pace_for(start=time.time(), rate=100, duration_s=0.02), body_of=body, first=1)
    posted = loop.run()
    assert [each.answered_ms for each in posted.values()] == [None, None]
    assert len(loop.failures) == 2
    assert "answered 500" in loop.failures[0]
