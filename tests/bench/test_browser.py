"""The recorder in a real page: what counts as drawn, and what doesn't."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from plotly.offline import get_plotlyjs

from realtime.bench import browser

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><meta charset="utf-8"><div id="here"></div><script src="plotly.js"></script><script>
let host = document.getElementById("here");
if (location.hash === "#shadow") host = host.attachShadow({mode: "open"}).appendChild(document.createElement("div"));
window.show = (...y) => Plotly.react(host, [{y, mode: "markers"}], {uirevision: "constant"});
window.remount = (...y) => {
  Plotly.purge(host);
  const next = document.createElement("div");
  host.replaceWith(next);
  host = next;
  return show(...y);
};
show(1, 2, 3);
</script>"""


@pytest.fixture(scope="module")
def page_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Write a page with a chart and return its address."""
    folder: Path = tmp_path_factory.mktemp("page")
    (folder / "plotly.js").write_text(get_plotlyjs(), encoding="utf-8")
    (folder / "page.html").write_text(PAGE, encoding="utf-8")
    return (folder / "page.html").as_uri()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Run a browser as the benchmark does."""
    with browser.chromium() as running:
        yield running


@pytest.fixture
def page(chromium: Browser, page_url: str) -> Iterator[Page]:
    """Open the page as the benchmark does, and forget its first paint."""
    with browser.open_tabs(chromium, page_url, count=1) as (tab,):
        assert browser.wait_until_drawn([tab], 3, within_s=10)
        browser.forget([tab])
        yield tab


def test_each_drawing_is_one_paint_with_what_appeared(page: Page) -> None:
    """A number is new once; the newest is told even when nothing new is drawn."""
    page.evaluate("show(1, 2, 3, 4)")
    page.evaluate("show(2, 3, 4, 5, 6)")
    page.evaluate("show(1, 2, 3)")
    paints = browser.paints_of(page)
    assert [(paint.newest, paint.appeared) for paint in paints] == [(4, (4,)), (6, (5, 6)), (3, ())]
    assert paints[0].at_ms < paints[1].at_ms
    assert browser.removals_of(page) == 0


def test_data_without_a_drawing_dont_count(page: Page) -> None:
    """Putting numbers into the chart's data reaches nobody's eyes; nor does moving the pointer draw them."""
    page.evaluate("document.querySelector('.js-plotly-plot').data[0].y = [1, 2, 3, 9]")
    page.mouse.move(400, 300)
    page.wait_for_function("document.querySelector('.hoverlayer') !== null")
    assert browser.paints_of(page) == []


def test_a_chart_that_is_replaced_counts_as_removed(page: Page) -> None:
    """What is drawn in its successor still counts as drawn."""
    page.evaluate("remount(1, 2, 3, 4)")
    assert browser.wait_until_drawn([page], 4, within_s=5)
    assert browser.paints_of(page)[-1].appeared == (4,)
    assert browser.removals_of(page) == 1


def test_a_chart_in_a_shadow_tree_is_seen(chromium: Browser, page_url: str) -> None:
    """Components may isolate their styles, and an observer of the document doesn't see into that."""
    with browser.open_tabs(chromium, page_url + "#shadow", count=1) as (tab,):
        tab.evaluate("show(1, 2, 3, 4)")
        assert browser.wait_until_drawn([tab], 4, within_s=5)


def test_waiting_for_a_number_that_never_comes_ends(page: Page) -> None:
    """The benchmark then says that nothing arrived, instead of hanging."""
    assert not browser.wait_until_drawn([page], 99, within_s=0.2)


def test_a_number_stays_drawn_when_older_ones_come_late(page: Page) -> None:
    """Who waits for it would wait for ever: nothing newer is going to be drawn."""
    page.evaluate("show(1, 2, 3, 6)")
    page.evaluate("show(1, 2, 3, 6, 5)")
    page.evaluate("show(1, 2, 3, 6, 5, 4)")
    assert browser.paints_of(page)[-1].newest < 6
    assert browser.wait_until_drawn([page], 6, within_s=5)


def test_the_clocks_agree(page: Page) -> None:
    """Times of the page and of the poster are compared, so they have to come from one clock."""
    assert browser.clock_error_ms(page) < 5


def test_the_browsers_cpu_is_metered(page: Page) -> None:
    """Chromium runs as a child of a child of ours, under its own name."""
    assert browser.browser_meter().read_s() > 0
