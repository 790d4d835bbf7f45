"""Who is here, in real tabs: opening and closing pages, several tabs, names, idling, and other people's pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from realtime.bench.process import Process
from tests.browser.board import CHANNEL, badge, panel, sidebar, walk_to
from tests.support.pages import new_context
from tests.support.processes import running_app, start_app
from tests.support.waiting import until

SHORT = {"TIDEBOARD_PRESENCE_GRACE_S": "1", "TIDEBOARD_PRESENCE_IDLE_S": "300"}


@pytest.fixture(scope="module")
def app() -> Iterator[Process]:
    """Run an app with a grace of one second."""
    with running_app(extra=SHORT) as running:
        yield running


@pytest.fixture
def watcher(kept: Page, app: Process) -> Page:
    """Look at who is here with another browser: no cookies in common. It stays from test to test."""
    kept.context.add_cookies([{"name": "tideboard_person", "value": "watcher", "url": app.base_url}])
    walk_to(kept, f"{app.base_url}/activity")
    return kept


def told(app: Process) -> list[str]:
    """Return what the gateway's log holds of people: "login ann", "view ann Overview"."""
    answer = httpx.post(f"{app.base_url}/api/history", json={"channel": "users", "limit": 1000})
    found = []
    for publication in answer.json()["result"]["publications"]:
        event = publication["data"]
        data: dict[str, Any] = event["data"]
        action = data.get("action", event["type"].removeprefix("user:"))
        place = " ".join(str(part) for part in (data.get("metadata") or {}).values())
        found.append(f"{action} {event['actor']} {place}".strip())
    return found


def open_as(context: BrowserContext, app: Process, name: str, path: str = "") -> Page:
    """Open a page as somebody."""
    context.add_cookies([{"name": "tideboard_person", "value": name, "url": app.base_url}])
    page = context.new_page()
    page.goto(f"{app.base_url}/{path}")
    expect(badge(page)).to_contain_text("Live")
    return page


def people_panel(page: Page) -> Locator:
    """Return the people panel of the page, not the sidebar's."""
    return page.get_by_test_id("stMain").locator('[data-tideboard="people"]')


def person(page: Page, name: str) -> Any:
    """Return a person's row in the people panel."""
    return people_panel(page).locator(f'[data-person="{name}"]')


def test_two_tabs_are_one_person_until_the_last_is_closed(app: Process, context: BrowserContext, watcher: Page) -> None:
    """One login however many tabs and browsers; after the last closed, one logout, seen on another's open page."""
    first = open_as(context, app, "ann")
    expect(person(watcher, "ann")).to_contain_text("Overview")
    second = open_as(context, app, "ann", "activity")
    expect(person(watcher, "ann")).to_contain_text("2 tabs")
    expect(person(second, "ann")).to_contain_text("ann (you)")
    first.close()
    expect(person(watcher, "ann")).not_to_contain_text("2 tabs")
    expect(person(watcher, "ann")).to_have_class("person good online")
    second.close()
    expect(person(watcher, "ann")).to_contain_text("Left")
    mine = [each for each in told(app) if " ann" in each]
    assert mine == ["login ann", "view ann Overview", "view ann Activity", "logout ann"]


def test_a_reload_is_neither_a_coming_nor_a_going(app: Process, context: BrowserContext) -> None:
    """The new page is there before the old one's grace is over, and shows the same."""
    page = open_as(context, app, "rel")
    until(lambda: "view rel Overview" in told(app))
    page.reload()
    expect(badge(page)).to_contain_text("Live")
    page.get_by_role("link", name="Health").click()
    until(lambda: "view rel Health" in told(app))
    assert [each for each in told(app) if " rel" in each] == ["login rel", "view rel Overview", "view rel Health"]


def test_saying_another_name_is_leaving_as_the_one_and_coming_as_the_other(
    app: Process, context: BrowserContext
) -> None:
    """At once, without grace; the tab's live channel is the new person's, and a new tab knows the name."""
    page = context.new_page()
    page.goto(f"{app.base_url}/activity")
    expect(badge(page)).to_contain_text("Live")
    name = "Zoë <i>Ünïcode</i> ![x](http://e.vil/x)"
    field = sidebar(page).get_by_role("textbox", name="Your name")
    field.fill(name)
    field.press("Enter")
    expect(people_panel(page)).to_contain_text(f"{name} (you)")
    until(lambda: any(each.startswith(f"login {name}") for each in told(app)))
    until(lambda: "logout local" in told(app))
    again = context.new_page()
    again.goto(f"{app.base_url}/activity")
    expect(sidebar(again).get_by_role("textbox", name="Your name")).to_have_value(name)
    expect(people_panel(again)).to_contain_text("2 tabs")


