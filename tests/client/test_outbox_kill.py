"""`kill -9` of a process with an outbox: what a click was told to be kept is there, and is stored exactly once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from realtime.client import WebSocketClient
from realtime.client.outbox import Outbox
from realtime.client.outbox_file import FILE_NAME
from realtime.store import Store
from tests.support.processes import running_gateway
from tests.support.producing import Poster
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]


def killed_after(path: Path, count: int, *, first: int = 0, address: str = "") -> list[str]:
    """Run a process that fills an outbox, kill it after `count` were taken, and return the ids it was told are kept."""
    command = [
        sys.executable,
        "-m",
        "tests.client.outbox_process",
        str(path),
        str(first),
        *([address] if address else []),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        kept = [process.stdout.readline().strip() for _ in range(count)]
        process.kill()
        return kept + process.stdout.read().split("\n")[:-1]


@pytest.mark.parametrize("count", [1, 150])
def test_what_was_taken_survives_kill_9_in_order(tmp_path: Path, count: int) -> None:
    """At most the one that was being written when the process died is there beside it."""
    kept = killed_after(tmp_path / FILE_NAME, count)
    outbox = Outbox.open(tmp_path / FILE_NAME)
    there = [entry.key[1] for entry in outbox.entries]
    outbox.close()
    assert len(kept) >= count
    assert there[: len(kept)] == kept
    assert len(there) <= len(kept) + 1


def test_what_killed_processes_left_is_stored_exactly_once_and_in_order(tmp_path: Path) -> None:
    """Two are killed while they send, one after the other; the third sends what they left."""
    with running_gateway() as gateway, Poster(gateway.base_url) as poster:
        address = gateway.base_url.removeprefix("http://")
        kept: list[str] = []
        for turn in range(2):
            kept += killed_after(tmp_path / FILE_NAME, 400, first=turn * 100_000, address=address)
        outbox = Outbox.open(tmp_path / FILE_NAME, most_events=10_000, most_bytes=64_000_000)
        client = WebSocketClient(
            f"ws://{address}/connection/websocket", http_url=gateway.base_url, store=Store(), outbox=outbox
        )
        client.connect()
        until(lambda: not [entry for entry in outbox.entries if entry.is_open], what="an empty outbox")
        client.disconnect()
        refused = [entry for entry in outbox.entries if entry.reason]
        outbox.close()
        assert refused == []
        stored: list[str] = []
        for document in ("d0", "d1", "d2"):
            rows = poster.get(f"/api/collections/orders/documents/{document}/history", limit=1000)["events"][::-1]
            values = [row["event"]["data"]["document"]["value"] for row in rows]
            assert values == sorted(values)
            stored += [row["event"]["id"] for row in rows]
        assert set(kept) <= set(stored)
        assert len(stored) == len(set(stored)) <= len(kept) + 2
