"""Holds one process of ours: waits until it is ready, reads its CPU time, and stops all of it, come what may.

Knows no commands, and no HTTP but the question whether it is ready. Threads: the one that started it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final

from realtime.bench.meter import CpuMeter, memory_of, tree_of
from realtime.errors import StartError

READY_WITHIN_S: Final = 60.0
STOP_WITHIN_S: Final = 8.0


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
        return sum(memory_of(member) for member in tree_of(self.pid))

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


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - a loopback URL of our own making
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
