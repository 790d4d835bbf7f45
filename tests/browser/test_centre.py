"""The notification centre in a real browser: tabs, keys, bulk, undo, search, a still order, and lasting state."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from realtime.bench.launch import free_port, temporary_folder
from realtime.bench.process import Process
from tests.browser.board import set_hidden, walk_to
from tests.browser.noticing import (
    Reader,
    bell,
    centre,
    note,
    noticing_app,
    noticing_process,
    row,
    rows,
    tab,
    toast,
    toasts,
)
from tests.support.pages import new_context
from tests.support.producing import Poster
from tests.support.waiting import until

INBOX = "/notifications"
SEEN_MS = 1_500


@pytest.fixture(scope="module")
def app() -> Iterator[Process]:
    """Run the app whose rules tell every note."""
    with noticing_app() as running:
        yield running


@pytest.fixture
def reader(kept: Page, poster: Poster, app: Process) -> Reader:
    """Be a person whom nothing was told yet, at the tab of the one before."""
    return Reader(kept, poster, app.base_url)


@pytest.fixture
def timed(kept_timed: Page, poster: Poster, app: Process) -> Reader:
    """Be such a person at a tab whose clock the test turns on."""
    return Reader(kept_timed, poster, app.base_url)


def count(page: Page, name: str) -> str:
    """Return the count on a tab."""
    return tab(page, name).locator(".count").inner_text()


def walk(page: Page, steps: int) -> None:
    """Put the focus on a row by keyboard."""
    centre(page).locator(".rows").focus()
    for _ in range(steps):
        page.keyboard.press("j")


def test_tabs_have_counts_and_a_link_opens_the_same_tab(reader: Reader) -> None:
    """Unread, All, Needs ack, Snoozed, Done."""
    page = reader.open(INBOX)
    reader.send("critical")
    keys = reader.send_many(2)
    expect(rows(page)).to_have_count(3)
    walk(page, 3)
    page.keyboard.press("e")
    expect(tab(page, "done").locator(".count")).to_have_text("1")
    assert [count(page, name) for name in ("unread", "all", "needs-ack", "snoozed")] == ["2", "2", "1", "0"]
    tab(page, "done").click()
    expect(rows(page)).to_have_count(1)
    page.reload()
    expect(tab(page, "done")).to_have_attribute("aria-selected", "true")
    expect(rows(page)).to_have_count(1)
    assert rows(page).get_attribute("data-key") in keys


def test_what_needs_somebody_stands_first(reader: Reader) -> None:
    """Then the newest."""
    page = reader.open(INBOX)
    critical = reader.send("critical")
    old = reader.send()
    new = reader.send()
    expect(rows(page)).to_have_count(3)
    assert [each.get_attribute("data-key") for each in rows(page).all()] == [critical, new, old]


def test_j_and_k_walk_and_enter_opens_and_reads(reader: Reader) -> None:
    """The row says everything, why it reached one first of all."""
    page = reader.open(INBOX)
    old, new = reader.send(), reader.send()
    expect(rows(page)).to_have_count(2)
    walk(page, 2)
    expect(row(page, old)).to_be_focused()
    page.keyboard.press("k")
    expect(row(page, new)).to_be_focused()
    page.keyboard.press("Enter")
    expect(row(page, new)).to_have_attribute("aria-expanded", "true")
    expect(row(page, new).locator(".details")).to_contain_text(f"notes for {reader.name}")
    expect(row(page, new).locator(".state")).to_contain_text("Read")
    until(lambda: reader.mark(new) == "read", what="it is read in the gateway")
    expect(bell(page)).to_have_attribute("data-unread", "1")
    page.keyboard.press("Escape")
    expect(row(page, new)).to_have_attribute("aria-expanded", "false")


def test_e_marks_done_the_next_row_takes_the_focus_and_z_takes_it_back(reader: Reader) -> None:
    """Within eight seconds."""
    page = reader.open(INBOX)
    old, new = reader.send(), reader.send()
    expect(rows(page)).to_have_count(2)
    walk(page, 1)
    page.keyboard.press("e")
    expect(row(page, new)).to_have_count(0)
    expect(row(page, old)).to_be_focused()
    until(lambda: reader.mark(new) == "done", what="it is done in the gateway")
    page.keyboard.press("z")
    until(lambda: reader.mark(new) != "done", what="it was taken back in the gateway")
    page.keyboard.press("Escape")
    expect(row(page, new)).to_be_visible()


def test_undo_is_offered_for_eight_seconds(timed: Reader) -> None:
    """Then the offer goes."""
    page = timed.open(INBOX)
    key = timed.send()
    walk_when_there(page, key)
    page.keyboard.press("e")
    expect(note(page)).to_contain_text("1 notification marked done.")
    page.clock.run_for(7_500)
    expect(note(page)).to_be_visible()
    page.clock.run_for(600)
    expect(note(page)).to_be_hidden()


def walk_when_there(page: Page, key: str) -> None:
    """Put the focus on the first row, once it is there."""
    expect(row(page, key)).to_be_visible()
    walk(page, 1)


def test_u_makes_it_unread_again(reader: Reader) -> None:
    """And back."""
    page = reader.open(f"{INBOX}?tab=all")
    key = reader.send()
    walk_when_there(page, key)
    page.keyboard.press("u")
    until(lambda: reader.mark(key) == "read", what="it is read")
    expect(row(page, key).locator(".state")).to_have_text("Read")
    page.keyboard.press("u")
    expect(row(page, key).locator(".state")).to_have_text("New")
    expect(bell(page)).to_have_attribute("data-unread", "1")


def test_h_snoozes_until_a_chosen_time_and_the_sidebar_lists_it(reader: Reader) -> None:
    """It can be woken there, too."""
    page = reader.open(INBOX)
    key = reader.send(title="Later please")
    walk_when_there(page, key)
    page.keyboard.press("h")
    expect(centre(page).get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(row(page, key)).to_have_count(0)
    still = bell(page).locator("li.snooze")
    expect(still).to_contain_text("Later please")
    expect(still.locator(".until")).to_have_text("3 h 0 min left")
    tab(page, "snoozed").click()
    expect(row(page, key).locator(".state")).to_contain_text("Snoozed until")
    still.get_by_role("button", name="Wake").click()
    expect(row(page, key)).to_have_count(0)
    expect(bell(page)).to_have_attribute("data-unread", "1")


def test_a_acknowledges_what_is_critical_alone(reader: Reader) -> None:
    """On anything else it says that there is nothing to acknowledge."""
    page = reader.open(f"{INBOX}?tab=all")
    key = reader.send("critical")
    other = reader.send()
    expect(rows(page)).to_have_count(2)
    walk(page, 2)
    expect(row(page, other)).to_be_focused()
    page.keyboard.press("a")
    expect(centre(page).locator(".note")).to_have_text("Nothing here has to be acknowledged.")
    page.keyboard.press("k")
    page.keyboard.press("a")
    expect(row(page, key).locator(".state")).to_contain_text("Acknowledged by")
    until(lambda: reader.row(key).get("marks", {}).get("acknowledged"), what="it is acknowledged in the gateway")


def test_x_selects_and_the_bulk_buttons_act_on_all_selected(reader: Reader) -> None:
    """One undo brings all of them back."""
    page = reader.open(INBOX)
    keys = reader.send_many(4)
    expect(rows(page)).to_have_count(4)
    walk(page, 1)
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(centre(page).locator(".bulk .note")).to_have_text("2 selected")
    centre(page).locator('.acts [data-do="done"]').click()
    expect(rows(page)).to_have_count(2)
    until(lambda: sum(reader.mark(key) == "done" for key in keys) == 2, what="two are done in the gateway")
    note(page).get_by_role("button", name="Undo").click()
    until(lambda: not any(reader.mark(key) == "done" for key in keys), what="none is done in the gateway")


def test_what_is_critical_can_only_be_put_aside_until_it_is_acknowledged(reader: Reader) -> None:
    """Done on it says so, and it stays."""
    page = reader.open(INBOX)
    key = reader.send("critical")
    walk_when_there(page, key)
    page.keyboard.press("e")
    expect(note(page)).to_contain_text("only put aside")
    expect(row(page, key)).to_be_visible()
    assert reader.mark(key) != "done"


def test_the_help_sheet_tells_every_key(reader: Reader) -> None:
    """And gives the focus back."""
    page = reader.open(INBOX)
    key = reader.send()
    walk_when_there(page, key)
    page.keyboard.press("?")
    sheet = centre(page).get_by_role("dialog")
    expect(sheet).to_be_visible()
    told = sheet.locator("kbd").all_inner_texts()
    assert {"j", "k", "Enter", "e", "u", "h", "a", "x", "?"} <= set(told)
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    expect(row(page, key)).to_be_focused()


def test_keys_are_only_keys_where_nobody_writes(reader: Reader) -> None:
    """In the search they are letters."""
    page = reader.open(INBOX)
    key = reader.send(title="Exotic exhaust")
    expect(row(page, key)).to_be_visible()
    centre(page).get_by_role("searchbox").press_sequentially("exhaust")
    expect(centre(page).get_by_role("searchbox")).to_have_value("exhaust")
    assert reader.mark(key) != "done"


def test_search_finds_words_and_stays_in_the_link(reader: Reader) -> None:
    """Whatever the case."""
    page = reader.open(INBOX)
    wanted = reader.send(title="Boiler pressure")
    reader.send(title="Door open")
    expect(rows(page)).to_have_count(2)
    centre(page).get_by_role("searchbox").fill("PRESSURE boiler")
    expect(rows(page)).to_have_count(1)
    assert rows(page).get_attribute("data-key") == wanted
    page.reload()
    expect(centre(page).get_by_role("searchbox")).to_have_value("PRESSURE boiler")
    expect(rows(page)).to_have_count(1)


def test_the_order_stands_still_while_somebody_reads(reader: Reader) -> None:
    """What comes is counted; what is read stays where it is until the reader moves on."""
    page = reader.open(INBOX)
    old, new = reader.send(), reader.send()
    expect(rows(page)).to_have_count(2)
    row(page, new).locator(".title").click()
    expect(row(page, new)).to_have_attribute("aria-expanded", "true")
    latest = reader.send()
    reader.again(old)
    expect(centre(page).locator(".pill")).to_have_text("↑ 1 new")
    expect(row(page, old).locator(".times")).to_have_text("×2")
    assert [each.get_attribute("data-key") for each in rows(page).all()] == [new, old]
    centre(page).locator(".pill").click()
    expect(row(page, latest)).to_be_visible()
    expect(row(page, new)).to_have_count(0)


def test_the_order_stands_still_while_rows_are_selected(reader: Reader) -> None:
    """So that the second row stays the second row."""
    page = reader.open(INBOX)
    old, new = reader.send(), reader.send()
    expect(rows(page)).to_have_count(2)
    row(page, old).get_by_role("checkbox").check()
    latest = reader.send()
    expect(centre(page).locator(".pill")).to_have_text("↑ 1 new")
    assert [each.get_attribute("data-key") for each in rows(page).all()] == [new, old]
    row(page, old).get_by_role("checkbox").uncheck()
    centre(page).locator(".pill").click()
    expect(row(page, latest)).to_be_visible()


def test_what_was_on_screen_for_a_second_is_seen(timed: Reader) -> None:
    """A second that somebody could see: in a hidden tab none passes."""
    page = timed.open(INBOX)
    page.clock.pause_at(time.time() + 3600)
    key = timed.send()
    step_until(page, lambda: row(page, key).count() == 1)
    set_hidden(page, True)
    page.clock.run_for(SEEN_MS)
    set_hidden(page, False)
    later = timed.send()  # what was told before it is in the inbox once this one is here
    step_until(page, lambda: row(page, later).count() == 1)
    expect(row(page, key)).to_have_attribute("data-mark", "unseen")
    assert timed.mark(key) == "unseen"
    page.clock.run_for(SEEN_MS)
    step_until(page, lambda: row(page, key).get_attribute("data-mark") == "seen")
    expect(row(page, key).locator(".state")).to_have_text("Seen")
    until(lambda: timed.mark(key) == "seen", what="it is seen in the gateway")
    page.clock.resume()


def step_until(page: Page, condition: Callable[[], bool]) -> None:
    """Let a page's clock that stands still go on in small steps, until what comes over its channel is drawn."""

    def step() -> bool:
        page.clock.run_for(5)
        return condition()

    until(step, what="it is drawn")


