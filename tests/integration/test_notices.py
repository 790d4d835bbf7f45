"""Notices through the real gateway: every event that deserves one is in every inbox once, whatever breaks meanwhile."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from realtime.notifications.commands import Acknowledge, Command, Meet, Prefer, command_value, read_command
from realtime.notifications.inbox import apply, read_inbox
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.events import Envelope, data_of
from realtime.sample.day import read_day
from realtime.sample.timeline import timeline
from tests.support.faults import Fault, FaultKind, FaultProxy
from tests.support.processes import Process, free_port, start_gateway
from tests.support.producing import JSON, created, deleted, updated
from tests.support.waiting import until

BATCH = 50
COLLECTIONS = ("orders", "carts", "visits")
PEOPLE: dict[str, dict[str, Any]] = {
    "ann": {},
    "bob": {"routine": True, "sound": True},
    "eve": {"quiet_hours": {"start": "00:00", "end": "23:59", "zone": "Asia/Tokyo"}, "toasts": False},
}
AIRPORTS = ("EWR", "JFK", "LGA")


class Client:
    """Somebody who speaks HTTP with the gateway until it answers."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=10, headers=JSON, trust_env=False)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()

    def post(
        self, events: Sequence[Envelope], *, is_given_up: Callable[[], bool] = lambda: False
    ) -> list[dict[str, Any]]:
        """Post events until they are answered, the same ones again and again; given up, return nothing."""
        body = msgspec.json.encode(events)
        while not is_given_up():
            try:
                answer = self._http.post("/api/events", content=body)
            except httpx.HTTPError:
                time.sleep(0.02)  # the gateway is away; a producer doesn't hammer at its door
                continue
            if answer.status_code == 200:
                results: list[dict[str, Any]] = answer.json()["results"]
                return results
            assert answer.status_code in (429, 503), answer.text
            time.sleep(0.05)
        return []

    def command(self, user: str, command: Command) -> None:
        """Give a command to somebody's inbox."""
        self.post([Envelope(
            id=command.id, source=f"/app/{user}", type="inbox:command", specversion="1.0",
            data={"user": user, "command": command_value(command)},
        )])  # fmt: skip

    def inbox(self, user: str) -> tuple[Inbox, dict[str, Any]]:
        """Return an inbox and its position."""
        answer = self._http.get(f"/api/inbox/{user}").raise_for_status().json()
        return read_inbox(answer["inbox"]), answer["position"]

    def after(self, user: str, position: dict[str, Any]) -> list[Command]:
        """Return the commands of an inbox's stream after a position."""
        request = {"channel": f"inbox#{user}", "limit": -1, "since": position}
        result = self._http.post("/api/history", json=request).raise_for_status().json()["result"]
        return [read_command(one["data"]["data"]["command"]) for one in result.get("publications", [])]


class Producer(threading.Thread):
    """Posts its batches, each until it is answered."""

    def __init__(self, base_url: str, batches: Sequence[Sequence[Envelope]]) -> None:
        super().__init__(daemon=True)
        self._base_url = base_url
        self._batches = batches
        self.posted = 0

    def run(self) -> None:
        """Post one batch after the other."""
        with Client(self._base_url) as client:
            for batch in self._batches:
                client.post(batch)
                self.posted += len(batch)


class Place:
    """A gateway that dies and comes back, a network before it, and people whom it knows."""

    def __init__(self, folder: Path, proxy: FaultProxy, port: int) -> None:
        self._folder = folder
        self._port = port
        self.proxy = proxy
        self.process = self._started()

    def kill(self) -> None:
        """End the gateway as `kill -9` does, and start it again."""
        self.process.kill()
        self.process = self._started()

    def _started(self) -> Process:
        process = start_gateway(self._folder / "data", port=self._port)
        process.wait_ready()
        return process


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """Run a gateway behind a proxy."""
    port = free_port()
    with FaultProxy(port) as proxy:
        one = Place(folder, proxy, port)
        try:
            yield one
        finally:
            one.process.stop()


def notable(producer: int, count: int) -> list[list[Envelope]]:
    """Make events that deserve notice, several kinds of them, in batches."""

    def one(number: int) -> Envelope:
        if number % 10 == 0:
            data = {"error": f"disk {producer}", "severity": "medium" if number % 20 else "low"}
            return Envelope(id=f"{producer}-{number}", source="/t", type="system:error", specversion="1.0", data=data)
        collection = COLLECTIONS[number % len(COLLECTIONS)]
        return deleted(collection, f"d{producer}-{number}", event_id=f"{producer}-{number}")

    events = [one(number) for number in range(count)]
    return [events[start : start + BATCH] for start in range(0, count, BATCH)]


def meet(client: Client) -> None:
    """Make people known, with what they prefer."""
    for user, preferences in PEOPLE.items():
        client.command(user, Meet(id=f"meet:{user}:1", at=time.time()))
        client.command(user, Prefer(id=f"prefer:{user}:1", at=time.time(), preferences=preferences))


