"""The components in a real browser, on a tiny app of their own: what a reader does survives what the data do."""

from __future__ import annotations

import itertools
import os
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import httpx
import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect

from realtime.bench.launch import clean_environment, free_port, temporary_folder
from realtime.bench.process import Process
from tests.browser.board import set_hidden
from tests.support.pages import new_context
from tests.support.waiting import until

ROOT = Path(__file__).parents[2]
BEGAN = datetime(2026, 1, 31, 14, 0, tzinfo=UTC)
CHART = "[data-tideboard=chart]"
FEED = "[data-tideboard=feed]"
BADGE = "[data-tideboard=connection]"
NUMBERS = "[data-tideboard=numbers]"
CHANNEL = re.compile(r".*/live/channel$")
_numbers = itertools.count(1)


class Tiny:
    """The tiny app, and how its data change."""

    def __init__(self, base_url: str) -> None:
        self.url = base_url
        self._http = httpx.Client(base_url=base_url, timeout=20)
        self._at = 0
        self.orders: set[str] = set()

    def close(self) -> None:
        """End the connection to the app."""
        self._http.close()

    def put(self, count: int = 1, *, value: int | None = None, title: str = "") -> int:
        """Create orders, a second apart; return the store's sequence after it."""
        events = []
        for _ in range(count):
            number = next(_numbers)
            self._at += 1
            document = {
                "id": title or f"order-{number}",
                "value": number % 37 if value is None else value,
                "at": (BEGAN + timedelta(seconds=self._at)).strftime("%Y-%m-%dT%H:%M:%S"),
            }
            self.orders.add(str(document["id"]))
            data = {"collection": "orders", "document": document}
            events.append(
                {"id": f"e{number}", "source": "/t", "type": "collection:created", "specversion": "1.0",
                 "time": datetime.now(UTC).isoformat(), "actor": "ann", "data": data}
            )  # fmt: skip
        answer = self._http.post("/put", json={"channel": "collection:orders", "events": events})
        sequence: int = answer.json()["sequence"]
        return sequence

    def fault(self, text: str) -> None:
        """Raise a system error of high severity."""
        event = {"id": f"f{next(_numbers)}", "source": "/t", "type": "system:error", "specversion": "1.0",
                 "time": datetime.now(UTC).isoformat(), "data": {"error": text, "severity": "high"}}  # fmt: skip
        self._http.post("/put", json={"channel": "system", "events": [event]}).raise_for_status()

    def cut(self) -> None:
        """Cut every live channel."""
        self._http.post("/cut").raise_for_status()

    def followed(self) -> dict[str, int]:
        """Return how many visible tabs follow each channel."""
        followed: dict[str, int] = self._http.get("/followed").json()
        return followed

    def set_connection(self, state: str) -> None:
        """Change how the store stands to its gateway."""
        self._http.post("/connection", params={"state": state}).raise_for_status()


@contextmanager
def running_tiny(port: int) -> Iterator[Tiny]:
    """Run the tiny app on a port, from ready to stopped."""
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "tests" / "ui" / "apps" / "tiny.py")]
    flags = ["address=127.0.0.1", "headless=true", "fileWatcherType=none", f"port={port}"]
    command += ["--runner.postScriptGC=false", "--browser.gatherUsageStats=false"]
    command += [f"--server.{flag}" for flag in flags]
    environ = {**clean_environment({}), "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    with (
        temporary_folder() as folder,
        Process(
            command, cwd=folder, port=port, environ=environ, log=folder / "tiny.log", ready_path="/_stcore/health"
        ) as process,
    ):
        process.wait_ready()
        made = Tiny(process.base_url)
        made.put(240)
        yield made
        made.close()
        assert "Traceback" not in process.output(), process.output()


@pytest.fixture(scope="module")
def tiny() -> Iterator[Tiny]:
    """Run the tiny app for the module."""
    with running_tiny(free_port()) as made:
        yield made


