"""One Chromium for the folder, an app for each module, a context or the kept tab for each test; what no page may do."""

from __future__ import annotations

from collections.abc import Generator, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from realtime.bench.browser import RECORDER, chromium
from realtime.bench.process import Process
from tests.browser.keeping import HAS_FAILED, Keeper, Watch
from tests.support.pages import new_context
from tests.support.processes import running_app
from tests.support.producing import Poster

expect.set_options(timeout=20_000)  # nothing is timed here, and other tests may share the cores


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as needing a browser, and as running nothing of ours in the tests' own process.

    The app is a process of its own, which isn't traced; to trace Playwright would take a third of its time.
    """
    for item in items:
        if "browser" in item.path.parts:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.no_cover)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note that a test has failed, for what it was lent."""
    report = yield
    item.stash[HAS_FAILED] = item.stash.get(HAS_FAILED, False) or report.failed
    return report


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Run the system's Chromium, headless; no longer than this folder's tests.

    While Playwright runs, its event loop counts as the main thread's, and no other test could run one there.
    """
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def app() -> Iterator[Process]:
    """Run the real app on an empty data folder, without the sample."""
    with running_app() as running:
        yield running


@pytest.fixture
def poster(app: Process) -> Iterator[Poster]:
    """Post to the module's app."""
    with Poster(app.base_url) as made:
        yield made


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Open a browser context that records drawings; after the test no page may have raised or asked another machine."""
    made = new_context(browser)
    made.add_init_script(path=RECORDER)
    watch = Watch(made)
    yield made
    made.close()
    watch.check()


@pytest.fixture(scope="module")
def keeper(browser: Browser) -> Iterator[Keeper]:
    """Keep a tab for the tests of the module."""
    made = Keeper(browser)
    yield made
    made.close()


@pytest.fixture
def kept(keeper: Keeper, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Lend the module's tab, in which the app is mostly loaded already: `walk_to` a page from there."""
    with keeper.lent(request.node) as page:
        yield page


@pytest.fixture(scope="module")
def timed_keeper(browser: Browser) -> Iterator[Keeper]:
    """Keep a tab whose clock tests turn on."""
    made = Keeper(browser, has_clock=True)
    yield made
    made.close()


@pytest.fixture
def kept_timed(timed_keeper: Keeper, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Lend the module's tab with such a clock, which goes on by itself besides."""
    with timed_keeper.lent(request.node) as page:
        yield page


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Open one tab."""
    return context.new_page()
