"""Starts the processes a benchmark or a test needs, reads their CPU time, and stops them, come what may.

No measuring and no HTTP but the question whether a process is ready. Threads: the one that started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

import psutil

from realtime.config import CONFIG_VARIABLE, variable_of
from realtime.errors import StartError

READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 8.0
_PREFIX: Final = variable_of("")
_APP_READY: Final = "/api/health"
_SCRIPT_READY: Final = "/_stcore/health"


def free_port() -> int:
    """Return a port of the loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def project_root() -> Path:
    """Return the folder with app.py: the one we stand in, or the checkout this package lies in.

    Raises StartError when there is none, as in an installation without the pages.
    """
    for folder in (Path.cwd(), Path(__file__).resolve().parents[2]):
        if (folder / "app.py").is_file():
            return folder
    raise StartError("There is no app.py here: run this from a checkout of Tideboard.")


class Process:
    """A process group of our own. A context manager: leaving it stops all of it.

    What it prints goes to a file, so that a full pipe can't stall what is measured.
    """

    def __init__(
        self, command: Sequence[str], *, cwd: Path, port: int, environ: Mapping[str, str], log: Path, ready_path: str
    ) -> None:
        self.port = port
        self.base_url = f"http://127.0.0.1:{port}"
        self._log = log
        self._ready_path = ready_path
        with log.open("ab") as sink:
            self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
                list(command),
                cwd=cwd,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._meter = CpuMeter(self._popen.pid)

    @property
    def pid(self) -> int:
        """Return the id of the process, which is its group's too."""
        return self._popen.pid

    @property
    def ws_url(self) -> str:
        """Return the base URL for sockets."""
        return "ws" + self.base_url.removeprefix("http")

    def output(self) -> str:
        """Return what it has printed so far, both streams."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def wait_ready(self, *, within_s: float = READY_WITHIN_S) -> None:
        """Wait until it answers. Raises StartError with its last words when it ends, or stays silent too long."""
        deadline = time.monotonic() + within_s
        while not _answers(self.base_url + self._ready_path):
            if self._popen.poll() is not None:
                raise StartError(f"The process ended with code {self._popen.returncode} at start: {self._last_words()}")
            if time.monotonic() > deadline:
                raise StartError(f"The process wasn't ready within {within_s:.0f} s: {self._last_words()}")
            time.sleep(0.05)

    def wait_end(self, *, within_s: float) -> int:
        """Wait until it ends by itself and return its exit code. Raises TimeoutError."""
        try:
            return self._popen.wait(within_s)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f"The process was still there after {within_s:.0f} s.") from None

    def cpu_s(self) -> float:
        """Return the CPU seconds that it and its children have used so far."""
        return self._meter.read_s()

    def memory_bytes(self) -> int:
        """Return its resident memory, children included."""
        return sum(_memory(member) for member in _tree(self.pid))

    def kill(self) -> None:
        """End the whole group at once, as `kill -9` does, and wait until it is gone."""
        self._signal(signal.SIGKILL)
        self._popen.wait(STOP_WITHIN_S)

    def stop(self) -> int | None:
        """Ask the group to end, insist after a while, and return the exit code."""
        if self._popen.poll() is None:
            self._signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(STOP_WITHIN_S)
        self._signal(signal.SIGKILL)  # the rest of the group, when it outlives its leader
        return self._popen.wait(STOP_WITHIN_S)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _last_words(self) -> str:
        lines = [line.strip() for line in self.output().splitlines() if line.strip()]
        return " / ".join(lines[-5:]) or "it printed nothing."


class CpuMeter:
    """Reads the CPU time of a process and its descendants; those that ended keep counting with their last reading."""

    def __init__(self, pid: int, *, only_named: str = "") -> None:
        self._pid = pid
        self._only_named = only_named
        self._last: dict[tuple[int, float], float] = {}

    def read_s(self) -> float:
        """Return user and system seconds of all of them together."""
        for member in _tree(self._pid):
            with contextlib.suppress(psutil.Error):
                if self._only_named in member.name().lower():
                    times = member.cpu_times()
                    self._last[member.pid, member.create_time()] = times.user + times.system
        return sum(self._last.values())


def clean_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Return our environment without the caller's TIDEBOARD_* and STREAMLIT_*, and with `settings` (variable → value)."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith((_PREFIX, "STREAMLIT_", "COVERAGE_"))
    }
    return {**inherited, "PYTHONUNBUFFERED": "1", **settings}


def app_settings(data_dir: Path, *, sample: str = "off", extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the variables of an app on its own data folder, deaf to a tideboard.toml that lies about."""
    config = data_dir.parent / "bench-tideboard.toml"
    config.touch()
    settings = {CONFIG_VARIABLE: str(config), variable_of("data_dir"): str(data_dir), variable_of("sample"): sample}
    return {**settings, **(extra or {})}


