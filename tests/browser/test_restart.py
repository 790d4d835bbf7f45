"""An app that is killed and started anew, as at every deploy: whatever page is open, all of it follows the new one."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.board import badge
from tests.support.processes import start_app
from tests.support.producing import Poster, created
from tests.support.waiting import until

PAGES = ["", "collections?collection=orders", "activity", "notifications", "health", "admin", "audit"]


def epochs(page: Page) -> set[str]:
    """Return the epochs of all that the page shows: each process counts in another."""
    found: list[str] = page.locator("[data-epoch]").evaluate_all("(roots) => roots.map((root) => root.dataset.epoch)")
    return set(found)


def test_every_panel_of_every_page_follows_the_app_that_comes_after(context: BrowserContext, tmp_path: Path) -> None:
    """With no reload, and with other tickets: those of before are of a key that is gone with the process.

    A session is new then and knows no fragments, so it isn't the panels inside of those that may ask for tickets.
    """
    with start_app(tmp_path / "data") as app:
        app.wait_ready()
        with Poster(app.base_url) as poster:
            poster.post(created("orders", {"id": "before", "total": 1}))
        tabs = [context.new_page() for _ in PAGES]
        for tab, path in zip(tabs, PAGES, strict=True):
            tab.goto(f"{app.base_url}/{path}")
            expect(badge(tab)).to_contain_text("Live")
        [old] = set.union(*map(epochs, tabs))
        app.kill()
    with start_app(tmp_path / "data", port=app.port) as again:
        again.wait_ready()
        for tab, path in zip(tabs, PAGES, strict=True):
            until(lambda: epochs(tab) and old not in epochs(tab), what=f"all of /{path} is told by the new process")  # noqa: B023
            expect(badge(tab)).to_have_count(1)  # a run that has just ended may have left one of the run before
            expect(badge(tab)).to_contain_text("Live")
        with Poster(again.base_url) as poster:
            poster.post(created("orders", {"id": "after", "total": 2}))
        for number in (1, 2):
            expect(tabs[number].get_by_text("after", exact=False).first).to_be_visible()
