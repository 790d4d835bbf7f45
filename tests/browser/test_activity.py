"""The Activity page in a real tab: it stands still while someone reads, its filters are in the URL, names are text."""

from __future__ import annotations

import re
import uuid
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, WebSocketRoute, expect

from realtime.bench.process import Process
from realtime.protocol.events import Envelope
from tests.browser.board import badge, panel, set_hidden, walk_to
from tests.browser.test_presence import people_panel
from tests.support.producing import Poster, created, numbered
from tests.support.waiting import until

HOSTILE = "<img src=x onerror=alert(1)> **bold** ![x](http://e.vil/x) \u202eevil"


@pytest.fixture
def page(kept: Page) -> Page:
    """Go on in the tab of the test before."""
    return kept


@pytest.fixture
def feed(page: Page, app: Process, poster: Poster) -> Locator:
    """Open the page with thirty events of a collection of its own, live and at its top."""
    poster.post(*numbered("fleet", range(30)))
    walk_to(page, f"{app.base_url}/activity?collection=fleet")
    found = panel(page, "feed")
    expect(found.get_by_role("article").first).to_contain_text("d000029")
    return found


def pill(feed: Locator) -> Locator:
    """Return what says how many are new."""
    return feed.locator(".pill")


def query_of(page: Page) -> dict[str, list[str]]:
    """Return what the address bar says now."""
    return parse_qs(page.evaluate("location.search.slice(1)"))


def more(poster: Poster, *names: str) -> None:
    """Post events of the feed's collection."""
    poster.post(*(created("fleet", {"id": name}) for name in names))


def fault(text: str, *, severity: str = "high") -> Envelope:
    """Make an error."""
    return Envelope(
        id=f"f-{text}", source="/tests", type="system:error", specversion="1.0",
        data={"error": text, "severity": severity},
    )  # fmt: skip


def did(person: str, action: str, **metadata: Any) -> Envelope:
    """Make something a person did."""
    data = {"userId": person, "action": action, "timestamp": "2026-01-01T00:00:00Z", "metadata": metadata}
    return Envelope(id=str(uuid.uuid4()), source="/tests", type="user:activity", specversion="1.0",
                    data=data, actor=person)  # fmt: skip


def places(feed: Locator) -> Any:
    """Return where each row is, to tell whether anything moved."""
    return feed.evaluate(
        "(root) => [...root.querySelectorAll('article')].map((each) => [each.dataset.key, each.offsetTop])"
    )


def assert_stands_still(feed: Locator, poster: Poster, name: str) -> None:
    """An event that comes is counted, and moves nothing."""
    before = places(feed)
    more(poster, name)
    expect(pill(feed)).to_have_text("↑ 1 new")
    assert places(feed) == before


def test_the_pause_button_holds_and_resume_jumps_to_now(feed: Locator, poster: Poster) -> None:
    """What came meanwhile is counted with its errors, and shown at once on going on."""
    feed.get_by_role("button", name="Pause").click()
    expect(feed).to_contain_text("❚❚ Paused: by you")
    assert_stands_still(feed, poster, "p1")
    more(poster, *(f"p{number}" for number in range(2, 38)))
    expect(pill(feed)).to_have_text("↑ 37 new")
    feed.get_by_role("button", name="Resume").click()
    expect(feed.get_by_role("article").first).to_contain_text("p37")
    expect(pill(feed)).to_be_hidden()


def test_errors_are_counted_apart(page: Page, app: Process, poster: Poster) -> None:
    """Two of what is new are errors; the pill goes back to live."""
    poster.post(created("x", {"id": "1"}))
    walk_to(page, f"{app.base_url}/activity?kind=system,created")
    feed = panel(page, "feed")
    expect(feed.get_by_role("article").first).to_be_visible()
    feed.get_by_role("button", name="Pause").click()
    poster.post(fault("one"), fault("two"), fault("three", severity="low"), created("x", {"id": "2"}))
    expect(pill(feed)).to_have_text("↑ 4 new · 2 errors")
    pill(feed).click()
    expect(feed.get_by_role("article").first).to_contain_text("2")
    expect(feed).to_have_attribute("data-paused", "false")


