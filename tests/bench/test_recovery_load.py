"""A soak's load: of every kind, the same again for the same seed, and posted until it is stored."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.bench.posting import PostFailed
from realtime.bench.recovery_load import Load, Posting
from realtime.protocol.events import check_event, encode_envelope
from tests.support.waiting import until


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_a_load_is_the_same_again_and_of_every_kind(seed: int) -> None:
    """Creates, updates, deletes, people and criticals within a few hundred, all of them acceptable, no id twice."""
    one, other = Load(seed), Load(seed)
    events = [one.next() for _ in range(200)]
    assert events == [other.next() for _ in range(200)]
    assert {event.type for event in events} == {
        "collection:created", "collection:updated", "collection:deleted", "user:activity", "system:maintenance",
    }  # fmt: skip
    assert len({event.id for event in events}) == 200
    assert any(event.critical and event.type.startswith("collection:") for event in events)
    for event in events:
        check_event(json.loads(encode_envelope(event)), max_depth=8)


class Gateway(ThreadingHTTPServer):
    """Stores what is posted; hangs up on the first posts, and answers with what it is told."""

    status = 200
    hangs_up = 2

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Poster)
        self.seen: list[str] = []
        self.ids: list[str] = []


class Poster(BaseHTTPRequestHandler):
    """Answers POST /api/events."""

    server: Gateway
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Note the events and say that they are stored; or note them and hang up, as one that was killed."""
        events = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen += [event["id"] for event in events]
        if self.server.hangs_up:
            self.server.hangs_up -= 1
            self.close_connection = True
            return
        results = []
        for event in events:
            self.server.ids.append(event["id"])
            results.append({"channel": "c", "epoch": "E", "offset": len(self.server.ids)})
        body = json.dumps({"results": results}).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *_arguments: object) -> None:
        """Print nothing."""


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    """Run a stand-in for the gateway."""
    with Gateway() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_what_wasnt_answered_is_posted_again_until_it_is(gateway: Gateway) -> None:
    """The same events, and only those that were answered count as stored."""
    posting = Posting(f"http://127.0.0.1:{gateway.server_port}", Load(1), rate=1000)
    posting.start()
    until(lambda: len(posting.stored) >= 50, what="stored events")
    posting.stop()
    assert gateway.seen[:15] == [f"n{n}" for n in range(1, 6)] * 3
    assert gateway.ids == [f"n{n}" for n in range(1, len(gateway.ids) + 1)]
    assert [event.offset for event in posting.stored] == list(range(1, len(gateway.ids) + 1))
    assert sum(event.is_critical for event in posting.stored) == len(gateway.ids) // 20


def test_a_refusal_ends_the_load_loudly(gateway: Gateway) -> None:
    """A soak of events that aren't stored would judge nothing."""
    gateway.status, gateway.hangs_up = 422, 0
    posting = Posting(f"http://127.0.0.1:{gateway.server_port}", Load(1), rate=1000)
    posting.start()
    until(lambda: posting.failure, what="the refusal")
    with pytest.raises(PostFailed, match="answered 422"):
        posting.stop()
