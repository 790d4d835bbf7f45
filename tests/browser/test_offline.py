"""The gateway pulled away under an open page and brought back: nothing is lost, nothing has to be reloaded."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.board import badge, draft_in, open_collection, panel, row, sidebar
from tests.support.processes import Process, free_port, start_app, start_gateway
from tests.support.producing import Poster, created, updated
from tests.support.waiting import until

STALE = re.compile(r"Stale since \d\d:\d\d")
DRAWER = ".st-key-drawer"
_numbers = itertools.count(1)
WATCH_BADGE = """() => {
  const find = (node) => node.querySelector('[data-tideboard="connection"]')
    ?? [...node.querySelectorAll("*")].map((each) => each.shadowRoot && find(each.shadowRoot)).find(Boolean);
  const badge = find(document);
  new MutationObserver(() => {
    if (badge.textContent.includes("Reconnecting")) window.saidAt ??= Date.now();
  }).observe(badge, { subtree: true, childList: true, characterData: true, attributes: true });
}"""


class Installation:
    """A gateway and an app in processes of their own, each with its data and its port."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._stack = stack
        (folder / "gateway").mkdir()
        (folder / "app").mkdir()
        self.gateway = self._start_gateway(free_port())
        self.app = self._start_app(free_port())

    def pull_away(self) -> None:
        """End the gateway as `kill -9` does."""
        self.gateway.kill()

    def bring_back(self) -> None:
        """Start the gateway again where it was."""
        self.gateway = self._start_gateway(self.gateway.port)

    def restart_app(self) -> None:
        """End the app as `kill -9` does, and start it again where it was."""
        self.app.kill()
        self.app = self._start_app(self.app.port)

    def meanwhile(self, *events: object) -> None:
        """Have another producer post when the app surely can't hear it: to a gateway at another port."""
        other = self._start_gateway(free_port())
        with Poster(other.base_url) as poster:
            poster.post(*events)  # type: ignore[arg-type]
        other.kill()

    def _start_gateway(self, port: int) -> Process:
        gateway = self._stack.enter_context(start_gateway(self._folder / "gateway" / "data", port=port))
        gateway.wait_ready()
        return gateway

    def _start_app(self, port: int) -> Process:
        address = {"TIDEBOARD_GATEWAY_URL": self.gateway.base_url}
        app = self._stack.enter_context(start_app(self._folder / "app" / "data", port=port, extra=address))
        app.wait_ready()
        return app


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Run a gateway and an app beside it. Each test brings back what it took away."""
    with ExitStack() as stack:
        yield Installation(tmp_path_factory.mktemp("offline"), stack)


@pytest.fixture
def orders() -> str:
    """Name a collection of the test's own."""
    return f"orders-{next(_numbers)}"


@pytest.fixture
def opened(installed: Installation, kept: Page, orders: str) -> Page:
    """Open a collection with two orders in it, and mark the page so that a reload would show."""
    with Poster(installed.gateway.base_url) as poster:
        poster.post(created(orders, {"id": "a", "n": 1}), created(orders, {"id": "b", "n": 1}))
    open_collection(kept, installed.app.base_url, orders)
    expect(row(kept, "a")).to_be_visible()
    expect(panel(kept, "chart").locator(".js-plotly-plot .main-svg").first).to_be_attached()  # the page has loaded
    kept.evaluate("window.wasHereBefore = true")
    return kept


def waiting(page: Page) -> Locator:
    """Return the list of changes that wait, on the page."""
    return panel(page, "outbox").first


def strip(page: Page) -> Locator:
    """Return what waits about the document in the drawer."""
    return page.locator(DRAWER).locator('[data-tideboard="outbox"]')


def edit(page: Page, identifier: str, text: str) -> None:
    """Change a document in the drawer."""
    if page.locator(DRAWER).get_by_text(identifier, exact=True).count() == 0:
        row(page, identifier).click()
    page.locator(DRAWER).get_by_role("button", name="Edit").click()
    draft = draft_in(page)
    draft.fill(text)
    draft.press("Control+Enter")
    page.get_by_role("button", name="Save").click()
    expect(draft).to_have_count(0)


def close_drawer(page: Page) -> None:
    """Close the drawer."""
    page.locator(DRAWER).get_by_role("button", name="close icon").click()
    expect(page.locator(DRAWER)).to_have_count(0)


def create(page: Page, text: str) -> None:
    """Create a document in the dialog."""
    page.get_by_role("button", name="New document").click()
    dialog = page.get_by_role("dialog")
    draft = draft_in(dialog)
    draft.fill(text)
    draft.press("Control+Enter")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog).to_have_count(0)


