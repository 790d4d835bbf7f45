"""The live table in a real browser: what a person looks at stays put, by document id, while rows change."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import walk_to
from tests.support.processes import Process
from tests.support.producing import Poster, created, deleted, numbered, updated

_names = count(1)
TABLE = '[data-tideboard="table"]'


@pytest.fixture
def collection() -> str:
    """Name a collection of this test alone."""
    return f"stock{next(_names)}"


@pytest.fixture
def page(kept: Page) -> Page:
    """Go on in the tab of the test before."""
    return kept


@pytest.fixture
def opened(app: Process, poster: Poster, page: Page, collection: str) -> Callable[..., Locator]:
    """Fill the collection and open its table."""

    def open_it(size: int = 300, query: str = "") -> Locator:
        poster.post(*numbered(collection, range(size)))
        walk_to(page, f"{app.base_url}/collections?collection={collection}{query}")
        table = page.locator(TABLE)
        expect(table.locator(".row").first).to_be_visible()
        expect(table.locator(".note")).to_contain_text(f"{size:,}")
        return table

    return open_it


def _row(table: Locator, identifier: str) -> Locator:
    return table.locator(f'.row[data-id="{identifier}"]')


def _first(table: Locator) -> str:
    return str(
        table.evaluate(
            "(root) => [...root.querySelectorAll('.row')].sort((a, b) => a.offsetTop - b.offsetTop)[0].dataset.id"
        )
    )


def _top(table: Locator) -> float:
    return float(table.locator(".scroll").evaluate("(scroller) => scroller.scrollTop"))


def _painted(table: Locator) -> int:
    return int(table.get_attribute("data-version") or 0)


def test_a_new_document_appears_on_top_by_itself(
    opened: Callable[..., Locator], poster: Poster, collection: str
) -> None:
    """Nobody reads: the newest change comes first, at once."""
    table = opened()
    poster.post(created(collection, {"id": "fresh", "value": 1}))
    expect(_row(table, "fresh")).to_be_visible()
    assert _first(table) == "fresh"


def test_scroll_stays_while_rows_are_added(opened: Callable[..., Locator], poster: Poster, collection: str) -> None:
    """What is in sight doesn't jump; a pill counts what is new, and leads there."""
    table = opened()
    scroller = table.locator(".scroll")
    scroller.evaluate("(scroller) => (scroller.scrollTop = 3200)")
    in_sight = "d000199"
    expect(_row(table, in_sight)).to_be_visible()
    before = _row(table, in_sight).bounding_box()
    for number in range(20):
        poster.post(created(collection, {"id": f"n{number}", "value": number}))
    expect(table.locator(".pill")).to_have_text("↑ 20 newer")
    assert _top(table) == 3200
    assert _row(table, in_sight).bounding_box() == before
    table.locator(".pill").click()
    expect(_row(table, "n19")).to_be_visible()
    assert _first(table) == "n19"
    expect(table.locator(".pill")).to_be_hidden()


def test_a_cell_changes_in_place_while_the_order_stands_still(
    opened: Callable[..., Locator], poster: Poster, collection: str
) -> None:
    """A selected row stays where it is and still shows the newest value."""
    table = opened()
    _row(table, "d000295").click()
    expect(_row(table, "d000295")).to_have_attribute("aria-selected", "true")
    where = _row(table, "d000293").evaluate("(row) => row.style.top")
    poster.post(updated(collection, {"id": "d000293", "value": 777_777}))
    expect(_row(table, "d000293")).to_contain_text("777,777")
    assert _row(table, "d000293").evaluate("(row) => row.style.top") == where


def test_the_selection_is_of_the_document_not_of_the_place(
    opened: Callable[..., Locator], poster: Poster, page: Page, collection: str
) -> None:
    """Rows come and go; the drawer and the mark stay with the id."""
    table = opened()
    _row(table, "d000297").click()
    drawer = page.locator('[data-tideboard="record"]')
    expect(drawer).to_contain_text("d000297")
    poster.post(*[created(collection, {"id": f"n{number}", "value": number}) for number in range(5)])
    poster.post(deleted(collection, "d000299"))
    expect(_row(table, "d000299")).to_have_class("row gone")
    expect(table.locator('.row[aria-selected="true"]')).to_have_count(1)
    expect(_row(table, "d000297")).to_have_attribute("aria-selected", "true")
    expect(drawer).to_contain_text("d000297")
    assert "id=d000297" in page.url


def test_no_row_is_built_again_for_a_change(opened: Callable[..., Locator], poster: Poster, collection: str) -> None:
    """The DOM of a row lives as long as the row is in sight: nothing flickers."""
    table = opened()
    _row(table, "d000298").evaluate("(row) => (row.mark = 'kept')")
    version = _painted(table)
    for number in range(10):
        poster.post(updated(collection, {"id": "d000298", "value": number}))
    expect(_row(table, "d000298")).to_contain_text("9")
    assert _painted(table) > version
    assert _row(table, "d000298").evaluate("(row) => row.mark") == "kept"


