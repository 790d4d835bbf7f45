"""What holds for every test: hypothesis judges behaviour here, never speed, since the cores are shared."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("tideboard", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tideboard")