@contextmanager
def opened(browser: Browser, tiny: Tiny) -> Iterator[Page]:
    """Open the tiny app in a context of its own; its page must not raise."""
    context = new_context(browser)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    try:
        page.goto(tiny.url)
        settled(page)
        yield page
        assert errors == []
    finally:
        context.close()


@pytest.fixture
def tab(kept: Page, tiny: Tiny) -> Page:
    """Have the tiny app open, with everything drawn; what a test of before did in it is undone by that test."""
    if kept.url == "about:blank":
        kept.goto(tiny.url)
    settled(kept)
    live(kept)
    expect(kept.locator(FEED)).to_have_attribute("data-paused", "false")
    return kept


def settled(page: Page) -> None:
    """Wait until the chart is drawn, the badge shows a state and the live fragment has run."""
    page.wait_for_selector(f"{CHART}[data-version] .main-svg", timeout=60_000)
    page.wait_for_selector(f"{BADGE}[data-state]")
    page.wait_for_selector(f"{FEED}[data-version]")
    page.wait_for_selector(f"{NUMBERS}[data-version]")


def live(page: Page) -> None:
    """Wait until the badge says Live."""
    expect(page.locator(f"{BADGE} .word")).to_have_text("Live")


def shows(page: Page, text: str) -> None:
    """Wait until the feed's first row names `text`."""
    expect(page.locator(f"{FEED} article b").first).to_have_text(text)


def chart(page: Page, script: str) -> Any:
    """Evaluate `script` with the chart's element as `gd`."""
    return page.locator(".js-plotly-plot").evaluate(f"gd => {{ {script} }}")


def whole_runs(page: Page) -> str:
    """Return how often the page's script has run."""
    return page.get_by_text(re.compile("whole runs")).inner_text()


def updates(tiny: Tiny, page: Page, count: int) -> None:
    """Make changes one after another, each waited for on the chart."""
    for _ in range(count):
        before = version(page)
        tiny.put()
        page.wait_for_function(
            "before => Number(document.querySelector('[data-tideboard=chart]').dataset.version) > before", arg=before
        )


def version(page: Page) -> int:
    """Return the version the chart has painted."""
    return int(page.locator(CHART).get_attribute("data-version") or 0)


def test_a_change_reaches_every_component(tab: Page, tiny: Tiny) -> None:
    """Chart, numbers, feed and the live fragment show one new order; the page's script doesn't run again."""
    before, runs = version(tab), whole_runs(tab)
    tiny.put(value=36, title="the-newest")
    shows(tab, "the-newest")
    expect(tab.locator(f"{NUMBERS} [data-key=count] .value")).to_have_text(f"{len(tiny.orders):,}")
    expect(tab.get_by_text(f"fragment saw {len(tiny.orders)} orders")).to_be_visible()
    until(lambda: version(tab) > before)
    assert chart(tab, "return gd.data[0].y.at(-1)") == 36
    assert whole_runs(tab) == runs


