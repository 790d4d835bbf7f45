"""Whatever comes in frames, the hub goes on serving the others."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from tests.hub.making import Served, Wire, dialled, eventually, serving
from tests.hub.test_session import VERBS

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["channel", "token", "data", "offset", "epoch", "recover", "limit", "since", "flag", "method"])
VALUES = JSON | st.sampled_from(["a", "plain", "echo", "secret", {"epoch": "first", "offset": 0}])
COMMANDS = st.fixed_dictionaries(
    {"id": st.integers(0, 50) | JSON},
    optional={verb: st.dictionaries(NAMES, VALUES, max_size=5) | JSON for verb in VERBS},
)
LINES = st.lists(st.one_of(COMMANDS, JSON), min_size=1, max_size=5).map(
    lambda lines: "\n".join(json.dumps(line) for line in lines)
)
FRAMES = st.lists(st.one_of(LINES, st.text(max_size=60), st.binary(max_size=60)), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def stage() -> Iterator[tuple[asyncio.Runner, Served]]:
    """Keep one hub and one loop for all examples."""
    with asyncio.Runner() as runner:
        context = serving()
        yield runner, runner.run(context.__aenter__())
        runner.run(context.__aexit__(None, None, None))


@pytest.mark.no_cover  # what it repeats thousands of times is traced by others
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(clients=st.lists(FRAMES, min_size=1, max_size=4), is_open=st.booleans())
def test_no_frames_disturb_the_others(
    stage: tuple[asyncio.Runner, Served], clients: list[list[str | bytes]], is_open: bool
) -> None:
    """The fuzzed connections end or live; the neighbour's publications go through, and nothing stays behind."""
    runner, served = stage

    async def fuzz(frames: list[str | bytes]) -> None:
        with contextlib.suppress(ConnectionClosed):
            async with dialled(served.url, is_open=is_open) as wire:
                for frame in frames:
                    await wire.socket.send(frame)

    async def talk(neighbour: Wire) -> None:
        for number in range(5):
            await neighbour.ask("publish", channel="mine", data=number)
            assert (await neighbour.publication())["data"] == number

    async def run() -> None:
        async with asyncio.timeout(30):
            async with dialled(served.url) as neighbour:
                await neighbour.ask("subscribe", channel="mine")
                await asyncio.gather(talk(neighbour), *(fuzz(frames) for frames in clients))
                await eventually(lambda: len(served.hub.members) == 1)
            await eventually(lambda: not served.hub.members)

    runner.run(run())
