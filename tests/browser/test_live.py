"""What is on a page follows the data by itself, and leaves the reader in peace."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, WebSocket, expect

from realtime.bench.process import Process
from tests.browser.board import (
    COUNT_PAINTS,
    badge,
    draft_in,
    open_collection,
    open_overview,
    panel,
    row,
    set_hidden,
    sidebar,
)
from tests.browser.keeping import Keeper
from tests.support.producing import Poster, created, deleted, numbered, updated
from tests.support.waiting import until

PLACE_OF_POINT = """(chart, index) => {
  const { xaxis, yaxis } = chart._fullLayout;
  const { left, top } = chart.getBoundingClientRect();
  const [{ x, y }] = chart.data;
  return [left + xaxis._offset + xaxis.d2p(x[index]), top + yaxis._offset + yaxis.d2p(y[index])];
}"""
HIDDEN = '{"send":{"data":{"visible":false}}}'


@pytest.fixture
def page(kept: Page) -> Page:
    """Go on in the tab of the test before."""
    return kept


@pytest.fixture(scope="module")
def other_keeper(browser: Browser) -> Iterator[Keeper]:
    """Keep a tab of another browser."""
    made = Keeper(browser)
    yield made
    made.close()


@pytest.fixture
def other(other_keeper: Keeper, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Go on in the other browser's tab."""
    with other_keeper.lent(request.node) as page:
        yield page


def test_a_curl_shows_in_two_open_pages(app: Process, page: Page, other: Page, poster: Poster) -> None:
    """The README's command adds a document; both browsers show it without being touched."""
    poster.post(created("orders", {"id": "order-0", "state": "open"}))
    for each in (page, other):
        open_collection(each, app.base_url, "orders")
        expect(row(each, "order-0")).to_be_visible()
    answer = httpx.post(
        f"{app.base_url}/api/collections/orders/documents",
        json={"id": "order-1", "customer": "Ada", "amount": 42.5, "state": "open"},
    )
    assert answer.status_code == 201, answer.text
    for each in (page, other):
        expect(row(each, "order-1")).to_contain_text("Ada")


def test_an_edit_in_one_page_shows_in_the_other(app: Process, page: Page, other: Page, poster: Poster) -> None:
    """Choose a row, edit the JSON, save: the other page's table has the new value, and so has the gateway."""
    poster.post(created("tasks", {"id": "t1", "title": "before"}))
    writer, reader = page, other
    open_collection(writer, app.base_url, "tasks")
    open_collection(reader, app.base_url, "tasks")
    row(writer, "t1").click()
    writer.get_by_role("button", name="Edit").click()
    draft = draft_in(writer)
    draft.fill(json.dumps({"id": "t1", "title": "after"}))
    draft.press("Control+Enter")
    writer.get_by_role("button", name="Save").click()
    expect(row(reader, "t1")).to_contain_text("after")
    expect(row(writer, "t1")).to_contain_text("after")
    assert poster.documents("tasks")["t1"]["title"] == "after"


def test_creating_and_deleting_in_one_page_shows_in_the_other(
    app: Process, page: Page, other: Page, poster: Poster
) -> None:
    """A document made in a dialog appears elsewhere; one that was deleted goes there."""
    poster.post(created("notes", {"id": "n1", "title": "kept"}))
    writer, reader = page, other
    open_collection(writer, app.base_url, "notes")
    open_collection(reader, app.base_url, "notes")
    writer.get_by_role("button", name="New document").click()
    dialog = writer.get_by_role("dialog")
    draft = draft_in(dialog)
    draft.fill(json.dumps({"id": "n2", "title": "made here"}))
    draft.press("Control+Enter")
    dialog.get_by_role("button", name="Create").click()
    expect(row(reader, "n2")).to_contain_text("made here")
    poster.post(deleted("notes", "n1"))
    expect(row(reader, "n1")).to_have_count(0)


def test_zoom_hover_and_a_hidden_trace_are_as_left_after_100_updates(app: Process, page: Page, poster: Poster) -> None:
    """A hundred paints later range, tooltip and legend stand as the reader left them, and no DOM was removed."""
    poster.post(
        *numbered("zoomed", range(1, 31)), *(updated("zoomed", {"id": "d000001", "value": n}) for n in range(9))
    )
    open_overview(page, app.base_url)
    chart = panel(page, "chart").locator(".js-plotly-plot")
    expect(chart.locator(".legendtoggle").first).to_be_attached()
    chart.locator(".legendtoggle").nth(1).click()
    until(lambda: "legendonly" in _looks(page)["visible"], what="a hidden trace")
    _drag(page, share=(0.55, 0.98))
    expect(panel(page, "chart")).to_have_attribute("data-pinned", "true")
    _hover_something(page)
    page.evaluate("window.tideboardBench.removals = 0")
    before = _looks(page)
    panel(page, "chart").evaluate(COUNT_PAINTS)
    numbers = iter(range(1000, 100_000))
    while panel(page, "chart").evaluate("(chart) => chart.tideboardPaints") < 100:
        poster.post(*numbered("zoomed", [next(numbers)]))
    assert _looks(page) == before
    assert before["tooltip"]
    assert page.evaluate("window.tideboardBench.removals") == 0
    page.get_by_role("button", name="Back to live").click()
    expect(panel(page, "chart")).not_to_have_attribute("data-pinned", "true")


