"""Measures how many events a second the gateway takes in durably, over HTTP in batches, running alone."""

from __future__ import annotations

import threading
import time
import uuid
from dataclasses import dataclass, field
from itertools import count

from rich.table import Table

from realtime.bench import report
from realtime.bench.events import as_array, reading
from realtime.bench.launch import running_gateway
from realtime.bench.posting import PostFailed, Producer
from realtime.bench.process import Process
from realtime.bench.spread import Spread, spread_of


@dataclass(frozen=True)
class Ingestion:
    """What `bench ingest` found. Times are in milliseconds, CPU in cores."""

    batch: int
    producers: int
    duration_s: float
    events: int
    events_per_s: float
    post: Spread | None
    server_cpu: float
    server_memory_bytes: int


@dataclass
class _Worker:
    """A producer in a closed loop: the next batch goes out when the last is answered."""

    base_url: str
    run: str
    numbers: count[int]
    batch: int
    times_ms: list[float] = field(default_factory=list)
    failure: str = ""

    def post_until(self, deadline: float) -> None:
        producer = Producer(self.base_url)
        try:
            while time.monotonic() < deadline:
                body = as_array([reading(next(self.numbers), run=self.run) for _ in range(self.batch)])
                began = time.perf_counter()
                producer.post(body)
                self.times_ms.append((time.perf_counter() - began) * 1000)
        except (OSError, PostFailed) as error:
            self.failure = str(error)
        finally:
            producer.close()


def measure_ingest(*, batch: int, duration_s: float, producers: int) -> Ingestion:
    """Start a gateway on an empty folder and post batches as fast as they are answered.

    Making the events costs the same two cores, as a producer on the machine would. Raises PostFailed when a batch
    isn't stored, or when the gateway's count of documents differs from what it answered.
    """
    with running_gateway() as gateway:
        workers = _workers(gateway, batch=batch, producers=producers)
        cpu, began = gateway.cpu_s(), time.monotonic()
        threads = [threading.Thread(target=worker.post_until, args=(began + duration_s,)) for worker in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
        failures = [worker.failure for worker in workers if worker.failure]
        if failures:
            raise PostFailed(failures[0])
        times = [time_ms for worker in workers for time_ms in worker.times_ms]
        _check_stored(gateway, expected=len(times) * batch)
        return Ingestion(
            batch=batch,
            producers=producers,
            duration_s=seconds,
            events=len(times) * batch,
            events_per_s=len(times) * batch / seconds,
            post=spread_of(times),
            server_cpu=(gateway.cpu_s() - cpu) / seconds,
            server_memory_bytes=gateway.memory_bytes(),
        )


def _workers(gateway: Process, *, batch: int, producers: int) -> list[_Worker]:
    return [_Worker(gateway.base_url, uuid.uuid4().hex[:8], count(1), batch) for _ in range(producers)]


def _check_stored(gateway: Process, *, expected: int) -> None:
    producer = Producer(gateway.base_url)
    found = sum(collection["documents"] for collection in producer.get("/api/collections")["collections"])
    producer.close()
    if found != expected:
        raise PostFailed(f"The gateway answered for {expected} events but holds {found} documents.")


def table_of(outcome: Ingestion) -> Table:
    """Lay the outcome out for people."""
    cells = report.spread_cells(outcome.post)
    return report.table_of(
        f"Ingest · POST /api/events · batches of {outcome.batch} · {outcome.producers} producer(s)",
        columns=["events", "events/s", "POST p50 ms", "p95", "p99", "max", "gateway CPU", "memory"],
        rows=[
            [
                f"{outcome.events:,}",
                f"{outcome.events_per_s:,.0f}",
                *cells,
                report.percent(outcome.server_cpu),
                f"{outcome.server_memory_bytes / 2**20:,.0f} MiB",
            ]
        ],
        caption="Each batch is answered once it is durable. CPU is of one core; the producers' comes on top.",
    )