def test_the_pause_key_works_but_not_while_typing(feed: Locator, page: Page) -> None:
    """`p` pauses and goes on; in the search field it is a letter; with Control it is the browser's."""
    expect(feed.get_by_role("button", name="Pause")).to_have_attribute("aria-keyshortcuts", "p")
    page.keyboard.press("p")
    expect(feed).to_contain_text("Paused: by you")
    page.keyboard.press("p")
    expect(feed).to_have_attribute("data-paused", "false")
    search = panel(page, "filters").get_by_role("searchbox")
    search.press_sequentially("p")
    expect(search).to_have_value("p")
    expect(feed).not_to_contain_text("by you")


def test_scrolling_down_holds_until_back_at_the_top(feed: Locator, poster: Poster) -> None:
    """Four pixels are no scrolling, five are."""
    rows = feed.locator(".rows")
    rows.evaluate("(rows) => rows.scrollTop = 4")
    more(poster, "s0")
    expect(feed.get_by_role("article").first).to_contain_text("s0")
    rows.evaluate("(rows) => rows.scrollTop = 60")
    expect(feed).to_contain_text("Paused: scrolled down")
    assert_stands_still(feed, poster, "s1")
    rows.evaluate("(rows) => rows.scrollTop = 0")
    expect(feed.get_by_role("article").first).to_contain_text("s1")


def test_an_open_row_holds_until_it_is_closed(feed: Locator, poster: Poster) -> None:
    """Also when the top is in sight all the while."""
    row = feed.get_by_role("article").nth(2)
    row.click()
    expect(row).to_have_attribute("aria-expanded", "true")
    expect(feed).to_contain_text("Paused: a row is open")
    assert_stands_still(feed, poster, "o1")
    expect(row).to_have_attribute("aria-expanded", "true")
    row.click(position={"x": 5, "y": 8})
    expect(feed.get_by_role("article").first).to_contain_text("o1")


def test_a_row_selected_by_keyboard_holds_until_it_is_let_go(feed: Locator, page: Page, poster: Poster) -> None:
    """j selects, Escape lets go; the selection is by key, never by position."""
    feed.locator(".rows").focus()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(feed).to_contain_text("Paused: a row is selected")
    assert_stands_still(feed, poster, "k1")
    page.keyboard.press("Escape")
    expect(feed.get_by_role("article").first).to_contain_text("k1")


def test_a_filter_in_use_holds(feed: Locator, page: Page, poster: Poster) -> None:
    """While the search field has the focus nothing moves; leaving it goes on."""
    search = panel(page, "filters").get_by_role("searchbox")
    search.focus()
    expect(feed).to_contain_text("Paused: a filter is in use")
    assert_stands_still(feed, poster, "f1")
    search.blur()
    expect(feed.get_by_role("article").first).to_contain_text("f1")


def test_more_than_five_hundred_new_are_said_so(feed: Locator, poster: Poster) -> None:
    """The count stops where counting would no longer be true."""
    feed.get_by_role("button", name="Pause").click()
    for start in (1000, 1300):
        poster.post(*numbered("fleet", range(start, start + 300)))
    expect(pill(feed)).to_have_text("↑ 500+ new")


def test_times_are_absolute_while_someone_reads_and_late_ones_are_marked(feed: Locator, poster: Poster) -> None:
    """The hover names the zone in any case."""
    late = created("fleet", {"id": "late"})
    poster.post(Envelope(**{name: getattr(late, name) for name in ("id", "source", "type", "specversion", "data")},
                         time="2026-01-01T00:00:00Z"))  # fmt: skip
    row = feed.get_by_role("article").first
    expect(row).to_contain_text("late")
    expect(row.locator(".mark")).to_have_text("late")
    second = feed.get_by_role("article").nth(1).locator("time")
    expect(second).to_have_text(re.compile("ago|now"))
    feed.get_by_role("button", name="Pause").click()
    expect(second).to_have_text(re.compile(r"^\d\d:\d\d:\d\d$"))
    expect(second).to_have_attribute("title", re.compile("Europe/Berlin$"))