def test_zoom_hover_and_a_hidden_trace_survive_updates(tab: Page, tiny: Tiny) -> None:
    """What the reader did to the chart is as they left it, no node of it was removed; the live pages do it longer."""
    box = tab.locator(".js-plotly-plot .nsewdrag").bounding_box()
    assert box is not None
    tab.locator(".js-plotly-plot .legendtoggle").nth(1).click()
    until(lambda: chart(tab, "return gd._fullData[1].visible") == "legendonly")
    tab.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 20)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + box["height"] - 20, steps=4)
    tab.mouse.up()
    expect(tab.locator(".tb-chart-pin")).to_contain_text(re.compile(r"Pinned \d\d:\d\d.*–\d\d:\d\d.* ?Back to live"))
    zoomed = chart(tab, "return [gd.layout.xaxis.range, gd.layout.yaxis.range]")
    hover(tab)
    label = tab.locator(".js-plotly-plot .hovertext").first.text_content()
    chart(
        tab,
        """window.removed = 0;
        new MutationObserver(list => list.forEach(({ removedNodes }) => removedNodes.forEach(node => {
          if (node === gd || node.matches?.('.js-plotly-plot, .plot-container, .svg-container, .main-svg'))
            window.removed++ }))).observe(document.body, { childList: true, subtree: true });
        gd.dataset.mine = "1" """,
    )
    updates(tiny, tab, 25)
    assert chart(tab, "return [gd.layout.xaxis.range, gd.layout.yaxis.range]") == zoomed
    assert chart(tab, "return gd._fullData[1].visible") == "legendonly"
    assert tab.locator(".js-plotly-plot .hovertext").first.text_content() == label
    assert tab.evaluate("window.removed") == 0
    assert tab.locator(".js-plotly-plot").get_attribute("data-mine") == "1"
    assert tab.locator(".js-plotly-plot").count() == 1
    tab.get_by_role("button", name="Back to live").click()
    expect(tab.locator(".tb-chart-pin")).to_be_hidden()
    newest = chart(tab, "return gd.data[0].x.at(-1)")
    assert chart(tab, "return gd._fullLayout.xaxis.range[1]")[:19].replace(" ", "T") >= newest[:19]
    assert chart(tab, "return gd._fullData[1].visible") == "legendonly"
    tab.locator(".js-plotly-plot .legendtoggle").nth(1).click()
    until(lambda: chart(tab, "return gd._fullData[1].visible") is True)


def hover(page: Page) -> None:
    """Move the mouse over the chart until a tooltip shows."""
    box = page.locator(".js-plotly-plot .nsewdrag").bounding_box()
    assert box is not None
    spots = itertools.product(range(10, int(box["height"]), 8), range(40, int(box["width"]), 24))
    for down, right in spots:
        page.mouse.move(box["x"] + right, box["y"] + down)
        page.wait_for_timeout(60)
        if page.locator(".js-plotly-plot .hovertext").count():
            return
    raise AssertionError("No tooltip anywhere.")


def test_a_rerun_never_goes_back(tab: Page, tiny: Tiny) -> None:
    """A rerun hands over its own value; what the channel brought meanwhile stays if it is newer."""
    chart(tab, "gd.dataset.rerun = 'kept'")
    seen: list[int] = []
    for number in range(10):
        tiny.put(title=f"rerun-{number}")
        tab.get_by_role("button", name="Rerun").click()
        seen.append(version(tab))
        shows(tab, f"rerun-{number}")
        seen.append(version(tab))
    assert seen == sorted(seen)
    assert chart(tab, "return gd.dataset.rerun") == "kept"
    assert tab.locator(".js-plotly-plot").count() == 1


def test_typing_survives_the_fragments_reruns(tab: Page, tiny: Tiny) -> None:
    """Text typed into a widget of a live fragment stays while it reruns, and the focus with it."""
    box = tab.get_by_label("Typed")
    box.click()
    for letter in "half a sentence":
        tiny.put()
        tab.keyboard.type(letter)
        tab.wait_for_timeout(40)
    expect(tab.get_by_text(f"fragment saw {len(tiny.orders)} orders")).to_be_visible()
    assert box.input_value() == "half a sentence"
    assert box.evaluate("element => element === document.activeElement")


def test_the_feed_stands_still_while_someone_reads(tab: Page, tiny: Tiny) -> None:
    """Scrolled, open or paused: nothing moves, a pill counts what is new and its errors, a click goes back to now."""
    tiny.put(title="before-reading")
    shows(tab, "before-reading")
    rows = tab.locator(f"{FEED} .rows")
    rows.evaluate("element => { element.scrollTop = 60 }")
    expect(tab.locator(FEED)).to_have_attribute("data-paused", "true")
    for _ in range(3):
        tiny.put()
    tiny.fault("the belt is stuck")
    pill = tab.locator(f"{FEED} .pill")
    expect(pill).to_have_text("↑ 4 new · 1 error")
    shows(tab, "before-reading")
    pill.click()
    shows(tab, "the belt is stuck")
    expect(pill).to_be_hidden()
    expect(tab.locator(FEED)).to_have_attribute("data-paused", "false")


