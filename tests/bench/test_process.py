"""Real processes, started, metered and stopped."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from realtime.bench.launch import app_settings, clean_environment, free_port, project_root, temporary_folder
from realtime.bench.process import Process
from realtime.config import load_settings
from realtime.errors import StartError

SERVER = """
import http.server, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""
Start = Callable[[str], Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a Python program as a process of ours, and stop it afterwards."""
    started: list[Process] = []

    def start_it(code: str) -> Process:
        port = free_port()
        started.append(
            Process(
                [sys.executable, "-c", code, str(port)],
                cwd=tmp_path,
                port=port,
                environ=clean_environment({}),
                log=tmp_path / "log",
                ready_path="/",
            )
        )
        return started[-1]

    yield start_it
    for process in started:
        process.stop()


def is_running(pid: int) -> bool:
    """Tell whether a process runs, zombies aside."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def child_of(process: Process) -> int:
    """Return the id that the program above printed for its child."""
    return int(process.output().split()[1])


def test_stopping_ends_the_children_too(start: Start) -> None:
    """A child left behind would hold its port and burn the CPU of the next measurement."""
    with start(SERVER) as process:
        process.wait_ready()
        child = child_of(process)
        assert is_running(child)
    psutil.wait_procs([psutil.Process(child)] if psutil.pid_exists(child) else [], timeout=5)
    assert not is_running(process.pid)
    assert not is_running(child)


def test_leaving_by_an_exception_stops_it_too(start: Start) -> None:
    """What was started is stopped on failure as well."""

    def fail() -> None:
        with start(SERVER) as process:
            pids.append(process.pid)
            raise RuntimeError("the benchmark failed")

    pids: list[int] = []
    with pytest.raises(RuntimeError, match="benchmark failed"):
        fail()
    assert not is_running(pids[0])


def test_a_process_that_ends_at_start_says_its_last_words(start: Start) -> None:
    """Waiting out the whole timeout and then saying 'not ready' would hide the cause."""
    process = start("import sys; sys.exit('the data folder is locked')")
    with pytest.raises(StartError, match=r"ended with code 1 at start: the data folder is locked"):
        process.wait_ready()


def test_a_process_that_never_answers_is_given_up(start: Start) -> None:
    """The text says so, instead of hanging."""
    process = start("import time; time.sleep(600)")
    with pytest.raises(StartError, match=r"wasn't ready within 0 s: it printed nothing"):
        process.wait_ready(within_s=0.2)
    with pytest.raises(TimeoutError, match="still there"):
        process.wait_end(within_s=0.01)


def test_killing_is_at_once(start: Start) -> None:
    """As `kill -9` does: no clean-up runs."""
    process = start(SERVER)
    process.wait_ready()
    process.kill()
    assert process.wait_end(within_s=1) == -9


def test_cpu_time_grows_with_work_and_counts_children(start: Start) -> None:
    """A child's work is the process's work: the meter can't be cheated by a fork."""
    process = start("import subprocess, sys; subprocess.run([sys.executable, '-c', 'while True: pass'])")
    deadline = time.monotonic() + 20
    while process.cpu_s() < 0.4:
        assert time.monotonic() < deadline, "a busy child's CPU time was never counted"
    assert process.memory_bytes() > 1_000_000


def test_a_process_knows_its_addresses(start: Start) -> None:
    """HTTP and WebSocket bases name the same port."""
    process = start("pass")
    assert process.base_url == f"http://127.0.0.1:{process.port}"
    assert process.ws_url == f"ws://127.0.0.1:{process.port}"


def test_a_started_app_is_deaf_to_the_callers_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable or a tideboard.toml that lies about must not change what is measured."""
    monkeypatch.setenv("TIDEBOARD_PAINT_HZ", "1")
    (tmp_path / "tideboard.toml").write_text("paint_hz = 1\n")
    environ = clean_environment(app_settings(tmp_path / "data", extra={"TIDEBOARD_FEED_SIZE": "77"}))
    settings = load_settings(cwd=tmp_path, environ=environ)
    assert (settings.paint_hz, settings.feed_size, settings.sample) == (10.0, 77, "off")
    assert settings.data_dir == tmp_path / "data"
    assert environ["PATH"] == os.environ["PATH"]


def test_without_app_py_one_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package has the benchmark, but no app to measure."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("realtime.bench.launch.__file__", str(tmp_path / "a" / "b" / "c.py"))
    with pytest.raises(StartError, match="checkout"):
        project_root()
    (tmp_path / "app.py").touch()
    assert project_root() == tmp_path


def test_a_lent_folder_is_gone_afterwards() -> None:
    """Nothing piles up in the system's folder for temporary files."""
    with temporary_folder() as folder:
        (folder / "data").mkdir()
    assert not folder.exists()
