"""Reads CPU time and memory of a process and its descendants. Changes nothing.

Threads: the one that made the meter.
"""

from __future__ import annotations

import contextlib

import psutil


def machine_busy_s() -> float:
    """Return the seconds that all the machine's cores together have been busy since it started."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


class CpuMeter:
    """Reads the CPU time of a process and its descendants; those that ended keep counting with their last reading."""

    def __init__(self, pid: int, *, only_named: str = "") -> None:
        self._pid = pid
        self._only_named = only_named
        self._last: dict[tuple[int, float], float] = {}

    def read_s(self) -> float:
        """Return user and system seconds of all of them together."""
        for member in tree_of(self._pid):
            with contextlib.suppress(psutil.Error):
                if self._only_named in member.name().lower():
                    times = member.cpu_times()
                    self._last[member.pid, member.create_time()] = times.user + times.system
        return sum(self._last.values())


def tree_of(pid: int) -> list[psutil.Process]:
    """Return a process and its descendants; none when it is gone."""
    try:
        leader = psutil.Process(pid)
        return [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return []


def memory_of(process: psutil.Process) -> int:
    """Return the resident bytes of a process, 0 when it is gone."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
