"""What holds for every test: hypothesis judges behaviour here, never speed, since the cores are shared."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from tests.support.redis_fixtures import redis_prefix, redis_server

__all__ = ["redis_prefix", "redis_server"]

settings.register_profile("tideboard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tideboard")
