"""Runs a Redis for a measurement, and does to it what happens to servers: the system's redis-server, on a free port.

Its append-only file is on, as operators are told to have it. Threads: the one that started it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import redis

from realtime.bench.launch import free_port, temporary_folder
from realtime.errors import StartError

_READY_WITHIN_S: Final = 20.0
_STOP_WITHIN_S: Final = 8.0
_PROGRAMS: Final = ("redis-server", "valkey-server")


class RedisProcess:
    """One server on a folder of its own. A context manager: leaving it ends the server."""

    def __init__(self, folder: Path) -> None:
        program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
        if program is None:
            raise StartError("There is no redis-server here: install it (on Debian: apt-get install redis-server).")
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "",
            "--appendonly", "yes",
        ]  # fmt: skip
        self._popen: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it on what it has kept, and wait until it answers. Raises StartError."""
        self._popen = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)  # noqa: S603 - our own arguments
        deadline = time.monotonic() + _READY_WITHIN_S
        with redis.Redis.from_url(self.url) as client:
            while self._popen.poll() is None and time.monotonic() < deadline:
                try:
                    client.ping()
                except redis.RedisError:  # not there yet, or still loading
                    time.sleep(0.01)
                else:
                    return
        raise StartError("redis-server doesn't start; run it by hand to see why.")

    def kill(self) -> None:
        """End it at once, as `kill -9` does."""
        self._signal(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it where it stands: connections stay open, nothing answers."""
        assert self._popen is not None
        os.kill(self._popen.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        assert self._popen is not None
        os.kill(self._popen.pid, signal.SIGCONT)

    def flush(self) -> None:
        """Lose everything it holds."""
        with redis.Redis.from_url(self.url) as client:
            client.flushall()

    def memory_bytes(self) -> int:
        """Return how much it holds."""
        with redis.Redis.from_url(self.url) as client:
            found: Any = client.info("memory")
            return int(found["used_memory"])

    def __enter__(self) -> RedisProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._signal(signal.SIGTERM)

    def _signal(self, number: signal.Signals) -> None:
        assert self._popen is not None
        if self._popen.poll() is None:
            self._popen.send_signal(number)
            self._popen.send_signal(signal.SIGCONT)  # a frozen one hears nothing else
            try:
                self._popen.wait(_STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._popen.kill()
                self._popen.wait(_STOP_WITHIN_S)


@contextmanager
def running_redis() -> Iterator[RedisProcess]:
    """Run a server on an empty folder. Raises StartError when there is none, or it doesn't start."""
    with temporary_folder() as folder, RedisProcess(folder) as server:
        yield server
