"""Keeps a tab from one test to the next: loading a page costs more than most tests do on it. No claims in here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from realtime.bench.browser import RECORDER
from tests.browser.board import set_hidden
from tests.support.pages import LocalOnly, new_context

HAS_FAILED: Final = pytest.StashKey[bool]()
WINDOW: Final = {"width": 1400, "height": 1000}


class Watch:
    """What the pages of a context did that none may do: raise, or ask another machine."""

    def __init__(self, context: BrowserContext) -> None:
        self._asked = LocalOnly(context)
        self._errors: list[Error] = []
        context.on("weberror", lambda error: self._errors.append(error.error))

    def check(self) -> None:
        """Fail if one did."""
        assert self._asked.abroad == []
        assert [str(error) for error in self._errors] == []


class Keeper:
    """Lends one tab to test after test; another after a test that failed on it."""

    def __init__(self, browser: Browser, *, has_clock: bool = False) -> None:
        self._browser = browser
        self._has_clock = has_clock
        self._page: Page | None = None
        self._watch: Watch

    @contextmanager
    def lent(self, test: pytest.Item) -> Iterator[Page]:
        """Lend the tab to a test: nowhere yet, or where the last one was, with a wide window and alone.

        Fails if it did what none may do. One that the test failed on is given up.
        """
        page, self._page = self._page or self._new(), None
        yield page
        if test.stash.get(HAS_FAILED, False):
            page.context.close()
            return
        _put_right(page)
        self._page = page
        self._watch.check()

    def close(self) -> None:
        """Close the tab."""
        if self._page is not None:
            self._page.context.close()

    def _new(self) -> Page:
        context = new_context(self._browser, viewport=WINDOW)
        context.add_init_script(path=RECORDER)
        self._watch = Watch(context)
        page = context.new_page()
        if self._has_clock:
            page.clock.install()
        return page


def _put_right(page: Page) -> None:
    for other in page.context.pages:
        if other != page:
            other.close()
    set_hidden(page, False)
    page.set_viewport_size({"width": WINDOW["width"], "height": WINDOW["height"]})
    expect(page.get_by_test_id("stExpandSidebarButton")).to_have_count(0)  # a wide page opens its sidebar again
    page.emulate_media(color_scheme="null", reduced_motion="null")
    page.mouse.move(1, 1)
