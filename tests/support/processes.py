"""The processes that tests talk to are the ones the benchmarks measure: started, and stopped whatever happens."""

from __future__ import annotations

import psutil

from realtime.bench.launch import free_port, running_app, running_gateway, start_app, start_gateway
from realtime.bench.process import Process

__all__ = ["Process", "free_port", "running_app", "running_gateway", "start_app", "start_gateway", "started_by_us"]


def started_by_us() -> set[int]:
    """Return the ids of all processes below this one."""
    return {process.pid for process in psutil.Process().children(recursive=True)}
