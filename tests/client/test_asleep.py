"""Noticing that the machine slept, without sleeping."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.client import WebSocketClient
from realtime.client.asleep import DRIFT_S, LONGEST_TURN_S, Clocks
from realtime.protocol.events import ConnectionLost
from tests.client.world import World


def _turned(*, wall_s: float, steady_s: float) -> bool:
    clocks = Clocks()
    assert not clocks.have_jumped(wall=1_800_000_000.0, steady=50.0), "there is nothing to compare the first turn with"
    return clocks.have_jumped(wall=1_800_000_000.0 + wall_s, steady=50.0 + steady_s)


@pytest.mark.parametrize(
    ("wall_s", "steady_s", "slept"),
    [
        (1.0, 1.0, False),
        (20.0, 20.0, False),  # a slow turn: a dial and a page of documents that timed out
        (7200.0, 0.3, True),  # Linux and macOS: the monotonic clock stood still
        (7200.0, 7200.0, True),  # Windows, or a stopped process: nothing was done for two hours
        (-3600.0, 1.0, False),  # the clock was set back
        (4.0, 1.0, False),  # the time service corrected a little
    ],
)
def test_sleep_is_told_from_slowness_and_from_a_clock_that_is_set(wall_s: float, steady_s: float, slept: bool) -> None:
    """Only what no turn of the loop explains is sleep."""
    assert _turned(wall_s=wall_s, steady_s=steady_s) is slept


def test_a_sleep_is_told_once() -> None:
    """The next turn compares with this one."""
    clocks = Clocks()
    clocks.have_jumped(wall=0.0, steady=0.0)
    assert clocks.have_jumped(wall=900.0, steady=1.0)
    assert not clocks.have_jumped(wall=901.0, steady=2.0)


@given(turns=st.lists(st.tuples(st.floats(0, LONGEST_TURN_S - 0.001), st.floats(-1, 1)), max_size=30))
def test_ordinary_turns_never_look_like_sleep(turns: list[tuple[float, float]]) -> None:
    """Whatever a turn takes, and with a clock that is slewed by up to a second each."""
    clocks, wall, steady = Clocks(), 1e9, 10.0
    for took_s, slew_s in turns:
        wall, steady = wall + took_s + slew_s, steady + took_s
        assert not clocks.have_jumped(wall=wall, steady=steady)
    assert DRIFT_S > 1


def test_a_laptop_that_wakes_is_in_sync_again_without_waiting_for_silence(scripted: World) -> None:
    """The wall clock jumps two hours while the monotonic one doesn't: a new dial at once, and the outage is told."""
    slept_s = [0.0]
    address = scripted.gateway.address
    client = WebSocketClient(
        f"ws://{address}/connection/websocket",
        http_url=f"http://{address}",
        store=scripted.store,
        now=lambda: time.time() + slept_s[0],
    )
    scripted.stack.callback(client.disconnect)
    client.connect()
    scripted.until(lambda: client.is_connected)
    slept_s[0] = 7200.0
    scripted.settle(2)
    scripted.tells("connection:established", "connection:lost", "connection:restored")
    lost = scripted.store.feed(types=("connection:lost",))[0].event
    assert isinstance(lost, ConnectionLost)
    assert lost.reason == "The machine was asleep."
