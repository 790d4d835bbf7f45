"""Under a base path, as behind a proxy that serves more than us: pages, panels, channel and API are all under it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from realtime.bench.process import Process
from tests.browser.board import badge, panel, row
from tests.support.processes import running_app
from tests.support.producing import Poster, created

BASE = "/tide/board"


@pytest.fixture(scope="module")
def based() -> Iterator[Process]:
    """Run an app under a base path."""
    with running_app(extra={"STREAMLIT_SERVER_BASE_URL_PATH": BASE}) as running:
        yield running


def test_pages_are_live_under_a_base_path(page: Page, based: Process) -> None:
    """Nothing is asked for outside of it, and the invitation's command is one that works."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto(f"{based.base_url}{BASE}/collections")
    expect(page.locator("code").first).to_contain_text(f"{based.base_url}{BASE}/api/collections/")
    expect(badge(page)).to_contain_text("Live")
    with Poster(based.base_url + BASE) as poster:
        poster.post(created("orders", {"id": "order-1", "customer": "Ada"}))
        expect(row(page, "order-1")).to_contain_text("Ada")
    paths = [urlsplit(url).path for url in asked if url.startswith(("http", "ws"))]
    assert f"{BASE}/live/channel" in paths
    assert [path for path in paths if not path.startswith(BASE + "/")] == []
    page.goto(f"{based.base_url}{BASE}/")
    expect(panel(page, "feed")).to_contain_text("order-1")


def test_every_answer_keeps_other_sites_from_framing_it(based: Process) -> None:
    """Streamlit's own pages as well as our routes; and nobody guesses what a file is."""
    with httpx.Client(base_url=based.base_url + BASE, trust_env=False) as http:
        for path in ("/", "/collections", "/api/health", "/_stcore/health"):
            answer = http.get(path)
            assert answer.status_code == 200, path
            assert "frame-ancestors" in answer.headers["content-security-policy"]
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "referrer-policy" in answer.headers


def test_programs_on_this_machine_need_no_base_path(based: Process) -> None:
    """The API answers at the root, too, where nothing is shown."""
    assert httpx.get(f"{based.base_url}/api/health", trust_env=False).json()["live"] is True


def test_nobody_says_where_they_are_by_a_header(based: Process) -> None:
    """Streamlit's server believes whoever is on this machine; what is counted and noted is who really connected."""
    with httpx.Client(base_url=based.base_url, trust_env=False) as http:
        claimed = {"X-Forwarded-For": "203.0.113.9:4444", "Origin": "https://evil.example"}
        assert http.post(f"{BASE}/api/events", json={}, headers=claimed).status_code == 403
        [row] = http.get("/api/audit", params={"text": "foreign_origin"}).json()["rows"]
        assert (row["origin"], row["target"]) == ("127.0.0.1", f"POST {BASE}/api/events")