def test_a_tab_nobody_touches_falls_idle_and_a_touch_brings_it_back(
    app: Process, context: BrowserContext, watcher: Page
) -> None:
    """After five minutes, which the page's clock is told have passed; another's page shows it by shape and word."""
    context.add_cookies([{"name": "tideboard_person", "value": "idler", "url": app.base_url}])
    page = context.new_page()
    page.clock.install()
    page.goto(f"{app.base_url}/activity")
    expect(badge(page)).to_contain_text("Live")
    row = person(watcher, "idler")
    expect(row).to_have_class("person good online")
    page.clock.run_for(290_000)
    page.clock.run_for(16_000)
    expect(row).to_contain_text("Idle")
    expect(row.get_by_role("img", name="Idle")).to_have_text("◐")
    page.mouse.move(50, 60)
    expect(row).to_have_class("person good online")
    assert [each for each in told(app) if " idler" in each][-2:] == ["idle idler", "active idler"]


def test_without_its_channel_a_tab_counts_by_its_streamlit_session(
    app: Process, context: BrowserContext, watcher: Page
) -> None:
    """A proxy that knows no WebSocket of ours hides nobody; closing the page is noticed all the same."""
    context.add_cookies([{"name": "tideboard_person", "value": "blocked", "url": app.base_url}])
    page = context.new_page()
    page.route_web_socket(CHANNEL, lambda route: route.close(code=1011, reason="no sockets here"))
    page.goto(f"{app.base_url}/notifications")
    expect(badge(page)).to_contain_text("Refreshing every")
    expect(person(watcher, "blocked")).to_contain_text("Notifications")
    page.close()
    expect(person(watcher, "blocked")).to_contain_text("Left")
    assert [each for each in told(app) if " blocked" in each] == [
        "login blocked",
        "view blocked Notifications",
        "logout blocked",
    ]


def test_the_sidebar_of_every_page_names_who_is_here_and_opens_what_they_did(
    app: Process, context: BrowserContext, watcher: Page
) -> None:
    """Somebody comes, their name is there without a reload; a click shows them on Activity."""
    walk_to(watcher, f"{app.base_url}/health")
    open_as(context, app, "newcomer", "activity")
    chip = sidebar(watcher).locator('[data-tideboard="people"] [data-person="newcomer"]')
    expect(chip).to_be_visible()
    chip.click()
    expect(panel(watcher, "person")).to_contain_text("newcomer")
    expect(watcher).to_have_url(f"{app.base_url}/activity?person=newcomer")


def test_people_are_no_news_of_what_is_watched(app: Process, page: Page) -> None:
    """Looking at an empty dashboard leaves it empty: it goes on waiting for the first event."""
    page.goto(app.base_url)
    expect(badge(page)).to_contain_text("Live")
    until(lambda: "view local Overview" in told(app))
    expect(page.get_by_text("Nothing here yet")).to_be_visible()


def test_whom_a_killed_app_left_behind_is_logged_out_by_the_next(browser: Browser, tmp_path: Path) -> None:
    """`kill -9` with two people here: whoever is back within the grace stays, the other is logged out."""
    extra = {**SHORT, "TIDEBOARD_PRESENCE_GRACE_S": "8"}
    contexts = [new_context(browser), new_context(browser)]
    with start_app(tmp_path / "data", extra=extra) as app:
        app.wait_ready()
        stays = open_as(contexts[0], app, "stays", "activity")
        goes = open_as(contexts[1], app, "goes", "activity")
        until(lambda: {"login stays", "login goes"} <= set(told(app)))
        app.kill()
    goes.close()
    with start_app(tmp_path / "data", port=app.port, extra=extra) as again:
        again.wait_ready()
        expect(badge(stays)).to_contain_text("Live", timeout=30_000)
        until(lambda: "logout goes" in told(again), within_s=30)
        assert [each for each in told(again) if each.startswith("log")].count("login stays") == 1
        assert "logout stays" not in told(again)
    for each in contexts:
        each.close()
