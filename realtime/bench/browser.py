"""Drives the system's Chromium: opens pages that write down when a number was drawn. No judging of what they wrote.

Threads: the one that opened the browser (Playwright's rule).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from realtime.bench.meter import CpuMeter
from realtime.bench.paints import Paint
from realtime.errors import StartError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

RECORDER: Final = Path(__file__).with_name("assets") / "recorder.js"
CHROMIUM_FLAGS: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
)
# The shell first: a whole Chromium draws its own windows, too, which costs every test half a second.
_NAMES: Final = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_NEWEST: Final = "() => Math.max(0, ...(window.tideboardBench?.paints ?? []).map(([, newest]) => newest))"


def chromium_path() -> str | None:
    """Return the system's Chromium, or None for the one that Playwright downloaded."""
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run one headless Chromium. Raises StartError, one sentence, when Playwright or the browser is missing."""
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        raise StartError(
            "Playwright is missing: `pip install playwright` (any Chromium on the PATH will do)."
        ) from None
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=chromium_path(), args=list(CHROMIUM_FLAGS))
        except Error as error:
            first = str(error).strip().splitlines()[0]
            raise StartError(
                f"Chromium can't be started ({first}): install it, or `playwright install chromium`."
            ) from None
        try:
            yield browser
        finally:
            browser.close()


def browser_meter() -> CpuMeter:
    """Return a meter for all the Chromium processes under this one."""
    return CpuMeter(os.getpid(), only_named="chrom")


@contextlib.contextmanager
def open_tabs(browser: Browser, url: str, *, count: int) -> Iterator[list[Page]]:
    """Open `count` tabs on a page, each with the recorder in it, one after the other."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        context.add_init_script(path=RECORDER)
        pages = []
        for _ in range(count):
            page = context.new_page()
            page.goto(url, wait_until="domcontentloaded")
            page.wait_for_selector(".js-plotly-plot .main-svg", state="attached", timeout=60_000)
            pages.append(page)
        yield pages
    finally:
        context.close()


def wait_until_drawn(pages: list[Page], number: int, *, within_s: float) -> bool:
    """Wait until every page has drawn `number` or a newer one, and tell whether that came to pass."""
    deadline = time.monotonic() + within_s
    waiting = list(pages)
    while waiting and time.monotonic() < deadline:
        waiting = [page for page in waiting if page.evaluate(_NEWEST) < number]
        if waiting:
            waiting[0].wait_for_timeout(50)
    return not waiting


def forget(pages: list[Page]) -> None:
    """Throw away what the pages wrote down so far, but not which numbers they have drawn."""
    for page in pages:
        page.evaluate("() => { window.tideboardBench.paints.length = 0; window.tideboardBench.removals = 0; }")


def paints_of(page: Page) -> list[Paint]:
    """Return what a page wrote down, oldest first."""
    written = page.evaluate("() => window.tideboardBench.paints")
    return [Paint(at_ms=at, newest=newest, appeared=tuple(appeared)) for at, newest, appeared in written]


def removals_of(page: Page) -> int:
    """Return how often a chart was removed from the page's DOM."""
    return int(page.evaluate("() => window.tideboardBench.removals"))


def clock_error_ms(page: Page) -> float:
    """Return the least by which the page's clock certainly differs from ours, in milliseconds; 0 when it may not.

    Asked a few times between two looks at our own clock; the page's answer has to lie between them.
    """
    least = float("inf")
    for _ in range(5):
        before = time.time() * 1000
        theirs = float(page.evaluate("() => performance.timeOrigin + performance.now()"))
        after = time.time() * 1000
        least = min(least, max(before - theirs, theirs - after, 0.0))
    return least
