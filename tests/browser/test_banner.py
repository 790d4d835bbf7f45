"""The critical banner in a real browser: on every page, until acknowledged, put aside, or over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial

import pytest
from playwright.sync_api import Locator, Page, expect

from realtime.bench.process import Process
from tests.browser.board import walk_to
from tests.browser.noticing import Reader, banner, note, noticing_app, row
from tests.support.producing import Poster
from tests.support.waiting import until

PAGES = ("/", "/collections", "/activity", "/notifications", "/health")


@pytest.fixture(scope="module")
def app() -> Iterator[Process]:
    """Run the app whose rules tell every note."""
    with noticing_app() as running:
        yield running


@pytest.fixture
def reader(kept_timed: Page, poster: Poster, app: Process) -> Reader:
    """Be a person whom nothing was told yet, at the tab of the one before."""
    return Reader(kept_timed, poster, app.base_url)


def test_it_is_on_every_page_and_says_what_when_and_why(reader: Reader) -> None:
    """Only for what is critical."""
    page = reader.open()
    reader.send("error")
    key = reader.send("critical", title="Reactor hot", message="By 12 degrees")
    for path in PAGES:
        walk_to(page, reader.base_url + path)
        expect(banner(page).locator(".bar")).to_contain_text("Critical")
        expect(banner(page).locator(".bar .title")).to_have_text("Reactor hot")
    banner(page).get_by_role("button", name="Details").click()
    item = banner(page).locator(f'.item[data-key="{key}"]')
    expect(item).to_contain_text("By 12 degrees")
    expect(item).to_contain_text(f"Why you see this: notes for {reader.name}")
    expect(item.locator(".facts")).to_have_attribute("title", re.compile("Europe/Berlin$"))


def test_it_covers_nothing_of_the_page(reader: Reader) -> None:
    """Wide it stands in the header's empty strip; narrow the page makes room for it."""
    page = reader.open("/notifications")
    for width in (1400, 390):
        page.set_viewport_size({"width": width, "height": 900})
        reader.send("critical")
        expect(banner(page)).to_be_visible()
        heading = page.get_by_role("heading", name="Notifications")
        until(partial(_is_below, heading, banner(page)), what="the heading is below the banner")
        box = banner(page).bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def _is_below(lower: Locator, upper: Locator) -> bool:
    below, above = lower.bounding_box(), upper.bounding_box()
    return below is not None and above is not None and below["y"] >= above["y"] + above["height"]


def test_acknowledged_with_a_reason_it_is_gone_everywhere_and_who_when_why_is_kept(reader: Reader) -> None:
    """In the other tab too; the row tells it to whoever comes later."""
    page, other = reader.open(), reader.open("/notifications?tab=all")
    key = reader.send("critical")
    expect(banner(other)).to_be_visible()
    page.bring_to_front()
    banner(page).get_by_role("button", name="Details").click()
    item = banner(page).locator(f'.item[data-key="{key}"]')
    item.get_by_placeholder("Why, or what you do about it").fill("rebooting it")
    item.get_by_role("button", name="Acknowledge").click()
    expect(banner(page)).to_be_hidden()
    expect(banner(other)).to_be_hidden()
    expect(row(other, key).locator(".state")).to_contain_text(f"Acknowledged by {reader.name}: rebooting it")
    taken = until(
        lambda: reader.row(key).get("marks", {}).get("acknowledged"), what="it is acknowledged in the gateway"
    )
    assert (taken["who"], taken["why"]) == (reader.name, "rebooting it")


def test_an_acknowledgement_can_be_taken_back(reader: Reader) -> None:
    """For eight seconds."""
    page = reader.open()
    reader.send("critical")
    banner(page).get_by_role("button", name="Acknowledge").click()
    expect(banner(page)).to_be_hidden()
    note(page).get_by_role("button", name="Undo").click()
    expect(banner(page)).to_be_visible()
    banner(page).get_by_role("button", name="Acknowledge").click()
    expect(note(page)).to_be_visible()
    page.clock.run_for(8_000)
    expect(note(page)).to_be_hidden()


def test_put_aside_it_goes_and_is_not_acknowledged(reader: Reader) -> None:
    """It is still in the centre, waiting for somebody; the views' tests hold that it is back after two minutes."""
    page = reader.open("/notifications?tab=needs-ack")
    key = reader.send("critical")
    banner(page).get_by_role("button", name="Put aside").click()
    expect(banner(page)).to_be_hidden()
    expect(row(page, key).locator(".state")).to_have_text("Needs acknowledgement, put aside")