def delivered(place: Place, *, count: int, break_it: Callable[[int], None], times: int) -> dict[str, Inbox]:
    """Post events while everything breaks `times`; return the inboxes once all events are in them."""
    with Client(f"http://127.0.0.1:{place.process.port}") as client:
        meet(client)
        shares = 4
        producers = [Producer(place.proxy.base_url, notable(number, count // shares)) for number in range(shares)]
        for producer in producers:
            producer.start()
        lately: dict[str, tuple[Inbox, dict[str, Any]]] = {}
        for number in range(times):
            goal = count * (number + 1) // (times + 1)
            until(partial(_has_posted, producers, goal), what="events", within_s=60)
            break_it(number)
            lately = {user: client.inbox(user) for user in PEOPLE} if number == times - 1 else lately
        for producer in producers:
            producer.join(120)
        assert sum(each.posted for each in producers) == count
        for user in PEOPLE:
            until(partial(_has, client, user, count), what=f"all of them for {user}", within_s=60)
        inboxes = {user: client.inbox(user)[0] for user in PEOPLE}
        for user, (inbox, position) in lately.items():
            for command in client.after(user, position):
                inbox = apply(inbox, command)
            assert inbox == inboxes[user], "who followed the stream has the same"
        return inboxes


def _has_posted(producers: Sequence[Producer], count: int) -> bool:
    return sum(each.posted for each in producers) >= count


def _has(client: Client, user: str, count: int) -> bool:
    return client.inbox(user)[0].total >= count


def check(inboxes: dict[str, Inbox], *, count: int) -> None:
    """See that each event is in each inbox once: by the rows, and by the positions that it knows."""
    for user, inbox in inboxes.items():
        assert inbox.total == count, user
        seen = sum(
            bits.bit_count()
            for stream in inbox.seen.streams.values()
            for bits in (int.from_bytes(chunk, "little") for chunk in stream.chunks.values())
        )
        assert seen == count, user
        assert len(inbox.rows) == len(COLLECTIONS) + 2


def test_ten_thousand_notices_are_in_every_inbox_once(tmp_path: Path) -> None:
    """Through `kill -9` of the gateway and connections cut under the producers, for people who prefer differently."""
    with place(tmp_path) as one:

        def break_it(number: int) -> None:
            one.proxy.begin(Fault(0, (FaultKind.RESET, FaultKind.CUT)[number % 2]))
            if number in (1, 3):
                one.kill()

        check(delivered(one, count=10_000, break_it=break_it, times=5), count=10_000)
        one.kill()
        with Client(f"http://127.0.0.1:{one.process.port}") as client:
            check({user: client.inbox(user)[0] for user in PEOPLE}, count=10_000)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_hundred_thousand_notices_through_twenty_kills(tmp_path: Path) -> None:
    """The long form, at other moments each time."""
    with place(tmp_path) as one:
        kinds = itertools.cycle((FaultKind.RESET, FaultKind.CUT, FaultKind.HALF_CLOSE))

        def break_it(number: int) -> None:
            one.proxy.begin(Fault(0, next(kinds)))
            time.sleep(number % 7 * 0.003)  # so that it dies at other moments of a commit
            if number % 2:
                one.kill()

        check(delivered(one, count=100_000, break_it=break_it, times=40), count=100_000)


def day() -> list[Envelope]:
    """Tell the sample day as it is played, sixty times faster than life and over by now."""
    moments = list(timeline(read_day()))
    started = time.time() - moments[-1].offset_s / 60
    return [
        Envelope(
            id=f"day-{number}", source="/t", type=moment.event.TYPE, specversion="1.0",
            time=datetime.fromtimestamp(started + moment.offset_s / 60, UTC).isoformat(),
            data=data_of(moment.event),
        )
        for number, moment in enumerate(moments)
    ]  # fmt: skip


def departing(airport: str) -> list[Envelope]:
    """Let a flight leave on the morning after."""
    flight = {"id": f"X{airport}", "origin": airport, "scheduledDeparture": "2013-02-09T09:00:00-05:00"}
    gone = {**flight, "status": "departed", "departedAt": "2013-02-09T09:05:00-05:00"}
    return [created("flights", {**flight, "status": "scheduled"}), updated("flights", gone)]


def test_the_sample_day_is_a_handful_of_rows_and_an_alarm_for_each_airport(tmp_path: Path) -> None:
    """472 cancellations are three rows that count them; each alarm can be taken on, and ends, through a `kill -9`."""
    events = day()
    with place(tmp_path) as one, Client(f"http://127.0.0.1:{one.process.port}") as client:
        client.command("ann", Meet(id="meet:ann:1", at=time.time()))
        for start in range(0, len(events), 200):
            client.post(events[start : start + 200])
            if start == 1_200:
                one.kill()
        cancelled = {f"flights cancelled {airport}" for airport in AIRPORTS}
        alarms = {f"cancellations {airport}" for airport in AIRPORTS}

        def counted() -> int:
            inbox, _ = client.inbox("ann")
            return sum(row.total for key, row in inbox.rows.items() if key in cancelled)

        until(lambda: counted() >= 472, what="472 cancellations")
        inbox, _ = client.inbox("ann")
        assert counted() == 472
        assert set(inbox.rows) == cancelled | alarms
        assert {key for _, key in inbox.alarms} == alarms
        assert all(inbox.rows[key].needs_acknowledgement for key in alarms)
        client.command("ann", Acknowledge(id="ack", at=time.time(), keys=("cancellations JFK",), who="ann", why="snow"))
        client.command("bob", Meet(id="meet:bob:1", at=time.time()))
        until(lambda: set(client.inbox("bob")[0].rows) == alarms, what="what stands, for who comes later")
        client.post([event for airport in AIRPORTS for event in departing(airport)])
        until(lambda: client.inbox("ann")[0].alarms == (), what="the end of the alarms")
        inbox, _ = client.inbox("ann")
        assert inbox.rows["cancellations JFK"].marks.state == "done"
        assert not any(inbox.rows[key].needs_acknowledgement for key in alarms)
        until(lambda: client.inbox("bob")[0].alarms == (), what="their end for bob")