def start_app(
    data_dir: Path, *, port: int | None = None, sample: str = "off", extra: Mapping[str, str] | None = None
) -> Process:
    """Start the real app (`streamlit run app.py`) without waiting for it. Raises StartError when there is no app.py."""
    root = project_root()
    port = port or free_port()
    return Process(
        [sys.executable, "-m", "streamlit", "run", "app.py", *_streamlit_flags(port)],
        cwd=root,
        port=port,
        environ=clean_environment(app_settings(data_dir, sample=sample, extra=extra)),
        log=data_dir.parent / f"app-{port}.log",
        ready_path=_APP_READY,
    )


def start_gateway(data_dir: Path, *, port: int | None = None, extra: Mapping[str, str] | None = None) -> Process:
    """Start the gateway alone (`python -m realtime gateway`) without waiting for it."""
    port = port or free_port()
    return Process(
        [sys.executable, "-m", "realtime", "gateway", "--port", str(port)],
        cwd=data_dir.parent,
        port=port,
        environ={**clean_environment(app_settings(data_dir, extra=extra)), "PYTHONPATH": _import_path()},
        log=data_dir.parent / f"gateway-{port}.log",
        ready_path=_APP_READY,
    )


def start_script(script: Path, *, folder: Path, arguments: Sequence[str], port: int | None = None) -> Process:
    """Start a plain Streamlit script without waiting for it, in `folder`, so that no project's config applies."""
    port = port or free_port()
    flags = [*_streamlit_flags(port), "--server.fileWatcherType=none", "--browser.gatherUsageStats=false"]
    return Process(
        [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            str(script),
            *flags,
            "--runner.postScriptGC=false",
            "--",
            *arguments,
        ],
        cwd=folder,
        port=port,
        environ={**clean_environment({}), "PYTHONPATH": _import_path()},
        log=folder / f"{script.stem}-{port}.log",
        ready_path=_SCRIPT_READY,
    )


@contextlib.contextmanager
def running_app(*, sample: str = "off", extra: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run the real app on a free port with an empty data folder, from ready to stopped."""
    with temporary_folder() as folder, start_app(folder / "data", sample=sample, extra=extra) as app:
        app.wait_ready()
        yield app


@contextlib.contextmanager
def running_gateway(*, extra: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run the gateway alone on a free port with an empty data folder, from ready to stopped."""
    with temporary_folder() as folder, start_gateway(folder / "data", extra=extra) as gateway:
        gateway.wait_ready()
        yield gateway


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Lend a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="tideboard-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _streamlit_flags(port: int) -> list[str]:
    return [f"--server.port={port}", "--server.address=127.0.0.1", "--server.headless=true"]


def _import_path() -> str:
    here = str(Path(__file__).resolve().parents[2])
    inherited = os.environ.get("PYTHONPATH")
    return f"{here}{os.pathsep}{inherited}" if inherited else here


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - a loopback URL of our own making
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tree(pid: int) -> list[psutil.Process]:
    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return []


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
