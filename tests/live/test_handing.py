"""What goes from the caster to the loop: in order, a pass together, but of each channel one version in a turn."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from realtime.live.handing import HOLD_S, Handing


class Turns:
    """A loop's turns and what was published in each; the time is told."""

    def __init__(self) -> None:
        self.now = 100.0
        self.heard: list[list[str]] = []
        self.spent: list[float] = []
        self.is_closed = False
        self._is_open = False

    def publish(self, _channel: str, data: bytes) -> None:
        """Note what was published in which turn."""
        if not self._is_open:
            self._is_open = True
            self.heard.append([])
            asyncio.get_running_loop().call_soon(self._end)
        self.heard[-1].append(data.decode())

    def handing(self) -> Handing:
        """Hand over to the running loop."""
        return Handing(
            asyncio.get_running_loop(), self.publish, spent=self.spent.append, on_closed=self.close,
            timer=lambda: self.now,
        )  # fmt: skip

    def close(self) -> None:
        """Take in that the loop is closed."""
        self.is_closed = True

    def _end(self) -> None:
        self._is_open = False


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@given(st.lists(st.sampled_from("abc"), max_size=12))
def test_all_is_published_in_order_and_of_a_channel_one_in_a_turn(channels: list[str]) -> None:
    """Two versions together would be one to whom is sent a turn at once, and a tab would lack the first."""

    async def run() -> Turns:
        turns = Turns()
        handing = turns.handing()
        for number, channel in enumerate(channels):
            handing.put(channel, f"{channel}{number}".encode(), turns.now, may_wait=True)
        handing.hand_over()
        await _turns(2 * len(channels) + 2)
        return turns

    heard = asyncio.run(run()).heard
    assert [data for turn in heard for data in turn] == [f"{channel}{n}" for n, channel in enumerate(channels)]
    for turn in heard:
        assert len({data[0] for data in turn}) == len(turn)


def test_what_waits_goes_when_the_pass_takes_long() -> None:
    """So that a cheap view isn't late because of dear ones behind it; what came with it goes, too."""

    async def run() -> Turns:
        turns = Turns()
        handing = turns.handing()
        handing.put("a", b"a", turns.now, may_wait=True)
        handing.put("b", b"b", turns.now, may_wait=True)
        await _turns(3)
        assert turns.heard == []
        turns.now += HOLD_S * 2
        handing.put("c", b"c", turns.now, may_wait=True)
        await _turns(3)
        assert turns.heard == [["a", "b", "c"]]
        handing.put("d", b"d", turns.now, may_wait=True)
        await _turns(3)
        assert len(turns.heard) == 1
        return turns

    turns = asyncio.run(run())
    assert [round(spent, 3) for spent in turns.spent] == [HOLD_S * 2, HOLD_S * 2, 0.0]


def test_what_may_not_wait_goes_at_once_and_a_closed_loop_is_told() -> None:
    """A page that renders a view itself hands it over itself."""

    async def run() -> tuple[Turns, Handing]:
        turns = Turns()
        handing = turns.handing()
        handing.put("a", b"a", turns.now, may_wait=False)
        await _turns(3)
        return turns, handing

    turns, handing = asyncio.run(run())
    assert turns.heard == [["a"]]
    assert not turns.is_closed
    handing.put("a", b"a", turns.now, may_wait=False)
    assert turns.is_closed
