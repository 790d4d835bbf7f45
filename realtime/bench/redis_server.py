"""Runs a Redis for a measurement: the system's redis-server, on a free port, with its append-only file on."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import redis

from realtime.bench.launch import free_port, temporary_folder
from realtime.errors import StartError

_READY_WITHIN_S: Final = 10.0
_PROGRAMS: Final = ("redis-server", "valkey-server")


@contextmanager
def running_redis() -> Iterator[str]:
    """Run a server and lend its URL. Raises StartError when there is none, or it doesn't start."""
    program = next((found for name in _PROGRAMS if (found := shutil.which(name))), None)
    if program is None:
        raise StartError("There is no redis-server here: install it (on Debian: apt-get install redis-server).")
    with temporary_folder() as folder:
        port = free_port()
        command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
        with subprocess.Popen([*command, "--appendonly", "yes"], stdout=subprocess.DEVNULL) as process:  # noqa: S603
            try:
                url = f"redis://127.0.0.1:{port}/0"
                _wait_for(url, process)
                yield url
            finally:
                process.terminate()


def memory_of_redis(url: str) -> int:
    """Return how many bytes a server holds."""
    with redis.Redis.from_url(url) as client:
        found: Any = client.info("memory")
        return int(found["used_memory"])


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _READY_WITHIN_S
    with redis.Redis.from_url(url) as client:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
    raise StartError("redis-server doesn't start; run it by hand to see why.")
