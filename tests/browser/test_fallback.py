"""Where the live channel can't be had, pages refresh by streamlit-autorefresh, and say so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from realtime.bench.process import Process
from tests.browser.board import CHANNEL, badge, row, sidebar
from tests.support.processes import running_app
from tests.support.producing import Poster, created


@pytest.fixture(scope="module")
def app() -> Iterator[Process]:
    """Run an app that refreshes such pages every second."""
    with running_app(extra={"TIDEBOARD_REFRESH_INTERVAL_S": "1"}) as running:
        yield running


@pytest.fixture
def blocked(kept: Page, app: Process, poster: Poster) -> Page:
    """Have a collection open in a tab whose live channel is refused, as a proxy does that knows no WebSockets."""
    poster.post(created("orders", {"id": "a"}))

    def refuse(route: Any) -> None:
        route.close(code=1011, reason="no sockets here")

    if kept.url == "about:blank":
        kept.route_web_socket(CHANNEL, refuse)
        kept.goto(f"{app.base_url}/collections?collection=orders")
    expect(badge(kept)).to_contain_text("Refreshing every 1 s")
    return kept


def test_a_page_without_its_channel_still_updates_and_says_so(blocked: Page, poster: Poster) -> None:
    """What is posted shows by itself; badge and sidebar name the way and the interval."""
    expect(sidebar(blocked)).to_contain_text("Refreshing every 1 s: live channel unavailable")
    expect(badge(blocked)).to_contain_text("Page refresh")
    for name in ("b", "c"):
        poster.post(created("orders", {"id": name}))
        expect(row(blocked, name)).to_be_visible()


def test_the_interval_is_the_readers_choice(blocked: Page) -> None:
    """The sidebar offers other intervals, and the choice is said."""
    for interval in ("2 s", "1 s"):
        sidebar(blocked).get_by_role("combobox").first.click()
        blocked.get_by_role("option", name=interval, exact=True).click()
        expect(sidebar(blocked)).to_contain_text(f"Refreshing every {interval}: live channel unavailable")
        expect(badge(blocked)).to_contain_text(f"Refreshing every {interval}")


def test_real_time_off_holds_a_refreshing_page_too(blocked: Page, poster: Poster) -> None:
    """Standing still means the same whatever way the page is kept current."""
    toggle = sidebar(blocked).get_by_text("Real-time", exact=True)
    toggle.click()
    expect(sidebar(blocked)).not_to_contain_text("live channel unavailable")
    poster.post(created("orders", {"id": "held"}))
    toggle.click()
    expect(row(blocked, "held")).to_be_visible()


def test_when_the_channel_is_back_the_page_is_pushed_to_again(page: Page, app: Process, poster: Poster) -> None:
    """The refreshing ends by itself."""
    poster.post(created("back", {"id": "a"}))
    refusing = {"is_on": True}

    def meet(route: Any) -> None:
        if refusing["is_on"]:
            route.close(code=1011, reason="no sockets here")
        else:
            route.connect_to_server()

    page.route_web_socket(CHANNEL, meet)
    page.goto(f"{app.base_url}/collections?collection=back")
    expect(sidebar(page)).to_contain_text("live channel unavailable")
    refusing["is_on"] = False
    expect(badge(page)).to_contain_text("Live")
    expect(sidebar(page)).not_to_contain_text("live channel unavailable")
    poster.post(created("back", {"id": "b"}))
    expect(row(page, "b")).to_be_visible()
