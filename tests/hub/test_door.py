"""Connections are let in one after the other: at a rate, in order, and only as many as will have their turn in time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import Disconnect
from realtime.hub.door import Door
from realtime.hub.pace import Pace
from realtime.protocol.codes import DisconnectCode
from tests.hub.making import dialled, eventually, in_loop, serving


def test_a_burst_passes_at_once_and_the_rest_at_the_rate() -> None:
    """Ten a second, three of them at once."""
    pace = Pace(per_s=10.0, burst=3)
    assert [round(pace.turn(100.0), 6) for _ in range(6)] == [100.0, 100.0, 100.0, 100.1, 100.2, 100.3]
    assert round(pace.turn(100.25), 6) == 100.4
    assert [round(pace.turn(200.0), 6) for _ in range(4)] == [200.0, 200.0, 200.0, 200.1]


@given(gaps=st.lists(st.floats(0, 1), max_size=60), burst=st.integers(1, 10))
def test_the_rate_holds_whenever_they_come(gaps: list[float], burst: int) -> None:
    """In order, never before they asked, and in any stretch of time no more than the burst and the rate."""
    pace, now = Pace(per_s=10.0, burst=burst), 1000.0
    turns: list[float] = []
    for gap in gaps:
        now += gap
        turns.append(pace.turn(now))
        assert turns[-1] >= now
    assert turns == sorted(turns)
    for first in range(len(turns)):
        for last in range(first, len(turns)):
            assert last - first + 1 <= burst + 10.0 * (turns[last] - turns[first]) + 1e-6


async def cross(door: Door, number: int, seen: list[int], *, hold: asyncio.Event, is_gone: bool = False) -> None:
    """Pass through a door, writing it down, and stay in it while `hold` isn't set."""
    async with door.passing(is_gone=lambda: is_gone):
        seen.append(number)
        await hold.wait()


@in_loop
async def test_first_come_first_served_and_only_so_many_at_a_time() -> None:
    """Nobody is overtaken, so nobody starves."""
    door, hold = Door(at_once=3, per_s=1e9, burst=1), asyncio.Event()
    seen: list[int] = []
    tasks = [asyncio.create_task(cross(door, number, seen, hold=hold)) for number in range(20)]
    await eventually(lambda: len(seen) == 3)
    assert seen == [0, 1, 2]
    assert door.waiting == 17
    hold.set()
    await asyncio.gather(*tasks)
    assert seen == list(range(20))
    assert door.waiting == 0


@in_loop
async def test_who_left_takes_no_turn_from_others() -> None:
    """A thousand that gave up waiting don't cost who comes after them a thousand turns."""
    door, hold = Door(per_s=1.0, burst=1, clock=lambda: 0.0), asyncio.Event()
    hold.set()
    seen: list[int] = []
    for number in range(1000):
        await cross(door, number, seen, hold=hold, is_gone=True)
    await cross(door, 1000, seen, hold=hold)
    assert len(seen) == 1001


@in_loop
async def test_a_wait_that_is_cancelled_gives_its_place_back() -> None:
    """Whether it waited for a seat or for its turn."""
    door, hold = Door(at_once=1, per_s=0.001, burst=1), asyncio.Event()
    seen: list[int] = []
    first = asyncio.create_task(cross(door, 1, seen, hold=hold))
    await eventually(lambda: seen == [1])
    second = asyncio.create_task(cross(door, 2, seen, hold=hold))
    await eventually(lambda: door.waiting == 1)
    hold.set()
    await first
    third = asyncio.create_task(cross(door, 3, seen, hold=hold))
    await eventually(lambda: door.waiting == 2)
    for task in (third, second):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert door.waiting == 0
    async with asyncio.timeout(5):
        await cross(door, 4, seen, hold=hold, is_gone=True)
    assert seen == [1, 4]


@in_loop
async def test_who_finds_too_many_before_it_is_told_to_come_back() -> None:
    """3013, at once; those who wait keep their place."""
    door, hold = Door(at_once=1, per_s=1e9, burst=1, most_waiting=2), asyncio.Event()
    seen: list[int] = []
    tasks = [asyncio.create_task(cross(door, number, seen, hold=hold)) for number in range(3)]
    await eventually(lambda: door.waiting == 2)
    with pytest.raises(Disconnect) as refused:
        await cross(door, 3, seen, hold=hold)
    assert refused.value.code == DisconnectCode.TOO_MANY_REQUESTS
    hold.set()
    await asyncio.gather(*tasks)
    assert seen == [0, 1, 2]


@in_loop
async def test_a_hub_lets_in_through_its_door() -> None:
    """Who is too many hears 3013; who left while waiting is never asked about; the backend may greet who is in."""
    async with serving(door=Door(at_once=1, per_s=1e9, burst=1, most_waiting=1)) as served:
        backend = served.backend
        backend.greeting = b'"hello"'
        backend.may_answer.clear()
        async with (
            dialled(served.url, is_open=False) as one,
            dialled(served.url, is_open=False) as two,
            dialled(served.url, is_open=False) as three,
        ):
            await one.say({"id": 1, "connect": {}})
            await backend.asked.wait()
            await two.say({"id": 1, "connect": {}})
            await eventually(lambda: served.hub._door.waiting == 1)
            await three.say({"id": 1, "connect": {}})
            assert await three.end() == (DisconnectCode.TOO_MANY_REQUESTS, "too many requests")
            await two.socket.close()
            await eventually(lambda: len(served.hub.members) == 1)
            backend.may_answer.set()
            assert (await one.hear())["connect"]["client"]
            assert (await one.hear())["push"]["message"]["data"] == "hello"
            await eventually(lambda: served.hub._door.waiting == 0)
            assert len(backend.peers) == 1
            assert len(backend.opened_to) == 1
