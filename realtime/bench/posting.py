"""Posts events over HTTP the way a producer does, on kept-alive connections. No judging of the times.

Threads: `OpenLoop` runs its own and hands its record over once it has ended; the others belong to their caller.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final
from urllib.parse import urlsplit

from realtime.bench.events import as_array, reading
from realtime.bench.pace import Pace
from realtime.bench.paints import Posted
from realtime.errors import TideboardError

_TIMEOUT_S: Final = 30.0
_HEADERS: Final = {"Content-Type": "application/json"}
_CONNECTIONS: Final = 16


class PostFailed(TideboardError):
    """The gateway didn't store what a benchmark posted: its figures would mean nothing."""


class Producer:
    """One kept-alive connection to the gateway's HTTP API. Threads: one at a time."""

    def __init__(self, base_url: str) -> None:
        self._host = urlsplit(base_url).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=_TIMEOUT_S)

    def post(self, body: bytes, *, path: str = "/api/events") -> dict[str, Any]:
        """Post one body of events and return the answer. Raises PostFailed unless all of it is stored."""
        status, answer = self.request("POST", path, body=body)
        if status != 200:
            raise PostFailed(f"{path} answered {status}: {answer[:300].decode(errors='replace')}")
        decoded: dict[str, Any] = json.loads(answer)
        return decoded

    def request(self, method: str, path: str, *, body: bytes | None = None) -> tuple[int, bytes]:
        """Send one request and return status and body. Raises OSError or http.client.HTTPException.

        A server ends a connection that was idle for some seconds, maybe just now: then it is asked again over a new
        one, since an event that comes twice is stored once.
        """
        is_fresh = self._connection.sock is None
        try:
            return self._request(method, path, body)
        except (OSError, http.client.HTTPException):
            self._connection.close()
            if is_fresh:
                raise
            return self._request(method, path, body)

    def _request(self, method: str, path: str, body: bytes | None) -> tuple[int, bytes]:
        self._connection.request(method, path, body=body, headers=_HEADERS)
        response = self._connection.getresponse()
        return response.status, response.read()

    def get(self, path: str) -> Any:
        """Return the JSON at a path. Raises PostFailed unless it is answered with 200."""
        status, answer = self.request("GET", path)
        if status != 200:
            raise PostFailed(f"{path} answered {status}: {answer[:300].decode(errors='replace')}")
        return json.loads(answer)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


class OpenLoop:
    """Posts one body per beat of a pace and never waits for an answer before the next one is due.

    What is under way together arrives in any order; over one connection it is stored in its own, maybe late.
    """

    def __init__(
        self,
        base_url: str,
        pace: Pace,
        *,
        body_of: Callable[[int], bytes],
        first: int,
        connections: int = _CONNECTIONS,
    ) -> None:
        self._base_url = base_url
        self._pace = pace
        self._body_of = body_of
        self._first = first
        self._connections = connections
        self._local = threading.local()
        self._producers: list[Producer] = []
        self.posted: dict[int, Posted] = {}
        self.failures: list[str] = []

    def run(self) -> dict[int, Posted]:
        """Post all of it, in this thread and its pool, and return when each was due, sent and answered."""
        bodies = [self._body_of(self._first + index) for index in range(self._pace.count)]
        with ThreadPoolExecutor(self._connections, thread_name_prefix="bench-post") as pool:
            for index, body in enumerate(bodies):
                due = self._pace.due_at(index)
                time.sleep(max(0.0, due - time.time()))
                pool.submit(self._post, self._first + index, body, due)
        for producer in self._producers:
            producer.close()
        return dict(sorted(self.posted.items()))

    def _post(self, number: int, body: bytes, due: float) -> None:
        sent = time.time()
        answered: float | None = None
        try:
            self._producer().post(body)
            answered = time.time() * 1000
        except (OSError, http.client.HTTPException, PostFailed) as error:
            self._local.producer = None
            self.failures.append(str(error))
        self.posted[number] = Posted(due_ms=due * 1000, sent_ms=sent * 1000, answered_ms=answered)

    def _producer(self) -> Producer:
        producer: Producer | None = getattr(self._local, "producer", None)
        if producer is None:
            producer = self._local.producer = Producer(self._base_url)
            self._producers.append(producer)
        return producer


def post_readings(
    base_url: str, pace: Pace, *, run: str, first: int, connections: int = _CONNECTIONS
) -> dict[int, Posted]:
    """Post one reading of a run per beat, numbered from `first` on. Raises PostFailed when any wasn't stored."""
    loop = OpenLoop(
        base_url,
        pace,
        body_of=lambda number: as_array([reading(number, run=run)]),
        first=first,
        connections=connections,
    )
    posted = loop.run()
    if loop.failures:
        raise PostFailed(f"{len(loop.failures)} of {pace.count} posts failed: {loop.failures[0]}")
    return posted
