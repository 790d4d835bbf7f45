"""Notifications in a tab that can't be pushed to: it shows and does the same, by refreshing its page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from realtime.bench.process import Process
from tests.browser.board import sidebar
from tests.browser.noticing import Reader, banner, bell, noticing_app, row, toast
from tests.support.producing import Poster
from tests.support.waiting import until


@pytest.fixture(scope="module")
def app() -> Iterator[Process]:
    """Run an app that refreshes such pages every second."""
    with noticing_app({"TIDEBOARD_REFRESH_INTERVAL_S": "1"}) as running:
        yield running


@pytest.fixture
def reader(page: Page, poster: Poster, app: Process) -> Reader:
    """Be a person whom nothing was told yet."""
    return Reader(page, poster, app.base_url)


def test_the_count_and_a_toast_come_with_the_refresh(reader: Reader) -> None:
    """No tab is elected without a channel: this one shows its own."""
    page = reader.open_without_channel()
    key = reader.send("error")
    expect(bell(page)).to_have_attribute("data-unread", "1")
    expect(toast(page, key)).to_be_visible()


def test_what_is_done_reaches_the_inbox(reader: Reader) -> None:
    """By a rerun of the page."""
    page = reader.open_without_channel()
    key = reader.send("critical")
    banner(page).get_by_role("button", name="Acknowledge").click()
    until(lambda: reader.row(key).get("marks", {}).get("acknowledged"), what="it is acknowledged in the gateway")
    expect(banner(page)).to_be_hidden()


def test_the_centre_can_be_worked_by_keys(reader: Reader) -> None:
    """From a fragment of the page, too."""
    page = reader.open_without_channel("/notifications?tab=all")
    key = reader.send("warning")
    expect(row(page, key)).to_be_visible()
    row(page, key).focus()
    page.keyboard.press("e")
    expect(row(page, key)).to_have_count(0)
    until(lambda: reader.mark(key) == "done", what="it is done in the gateway")


def test_a_switch_in_the_sidebar_is_kept(reader: Reader) -> None:
    """The next refresh doesn't turn it back."""
    page = reader.open_without_channel()
    bell(page).get_by_role("switch", name="Toasts").click()
    until(lambda: reader.prefers("toasts") is False, what="the gateway knows the preference")
    expect(sidebar(page)).to_contain_text("Refreshing every 1 s")
    expect(bell(page).get_by_role("switch", name="Toasts")).to_have_attribute("aria-checked", "false")