def test_filters_are_in_the_url_and_survive_a_reload(page: Page, app: Process, poster: Poster) -> None:
    """Kind, collection, severity, search, grouping: each a chip or a choice, all in a copied link."""
    poster.post(
        created("ships", {"id": "s1", "flag": "NL"}), created("ships", {"id": "s2", "flag": "DK"}), fault("sunk")
    )
    walk_to(page, f"{app.base_url}/activity")
    filters, feed = panel(page, "filters"), panel(page, "feed")
    filters.get_by_role("button", name="Created").click()
    filters.get_by_label("Collection").select_option("ships")
    filters.get_by_role("searchbox").fill("nl")
    filters.get_by_role("searchbox").press("Enter")
    expect(feed.get_by_role("article")).to_have_count(1)
    expect(feed.get_by_role("article")).to_contain_text("s1")
    expect(feed).to_contain_text("1 event: created, collection ships, containing “nl”")
    until(lambda: query_of(page) == {"kind": ["created"], "collection": ["ships"], "q": ["nl"]})
    page.reload()
    expect(feed.get_by_role("article")).to_have_count(1)
    expect(filters.get_by_role("button", name="Created")).to_have_attribute("aria-pressed", "true")
    filters.get_by_role("button", name="Remove the filter “nl”").click()
    expect(feed.get_by_role("article")).to_have_count(2)
    filters.get_by_role("button", name="Clear all filters").click()
    until(lambda: query_of(page) == {})
    filters.get_by_label("Severity").select_option("error")
    expect(feed.get_by_role("article").first).to_contain_text("sunk")
    expect(feed.get_by_text("s1")).to_have_count(0)


def shows_boats(message: str | bytes) -> bool:
    """Tell whether a message puts the filters where boats are chosen."""
    return b'"collection":"boats"' in (message if isinstance(message, bytes) else message.encode()).replace(b" ", b"")


def test_filters_chosen_faster_than_the_page_answers_are_all_kept(
    context: BrowserContext, app: Process, poster: Poster
) -> None:
    """The answer to the first comes between the second and the third, and takes neither back."""
    poster.post(created("boats", {"id": "b1"}))
    page = context.new_page()
    held: list[str | bytes] = []
    is_held = False
    tabs: list[WebSocketRoute] = []

    def hold(tab: WebSocketRoute) -> None:
        tabs.append(tab)
        tab.connect_to_server().on_message(lambda message: held.append(message) if is_held else tab.send(message))

    page.route_web_socket(re.compile(r"/_stcore/stream"), hold)
    page.goto(f"{app.base_url}/activity")
    expect(badge(page)).to_contain_text("Live")
    filters = panel(page, "filters")
    is_held = True
    filters.get_by_role("button", name="Created").click()
    filters.get_by_label("Collection").select_option("boats")
    until(lambda: page.evaluate("true") and any(map(shows_boats, held)))  # what comes is taken while the page is asked
    while not shows_boats(held[0]):
        tabs[-1].send(held.pop(0))
    filters.get_by_role("searchbox").fill("b1")
    filters.get_by_role("searchbox").press("Enter")
    is_held = False
    for message in held:
        tabs[-1].send(message)
    until(lambda: query_of(page) == {"kind": ["created"], "collection": ["boats"], "q": ["b1"]})
    expect(panel(page, "feed")).to_contain_text("1 event: created, collection boats, containing “b1”")


