"""Makes a soak's constant load: documents of several collections come, change and go, people act, criticals fall.

`Load` is pure and the same for the same seed. Threads: `Posting` runs its own; what it has noted may be read by any.
"""

from __future__ import annotations

import http.client
import random
import threading
import time
from typing import Any, Final

from realtime.bench.events import as_array
from realtime.bench.posting import PostFailed, Producer
from realtime.bench.recovery_walk import StoredEvent
from realtime.protocol.events import Envelope

SOURCE: Final = "/tideboard/bench/recovery"
COLLECTIONS: Final = ("orders", "flights", "sensors")
_PEOPLE: Final = 20
_ALIVE: Final = 200
_BATCH: Final = 5
_AGAIN_S: Final = 0.05


class Load:
    """The events of one soak, one after the other. Every 20th is critical."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - chance that can be repeated
        self._number = 0
        self._alive: dict[str, list[str]] = {name: [] for name in COLLECTIONS}

    def next(self) -> Envelope:
        """Make the next event."""
        self._number += 1
        if self._number % 20 == 0:
            return self._critical()
        if self._number % 7 == 0:
            person = f"u{self._chance.randrange(_PEOPLE)}"
            content = {"userId": person, "action": "look", "timestamp": "2026-01-01T00:00:00Z"}
            return self._envelope("user:activity", content)
        return self._change(self._chance.choice(COLLECTIONS))

    def _critical(self) -> Envelope:
        if self._number % 40:
            return self._change(self._chance.choice(COLLECTIONS), is_critical=True)
        content = {"message": f"Window {self._number}", "scheduledTime": "2026-01-01T00:00:00Z"}
        return self._envelope("system:maintenance", content)

    def _change(self, collection: str, *, is_critical: bool = False) -> Envelope:
        alive, dice = self._alive[collection], self._chance.random()
        if not alive or (dice < 0.4 and len(alive) < _ALIVE):
            identifier = f"{collection[0]}{self._number}"
            alive.append(identifier)
            content: dict[str, Any] = {"collection": collection, "document": self._document(identifier)}
            return self._envelope("collection:created", content, is_critical=is_critical)
        index = self._chance.randrange(len(alive))
        if dice > 0.85:
            content = {"collection": collection, "id": alive.pop(index)}
            return self._envelope("collection:deleted", content, is_critical=is_critical)
        content = {"collection": collection, "id": alive[index], "document": self._document(alive[index])}
        return self._envelope("collection:updated", content, is_critical=is_critical)

    def _document(self, identifier: str) -> dict[str, Any]:
        return {"id": identifier, "value": self._number, "note": "x" * self._chance.randrange(200)}

    def _envelope(self, kind: str, content: dict[str, Any], *, is_critical: bool = False) -> Envelope:
        return Envelope(
            id=f"n{self._number}", source=SOURCE, type=kind, specversion="1.0", critical=is_critical, data=content
        )


class Posting:
    """Posts a load at a steady rate, straight to the gateway, and again what wasn't answered: until it is stored."""

    def __init__(self, base_url: str, load: Load, *, rate: float) -> None:
        self.stored: list[StoredEvent] = []
        self.failure = ""
        self._base_url = base_url
        self._producer = Producer(base_url)
        self._load = load
        self._beat_s = _BATCH / rate
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bench-load", daemon=True)

    def start(self) -> None:
        """Begin to post."""
        self._thread.start()

    def stop(self) -> None:
        """End once the last batch is stored. Raises PostFailed when the gateway didn't take something."""
        self._stopping.set()
        self._thread.join()
        if self.failure:
            raise PostFailed(self.failure)

    def _run(self) -> None:
        due = time.monotonic()
        while not self._stopping.wait(max(0.0, due - time.monotonic())):
            due = max(due + self._beat_s, time.monotonic() - 1.0)  # after an outage: catch up, but not for ever
            batch = [self._load.next() for _ in range(_BATCH)]
            try:
                self._post(batch)
            except PostFailed as error:
                self.failure = str(error)
                break
        self._producer.close()

    def _post(self, batch: list[Envelope]) -> None:
        """Post a batch until it is answered; the gateway knows again what it had stored before it was killed."""
        body = as_array(batch)
        while True:
            try:
                results = self._producer.post(body)["results"]
                break
            except (OSError, http.client.HTTPException):
                self._producer.close()
                self._producer = Producer(self._base_url)
                time.sleep(_AGAIN_S)
        now = time.time()
        for envelope, result in zip(batch, results, strict=True):
            is_critical = envelope.critical or envelope.type == "system:maintenance"
            place = (result["channel"], result["epoch"], result["offset"])
            self.stored.append(StoredEvent(*place, now, is_critical, envelope.source, envelope.id))