def test_a_page_outlives_its_gateway_and_delivers_what_was_saved_meanwhile(
    installed: Installation, opened: Page, orders: str
) -> None:
    """It says so within two seconds, stays readable and marked stale; comes back by itself with everybody's changes."""
    page = opened
    page.evaluate(WATCH_BADGE)
    installed.pull_away()
    expect(badge(page)).to_contain_text("Reconnecting")
    noticed_ms = float(badge(page).get_attribute("data-lost-at") or "nan")
    assert page.evaluate("window.saidAt") - noticed_ms <= 2_000
    for kind in ("table", "chart", "cards"):
        expect(panel(page, kind)).to_have_attribute("data-stale", STALE)
    expect(row(page, "a")).to_contain_text("1")
    overview = page.context.new_page()
    overview.goto(installed.app.base_url)
    for kind in ("numbers", "chart", "feed"):
        expect(panel(overview, kind)).to_have_attribute("data-stale", STALE)
    expect(panel(overview, "feed")).to_contain_text("Connection to the gateway lost")

    edit(page, "a", '{"id": "a", "n": 2}')
    expect(strip(page)).to_contain_text("◌ Waiting")
    expect(strip(page)).to_contain_text("n12")  # the field, what it is, what it will be
    edit(page, "a", '{"id": "a", "n": 3}')
    create(page, '{"id": "c", "n": 1}')
    expect(strip(page)).to_contain_text("Create")
    edit(page, "c", '{"id": "c", "n": 2}')
    expect(waiting(page).locator("li")).to_have_count(4)
    expect(badge(page)).to_contain_text("4 changes to be sent")
    expect(row(page, "a")).to_contain_text("1")
    expect(row(page, "c")).to_have_count(0)

    close_drawer(page)  # while a row is chosen the table stands still

    installed.meanwhile(updated(orders, {"id": "b", "n": 7}), created(orders, {"id": "d", "n": 1}))
    installed.bring_back()
    expect(badge(page)).to_contain_text("Live")
    expect(waiting(page).locator("li").first).to_contain_text("✓ Confirmed")
    for identifier, number in {"a": 3, "b": 7, "c": 2, "d": 1}.items():
        expect(row(page, identifier)).to_contain_text(str(number))
    expect(waiting(page).locator("li")).to_have_count(0)
    expect(badge(page)).not_to_contain_text("to be sent")
    expect(panel(page, "table")).not_to_have_attribute("data-stale", STALE)
    expect(panel(overview, "feed")).not_to_have_attribute("data-stale", STALE)
    expect(panel(overview, "feed")).to_contain_text("restored")
    assert page.evaluate("window.wasHereBefore")
    with Poster(installed.gateway.base_url) as poster:
        assert {key: document["n"] for key, document in poster.documents(orders).items()} == {
            "a": 3, "b": 7, "c": 2, "d": 1,
        }  # fmt: skip
        assert poster.history(orders) == list(range(1, 9))  # each stored once


def test_a_change_that_met_anothers_is_refused_with_the_reason_until_a_person_decides(
    installed: Installation, opened: Page, orders: str
) -> None:
    """One's own version goes over the other's only when it is chosen; the other one is given up."""
    page = opened
    installed.pull_away()
    expect(badge(page)).to_contain_text("Reconnecting")
    edit(page, "a", '{"id": "a", "n": 2}')
    expect(strip(page)).to_contain_text("◌ Waiting")
    close_drawer(page)
    edit(page, "b", '{"id": "b", "n": 2}')
    expect(strip(page)).to_contain_text("◌ Waiting")
    close_drawer(page)
    installed.meanwhile(updated(orders, {"id": "a", "n": 50}), updated(orders, {"id": "b", "n": 60}))
    installed.bring_back()
    expect(badge(page)).to_contain_text("2 refused")
    mine = waiting(page).locator('li[data-id="a"]')
    expect(mine).to_contain_text("■ Refused")
    expect(mine).to_contain_text("changed meanwhile")
    expect(row(page, "a")).to_contain_text("50")
    waiting(page).locator('li[data-id="b"]').get_by_role("button", name="Discard").click()
    expect(waiting(page).locator("li")).to_have_count(1)
    mine.get_by_role("button", name="Keep mine").click()
    expect(row(page, "a")).to_contain_text("2")
    expect(row(page, "b")).to_contain_text("60")
    expect(badge(page)).not_to_contain_text("refused")
    assert page.evaluate("window.wasHereBefore")


def test_what_was_saved_offline_survives_kill_9_of_the_app(installed: Installation, opened: Page, orders: str) -> None:
    """The next process finds it on its disk, shows it, and sends it when the gateway is back."""
    page = opened
    installed.pull_away()
    expect(badge(page)).to_contain_text("Reconnecting")
    edit(page, "a", '{"id": "a", "n": 2}')
    expect(strip(page)).to_contain_text("◌ Waiting")
    installed.restart_app()
    page.goto(f"{installed.app.base_url}/collections?collection={orders}")
    expect(waiting(page).locator("li")).to_contain_text("◌ Waiting")
    installed.bring_back()
    with Poster(installed.gateway.base_url) as poster:
        until(lambda: poster.documents(orders)["a"]["n"] == 2, what="the edit at the gateway")
    expect(row(page, "a")).to_contain_text("2")
    expect(sidebar(page)).not_to_contain_text("to be sent")
