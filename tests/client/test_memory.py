"""What outlives the app's process: positions and the connection's life; and that losing them costs nothing else."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from realtime.client.memory import FILE_NAME, Memory
from realtime.errors import StartError
from realtime.protocol.positions import Position
from realtime.store import ConnectionState, ConnectionStatus, Span, Store
from realtime.store.timeline import SPANS_KEPT
from tests.store.making import NOW, ORDERS, created

UP, DOWN = ConnectionState.CONNECTED, ConnectionState.RECONNECTING


def lived(store: Store) -> None:
    """Let a store live: connected, one event, lost."""
    store.set_connection(ConnectionStatus(state=UP, since=NOW, dials=1), now=NOW)
    store.apply(ORDERS, [(created("a"), 7)], epoch="e1", now=NOW)
    store.set_connection(ConnectionStatus(state=DOWN, since=NOW + 60, dials=2, reason="cut"), now=NOW + 60)


def remember(path: Path, *, now: float = NOW + 120) -> None:
    """Run a process that lives and ends in good order."""
    store, memory = Store(), Memory.open(path)
    memory.start(store, now=lambda: now)
    lived(store)
    memory.stop()


def test_positions_and_spans_outlive_the_process(tmp_path: Path) -> None:
    """The running span ends where the process did."""
    path = tmp_path / "data" / FILE_NAME
    remember(path)
    memory = Memory.open(path)
    assert memory.positions() == {ORDERS: Position("e1", 7)}
    up, down = memory.spans()
    assert (up.state, up.begin, up.end, up.dials, up.is_first) == (UP, NOW, NOW + 60, 1, True)
    assert (down.state, down.end, down.reason) == (DOWN, NOW + 120, "cut")
    memory.stop()


def test_the_past_comes_before_the_present_and_is_kept_with_it(tmp_path: Path) -> None:
    """Process after process, up to the timeline's bound."""
    path = tmp_path / FILE_NAME
    remember(path)
    store, memory = Store(), Memory.open(path)
    memory.start(store, now=lambda: NOW + 1000)
    store.set_connection(ConnectionStatus(state=UP, since=NOW + 900, dials=1), now=NOW + 900)
    assert [span.state for span in store.health(now=NOW + 1000).spans] == [UP, DOWN, UP]
    memory.stop()
    memory = Memory.open(path)
    assert [span.state for span in memory.spans()] == [UP, DOWN, UP]
    memory.stop()


def test_nobody_else_may_read_it(tmp_path: Path) -> None:
    """Names of channels are nobody's business."""
    path = tmp_path / FILE_NAME
    Memory.open(path).stop()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("content", [b"this is no database, and long enough to be none" * 30, b""])
def test_a_broken_file_is_put_aside(tmp_path: Path, content: bytes) -> None:
    """The app starts all the same, and remembers from then on."""
    path = tmp_path / FILE_NAME
    path.write_bytes(content)
    memory = Memory.open(path)
    assert (memory.positions(), memory.spans()) == ({}, ())
    memory.stop()
    remember(path)
    memory = Memory.open(path)
    assert memory.positions() == {ORDERS: Position("e1", 7)}
    memory.stop()


def test_a_memory_of_a_newer_version_stops_the_start(tmp_path: Path) -> None:
    """It isn't broken: what wrote it can still read it."""
    path = tmp_path / FILE_NAME
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StartError, match="format 99"):
        Memory.open(path)
    assert [each.name for each in tmp_path.iterdir()] == [FILE_NAME]


def test_without_a_disk_the_app_runs_without_memory(tmp_path: Path) -> None:
    """A file where the folder should be."""
    (tmp_path / "data").write_text("in the way")
    store, memory = Store(), Memory.open(tmp_path / "data" / FILE_NAME)
    memory.start(store)
    lived(store)
    memory.stop()
    assert memory.positions() == {}


def test_a_disk_that_fails_later_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What couldn't be written is written when it can be."""
    store, memory = Store(), Memory.open(tmp_path / FILE_NAME)
    lived(store)
    with sqlite3.connect(":memory:") as broken:
        for _ in range(2):
            memory._keep(store, broken, now=NOW + 61, is_last=True)
    broken.close()
    assert len([record for record in caplog.records if "can't be written" in record.message]) == 1
    assert memory._connection is not None
    memory._keep(store, memory._connection, now=NOW + 61, is_last=True)
    memory.stop()
    memory = Memory.open(tmp_path / FILE_NAME)
    assert len(memory.spans()) == 2
    memory.stop()


def test_an_idle_app_writes_nothing(tmp_path: Path) -> None:
    """But the running span's length, every few seconds."""
    store, memory = Store(), Memory.open(tmp_path / FILE_NAME)
    connection = memory._connection
    assert connection is not None
    lived(store)
    writes = []
    for now in (61.0, 62.0, 63.0, 67.0):
        before = connection.total_changes
        memory._keep(store, connection, now=NOW + now, is_last=False)
        writes.append(connection.total_changes - before)
    assert writes[1:3] == [0, 0]
    assert writes[3] == 1
    memory.stop()


def test_the_timeline_s_bound_is_the_file_s(tmp_path: Path) -> None:
    """However long it goes on."""
    store, memory = Store(), Memory.open(tmp_path / FILE_NAME)
    connection = memory._connection
    assert connection is not None
    for turn in range(SPANS_KEPT * 2):
        state = UP if turn % 2 else DOWN
        store.set_connection(ConnectionStatus(state=state, since=NOW + turn, dials=turn), now=NOW + turn)
        if turn % 97 == 0:
            memory._keep(store, connection, now=NOW + turn, is_last=False)
    memory._keep(store, connection, now=NOW + SPANS_KEPT * 2, is_last=True)
    assert connection.execute("SELECT count(*) FROM spans").fetchone() == (SPANS_KEPT,)
    memory.stop()


_KILLED = """
import os, signal, sys
from pathlib import Path
from realtime.client.memory import Memory
from tests.client.test_memory import lived
from realtime.store import Store
store, memory = Store(), Memory.open(Path(sys.argv[1]))
lived(store)
memory._keep(store, memory._connection, now=1_800_000_061.0, is_last=False)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    """In good order it doesn't need to end."""
    path = tmp_path / FILE_NAME
    ended = subprocess.run([sys.executable, "-c", _KILLED, str(path)], cwd=Path(__file__).parents[2], check=False)
    assert ended.returncode == -9
    memory = Memory.open(path)
    assert memory.positions() == {ORDERS: Position("e1", 7)}
    assert isinstance(memory.spans()[0], Span)
    memory.stop()