def test_a_points_tooltip_stays_on_its_point(app: Process, page: Page, poster: Poster) -> None:
    """In a chart of documents the tooltip names the document it was opened on, though its place in the data moves."""
    for number in range(1, 31):  # one by one, so that each has its own moment
        poster.post(*numbered("points", [number]))
    open_collection(page, app.base_url, "points")
    chart = panel(page, "chart").locator(".js-plotly-plot")
    expect(chart.locator(".scatterlayer .trace")).to_be_attached()
    page.mouse.move(*chart.evaluate(PLACE_OF_POINT, 15))
    tooltip = panel(page, "chart").locator(".hoverlayer .hovertext")
    expect(tooltip).to_have_count(1)
    before = tooltip.text_content()
    for number in range(31, 41):
        poster.post(*numbered("points", [number]))
        expect(row(page, f"d{number:06d}")).to_be_visible()
    assert tooltip.text_content() == before


def test_a_tab_survives_the_loss_of_its_channel_and_catches_up(
    app: Process, context: BrowserContext, poster: Poster
) -> None:
    """While the network is gone the page says so; what came meanwhile is there when it is back."""
    poster.post(created("offline", {"id": "a"}))
    page = context.new_page()
    channel = _Cut(page)
    open_collection(page, app.base_url, "offline")
    expect(row(page, "a")).to_be_visible()
    channel.cut()
    expect(badge(page)).to_contain_text(re.compile("Reconnecting|Refreshing"))  # the latter after five seconds
    poster.post(created("offline", {"id": "b"}), deleted("offline", "a"))
    channel.mend()
    expect(badge(page)).to_contain_text("Live")
    expect(row(page, "b")).to_be_visible()
    expect(row(page, "a")).to_have_count(0)
    poster.post(created("offline", {"id": "c"}))
    expect(row(page, "c")).to_be_visible()


def test_real_time_off_holds_and_counts_and_on_catches_up(app: Process, page: Page, poster: Poster) -> None:
    """The page stands still while it is off, says how much waits, and shows all of it at once afterwards."""
    poster.post(created("held", {"id": "a"}))
    open_collection(page, app.base_url, "held")
    toggle = sidebar(page).get_by_text("Real-time", exact=True)
    toggle.click()
    expect(badge(page)).to_contain_text("Paused")
    poster.post(*(created("held", {"id": f"new-{number}"}) for number in range(7)))
    expect(badge(page)).to_contain_text("(7 new)")
    expect(row(page, "new-6")).to_have_count(0)
    toggle.click()
    expect(badge(page)).to_contain_text("Live")
    for number in range(7):
        expect(row(page, f"new-{number}")).to_be_visible()


def test_a_hidden_tab_is_sent_nothing_and_shows_the_newest_on_return(
    app: Process, context: BrowserContext, poster: Poster
) -> None:
    """Not a byte of any view while nobody looks; one newest value when somebody does."""
    page = context.new_page()
    heard = _Heard(page)
    poster.post(created("hidden", {"id": "a"}))
    open_collection(page, app.base_url, "hidden")
    expect(row(page, "a")).to_be_visible()
    set_hidden(page, True)
    until(
        lambda: _pump(page) and HIDDEN in heard.said,
        what="the tab's word that it is hidden",
    )
    poster.post(created("hidden", {"id": "flush"}))  # answered after the server has taken in what the tab said
    _pump(page)
    heard.views.clear()
    for number in range(30):
        poster.post(created("hidden", {"id": f"unseen-{number}"}))
    _pump(page)
    assert heard.views == []
    set_hidden(page, False)
    expect(row(page, "unseen-29")).to_be_visible()


