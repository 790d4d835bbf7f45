"""Names what is on the pages, so that the tests read as what a person sees. No claims in here."""

from __future__ import annotations

from urllib.parse import urlsplit

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
# As the browser's Back: the address is another one, and the page is told.
_WALK = """(url) => {
  history.pushState({}, "", url);
  dispatchEvent(new PopStateEvent("popstate"));
}"""
_ASIDE = ("/notifications", "/activity")


def walk_to(page: Page, url: str) -> None:
    """Open a page of the app and wait until it is live. Where one of it is open, nothing is loaded again.

    It goes by way of another page, so that nothing is left of what stood there before.
    """
    there = urlsplit(url)
    if not page.url.startswith(f"{there.scheme}://{there.netloc}/"):
        page.goto(url)
    else:
        for each in (next(aside for aside in _ASIDE if aside != there.path), url):
            page.evaluate(_WALK, each)
            _arrived(page, urlsplit(each).path)
    expect(badge(page)).to_contain_text("Live")


def _arrived(page: Page, path: str) -> None:
    """Wait until a page is the one that is shown: from then on there is nothing left of the one before."""
    name = path.strip("/").capitalize() or "Overview"
    here = page.get_by_test_id("stSidebarNav").locator('a[aria-current="page"]', has_text=name)
    expect(here).to_have_count(1)


def open_collection(page: Page, base_url: str, name: str) -> None:
    """Open the Collections page on one collection and wait until it is live."""
    walk_to(page, f"{base_url}/collections?collection={name}")


def open_overview(page: Page, base_url: str) -> None:
    """Open the Overview and wait until it is live."""
    walk_to(page, f"{base_url}/")


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
