"""The sampler: the process as it is, hubs as the metrics have them, dead letters as the gateway lists them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from realtime.client.sampling import Sampler, dead_letters_at, hub_samples, read_dead_letters
from realtime.metrics import CONNECTIONS, REGISTRY
from realtime.store import DeadLetter, DeadLetters, Store


def test_a_sample_is_of_this_process_and_on_the_metrics() -> None:
    """The page and /metrics tell the same."""
    sample = Sampler(Store(), now=lambda: 5.0).sample()
    assert sample.at == 5.0
    assert sample.memory_bytes > 10_000_000
    assert sample.open_files >= 3
    assert sample.threads >= threading.active_count()
    assert REGISTRY.get_sample_value("tideboard_app_memory_bytes") == sample.memory_bytes


def test_hubs_are_read_off_the_metrics() -> None:
    """By name; what a hub doesn't count is left out."""
    CONNECTIONS.labels(hub="sampled").set(4)
    [hub] = [each for each in hub_samples() if each.name == "sampled"]
    assert (hub.connections, hub.queue_bytes) == (4, None)
    CONNECTIONS.remove("sampled")


def test_the_thread_samples_asks_and_ends() -> None:
    """The first sample comes at once; stopping waits for no turn."""
    store, asked = Store(), threading.Event()

    def ask() -> DeadLetters:
        asked.set()
        return DeadLetters(2)

    sampler = Sampler(store, dead_letters=ask)
    sampler.start()
    assert asked.wait(10)
    sampler.stop()
    health = store.health(now=0)
    assert health.samples[0].started_at > 0
    assert health.dead_letters == DeadLetters(2)
    assert "tideboard-sampler" not in {thread.name for thread in threading.enumerate()}


class _Answer(BaseHTTPRequestHandler):
    body: bytes = b"{}"
    status: int = 200

    def do_GET(self) -> None:
        """Answer as told."""
        self.send_response(self.status)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_args: object) -> None:
        """Say nothing."""


@pytest.fixture
def gateway() -> Iterator[str]:
    """Run a gateway that answers as told."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_dead_letters_are_asked_for_over_http(gateway: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway without such a list, or one that talks nonsense, doesn't say."""
    ask = dead_letters_at(gateway, headers=dict)
    row = b'{"channel": "system", "offset": 7, "reason": "expired", "consumer": "app-1", "timeMs": 5000}'
    monkeypatch.setattr(_Answer, "body", b'{"deadLetters": [' + row + b'], "total": 9}')
    assert ask() == DeadLetters(9, (DeadLetter("system", 7, "expired", 5.0, "app-1"),))
    monkeypatch.setattr(_Answer, "body", b"not json")
    assert ask() is None
    monkeypatch.setattr(_Answer, "status", 404)
    assert ask() is None


def test_an_unreachable_gateway_doesnt_say() -> None:
    """It isn't an error of the app."""
    assert dead_letters_at("http://127.0.0.1:9", headers=dict)() is None


@pytest.mark.parametrize("body", [None, [], {}, {"deadLetters": 3}])
def test_what_isnt_a_list_of_dead_letters_is_no_answer(body: object) -> None:
    """Rather none than a wrong one."""
    assert read_dead_letters(body) is None