def test_sorting_by_a_header_survives_changes_and_reload(
    opened: Callable[..., Locator], poster: Poster, page: Page, collection: str
) -> None:
    """The server sorts, the URL keeps it."""
    table = opened()
    table.get_by_role("button", name="Value").click()
    expect(table.get_by_role("columnheader", name="Value")).to_have_attribute("aria-sort", "descending")
    poster.post(
        created(collection, {"id": "largest", "value": 10**6}), created(collection, {"id": "small", "value": -5})
    )
    expect(_row(table, "largest")).to_be_visible()
    assert _first(table) == "largest"
    page.reload()
    expect(table.get_by_role("columnheader", name="Value")).to_have_attribute("aria-sort", "descending")
    assert _first(table) == "largest"
    table.get_by_role("button", name="Value").click()
    expect(table.get_by_role("columnheader", name="Value")).to_have_attribute("aria-sort", "ascending")
    expect(_row(table, "small")).to_be_visible()


def test_a_large_collection_shows_a_window_and_says_so(opened: Callable[..., Locator]) -> None:
    """Few rows in the DOM, the true count in words, more on request."""
    table = opened(size=2_345)
    expect(table.locator(".note")).to_have_text("Showing 200 of 2,345")
    assert table.locator(".row").count() < 60
    table.locator(".scroll").evaluate("(scroller) => (scroller.scrollTop = scroller.scrollHeight)")
    table.get_by_role("button", name="Show 200 more").click()
    expect(table.locator(".note")).to_have_text("Showing 400 of 2,345")


def test_rows_are_reached_by_keyboard(opened: Callable[..., Locator], page: Page) -> None:
    """Arrows walk, Enter opens, Escape closes; focus isn't taken away."""
    table = opened()
    table.locator(".scroll").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(_row(table, "d000298")).to_have_attribute("aria-selected", "true")
    expect(page.locator('[data-tideboard="record"]')).to_contain_text("d000298")
    expect(table.locator(".scroll")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator('[data-tideboard="record"]')).to_have_count(0)


def test_an_edit_in_one_tab_is_in_the_other(
    opened: Callable[..., Locator], app: Process, page: Page, collection: str
) -> None:
    """Typed in one tab, saved by the gateway, drawn in both; a conflict would be told."""
    table = opened(query="&id=d000299")
    other = page.context.new_page()
    other.goto(f"{app.base_url}/collections?collection={collection}")
    expect(_row(other.locator(TABLE), "d000299")).to_be_visible()
    page.get_by_role("button", name="Edit").click()
    page.get_by_label("Document (JSON)").fill('{"id": "d000299", "value": 424242}')
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. Every open page has it.")).to_be_visible()
    expect(_row(other.locator(TABLE), "d000299")).to_contain_text("424,242")
    expect(_row(table, "d000299")).to_contain_text("424,242")


def test_text_being_typed_outlives_somebody_elses_change(
    opened: Callable[..., Locator], poster: Poster, page: Page, collection: str
) -> None:
    """Both versions are shown at once, without a click; the typed text is untouched."""
    opened(query="&id=d000299")
    page.get_by_role("button", name="Edit").click()
    box = page.get_by_label("Document (JSON)")
    box.fill('{"id": "d000299", "value": 1}')
    poster.post(updated(collection, {"id": "d000299", "value": 2}))
    expect(page.get_by_text("This document changed while you were editing")).to_be_visible()
    expect(box).to_have_value('{"id": "d000299", "value": 1}')
    page.get_by_role("button", name="Keep mine").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. Every open page has it.")).to_be_visible()
    expect(page.locator('[data-tideboard="record"]')).to_contain_text("1")


def test_a_document_made_on_the_page_is_shown_and_opened(
    opened: Callable[..., Locator], page: Page, collection: str
) -> None:
    """An id that exists is refused with its reason; a new one is stored, listed and open."""
    table = opened()
    page.get_by_role("button", name="New document").click()
    box = page.get_by_role("dialog").get_by_role("textbox", name="Document (JSON)")
    box.fill('{"id": "d000001", "value": 5}')
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("There is a document with this id already")).to_be_visible()
    box.fill('{"id": "made-here", "value": 5}')
    page.keyboard.press("Control+Enter")
    page.get_by_role("button", name="Create").click()
    expect(page.locator('[data-tideboard="record"]')).to_contain_text("made-here")
    expect(_row(table, "made-here")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete document").click()
    expect(page.locator('[data-tideboard="record"]')).to_have_count(0)
    expect(_row(table, "made-here")).to_have_count(0)
