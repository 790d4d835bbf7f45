"""What the app tells Prometheus of itself, with its gateway in another process too."""

from __future__ import annotations

from pathlib import Path

import httpx

from realtime.config import variable_of
from tests.support.processes import running_gateway, start_app
from tests.support.waiting import until


def test_an_app_without_a_gateway_of_its_own_tells_its_own_numbers(tmp_path: Path) -> None:
    """Those of the Health page."""
    with running_gateway() as gateway:
        elsewhere = {variable_of("gateway_url"): gateway.base_url}
        with start_app(tmp_path / "data", extra=elsewhere) as app:
            app.wait_ready()

            def told() -> str:
                return httpx.get(f"{app.base_url}/metrics", trust_env=False).text

            until(lambda: "tideboard_client_connected 1.0" in told())
            until(lambda: "tideboard_app_threads " in told())
            assert "tideboard_client_connect_seconds_count 1.0" in told()
            ready = httpx.get(f"{app.base_url}/api/health/ready", trust_env=False)
            assert (ready.status_code, ready.json()) == (200, {"ready": True, "trouble": None})
            gateway.kill()
            until(lambda: httpx.get(f"{app.base_url}/api/health/ready", trust_env=False).status_code == 503)
            assert httpx.get(f"{app.base_url}/api/health/live", trust_env=False).json() == {"live": True}
