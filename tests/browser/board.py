"""Names what is on the pages, so that the tests read as what a person sees. No claims in here."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

CHANNEL = "**/live/channel"
HIDE = """(isHidden) => {
  const tell = (name, value) => Object.defineProperty(document, name, {configurable: true, get: () => value});
  tell("hidden", isHidden);
  tell("visibilityState", isHidden ? "hidden" : "visible");
  document.dispatchEvent(new Event("visibilitychange"));
}"""
COUNT_PAINTS = """(chart) => {
  chart.tideboardPaints = 0;
  new MutationObserver(() => (chart.tideboardPaints += 1)).observe(chart, {attributeFilter: ["data-version"]});
}"""


def open_collection(page: Page, base_url: str, name: str) -> None:
    """Open the Collections page on one collection and wait until it is live."""
    page.goto(f"{base_url}/collections?collection={name}")
    expect(badge(page)).to_contain_text("Live")


def open_overview(page: Page, base_url: str) -> None:
    """Open the Overview and wait until it is live."""
    page.goto(base_url)
    expect(badge(page)).to_contain_text("Live")


def badge(page: Page) -> Locator:
    """Return the connection's badge."""
    return page.locator('[data-tideboard="connection"]')


def panel(page: Page, kind: str) -> Locator:
    """Return the panel of a kind: chart, table, numbers, feed, cards."""
    return page.locator(f'[data-tideboard="{kind}"]')


def row(page: Page, identifier: str) -> Locator:
    """Return a document's row in the live table."""
    return panel(page, "table").locator(f'[role="row"][data-id="{identifier}"]')


def draft_in(place: Page | Locator) -> Locator:
    """Return the text area that a document's JSON is edited in."""
    return place.get_by_role("textbox", name="Document (JSON)")


def sidebar(page: Page) -> Locator:
    """Return the sidebar."""
    return page.get_by_test_id("stSidebar")


def set_hidden(page: Page, is_hidden: bool) -> None:
    """Hide a tab, or show it again: headless Chromium holds every tab to be visible, so the page is told otherwise."""
    page.evaluate(HIDE, is_hidden)


def number_of(page: Page, key: str) -> str:
    """Return the text of one of the Overview's key numbers."""
    return panel(page, "numbers").locator(f'[data-key="{key}"] .value').inner_text()