def test_an_open_row_stays_open(tab: Page, tiny: Tiny) -> None:
    """A row that is being read isn't taken away; closing it lets the feed go on."""
    tiny.put(title="to-be-read")
    shows(tab, "to-be-read")
    tab.locator(f"{FEED} article").first.focus()
    tab.keyboard.press("Enter")
    expect(tab.locator(f"{FEED} .more")).to_contain_text("orders")
    for _ in range(25):
        tiny.put()
    expect(tab.locator(f"{FEED} .pill")).to_have_text("↑ 25 new")
    expect(tab.locator(f"{FEED} article.open b")).to_have_text("to-be-read")
    tab.keyboard.press("Escape")
    expect(tab.locator(f"{FEED} .pill")).to_be_hidden()
    assert tab.locator(f"{FEED} article.open").count() == 0


def test_the_feed_pauses_and_filters_by_keyboard(tab: Page, tiny: Tiny) -> None:
    """An explicit pause holds until resumed; the filter narrows what is shown; Page Down moves between rows."""
    tiny.put(title="needle")
    shows(tab, "needle")
    button = tab.locator(f"{FEED} .bar button")
    button.focus()
    tab.keyboard.press("Enter")
    expect(button).to_have_text("▶ Resume")
    tiny.put(title="later")
    expect(tab.locator(f"{FEED} .pill")).to_have_text("↑ 1 new")
    tab.keyboard.press("Enter")
    shows(tab, "later")
    tab.get_by_label("Filter the rows shown").fill("needle")
    expect(tab.locator(f"{FEED} article:visible")).to_have_count(1)
    tab.get_by_label("Filter the rows shown").fill("")
    tab.locator(f"{FEED} article").first.focus()
    tab.keyboard.press("PageDown")
    assert tab.locator(f"{FEED} article").nth(1).evaluate("row => row === row.getRootNode().activeElement")
    tab.keyboard.press("Escape")


def test_text_of_events_is_only_text(tab: Page, tiny: Tiny) -> None:
    """Markup in a document is shown as it was written."""
    text = "<img src=x onerror=alert(1)><b>bold</b>"
    tiny.put(title=text)
    shows(tab, text)
    assert tab.locator(f"{FEED} img").count() == 0


def test_holding_makes_the_page_stand_still(tab: Page, tiny: Tiny) -> None:
    """Real-time off: nothing moves, not by a rerun either, and the badge counts; on: it catches up at once."""
    tiny.put(title="last-before-hold")
    shows(tab, "last-before-hold")
    tab.get_by_text("Real-time").click()
    expect(tab.locator(f"{BADGE} .word")).to_have_text("Paused")
    before = version(tab)
    for _ in range(3):
        tiny.put()
    tab.get_by_role("button", name="Rerun").click()
    expect(tab.locator(f"{BADGE} .rest")).to_have_text("(3 new)", timeout=15_000)
    shows(tab, "last-before-hold")
    assert version(tab) == before
    tiny.put(title="after-hold")
    tab.get_by_text("Real-time").click()
    shows(tab, "after-hold")
    live(tab)


def test_a_cut_channel_comes_back_and_catches_up(tab: Page, tiny: Tiny) -> None:
    """A lost channel is dialled again, and what was missed is shown, with no rerun of the page."""
    runs = whole_runs(tab)
    tiny.cut()
    tiny.put(title="missed")
    shows(tab, "missed")
    live(tab)
    assert whole_runs(tab) == runs


