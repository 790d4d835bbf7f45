"""The processes that tests talk to are the ones the benchmarks measure: started, and stopped whatever happens."""

from __future__ import annotations

from realtime.bench.launch import free_port, running_app, running_gateway, start_app, start_gateway
from realtime.bench.process import Process

__all__ = ["Process", "free_port", "running_app", "running_gateway", "start_app", "start_gateway"]