def test_text_of_a_document_is_shown_as_text(app: Process, page: Page, poster: Poster) -> None:
    """Markup in names, ids and values is what it says, on every page; nothing of it runs or loads."""
    attack = '<img src="http://elsewhere.invalid/x.png" onerror="window.attacked=1"><script>window.attacked=1</script>'
    poster.post(
        created("texts", {"id": f"<b>{attack}", "title": attack, attack: "a field", "link": "[x](javascript:alert(1))"})
    )
    open_collection(page, app.base_url, "texts")
    expect(panel(page, "table")).to_contain_text('onerror="window.attacked=1"')
    panel(page, "table").locator('[role="row"][data-id]').first.click()
    expect(panel(page, "record").first).to_contain_text(attack)
    open_overview(page, app.base_url)
    expect(panel(page, "feed")).to_contain_text("onerror=")
    assert page.evaluate("window.attacked") is None
    for kind in ("feed", "numbers", "cards"):
        expect(panel(page, kind).locator("img, script")).to_have_count(0)


def test_a_page_stays_usable_under_20000_events_and_ends_up_right(app: Process, page: Page, poster: Poster) -> None:
    """Posted as fast as they are taken: a click is answered meanwhile, and in the end page and gateway agree."""
    poster.post(*numbered("flood", [0]))
    open_collection(page, app.base_url, "flood")
    for batch in range(40):
        first = 1 + batch * 500
        poster.post(*numbered("flood", range(first, first + 500)))
        if batch == 20:
            page.get_by_role("button", name="New document").click()
            expect(page.get_by_role("dialog")).to_be_visible(timeout=2_000)
            page.keyboard.press("Escape")
    expect(row(page, "d020000")).to_be_visible()
    expect(panel(page, "table")).to_contain_text("of 20,001")
    stored = poster.documents("flood")
    assert len(stored) == 20_001
    assert all(document["value"] == int(identifier[1:]) for identifier, document in stored.items())
    assert [
        entry["documents"] for entry in poster.get("/api/collections")["collections"] if entry["name"] == "flood"
    ] == [20_001]


class _Cut:
    """A proxy on the tab's channel that can lose it, as a network does."""

    def __init__(self, page: Page) -> None:
        self._routes: list[Any] = []
        self._is_cut = False
        page.route_web_socket("**/live/channel", self._route)

    def cut(self) -> None:
        """End the connection and refuse new ones."""
        self._is_cut = True
        for route in self._routes:
            route.close(code=1012, reason="cut by the test")
        self._routes.clear()

    def mend(self) -> None:
        """Let new connections through again."""
        self._is_cut = False

    def _route(self, route: Any) -> None:
        if self._is_cut:
            route.close(code=1013, reason="cut by the test")
            return
        route.connect_to_server()
        self._routes.append(route)


class _Heard:
    """What went over a tab's channel: what the tab said, and the views it was sent."""

    def __init__(self, page: Page) -> None:
        self.said: list[str] = []
        self.views: list[str] = []
        page.on("websocket", self._listen)

    def _listen(self, socket: WebSocket) -> None:
        if "/live/channel" not in socket.url:
            return
        socket.on("framesent", lambda frame: self.said.append(str(frame)))
        socket.on("framereceived", lambda frame: self.views.append(str(frame)) if str(frame).strip() != "{}" else None)


def _pump(page: Page) -> bool:
    """Let Playwright hand over what it has heard: two trips to the page, whose answers come after it."""
    page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 0))")
    return bool(page.evaluate("true"))


def _looks(page: Page) -> dict[str, Any]:
    """Return what the reader chose: axis ranges, which traces are hidden, which tooltip is open."""
    looks: dict[str, Any] = (
        panel(page, "chart")
        .locator(".js-plotly-plot")
        .evaluate(
            """(chart) => ({
          x: chart._fullLayout.xaxis.range, visible: chart._fullData.map((trace) => String(trace.visible)),
          tooltip: [...chart.querySelectorAll(".hoverlayer .hovertext, .hoverlayer .legend text")].map(
            (each) => each.textContent),
        })"""
        )
    )
    return looks


def _drag(page: Page, *, share: tuple[float, float]) -> None:
    """Drag over the chart's plot from one share of its width to another."""
    box = panel(page, "chart").locator(".nsewdrag").first.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * share[0], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * share[1], middle, steps=8)
    page.mouse.up()


def _hover_something(page: Page) -> None:
    """Move over the chart until a tooltip opens."""
    box = panel(page, "chart").locator(".nsewdrag").first.bounding_box()
    assert box is not None
    for step in range(1, 40):
        page.mouse.move(box["x"] + box["width"] * step / 40, box["y"] + box["height"] * 0.8)
        page.evaluate("() => new Promise((resolve) => setTimeout(resolve, 60))")
        if _looks(page)["tooltip"]:
            return
    raise AssertionError("No tooltip anywhere on the chart.")
