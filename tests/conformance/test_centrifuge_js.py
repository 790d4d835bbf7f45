"""centrifuge for JavaScript, unchanged, works against our gateway under Node, recovery included."""

from __future__ import annotations

import asyncio
import fcntl
import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.making import envelope
from tests.gateway.sockets import line
from tests.hub.making import eventually, in_loop

HERE = Path(__file__).parent / "node"
ORDERS = "collection:orders"
INSTALL_S = 300


@pytest.fixture(scope="session", autouse=True)
def _packages() -> None:
    """Install the SDK from the lock file when it isn't there; fail with one line when that can't be done."""
    for tool in ("node", "npm"):
        if shutil.which(tool) is None:
            pytest.fail(f"{tool} is missing: install Node.js 20 or later, which brings node and npm.", pytrace=False)
    with (HERE / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # parallel test runs would trip over each other's npm
        if not (HERE / "node_modules" / "centrifuge" / "package.json").exists():
            command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=INSTALL_S, check=False)
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no output"])[0]
                pytest.fail(f"`npm ci` failed in tests/conformance/node: {last}", pytrace=False)


class Node:
    """The SDK in a process of its own, and what it told."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.told: list[dict[str, Any]] = []
        self._process = process

    async def listen(self) -> None:
        """Take in what it tells until it ends."""
        assert self._process.stdout is not None
        async for text in self._process.stdout:
            self.told.append(json.loads(text))

    def all(self, what: str) -> list[dict[str, Any]]:
        """Return what was told under one name."""
        return [one for one in self.told if one["what"] == what]

    def offsets(self) -> list[int]:
        """Return the offsets of the publications seen."""
        return [one["offset"] for one in self.all("publication")]

    async def order(self, text: str) -> dict[str, Any]:
        """Give an order and wait for what it tells then."""
        assert self._process.stdin is not None
        name = text.split(" ")[0]
        before = len(self.all(name)) + len(self.all("refused"))
        self._process.stdin.write(text.encode() + b"\n")
        await eventually(lambda: len(self.all(name)) + len(self.all("refused")) > before)
        return [one for one in self.told if one["what"] in (name, "refused")][-1]

    async def have(self, count: int) -> None:
        """Wait until so many publications have come."""
        await self.seen(lambda: len(self.offsets()) >= count)

    async def seen(self, claim: Callable[[], bool]) -> None:
        """Wait until a claim about it is true; show what it told if it never is."""
        try:
            await eventually(claim)
        except TimeoutError:
            pytest.fail(f"never came true; told so far: {self.told}")


@asynccontextmanager
async def node(url: str, channel: str = ORDERS) -> AsyncIterator[Node]:
    """Run the SDK against a gateway."""
    process = await asyncio.create_subprocess_exec(
        "node", "client.js", url, channel, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    sdk = Node(process)
    listening = asyncio.create_task(sdk.listen())
    try:
        yield sdk
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await listening


@in_loop
async def test_it_recovers_what_it_missed_when_it_was_cut_off(tmp_path: Path) -> None:
    """recovered: true, and not one offset skipped or repeated, three times over."""
    async with line(tmp_path) as running, node(running.url) as sdk:
        await sdk.seen(lambda: len(sdk.all("subscribed")) == 1)
        assert sdk.all("subscribed")[0]["recoverable"]
        number = 0
        for cut_off in range(1, 4):
            for _ in range(3):
                number += 1
                await running.store(number)
            await sdk.have(number)
            running.cut()
            for _ in range(4):
                number += 1
                await running.store(number)
            await sdk.have(number)
            start = sdk.all("subscribed")[cut_off]
            assert start["wasRecovering"]
            assert start["recovered"]
        assert sdk.offsets() == list(range(1, 22))
        assert [one["id"] for one in sdk.all("publication")] == [f"e{one}" for one in range(1, 22)]
        assert sdk.all("disconnected") == []


@in_loop
async def test_its_commands_are_answered(tmp_path: Path) -> None:
    """publish, history, presence, rpc; a refusal carries code and message."""
    async with line(tmp_path) as running, node(running.url) as sdk:
        await sdk.seen(lambda: len(sdk.all("subscribed")) == 1)
        await sdk.order(f"publish {json.dumps(envelope(1))}")
        result = await sdk.order(f"rpc {json.dumps({'events': [envelope(2)]})}")
        assert result["data"]["results"][0]["offset"] == 2
        await sdk.seen(lambda: sdk.offsets() == [1, 2])
        assert (await sdk.order("history"))["offsets"] == [1, 2]
        assert (await sdk.order("presence"))["clients"] == [sdk.all("connected")[0]["client"]]
        refused = await sdk.order('publish {"nonsense":1}')
        assert (refused["what"], refused["code"]) == ("refused", 107)


@in_loop
async def test_it_comes_back_after_a_shutdown(tmp_path: Path) -> None:
    """3001, told in the protocol's words."""
    async with line(tmp_path) as running, node(running.url) as sdk:
        await sdk.seen(lambda: len(sdk.all("subscribed")) == 1)
        await running.gateway.hub.shutdown()
        await sdk.seen(lambda: {"what": "connecting", "code": 3001, "reason": "shutdown"} in sdk.told)


@in_loop
async def test_a_channel_that_cannot_exist_is_told_once(tmp_path: Path) -> None:
    """102: it unsubscribes and stays connected."""
    async with line(tmp_path) as running, node(running.url, "nonsense") as sdk:
        await sdk.seen(lambda: [one["code"] for one in sdk.all("unsubscribed")] == [102])
        assert len(sdk.all("connected")) == 1
