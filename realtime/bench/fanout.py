"""Measures what it costs to hand one event to many sockets: CPU of the server per delivery, beside well-known peers.

Every server is given the same events at the same pace over HTTP and has the same sockets, in turn in one run. Ours
checks, orders and stores each event durably first; the peers send on what they get and keep nothing.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from rich.table import Table

from realtime.bench import report
from realtime.bench.crowd import Heard
from realtime.bench.events import as_array, reading
from realtime.bench.fanout_servers import SERVERS, Missing, Server
from realtime.bench.launch import temporary_folder
from realtime.bench.listeners import Listeners
from realtime.bench.pace import pace_for
from realtime.bench.posting import Producer
from realtime.bench.process import Process
from realtime.bench.spread import Spread, spread_of
from realtime.protocol.events import Envelope


@dataclass(frozen=True)
class Way:
    """What one server made of the work. CPU is the server's alone; times from the moment a POST was due, in ms.

    `event_us` is what an event costs with a single socket, `delivery_us` what each further socket adds to it.
    """

    name: str
    deliveries: int
    lost: int
    disordered: int
    event_us: float
    delivery_us: float
    server_cpu: float
    time: Spread | None
    memory_bytes: int


@dataclass(frozen=True)
class _Work:
    """One server with some sockets, measured."""

    events: int
    cpu_s: float
    seconds: float
    heard: Heard


@dataclass(frozen=True)
class Fanout:
    """What `bench fanout` found. `missing` names the peers that couldn't be had, with the reason."""

    connections: int
    rate: float
    duration_s: float
    ways: tuple[Way, ...]
    missing: tuple[str, ...]


def measure_fanout(
    *, connections: int, rate: float, duration_s: float, with_peers: bool, say: Callable[[str], None]
) -> Fanout:
    """Start each server in turn with as many sockets, and post the same events. Raises StartError for our own."""
    ways, missing = [], []
    for server in SERVERS if with_peers else SERVERS[:1]:
        say(f"{server.name}: {connections} sockets, {rate:g} events/s for {duration_s:g} s")
        try:
            ways.append(_measure(server, connections=connections, rate=rate, duration_s=duration_s))
        except Missing as error:
            missing.append(f"{server.name}: {error}")
    return Fanout(connections, rate, duration_s, tuple(ways), tuple(missing))


def _measure(server: Server, *, connections: int, rate: float, duration_s: float) -> Way:
    """Do the work with one socket and with all: the difference is what sockets cost, without idling and storing."""
    with temporary_folder() as folder, server.start(folder) as process:
        process.wait_ready()
        if server.is_ours:  # a channel comes into being with its first event
            producer = Producer(process.base_url)
            producer.post(as_array([reading(0, run="first")]), path=server.path)
            producer.close()
        single = _work(server, process, connections=1, rate=rate, duration_s=duration_s)
        whole = _work(server, process, connections=connections, rate=rate, duration_s=duration_s)
        memory_bytes = process.memory_bytes()
    more = whole.events * max(connections - 1, 1)
    return Way(
        name=server.name,
        deliveries=whole.heard.deliveries,
        lost=max(0, whole.events * connections - whole.heard.deliveries),
        disordered=whole.heard.disordered,
        event_us=single.cpu_s / single.events * 1e6,
        delivery_us=max(0.0, whole.cpu_s - single.cpu_s) / more * 1e6,
        server_cpu=whole.cpu_s / whole.seconds,
        time=spread_of(whole.heard.times_ms),
        memory_bytes=memory_bytes,
    )


def _work(server: Server, process: Process, *, connections: int, rate: float, duration_s: float) -> _Work:
    with Listeners(server.dialect, server.socket_url(process), connections) as listeners:
        run = uuid.uuid4().hex[:8]
        warm = _post(server, process, run=run, rate=rate, duration_s=min(1.0, duration_s), first=1)
        listeners.settle()
        cpu, began = process.cpu_s(), time.monotonic()
        events = _post(server, process, run=run, rate=rate, duration_s=duration_s, first=warm + 1)
        seconds = time.monotonic() - began
        listeners.settle()
        used = process.cpu_s() - cpu
        return _Work(events, used, seconds, listeners.stop(leave_out=warm))


def _post(server: Server, process: Process, *, run: str, rate: float, duration_s: float, first: int) -> int:
    """Post at a pace, one after the other as they fall due; return how many."""
    producer = Producer(process.base_url)
    pace = pace_for(start=time.time() + 0.05, rate=rate, duration_s=duration_s)
    for index in range(pace.count):
        due = pace.due_at(index)
        time.sleep(max(0.0, due - time.time()))
        body = as_array([_timed(reading(first + index, run=run), due_ms=due * 1000)])
        status, answer = producer.request("POST", server.path, body=body)
        if status != 200:
            raise Missing(f"it answered {status}: {answer[:80]!r}")
    producer.close()
    return pace.count


def _timed(envelope: Envelope, *, due_ms: float) -> Envelope:
    document = {**envelope.data["document"], "due": round(due_ms, 3)}
    return msgspec.structs.replace(envelope, data={**envelope.data, "document": document})


def table_of(outcome: Fanout) -> Table:
    """Lay the outcome out for people."""
    ours = outcome.ways[0].delivery_us or 1e-9
    rows = [
        [
            way.name,
            f"{way.delivery_us:.1f}",
            f"{way.delivery_us / ours:.2f}",
            f"{way.event_us:,.0f}",
            report.percent(way.server_cpu),
            *report.spread_cells(way.time)[:3],
            f"{way.lost:,} of {way.deliveries + way.lost:,}",
            f"{way.disordered:,}",
            f"{way.memory_bytes / 2**20:,.0f} MiB",
        ]
        for way in outcome.ways
    ]
    missing = "".join(f"\nNot run: {each}." for each in outcome.missing)
    return report.table_of(
        f"Fan-out · {outcome.connections} sockets · {outcome.rate:g} events/s for {outcome.duration_s:g} s",
        columns=[
            "server", "µs/delivery", "× ours", "µs/event", "CPU", "p50 ms", "p95", "p99", "lost", "disordered",
            "memory",
        ],
        rows=rows,
        caption=(
            "CPU of the server per further socket, and per event with a single one. "
            "Times from the moment a POST was due.\n"
            f"Ours checks and stores each event durably before it is sent; the peers keep nothing.{missing}"
        ),
    )  # fmt: skip
