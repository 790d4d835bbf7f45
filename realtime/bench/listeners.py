"""Holds a crowd of listening sockets in a process of its own: starts it, waits until it is quiet, takes its notes."""

from __future__ import annotations

import subprocess
import sys
import time
from types import TracebackType
from typing import Final

import msgspec
import psutil

from realtime.bench.crowd import Heard
from realtime.bench.launch import clean_environment, import_path
from realtime.errors import StartError

_QUIET_SHARE: Final = 0.02
_SETTLES_WITHIN_S: Final = 20.0


class Listeners:
    """A running crowd. A context manager: leaving it ends the process."""

    def __init__(self, dialect: str, url: str, connections: int) -> None:
        self._connections = connections
        self._popen = subprocess.Popen(  # noqa: S603 - our own interpreter with our own arguments
            [sys.executable, "-m", "realtime.bench.crowd", dialect, url, str(connections)],
            env={**clean_environment({}), "PYTHONPATH": import_path()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._popen.stdout is not None
        if self._popen.stdout.readline().strip() != "ready":
            _, words = self._popen.communicate()
            raise StartError(f"The listening sockets could not be opened: {words.strip().splitlines()[-1:]}")
        self._process = psutil.Process(self._popen.pid)

    def settle(self) -> None:
        """Wait until it has dealt with what came: it uses next to no CPU any more."""
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        while time.monotonic() < deadline:
            before = sum(self._process.cpu_times()[:2])
            time.sleep(0.5)
            if sum(self._process.cpu_times()[:2]) - before <= _QUIET_SHARE * 0.5 + 0.01:
                return

    def stop(self, *, leave_out: int = 0) -> Heard:
        """End it and return what it noted, without the first events of each socket."""
        told, _ = self._popen.communicate("")
        heard = msgspec.json.decode(told, type=Heard)
        dropped = leave_out * self._connections
        return Heard(
            deliveries=max(0, heard.deliveries - dropped),
            disordered=heard.disordered,
            fewest=heard.fewest - leave_out,
            times_ms=heard.times_ms[dropped:],
        )

    def __enter__(self) -> Listeners:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._popen.poll() is None:
            self._popen.kill()
        self._popen.wait()
        for pipe in (self._popen.stdin, self._popen.stdout, self._popen.stderr):
            if pipe is not None:
                pipe.close()
