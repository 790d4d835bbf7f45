"""What holds for every test: hypothesis judges behaviour here, never speed, since the cores are shared."""

from __future__ import annotations

import faulthandler
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from _pytest.faulthandler import fault_handler_stderr_fd_key
from hypothesis import HealthCheck, settings

from realtime.bench import launch
from realtime.config import variable_of
from tests.support.engines import STANDING, settings_of
from tests.support.order import in_turns
from tests.support.redis_fixtures import redis_prefix, redis_server

__all__ = ["redis_prefix", "redis_server"]

_GRACE_S: Final = 120.0
"""How long a test that is over, or was told that its time is, may take to end before its process is killed."""

settings.register_profile("tideboard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tideboard")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about another engine than the one that everything is to run on; order what workers share."""
    if hasattr(config, "workerinput"):  # alone, one would start a browser for each file
        place = {file: number for number, file in enumerate(in_turns(map(_file_of, items)))}
        items.sort(key=lambda item: place[_file_of(item)])
    if STANDING == "sqlite":
        return
    marked = {item: item.get_closest_marker("engine") for item in items}
    strangers = [item for item, mark in marked.items() if mark is not None and STANDING not in mark.args]
    config.hook.pytest_deselected(items=strangers)
    items[:] = [item for item in items if item not in strangers]


def _file_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Kill a process whose test goes on long after its own time, since it couldn't be interrupted."""
    marker = item.get_closest_marker("timeout")
    own_s = float(item.config.getini("timeout") if marker is None else marker.args[0])
    with _killed_after(own_s + _GRACE_S, item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Kill a process that doesn't get through what follows a test: a failure has ended all other limits by then."""
    with _killed_after(_GRACE_S, item):
        return (yield)


@contextmanager
def _killed_after(seconds: float, item: pytest.Item) -> Iterator[None]:
    faulthandler.dump_traceback_later(seconds, exit=True, file=item.config.stash[fault_handler_stderr_fd_key])
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


_lost: list[object] = []


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object, error: object | None) -> None:
    """Note a worker that ended before its time: what it had yet to do was perhaps done by nobody."""
    if error is not None:
        _lost.append(node)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell a lost worker from a failed test, which may be tried once more."""
    if _lost:
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR


_alone = launch.app_settings


def _app_settings(data_dir: Path, *, sample: str = "off", extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Let apps and gateways that are processes of their own keep their log in the engine that everything runs on."""
    is_elsewhere = variable_of("redis_url") in (extra or {})  # what shares a Redis of its own shares its prefix, too
    shared = {} if is_elsewhere else {variable_of(key): value for key, value in settings_of(data_dir).items()}
    return _alone(data_dir, sample=sample, extra={**shared, **(extra or {})})


launch.app_settings = _app_settings