def test_news_brings_back_what_was_put_aside(reader: Reader) -> None:
    """Aside isn't away."""
    page = reader.open()
    key = reader.send("critical")
    banner(page).get_by_role("button", name="Put aside").click()
    expect(banner(page)).to_be_hidden()
    reader.again(key, "critical", title="Worse")
    expect(banner(page).locator(".bar .title")).to_have_text("Worse")


def test_it_goes_by_itself_when_the_trouble_is_over(reader: Reader) -> None:
    """Nobody has to do anything."""
    page = reader.open()
    key = reader.send("critical")
    expect(banner(page)).to_be_visible()
    reader.end(key)
    expect(banner(page)).to_be_hidden()


def test_several_are_one_banner_with_a_count_and_a_list(reader: Reader) -> None:
    """Each can be acknowledged by itself, and all at once."""
    page = reader.open()
    keys = reader.send_many(3, "critical")
    expect(banner(page).locator(".bar .word")).to_have_text("3 critical")
    assert page.locator('[data-tideboard="banner"] .bar').count() == 1
    banner(page).get_by_role("button", name="Show all 3").click()
    expect(banner(page).locator(".item")).to_have_count(3)
    banner(page).locator(f'.item[data-key="{keys[1]}"]').get_by_role("button", name="Acknowledge").click()
    expect(banner(page).locator(".item")).to_have_count(2)
    banner(page).get_by_role("button", name="Acknowledge all 2").click()
    expect(banner(page)).to_be_hidden()


def test_what_somebody_writes_is_never_taken_from_them(reader: Reader) -> None:
    """Even if it is over meanwhile: the text stays, and it says so."""
    page = reader.open()
    key, other = reader.send("critical"), reader.send("critical")
    banner(page).get_by_role("button", name="Show all 2").click()
    item = banner(page).locator(f'.item[data-key="{key}"]')
    field = item.get_by_placeholder("Why, or what you do about it")
    field.fill("on my w")
    reader.end(key)
    expect(item).to_contain_text("Acknowledged or over meanwhile")
    expect(field).to_be_focused()
    expect(field).to_have_value("on my w")
    expect(banner(page).locator(f'.item[data-key="{other}"]')).to_be_visible()


def test_what_somebody_writes_is_not_shown_to_who_says_another_name(
    reader: Reader, poster: Poster, app: Process
) -> None:
    """In the same tab: neither the text nor what it was about."""
    page = reader.open()
    reader.send("critical")
    banner(page).get_by_role("button", name="Details").click()
    banner(page).get_by_placeholder("Why, or what you do about it").fill("on my w")
    other = Reader(page, poster, app.base_url)
    other.open()
    expect(banner(page)).to_be_hidden()
    key = other.send("critical")
    banner(page).get_by_role("button", name="Details").click()
    expect(banner(page).locator(".item")).to_have_count(1)
    expect(banner(page).locator(f'.item[data-key="{key}"]').get_by_role("textbox")).to_have_value("")


def test_it_is_announced_once_by_a_region_that_was_there_before(page: Page, poster: Poster, app: Process) -> None:
    """As an alert: here action is needed."""
    reader = Reader(page, poster, app.base_url)
    reader.open()
    alert = page.locator('[data-tideboard-overlay="banner"] [role="alert"]')
    expect(alert).to_have_text("")
    key = reader.send("critical", title="Reactor hot", message="")
    expect(alert).to_contain_text("Critical: Reactor hot")
    alert.evaluate("(region) => (region.textContent = 'said')")
    reader.again(key, "critical", title="Reactor hot", message="Still")
    banner(page).get_by_role("button", name="Details").click()
    expect(banner(page).locator(".item .message")).to_have_text("Still")
    expect(alert).to_have_text("said")


def test_it_can_be_worked_by_keyboard_alone(reader: Reader) -> None:
    """Details, reason, Enter."""
    page = reader.open()
    key = reader.send("critical")
    banner(page).get_by_role("button", name="Details").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("by keyboard")
    page.keyboard.press("Enter")
    expect(banner(page)).to_be_hidden()
    until(lambda: reader.row(key).get("marks", {}).get("acknowledged"), what="it is acknowledged")
