"""Many simulated tabs in a process of their own: `python -m realtime.bench.tab_crowd URL COUNT ADDRESS …`.

An ADDRESS is `page?query`. Takes one JSON object a line on standard input and answers each with one on standard output;
ends when the input does.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from realtime.bench.pace import Pace
from realtime.bench.simulated import Address, SimulatedTab, Watched, close_tabs, open_tabs
from realtime.errors import StartError

_QUIET_S: Final = 0.4
_QUIET_WITHIN_S: Final = 5.0


class Order(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What the crowd is told: `count` afresh, watching a run of readings if one is given; `sum` up; `hide` all tabs."""

    do: Literal["count", "sum", "hide"]
    run: str = ""
    first: int = 0
    start: float = 0.0
    rate: float = 1.0
    events: int = 0


class Sum(msgspec.Struct, kw_only=True):
    """What the crowd says: numbers of each tab, and the time of each reading on each tab in ms. `problem`: no crowd."""

    opened_ms: list[float] = []
    panels: list[int] = []
    pushes: list[int] = []
    bytes_received: list[int] = []
    heartbeats: int = 0
    times_ms: list[float] = []
    missing: int = 0
    problem: str = ""


async def main(base_url: str, count: int, addresses: Sequence[Address]) -> None:
    """Open the tabs and obey."""
    try:
        tabs = await open_tabs(base_url, list(itertools.islice(itertools.cycle(addresses), count)))
    except StartError as error:
        _print(Sum(problem=str(error)))
        return
    try:
        await _until_quiet(tabs)
        _print(_sum_up(tabs))
        while line := await asyncio.to_thread(sys.stdin.readline):
            order = msgspec.json.decode(line, type=Order)
            if order.do == "hide":
                await asyncio.gather(*(tab.say({"visible": False}) for tab in tabs))
            if order.do == "count":
                pace = Pace(order.start, order.rate, order.events)
                for tab in tabs:
                    tab.reset(Watched(order.run, order.first, pace))
            else:
                await _until_quiet(tabs)
            _print(_sum_up(tabs))
    finally:
        await close_tabs(tabs)


async def _until_quiet(tabs: Sequence[SimulatedTab]) -> None:
    """Wait until nothing of the watched is missing, or nothing comes any more, or patience ends."""
    loop = asyncio.get_running_loop()
    deadline, before = loop.time() + _QUIET_WITHIN_S, -1
    while loop.time() < deadline:
        found = sum(tab.pushes for tab in tabs)
        if found == before or (before >= 0 and _missing(tabs) == 0 and _is_watching(tabs)):
            return
        before = found
        await asyncio.sleep(_QUIET_S)


def _is_watching(tabs: Sequence[SimulatedTab]) -> bool:
    return any(tab.watched is not None and tab.watched.pace.count for tab in tabs)


def _missing(tabs: Sequence[SimulatedTab]) -> int:
    return sum(tab.watched.pace.count - len(tab.watched.seen) for tab in tabs if tab.watched is not None)


def _sum_up(tabs: Sequence[SimulatedTab]) -> Sum:
    return Sum(
        opened_ms=[tab.opened_ms for tab in tabs],
        panels=[len(tab.panels) for tab in tabs],
        pushes=[tab.pushes for tab in tabs],
        bytes_received=[tab.bytes_received for tab in tabs],
        heartbeats=sum(tab.heartbeats for tab in tabs),
        times_ms=[time_ms for tab in tabs if tab.watched is not None for time_ms in tab.watched.times_ms()],
        missing=_missing(tabs),
    )


def _print(told: Sum) -> None:
    print(msgspec.json.encode(told).decode(), flush=True)


def _address(text: str) -> Address:
    page, _, query = text.partition("?")
    return Address(page, query)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), [_address(text) for text in sys.argv[3:]]))
