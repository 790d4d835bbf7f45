"""What a benchmark in a browser needs and can't find is said in one sentence."""

from __future__ import annotations

import sys

import pytest

from realtime.bench import browser
from realtime.errors import StartError


def test_without_playwright_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Playwright is for developers; who installed the dashboard alone doesn't have it."""
    monkeypatch.setitem(sys.modules, "playwright.sync_api", None)
    with pytest.raises(StartError, match=r"Playwright is missing: `pip install playwright`"), browser.chromium():
        pass


def test_a_browser_that_cant_be_started_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line of the reason is enough; Playwright's call log isn't for people."""
    monkeypatch.setattr(browser, "chromium_path", lambda: "/nowhere/chromium")
    with pytest.raises(StartError, match=r"Chromium can't be started \(.+\): install it"), browser.chromium():
        pass