def test_the_unread_count_is_the_same_in_every_tab_and_after_a_reload(reader: Reader) -> None:
    """It is the inbox's, not the tab's."""
    first, second = reader.open(INBOX), reader.open("/activity")
    keys = reader.send_many(3)
    for page in (first, second):
        expect(bell(page)).to_have_attribute("data-unread", "3")
    first.bring_to_front()
    walk(first, 1)
    first.keyboard.press("e")
    expect(bell(second)).to_have_attribute("data-unread", "2")
    second.reload()
    expect(bell(second)).to_have_attribute("data-unread", "2")
    assert len(keys) == 3


def test_a_hidden_tab_carries_the_count_in_its_title(reader: Reader) -> None:
    """And puts it away on return."""
    page = reader.open()
    bare = page.title()
    set_hidden(page, True)
    reader.send_many(3, "info")
    expect(page).to_have_title(f"(3) {bare}")
    set_hidden(page, False)
    expect(page).to_have_title(bare)


def test_the_count_is_in_the_header_where_the_sidebar_is_shut(reader: Reader) -> None:
    """As on a phone; with the sidebar open there is one bell."""
    page = reader.open()
    small = page.locator('[data-tideboard="bell-small"]')
    expect(small).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 844})
    key = reader.send()
    expect(small).to_have_accessible_name("Notifications: 1 unread")
    expect(small).to_have_text("1")
    small.click()
    expect(row(page, key)).to_be_visible()


