"""Two app processes behind the balancer of deploy/: the same for everybody, and one may die."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.browser.board import badge, panel
from tests.support.balancer import API_KEY, SHAPES, Balanced, balanced
from tests.support.pages import new_context
from tests.support.producing import Poster, created
from tests.support.waiting import until

SHORT = {"TIDEBOARD_PRESENCE_GRACE_S": "1"}
KEY = {"X-API-Key": API_KEY}


@pytest.fixture(scope="module", params=SHAPES)
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balanced]:
    """Run two apps with what they share, in each of the shapes."""
    with balanced(request.param, tmp_path_factory.mktemp("balanced"), extra=SHORT) as running:
        yield running


@pytest.fixture
def shared(board: Balanced) -> Iterator[Poster]:
    """Post to whoever the balancer chooses."""
    with Poster(board.base_url, headers=KEY) as made:
        yield made


@pytest.fixture
def other(browser: Browser) -> Iterator[BrowserContext]:
    """Open another browser: no cookies in common."""
    made = new_context(browser)
    yield made
    made.close()


def cookie_of(board: Balanced, *, unlike: str = "") -> str:
    """Come as a new browser until the balancer leads it to another process than `unlike` does."""
    return until(
        lambda: next(
            (
                found
                for found in [httpx.get(f"{board.base_url}/_stcore/health").cookies["tideboard_app"]]
                if found != unlike
            ),
            "",
        ),
        what="another process",
    )


def open_as(context: BrowserContext, board: Balanced, name: str, *, cookie: str, path: str = "activity") -> Page:
    """Open a page as somebody, at the process that a cookie leads to."""
    for key, value in (("tideboard_person", name), ("tideboard_app", cookie)):
        context.add_cookies([{"name": key, "value": value, "url": board.base_url}])
    page = context.new_page()
    page.goto(f"{board.base_url}/{path}")
    expect(badge(page)).to_contain_text("Live")
    return page


def person(page: Page, name: str) -> Locator:
    """Return a person's row in the people panel."""
    return page.get_by_test_id("stMain").locator(f'[data-tideboard="people"] [data-person="{name}"]')


def told(board: Balanced, name: str) -> list[str]:
    """Return the comings and goings of a person, as the gateway's log holds them."""
    answer = httpx.post(f"{board.base_url}/api/history", json={"channel": "users", "limit": 1000}, headers=KEY)
    events: list[dict[str, Any]] = [each["data"] for each in answer.json()["result"]["publications"]]
    return [each["type"] for each in events if each["actor"] == name and each["type"] != "user:activity"]


def test_two_processes_show_the_same_posts_and_people(
    board: Balanced, shared: Poster, context: BrowserContext, other: BrowserContext
) -> None:
    """Each browser stays with its process, page and channel alike; a post and the other person are on both pages."""
    first = cookie_of(board)
    second = cookie_of(board, unlike=first)
    pages = [open_as(context, board, "ann", cookie=first), open_as(other, board, "bob", cookie=second)]
    assert {board.app_of("ann"), board.app_of("bob")} == {0, 1}
    shared.post(created("orders", {"id": "order-1", "customer": "Ada"}))
    for page in pages:
        expect(panel(page, "feed")).to_contain_text("order-1")
        for name in ("ann", "bob"):
            expect(person(page, name)).to_have_class("person good online")
    pages[0].reload()
    expect(badge(pages[0])).to_contain_text("Live")
    assert {board.app_of("ann"), board.app_of("bob")} == {0, 1}


def test_a_killed_process_is_replaced_by_the_other_without_a_reload(
    board: Balanced, shared: Poster, context: BrowserContext, other: BrowserContext
) -> None:
    """`kill -9`: its tab is live again through the other, shows what comes, and its person has never left."""
    first = cookie_of(board)
    page = open_as(context, board, "carl", cookie=first)
    watcher = open_as(other, board, "dora", cookie=cookie_of(board, unlike=first))
    page.evaluate("window.isTheSameLoad = true")
    dead = board.app_of("carl")
    board.apps[dead].kill()
    until(lambda: "carl" in board.people_at(1 - dead), what="the other process has the tab")
    shared.post(created("orders", {"id": "order-2"}))
    for each in (page, watcher):
        expect(badge(each)).to_contain_text("Live")
        expect(panel(each, "feed")).to_contain_text("order-2")
    expect(person(watcher, "carl")).to_have_class("person good online")
    page.get_by_role("link", name="Collections").click()
    expect(panel(page, "table")).to_contain_text("order-2")
    assert page.evaluate("window.isTheSameLoad")
    board.restart(dead)
    until(lambda: "carl" not in board.people_at(dead), what="the process that is back has let go")
    until(lambda: told(board, "carl")[-1] == "user:login", what="they are still here")
    expect(person(watcher, "carl")).to_have_class("person good online")


def test_somebody_with_a_tab_at_each_stays_when_one_is_closed(
    board: Balanced, context: BrowserContext, other: BrowserContext
) -> None:
    """Only the last of their tabs is their leaving, wherever it is."""
    first = cookie_of(board)
    left = open_as(context, board, "eve", cookie=first)
    stays = open_as(other, board, "eve", cookie=cookie_of(board, unlike=first))
    until(lambda: "eve" in board.people_at(0) & board.people_at(1), what="a tab at each")
    left.close()
    until(lambda: "eve" not in board.people_at(0) & board.people_at(1), what="one has let go")
    expect(person(stays, "eve")).to_have_class("person good online")
    until(lambda: told(board, "eve")[-1] == "user:login", what="they are still here")
    stays.close()
    until(lambda: told(board, "eve")[-1] == "user:logout", what="they are gone")


def test_pages_are_served_while_nobody_is_ready(board: Balanced, page: Page) -> None:
    """What all need is away, for good: a page opened now is readable and says so; the API says that it is away."""
    board.shared.kill()
    until(lambda: httpx.get(f"{board.base_url}/api/health/ready", timeout=20).status_code >= 500, what="not ready")
    page.goto(board.base_url)
    expect(badge(page)).to_contain_text("Reconnecting")
    answer = httpx.post(f"{board.base_url}/api/events", content=b"[]", headers=KEY, timeout=20)
    assert answer.status_code in (502, 503)
