"""The sample day in the real app: it moves by itself, a restart doesn't double it, and real data ends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx

from tests.support.processes import Process, start_app
from tests.support.waiting import until

_FAST = {"TIDEBOARD_SAMPLE_SPEED": "600"}
_ORDER = {
    "specversion": "1.0", "id": "1", "source": "/shop", "type": "collection:created",
    "data": {"collection": "orders", "document": {"id": "o-1"}},
}  # fmt: skip


def _flights(app: Process) -> list[dict[str, Any]]:
    request = {"channel": "collection:flights", "limit": 10_000}
    answer = httpx.post(f"{app.base_url}/api/history", json=request).json()
    return [publication["data"] for publication in answer["result"].get("publications", [])]


def test_the_day_plays_survives_a_restart_and_yields_to_real_data(tmp_path: Path) -> None:
    """Started on an empty folder it plays; started again it goes on; after somebody's event it isn't started again."""
    folder = tmp_path / "data"
    with start_app(folder, sample="auto", extra=_FAST) as app:
        app.wait_ready()
        until(lambda: len(_flights(app)) > 120, what="a moving day")
        assert {event["source"] for event in _flights(app)} == {"/tideboard/sample"}
    with start_app(folder, sample="auto", extra=_FAST) as app:
        app.wait_ready()
        before = len(_flights(app))
        until(lambda: len(_flights(app)) > before + 20, what="the day going on")
        created = [event for event in _flights(app) if event["type"] == "collection:created"]
        assert len({event["data"]["document"]["id"] for event in created}) == len(created)
        httpx.post(f"{app.base_url}/api/events", json=_ORDER).raise_for_status()
    with start_app(folder, sample="auto", extra=_FAST) as app:
        app.wait_ready()
        before = len(_flights(app))
        until(lambda: '"hasRealData": true' in (folder / "sample.json").read_text(), what="the sample's look around")
        assert len(_flights(app)) == before
