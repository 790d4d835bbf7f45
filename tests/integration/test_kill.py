"""`kill -9` of the whole app while events come in: what was answered is there afterwards."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import msgspec

from tests.support.processes import start_app
from tests.support.producing import JSON, Poster, numbered
from tests.support.waiting import until

BATCH = 20


class Producer(threading.Thread):
    """Posts batches until the connection breaks; `answered` are the numbers of those that were."""

    def __init__(self, base_url: str, *, first: int) -> None:
        super().__init__(daemon=True)
        self._base_url = base_url
        self._next = first
        self.answered: list[int] = []

    def run(self) -> None:
        """Post one batch after the other."""
        with httpx.Client(base_url=self._base_url, timeout=10, headers=JSON) as http:
            while True:
                numbers = range(self._next, self._next + BATCH)
                self._next += BATCH
                try:
                    answer = http.post("/api/events", content=msgspec.json.encode(numbered("orders", numbers)))
                except httpx.HTTPError:
                    return
                if answer.status_code == 200:
                    self.answered += numbers


def test_every_answered_event_survives_kill_9(tmp_path: Path) -> None:
    """After the restart each answered document is there, and the offsets have no hole."""
    with start_app(tmp_path / "data") as app:
        app.wait_ready()
        producers = [Producer(app.base_url, first=1 + 100_000 * index) for index in range(3)]
        for producer in producers:
            producer.start()
        until(lambda: all(len(producer.answered) >= 10 * BATCH for producer in producers), what="answered batches")
        app.kill()
    for producer in producers:
        producer.join(20)
    answered = {f"d{number:06d}" for producer in producers for number in producer.answered}

    with start_app(tmp_path / "data") as app, Poster(app.base_url) as poster:
        app.wait_ready()
        stored = poster.documents("orders")
        assert answered <= set(stored)
        assert all(document["value"] == int(identifier[1:]) for identifier, document in stored.items())
        offsets = poster.history("orders")
        assert offsets == list(range(1, len(stored) + 1))
        assert poster.post(*numbered("orders", [999_999]))[0]["offset"] == len(stored) + 1
