"""The log of real processes: as JSON every line is one object, and none of them holds a secret."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from realtime.config import variable_of
from tests.support.processes import start_app, start_gateway

SECRET = "a secret of more than 32 characters"
KEY = "a-key-nobody-may-read"


@pytest.mark.parametrize("start", [start_app, start_gateway])
def test_every_line_of_the_log_is_json_without_a_secret(tmp_path: Path, start: type) -> None:
    """From the start to the end, with refusals in between; Streamlit's greeting goes to people, not into the log."""
    settings = {"log_format": "json", "log_level": "debug", "secret": SECRET, "api_key": KEY, "require_token": "true"}
    with start(tmp_path / "data", extra={variable_of(name): value for name, value in settings.items()}) as process:
        process.wait_ready()
        for headers in (
            {"X-API-Key": KEY},
            {"X-API-Key": "wrong"},
            {"Authorization": "Bearer eyJhbGciOi.eyJzdWIi.c2ln"},
        ):
            httpx.get(f"{process.base_url}/api/collections", headers=headers, trust_env=False)
        process.stop()
        printed = process.output()
    logged = [line for line in printed.splitlines() if line.strip().startswith("{")]
    other = [line.strip() for line in printed.splitlines() if line.strip() and not line.strip().startswith("{")]
    assert all(line.startswith(("You can now view", "URL:", "Tideboard's gateway:", "Stopping")) for line in other), (
        other
    )
    told = [json.loads(line) for line in logged]
    assert {"GET /api/collections: 401 in"} <= {" ".join(one["message"].split()[:4]) for one in told}
    assert [word for word in (SECRET, KEY, "eyJzdWIi") if word in printed] == []
