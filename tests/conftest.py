"""What holds for every test: hypothesis judges behaviour here, never speed, since the cores are shared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from realtime.bench import launch
from realtime.config import variable_of
from tests.support.engines import STANDING, settings_of
from tests.support.redis_fixtures import redis_prefix, redis_server

__all__ = ["redis_prefix", "redis_server"]

settings.register_profile("tideboard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tideboard")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about another engine than the one that everything is to run on."""
    if STANDING == "sqlite":
        return
    marked = {item: item.get_closest_marker("engine") for item in items}
    strangers = [item for item, mark in marked.items() if mark is not None and STANDING not in mark.args]
    config.hook.pytest_deselected(items=strangers)
    items[:] = [item for item in items if item not in strangers]


_alone = launch.app_settings


def _app_settings(data_dir: Path, *, sample: str = "off", extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Let apps and gateways that are processes of their own keep their log in the engine that everything runs on."""
    shared = {variable_of(key): value for key, value in settings_of(data_dir).items()}
    return _alone(data_dir, sample=sample, extra={**shared, **(extra or {})})


launch.app_settings = _app_settings