def test_events_are_grouped_by_person_and_by_document(page: Page, app: Process, poster: Poster) -> None:
    """One row each, that counts and comes to the top with its newest event; opened it shows them, and stands still."""
    poster.post(*(did(name, f"a{number}") for number in range(3) for name in ("gus", "kim")))
    walk_to(page, f"{app.base_url}/activity?group=person&kind=people&q=a")
    feed = panel(page, "feed")
    row = feed.locator('article[data-key="person:gus"]')
    expect(row).to_contain_text("×3")
    expect(feed.locator('article[data-key="person:kim"]')).to_contain_text("×3")
    poster.post(did("gus", "a9"))
    expect(feed.get_by_role("article").first).to_contain_text("gus")
    expect(row).to_contain_text("×4")
    row.click()
    expect(row.locator("li")).to_have_count(4)
    poster.post(did("kim", "a9"))
    expect(pill(feed)).to_have_text("↑ 1 new")
    expect(feed.get_by_role("article").first).to_contain_text("gus")
    panel(page, "filters").get_by_label("Grouping").select_option("document")
    until(lambda: query_of(page)["group"] == ["document"])


def test_a_stretch_of_the_hour_can_be_pinned_and_let_go(feed: Locator, page: Page, poster: Poster) -> None:
    """By keyboard: the running minute; the chip names it and goes back to live."""
    strip = panel(page, "strip")
    slider = strip.get_by_role("slider")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^\d\d:\d\d–\d\d:\d\d · \d+ events"))
    page.keyboard.press("Enter")
    chip = panel(page, "filters").get_by_role("button", name="Back to live")
    expect(chip).to_contain_text(re.compile(r"Pinned \d\d:\d\d–\d\d:\d\d"))
    assert set(query_of(page)) >= {"from", "to"}
    expect(feed.get_by_role("article").first).to_be_visible()
    chip.click()
    expect(chip).to_have_count(0)
    more(poster, "live-again")
    expect(feed.get_by_role("article").first).to_contain_text("live-again")


def test_choosing_a_person_shows_what_they_did(page: Page, app: Process, poster: Poster) -> None:
    """State, counts, the hour and the timeline; closing it shows everybody again."""
    poster.post(
        did("rosa", "view", page="Collections", collection="ships"), did("rosa", "approve", order="o1"),
        created("ships", {"id": "by-rosa"}),
    )  # fmt: skip
    walk_to(page, f"{app.base_url}/activity")
    people_panel(page).locator('[data-person="rosa"]').click()
    card = panel(page, "person")
    expect(card).to_contain_text("Online")
    expect(card).to_contain_text("looking at ships")
    expect(card.locator("li")).to_have_count(2)
    expect(card.locator("li").first).to_contain_text("approve")
    expect(card.get_by_role("img", name="2 actions in the last hour")).to_be_visible()
    expect(panel(page, "feed").get_by_role("article")).to_have_count(2)
    until(lambda: query_of(page) == {"person": ["rosa"]})
    card.get_by_role("button", name="Close this person").click()
    expect(card).to_have_count(0)
    until(lambda: query_of(page) == {})


def test_hostile_names_are_text_and_break_no_layout(page: Page, app: Process, poster: Poster) -> None:
    """Markup, markdown, marks that turn text, and names as long as the protocol lets them be."""
    names = [HOSTILE, "ن" * 80, "W" * 256, "🚢" * 40]
    poster.post(*(did(name, "<b>act</b>" * 20, note=HOSTILE) for name in names))
    walk_to(page, f"{app.base_url}/activity?group=person")
    people = people_panel(page)
    for name in names:
        expect(people.get_by_role("button").filter(has_text=name[:20]).first).to_be_visible()
    people.get_by_role("button").filter(has_text="onerror").click()
    expect(panel(page, "person").locator("li").first).to_contain_text("<b>act</b>")
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
    assert page.locator("img[src='x']").count() == 0
    feed_width = panel(page, "feed").evaluate("(root) => [root.scrollWidth, root.clientWidth]")
    assert feed_width[0] <= feed_width[1]


def test_a_hidden_tab_counts_on_return(feed: Locator, page: Page, poster: Poster) -> None:
    """Paused, hidden and back: what came meanwhile is in the pill."""
    feed.get_by_role("button", name="Pause").click()
    set_hidden(page, True)
    more(poster, "h1", "h2")
    set_hidden(page, False)
    expect(pill(feed)).to_have_text("↑ 2 new")
