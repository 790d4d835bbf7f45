"""The Health page in a real browser: it is live, says what happened, and stands still when real-time is held."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import badge, panel, sidebar, walk_to
from tests.support.processes import Process
from tests.support.producing import Poster, created

LANES = """() => document.querySelector('[data-view="health_charts.timeline"] .js-plotly-plot')
  ?._fullLayout?.yaxis?._categories"""


@pytest.fixture
def page(kept: Page) -> Page:
    """Go on in the tab of the test before."""
    return kept


def number(page: Page, key: str) -> str:
    """Return the text of one of the page's numbers."""
    return panel(page, "numbers").locator(f'[data-key="{key}"] .value').inner_text()


def next_paint(chart: Locator) -> None:
    """Wait until a chart has drawn once more."""
    expect(chart).not_to_have_attribute("data-version", chart.get_attribute("data-version") or "")


def test_health_is_live_and_complete(page: Page, app: Process, poster: Poster) -> None:
    """An event moves the numbers with no reload; every panel has drawn; nothing is empty by mistake."""
    walk_to(page, f"{app.base_url}/health")
    page.evaluate("window.tideboardBench.removals = 0")
    expect(page.locator('[data-view="health_lists.verdict"]')).to_contain_text(re.compile(r"Live for .* Not lost"))
    expect(panel(page, "numbers").locator('[data-key="dials"] .value')).to_have_text("100 %")
    expect(page.locator('[data-view="health_lists.queues"]')).to_contain_text("App to open tabs")
    expect(page.locator('[data-view="health_lists.dead_letters"]')).to_contain_text("every critical event")
    for view in ("timeline", "delivery_times", "traffic", "memory", "cpu"):
        expect(page.locator(f'[data-view="health_charts.{view}"] .main-svg').first).to_be_attached()
    assert page.evaluate(LANES) == ["Offline", "Reconnecting", "Catching up", "Polling", "Live"]
    poster.post(created("pulse", {"id": "first"}))  # of a new collection: it is fetched
    expect(panel(page, "numbers").locator('[data-key="resumed"] .value')).not_to_have_text("0")
    before = number(page, "live")
    poster.post(*[created("pulse", {"id": str(turn)}) for turn in range(5)])
    expect(panel(page, "numbers").locator('[data-key="live"] .value')).not_to_have_text(before)
    expect(panel(page, "numbers").locator('[data-key="delivery"] .value')).to_contain_text("ms")
    assert page.evaluate("window.tideboardBench.removals") == 0


def test_a_band_tells_what_it_was_and_goes_on_telling(page: Page, app: Process) -> None:
    """The tooltip stays while the band it is on grows."""
    walk_to(page, f"{app.base_url}/health")
    chart = page.locator('[data-view="health_charts.timeline"]')
    expect(page.locator('[data-view="health_charts.cpu"] .main-svg').first).to_be_attached()
    expect(page.locator('[data-view="health_lists.dead_letters"]')).to_contain_text("every critical event")
    for _ in range(10):  # whatever is above may still push the chart down
        box = chart.locator(".barlayer .point path").last.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        next_paint(chart)
        if chart.locator(".hovertext").count():
            break
    for _ in range(3):
        next_paint(chart)
        expect(chart.locator(".hovertext")).to_contain_text("Live")


def test_health_stands_still_when_held(page: Page, app: Process, poster: Poster) -> None:
    """What happens meanwhile is counted by the badge, and shown when it is let go."""
    walk_to(page, f"{app.base_url}/health")
    sidebar(page).get_by_text("Real-time", exact=True).click()
    expect(badge(page)).to_contain_text("Paused")
    shown = page.locator('[data-view="health.deliveries"]')
    held = shown.get_attribute("data-version") or ""
    poster.post(created("held", {"id": "1"}), created("held", {"id": "2"}))
    expect(badge(page)).to_contain_text("(2 new)")
    expect(shown).to_have_attribute("data-version", held)
    sidebar(page).get_by_text("Real-time", exact=True).click()
    expect(badge(page)).to_contain_text("Live")
    expect(shown).not_to_have_attribute("data-version", held)
