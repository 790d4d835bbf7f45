"""Every page under axe-core: light and dark, wide and narrow, with what can be open on it open."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any, Final, Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from realtime.bench.process import Process
from tests.browser.board import panel, walk_to
from tests.browser.noticing import Reader, banner, bell, centre, noticing_app, row, toast, toasts
from tests.support.pages import new_context
from tests.support.producing import Poster, created, updated

AXE = (resources.files("axe_playwright_python") / "axe.min.js").read_text()
RUN = "() => axe.run(document, {resultTypes: ['violations']})"
GRAVE = ("serious", "critical")
SCHEMES: Final = ("light", "dark")
# Components and charts take a scheme over a moment after the page has.
IS_DRESSED = """(ink) => [...document.querySelectorAll(".js-plotly-plot .xtick text")].every(
  (text) => getComputedStyle(text).fill === ink)"""
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
PAGES = {
    "Overview": "/",
    "Collections": "/collections?collection=orders&id=o1",
    "Activity": "/activity",
    "Notifications": "/notifications",
    "Preferences": "/notifications?show=Preferences",
    "History": "/notifications?show=History",
    "Health": "/health",
}
CHARTED = ("Overview", "Collections", "Health")


@pytest.fixture(scope="module")
def app() -> Iterator[Process]:
    """Run the app with something of everything on its pages."""
    with noticing_app() as running, Poster(running.base_url) as poster:
        poster.post(*(created("orders", {"id": f"o{n}", "amount": n, "state": "open"}) for n in range(30)))
        poster.post(updated("orders", {"id": "o1", "amount": 7, "state": "paid"}))
        yield running


def grave(page: Page) -> list[str]:
    """Return what axe finds serious or critical at either size: where, the rule, the element, what to do."""
    found = []
    for size in SIZES:
        resize(page, size)
        found += [f"{size}, {scheme}: {one}" for scheme in SCHEMES for one in _grave_in(page, scheme)]
    resize(page, "wide")
    return found


def resize(page: Page, size: str) -> None:
    """Have a wide screen or a phone, and wait until the sidebar has made room or come back."""
    width, height = SIZES[size]
    page.set_viewport_size({"width": width, "height": height})
    expect(page.get_by_test_id("stExpandSidebarButton")).to_have_count(int(size == "narrow"))


def _grave_in(page: Page, scheme: Literal["light", "dark"]) -> list[str]:
    page.emulate_media(color_scheme=scheme)
    app = page.locator(".stApp")
    expect(app).to_have_css("color-scheme", scheme)
    page.wait_for_function(IS_DRESSED, arg=app.evaluate("(app) => getComputedStyle(app).color"))
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found: dict[str, Any] = page.evaluate(RUN)
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in found["violations"]
        if violation["impact"] in GRAVE
        for node in violation["nodes"]
    ]


@pytest.fixture
def reader(browser: Browser, app: Process) -> Iterator[Reader]:
    """Be somebody with notices of each kind."""
    # Reduced motion, since axe would measure the colours of what is just fading in.
    context = new_context(browser, reduced_motion="reduce")
    with Poster(app.base_url) as poster:
        yield Reader(context.new_page(), poster, app.base_url)
    context.close()


def test_no_page_has_a_serious_or_critical_violation(reader: Reader) -> None:
    """With a banner, toasts, a drawer, and an open row on them."""
    page = reader.open()
    keys = [reader.send(severity) for severity in ("info", "success", "warning", "error", "critical")]
    expect(bell(page)).to_have_attribute("data-unread", "5")
    found = {}
    for name, path in PAGES.items():
        walk_to(page, reader.base_url + path)
        expect(banner(page)).to_be_visible()
        if name in CHARTED:
            expect(page.locator(".js-plotly-plot .xtick text").first).to_be_attached()
        if name == "Overview":
            banner(page).get_by_role("button", name="Details").click()
        if name == "Collections":
            expect(panel(page, "record")).to_be_visible()
        if name == "Notifications":
            row(page, keys[2]).locator(".title").click()
            expect(row(page, keys[2]).locator(".details")).to_be_visible()
        found[name] = grave(page)
    assert {name: violations for name, violations in found.items() if violations} == {}


def test_the_sidebar_of_a_phone_has_none_either(reader: Reader) -> None:
    """It lies over the page, the bell in it."""
    page = reader.open()
    reader.send("critical")
    expect(bell(page)).to_have_attribute("data-unread", "1")
    resize(page, "narrow")
    page.get_by_test_id("stExpandSidebarButton").click()
    expect(bell(page)).to_be_in_viewport()
    assert [one for scheme in SCHEMES for one in _grave_in(page, scheme)] == []


def test_menus_and_sheets_have_none_either(reader: Reader) -> None:
    """What is only there while it is used."""
    page = reader.open("/notifications")
    key = reader.send("error")
    expect(toast(page, key)).to_be_visible()
    assert grave(page) == []
    row(page, key).get_by_role("checkbox").check()
    page.keyboard.press("h")
    expect(centre(page).get_by_role("menu")).to_be_visible()
    assert grave(page) == []
    expect(centre(page).get_by_role("menu")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(centre(page).get_by_role("dialog")).to_be_visible()
    assert grave(page) == []
    expect(centre(page).get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(toasts(page)).to_have_count(0)
    assert grave(page) == []