def test_opening_the_centre_puts_the_toasts_away(reader: Reader) -> None:
    """All of them are here."""
    page = reader.open()
    key = reader.send("error")
    expect(toast(page, key)).to_be_visible()
    bell(page).get_by_role("button", name="Notifications: 1 unread").click()
    expect(row(page, key)).to_be_visible()
    expect(toasts(page)).to_have_count(0)


def test_a_mute_is_listed_with_its_end_and_can_be_ended(reader: Reader) -> None:
    """In the sidebar, wherever it was made."""
    page = reader.open(INBOX)
    key = reader.send()
    row(page, key).locator(".title").click()
    row(page, key).get_by_role("button", name="Mute notes for 1 h").click()
    line = bell(page).locator("li.mute")
    expect(line).to_contain_text("Muted: collection notes")
    expect(line.locator(".until")).to_contain_text("min left")
    silent = reader.send("error")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    expect(row(page, silent)).to_be_visible()
    expect(toast(page, silent)).to_have_count(0)
    line.get_by_role("button", name="Unmute").click()
    expect(line).to_have_count(0)
    expect(toast(page, reader.send("error"))).to_be_visible()


def test_a_thousand_rows_stay_quick_to_handle(reader: Reader) -> None:
    """A hundred are drawn; the rest on request."""
    page = reader.open("/activity")
    for number in range(50):  # more of one collection would be a storm, which is one row
        reader.send_many(20, "error", collection=f"notes{number}")
    expect(bell(page)).to_have_attribute("data-unread", "1000")
    walk_to(page, f"{reader.base_url}{INBOX}?tab=all")
    expect(rows(page)).to_have_count(100)
    walk(page, 3)
    page.keyboard.press("e")
    expect(tab(page, "done").locator(".count")).to_have_text("1")
    expect(rows(page)).to_have_count(99)
    page.keyboard.press("Escape")
    centre(page).get_by_role("button", name="Show 100 more").click()
    expect(rows(page)).to_have_count(200)


def test_everything_is_there_after_a_restart_of_the_process(browser: Browser) -> None:
    """What is unread, done, snoozed and preferred is kept by the gateway, not by the page."""
    port = free_port()
    with temporary_folder() as folder:
        with noticing_process(folder, port=port) as first, Poster(first.base_url) as poster:
            context = new_context(browser)
            reader = Reader(context.new_page(), poster, first.base_url)
            page = reader.open(INBOX)
            keys = reader.send_many(3)
            expect(rows(page)).to_have_count(3)
            walk(page, 1)
            page.keyboard.press("e")
            bell(page).get_by_role("switch", name="Toasts").click()
            until(lambda: sum(reader.mark(key) == "done" for key in keys) == 1, what="one is done in the gateway")
            until(lambda: reader.prefers("toasts") is False, what="the gateway knows the preference")
        with noticing_process(folder, port=port):
            page.goto(first.base_url + INBOX)
            expect(bell(page)).to_have_attribute("data-unread", "2")
            expect(tab(page, "done").locator(".count")).to_have_text("1")
            expect(bell(page).get_by_role("switch", name="Toasts")).to_have_attribute("aria-checked", "false")
            context.close()