def test_a_page_without_a_channel_is_drawn_and_refreshed_and_says_so(browser: Browser, tiny: Tiny) -> None:
    """The page's own values are the first; then it reruns at the interval; with a channel that ends by itself."""
    context = new_context(browser)
    page = context.new_page()
    is_blocked = True

    def meet(socket: WebSocketRoute) -> None:
        if is_blocked:
            socket.close()
        else:
            socket.connect_to_server()

    page.route_web_socket(CHANNEL, meet)
    page.goto(tiny.url)
    settled(page)
    assert page.locator(f"{FEED} article").count() == 20
    assert page.locator(f"{NUMBERS} .number").count() == 3
    expect(page.get_by_text("Refreshing every 1 s: live channel unavailable")).to_be_visible()
    expect(page.locator(f"{BADGE} .word")).to_have_text("Refreshing every 1 s")
    tiny.put(title="by-refresh")
    shows(page, "by-refresh")
    is_blocked = False
    live(page)
    expect(page.get_by_text("live channel unavailable")).to_be_hidden()
    tiny.put(title="by-channel")
    shows(page, "by-channel")
    context.close()


def test_a_refused_ticket_is_renewed_by_one_rerun(browser: Browser, tiny: Tiny) -> None:
    """When the server won't take the tickets any more, one rerun of the page brings others."""
    context = new_context(browser)
    page = context.new_page()
    refusals = 0

    def meet(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def outgoing(message: str | bytes) -> None:
            nonlocal refusals
            text = message if isinstance(message, str) else message.decode()
            if refusals < 4 and '"subscribe"' in text:
                refusals += 1
                number = re.search(r'"id":(\d+)', text)
                assert number is not None
                socket.send(f'{{"id":{number[1]},"error":{{"code":103,"message":"permission denied"}}}}')
            else:
                server.send(message)

        socket.on_message(outgoing)

    page.route_web_socket(CHANNEL, meet)
    page.goto(tiny.url)
    settled(page)
    # The tickets of a rerun within the hour are the same text, so the refused ones are asked for again after a reload.
    expect(page.get_by_text(re.compile(r"whole runs [2-9]"))).to_be_visible()
    context.close()


def test_what_isnt_here_yet_is_asked_for_again(browser: Browser, tiny: Tiny) -> None:
    """A process that hasn't opened yet what the tickets are for: the tab joins once it has, with no rerun."""
    context = new_context(browser)
    page = context.new_page()
    refused: dict[str, int] = {}

    def meet(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def outgoing(message: str | bytes) -> None:
            text = message if isinstance(message, str) else message.decode()
            asked = re.search(r'"id":(\d+),"subscribe":{"channel":"([^"]+)"', text)
            if asked is not None and refused.setdefault(asked[2], 0) < 1:
                refused[asked[2]] += 1
                socket.send(f'{{"id":{asked[1]},"error":{{"code":108,"message":"not here","temporary":true}}}}')
            else:
                server.send(message)

        socket.on_message(outgoing)

    page.route_web_socket(CHANNEL, meet)
    page.goto(tiny.url)
    settled(page)
    live(page)
    tiny.put(title="joined-at-last")
    shows(page, "joined-at-last")
    assert refused
    assert set(refused.values()) == {1}
    expect(page.get_by_text("whole runs 1")).to_be_visible()
    context.close()


def test_what_never_comes_here_is_looked_for_elsewhere(browser: Browser, tiny: Tiny) -> None:
    """The channel came to a process where the page isn't: after some tries it dials again, and is let in there."""
    context = new_context(browser)
    page = context.new_page()
    dialled: list[WebSocketRoute] = []

    def meet(socket: WebSocketRoute) -> None:
        dialled.append(socket)
        is_elsewhere = len(dialled) == 1
        server = socket.connect_to_server()

        def outgoing(message: str | bytes) -> None:
            text = message if isinstance(message, str) else message.decode()
            asked = re.search(r'"id":(\d+),"subscribe"', text)
            if asked is not None and is_elsewhere:
                socket.send(f'{{"id":{asked[1]},"error":{{"code":108,"message":"not here","temporary":true}}}}')
            else:
                server.send(message)

        socket.on_message(outgoing)

    page.route_web_socket(CHANNEL, meet)
    page.goto(tiny.url)
    settled(page)
    until(lambda: page.evaluate("1") and len(dialled) == 2, what="another dial")
    live(page)
    tiny.put(title="found-elsewhere")
    shows(page, "found-elsewhere")
    assert len(dialled) == 2
    context.close()


def test_a_page_outlives_a_restart_of_the_server(browser: Browser) -> None:
    """Another process with another secret and epoch: the open page goes on by itself, from what is there now."""
    port = free_port()
    context = new_context(browser)
    page = context.new_page()
    with running_tiny(port) as first:
        first.put(500)  # so that the versions of the second process are lower for long
        page.goto(first.url)
        settled(page)
        live(page)
        first.put(title="before-restart")
        shows(page, "before-restart")
    with running_tiny(port) as second:
        second.put(title="after-restart")
        shows(page, "after-restart")
        live(page)
        second.put(title="live-again")
        shows(page, "live-again")
        context.close()


def test_a_hidden_tab_is_not_followed(tab: Page, tiny: Tiny) -> None:
    """Two seconds after a tab is hidden nothing is rendered for it; on its return it shows the newest."""
    tiny.put(title="while-visible")
    shows(tab, "while-visible")
    set_hidden(tab, True)
    until(lambda: tiny.followed() == {}, what="nobody follows")
    tiny.put(title="while-hidden")
    tab.wait_for_timeout(300)
    shows(tab, "while-visible")
    set_hidden(tab, False)
    shows(tab, "while-hidden")


def test_leaving_releases_what_was_followed(browser: Browser, tab: Page, tiny: Tiny) -> None:
    """A closed tab is counted out."""
    until(lambda: set(tiny.followed().values()) == {1}, what="one tab follows")
    with opened(browser, tiny) as page:
        live(page)
        until(lambda: len(tiny.followed()) >= 4 and set(tiny.followed().values()) == {2}, what="two tabs follow")
    until(lambda: set(tiny.followed().values()) == {1}, what="one tab follows")


def test_the_store_offline_is_said_in_shape_word_and_colour(tab: Page, tiny: Tiny) -> None:
    """The badge shows the store's state when it lasts, and not when it is over within a second."""
    states = "[]"
    tab.locator(f"{BADGE} .word").evaluate(
        "word => { window.words = []; new MutationObserver(() => window.words.push(word.textContent)).observe(word, "
        "{ childList: true, characterData: true, subtree: true }) }"
    )
    tiny.set_connection("reconnecting")
    tiny.set_connection("connected")
    time.sleep(1.3)
    assert tab.evaluate("JSON.stringify(window.words)") == states
    tiny.set_connection("disconnected")
    expect(tab.locator(f"{BADGE} .word")).to_have_text("Offline")
    expect(tab.locator(f"{BADGE} .symbol")).to_have_text("■")
    tiny.set_connection("connected")
    live(tab)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_chart_takes_its_colours_from_the_theme(tab: Page, scheme: Literal["light", "dark"]) -> None:
    """Text on the chart is dark on light and light on dark."""

    def brightness() -> float:
        colour = chart(tab, "return gd._fullLayout.font.color")
        return sum(int(colour[place : place + 2], 16) for place in (1, 3, 5)) / 3

    tab.emulate_media(color_scheme=scheme)
    until(lambda: (brightness() > 128) == (scheme == "dark"), what=f"the chart is {scheme}")


def test_a_narrow_window_has_no_sideways_scroll(tab: Page) -> None:
    """At 360 px everything fits."""
    tab.set_viewport_size({"width": 360, "height": 800})

    def fits() -> bool:
        boxes = [tab.locator(panel).bounding_box() for panel in (CHART, FEED, NUMBERS)]
        return all(box is not None and box["x"] + box["width"] <= 360 for box in boxes)

    until(fits, what="all panels fit")
    assert tab.evaluate("document.scrollingElement.scrollWidth") <= 360
