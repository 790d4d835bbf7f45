"""What outlives a reload, a second tab, another browser, a restart of the app: the switch, the view, the past."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.board import badge, open_collection, panel, row, sidebar, walk_to
from tests.support.pages import new_context
from tests.support.processes import Process, free_port, start_app
from tests.support.producing import Poster, created

SEGMENTS = """() => {
  const chart = document.querySelector('[data-view="health_charts.timeline"] .js-plotly-plot');
  const live = chart?.data?.find(({name}) => name === "Live");
  return live ? live.x.filter((length) => length).length : 0;
}"""


def switch(page: Page) -> None:
    """Turn the real-time switch."""
    sidebar(page).get_by_text("Real-time", exact=True).click()


def test_the_switch_is_kept_by_the_browser(browser: Browser, context: BrowserContext, app: Process) -> None:
    """Off stays off through a reload, in a second tab and after a restart of the browser; another browser is live."""
    page = context.new_page()
    walk_to(page, f"{app.base_url}/activity")
    switch(page)
    expect(badge(page)).to_contain_text("Paused")
    page.reload()
    expect(badge(page)).to_contain_text("Paused")
    second = context.new_page()
    second.goto(f"{app.base_url}/notifications")
    expect(badge(second)).to_contain_text("Paused")
    restarted = new_context(browser, storage_state=context.storage_state())
    third = restarted.new_page()
    third.goto(f"{app.base_url}/activity")
    expect(badge(third)).to_contain_text("Paused")
    restarted.close()
    other = new_context(browser)
    fourth = other.new_page()
    walk_to(fourth, f"{app.base_url}/activity")
    other.close()
    switch(page)
    expect(badge(page)).to_contain_text("Live")
    page.reload()
    expect(badge(page)).to_contain_text("Live")


def test_what_happens_while_it_is_off_is_counted_after_a_reload_and_shown_on_switching_on(
    context: BrowserContext, app: Process, poster: Poster
) -> None:
    """Nothing is lost by looking away."""
    poster.post(created("kept", {"id": "before"}))
    page = context.new_page()
    open_collection(page, app.base_url, "kept")
    switch(page)
    expect(badge(page)).to_contain_text("Paused")
    page.reload()
    expect(row(page, "before")).to_be_visible()
    poster.post(created("kept", {"id": "after"}))
    expect(badge(page)).to_contain_text("(1 new)")
    expect(row(page, "after")).to_have_count(0)
    switch(page)
    expect(row(page, "after")).to_be_visible()


def test_the_view_is_in_the_url_of_the_health_page(page: Page, app: Process) -> None:
    """A reload shows the same window."""
    page.goto(f"{app.base_url}/health")
    expect(badge(page)).to_contain_text(re.compile(r"Up\d+ (s|min)"))
    page.get_by_text("24 h", exact=True).click()
    expect(page).to_have_url(re.compile("window="))
    page.reload()
    expect(page.get_by_role("radio", name="24 h")).to_be_checked()


def test_a_restarted_app_remembers_the_connection_s_life_and_lost_nothing(page: Page, tmp_path: Path) -> None:
    """The open page comes back by itself; the timeline shows the life before, and the feed what it had."""
    port = free_port()
    with start_app(tmp_path / "data", port=port) as app:
        app.wait_ready()
        with Poster(app.base_url) as poster:
            poster.post(created("orders", {"id": "early"}))
        page.goto(f"{app.base_url}/health")
        expect(panel(page, "chart").first).to_be_visible()
        page.wait_for_function(f"({SEGMENTS})() === 1")
    with start_app(tmp_path / "data", port=port) as app:
        app.wait_ready()
        page.wait_for_function(f"({SEGMENTS})() === 2")
        page.goto(app.base_url)
        expect(panel(page, "feed")).to_contain_text("early")
