"""Pages of a fresh process: the shell first whatever the URL, the sample day moving by itself, the first event."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from realtime.bench.process import Process
from tests.browser.board import badge, panel, row, sidebar
from tests.support.processes import running_app
from tests.support.producing import Poster, created

PATHS = {"/": "Overview", "/collections": "Collections"}
ALL_PATHS = PATHS | {"/health": "Health"}


@pytest.mark.parametrize("path", ALL_PATHS)
def test_the_first_request_of_a_fresh_process_runs_the_shell_first(context: BrowserContext, path: str) -> None:
    """Straight to a page's URL, before anyone opened `/`: navigation and badge are there and nothing crashed."""
    with running_app() as app:
        page = context.new_page()
        page.goto(app.base_url + path)
        for name in ALL_PATHS.values():
            expect(sidebar(page).get_by_role("link", name=name)).to_be_visible()
        expect(sidebar(page).locator('a[aria-current="page"]')).to_contain_text(ALL_PATHS[path])
        expect(badge(page)).to_contain_text("Live")
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page).to_have_title("Tideboard")
        assert "Traceback" not in app.output()


def test_a_file_that_isnt_in_the_navigation_is_no_page(page: Page, empty: Process) -> None:
    """The folder's files are pages only through the shell; its own name leads to no second shell."""
    page.goto(f"{empty.base_url}/shell")
    expect(badge(page)).to_be_visible()
    expect(sidebar(page).get_by_role("link", name="Overview")).to_have_count(1)
    expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.fixture(scope="module")
def empty() -> Iterator[Process]:
    """Run an app with nothing in it."""
    with running_app() as running:
        yield running


def test_an_empty_page_invites_and_shows_the_first_document_by_itself(context: BrowserContext, empty: Process) -> None:
    """Both pages wait for the first event and leave the invitation for it, with no reload."""
    pages = {path: context.new_page() for path in PATHS}
    for path, page in pages.items():
        page.goto(empty.base_url + path)
        expect(page.get_by_text("Nothing here yet")).to_be_visible()
        expect(page.locator("code").first).to_contain_text(f"{empty.base_url}/api/collections/")
    with Poster(empty.base_url) as poster:
        poster.post(created("orders", {"id": "order-1", "customer": "Ada"}))
    expect(row(pages["/collections"], "order-1")).to_contain_text("Ada")
    expect(panel(pages["/"], "feed")).to_contain_text("order-1")


@pytest.fixture(scope="module")
def sample() -> Iterator[Process]:
    """Run an app on an empty folder the way `make run` does: with the sample day."""
    with running_app(sample="auto") as running:
        yield running


def test_the_overview_moves_by_itself(page: Page, sample: Process) -> None:
    """With the sample day numbers, chart and feed change while nobody touches the page; the band says what it is."""
    page.goto(sample.base_url)
    expect(page.get_by_text("Sample data")).to_be_visible()
    for kind in ("numbers", "feed", "chart"):
        for _ in range(3):
            shown = panel(page, kind).first
            expect(shown).to_have_attribute("data-version", re.compile(r"\d+"))
            expect(shown).not_to_have_attribute("data-version", shown.get_attribute("data-version") or "")
    assert page.evaluate("window.tideboardBench.removals") == 0


def test_real_data_and_the_sample_live_side_by_side_under_the_band(page: Page, sample: Process) -> None:
    """Stopping the sample stops it for everyone; what was posted by others stays and goes on."""
    page.goto(sample.base_url)
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("stopped")).to_be_visible()
    with Poster(sample.base_url) as poster:
        poster.post(created("orders", {"id": "mine"}))
    expect(panel(page, "feed")).to_contain_text("mine")
