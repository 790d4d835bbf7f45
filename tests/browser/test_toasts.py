"""Toasts in a real browser: three and a count, timers that stand still, one tab of several, text that stays text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from realtime.bench.process import Process
from tests.browser.board import set_hidden
from tests.browser.noticing import Reader, bell, centre, noticing_app, row, toast, toaster, toasts, work_in
from tests.support.producing import Poster

LIFE_MS = 5_000
WARNING_MS = 10_000
SELDOM_MS = 2_500


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


def test_each_type_has_its_icon_word_and_colour(reader: Reader) -> None:
    """Shape and word alone would do: colour is extra."""
    page = reader.open()
    looks = set()
    for severity, word in (("info", "Info"), ("success", "Success"), ("warning", "Warning"), ("error", "Error")):
        shown = toast(page, reader.send(severity))
        expect(shown.locator(".word")).to_have_text(word)
        shape = shown.locator("svg .shape").get_attribute("d")
        inner = shown.locator("svg .inner").get_attribute("d")
        colour = shown.locator(".word").evaluate("(word) => getComputedStyle(word).color")
        looks.add((shape, inner, colour))
        shown.locator(".close").click()
    assert len({look[:2] for look in looks}) == 4
    assert len({look[2] for look in looks}) == 4


def test_three_stand_and_more_lead_to_the_centre(reader: Reader) -> None:
    """The fourth to seventh are counted; all seven are in the centre."""
    page = reader.open()
    reader.send_many(7, "error")
    expect(toasts(page)).to_have_count(3)
    more = toaster(page).get_by_role("button", name="4 more")
    expect(more).to_have_text("+4 more")
    more.click()
    expect(centre(page).locator("article")).to_have_count(7)
    expect(toasts(page)).to_have_count(0)


def test_a_narrow_page_shows_the_worst_of_them_and_counts_the_others(reader: Reader) -> None:
    """Three would cover half of it; when one goes the next stands, and a wide page shows all again."""
    page = reader.open()
    page.set_viewport_size({"width": 639, "height": 844})
    *_, older, newest = reader.send_many(4, "error")
    expect(toast(page, newest)).to_be_visible()
    expect(toaster(page).get_by_role("button", name="3 more")).to_be_visible()
    reader.send("warning")
    expect(toaster(page).locator("button.all")).to_have_text("+4 more")
    expect(toasts(page)).to_have_count(1)
    page.keyboard.press("F6")
    page.keyboard.press("Escape")
    expect(toast(page, older).get_by_role("button", name="Dismiss")).to_be_focused()
    expect(toasts(page)).to_have_count(1)
    page.set_viewport_size({"width": 640, "height": 844})
    expect(toasts(page)).to_have_count(1)
    page.mouse.click(300, 20)
    expect(toasts(page)).to_have_count(2)


def test_an_info_goes_after_five_seconds_a_warning_after_ten_an_error_stays(timed: Reader) -> None:
    """Counted by the page's own clock."""
    page = timed.open()
    info, warning, error = (timed.send(severity) for severity in ("info", "warning", "error"))
    expect(toasts(page)).to_have_count(3)
    page.clock.run_for(LIFE_MS)
    expect(toast(page, info)).to_have_count(0)
    expect(toast(page, warning)).to_be_visible()
    page.clock.run_for(WARNING_MS - LIFE_MS)
    expect(toast(page, warning)).to_have_count(0)
    expect(toast(page, error)).to_be_visible()


def test_the_timer_stands_still_under_the_pointer(timed: Reader) -> None:
    """And goes on from where it stood."""
    page = timed.open()
    key = timed.send("info")
    toast(page, key).hover()
    page.clock.run_for(3 * LIFE_MS)
    expect(toast(page, key)).to_be_visible()
    page.mouse.move(10, 10)
    page.clock.run_for(LIFE_MS)
    expect(toast(page, key)).to_have_count(0)


def test_the_timer_stands_still_while_the_focus_is_on_it(timed: Reader) -> None:
    """F6 goes there and back; it is the only thing that ever moves the focus."""
    page = timed.open()
    page.get_by_role("link", name="Health").focus()
    key = timed.send("info")
    expect(toast(page, key)).to_be_visible()
    assert page.evaluate("document.activeElement.textContent").endswith("Health")
    page.keyboard.press("F6")
    expect(toast(page, key)).to_be_focused()
    page.clock.run_for(3 * LIFE_MS)
    expect(toast(page, key)).to_be_visible()
    page.keyboard.press("F6")
    assert page.evaluate("document.activeElement.textContent").endswith("Health")
    page.clock.run_for(LIFE_MS)
    expect(toast(page, key)).to_have_count(0)


def test_the_timer_stands_still_while_the_page_is_hidden(timed: Reader) -> None:
    """It is there when the reader comes back."""
    page = timed.open()
    key = timed.send("info")
    expect(toast(page, key)).to_be_visible()
    set_hidden(page, True)
    page.clock.run_for(3 * LIFE_MS)
    set_hidden(page, False)
    expect(toast(page, key)).to_be_visible()


def test_nothing_moves_under_the_pointer(reader: Reader) -> None:
    """New ones wait, and are counted, until the pointer is away."""
    page = reader.open()
    first = reader.send("error")
    toast(page, first).hover()
    before = toast(page, first).bounding_box()
    reader.send("error")
    expect(toaster(page).locator("button.all")).to_have_text("+1 more")
    assert toast(page, first).bounding_box() == before
    expect(toasts(page)).to_have_count(1)
    page.mouse.move(10, 10)
    expect(toasts(page)).to_have_count(2)


def test_the_same_again_counts_in_place(reader: Reader) -> None:
    """One toast, ×5; its place and element stay."""
    page = reader.open()
    key = reader.send("error")
    other = reader.send("error")
    expect(toasts(page)).to_have_count(2)
    toast(page, key).evaluate("(toast) => (toast.isTheSame = true)")
    for _ in range(4):
        reader.again(key, "error")
    expect(toast(page, key).locator(".times")).to_have_text("×5")
    assert toast(page, key).evaluate("(toast) => toast.isTheSame")
    assert [each.get_attribute("data-key") for each in toasts(page).all()] == [key, other]


def test_a_dismissed_toast_is_gone_and_the_row_is_still_in_the_centre(reader: Reader) -> None:
    """Sending a toast away isn't reading what it tells."""
    page = reader.open()
    key = reader.send("error")
    toast(page, key).get_by_role("button", name="Dismiss").click()
    expect(toasts(page)).to_have_count(0)
    expect(bell(page)).to_have_attribute("data-unread", "1")


def test_escape_dismisses_and_the_focus_goes_on_to_the_next(reader: Reader) -> None:
    """And back to where it came from after the last one."""
    page = reader.open()
    page.get_by_role("link", name="Health").focus()
    one, two = reader.send("error"), reader.send("error")
    expect(toasts(page)).to_have_count(2)
    page.keyboard.press("F6")
    expect(toast(page, two)).to_be_focused()
    page.keyboard.press("Escape")
    expect(toast(page, one).get_by_role("button", name="Dismiss")).to_be_focused()
    page.keyboard.press("Escape")
    expect(toasts(page)).to_have_count(0)
    assert page.evaluate("document.activeElement.textContent").endswith("Health")


def test_an_action_opens_the_document(reader: Reader) -> None:
    """The button does what it says."""
    page = reader.open()
    key = reader.send("error")
    toast(page, key).get_by_role("button", name=f"Open {key}").click()
    page.wait_for_url(f"**/collections?collection=notes&id={key}")
    expect(toasts(page)).to_have_count(0)


def test_of_two_tabs_one_shows_it_and_both_count_it(reader: Reader) -> None:
    """The one where somebody did something last; the other has the same number."""
    first, second = reader.open(), reader.open()
    work_in(first)
    key = reader.send("error")
    expect(toast(first, key)).to_be_visible()
    expect(bell(second)).to_have_attribute("data-unread", "1")
    expect(bell(first)).to_have_attribute("data-unread", "1")
    expect(toasts(second)).to_have_count(0)
    work_in(second)
    expect(toast(second, key)).to_be_visible()
    expect(toasts(first)).to_have_count(0)


def test_who_says_another_name_is_shown_what_is_theirs(reader: Reader, poster: Poster, app: Process) -> None:
    """In the same tab, which goes on leading; what the one before was shown is gone."""
    page = reader.open()
    key = reader.send("error")
    expect(toast(page, key)).to_be_visible()
    for _ in range(2):
        other = Reader(page, poster, app.base_url)
        other.open()
        expect(toasts(page)).to_have_count(0)
        key = other.send("error")
        expect(toast(page, key)).to_be_visible()


def test_a_toast_read_elsewhere_goes(reader: Reader) -> None:
    """Whoever has read it needs no toast of it any more."""
    first = reader.open()
    key = reader.send("error")
    expect(toast(first, key)).to_be_visible()
    second = reader.open("/notifications")
    row(second, key).locator(".title").click()
    work_in(first)
    expect(toasts(first)).to_have_count(0)


def test_regions_stand_ready_before_the_first_message_and_say_it_once(page: Page, poster: Poster, app: Process) -> None:
    """Polite for what may wait, assertive for an error alone."""
    reader = Reader(page, poster, app.base_url)
    reader.open()
    status, alert = toaster(page).locator('.unseen[role="status"]'), toaster(page).locator('.unseen[role="alert"]')
    expect(status).to_have_text("")
    expect(alert).to_have_text("")
    reader.send("warning", title="Late train", message="By an hour")
    expect(status).to_have_text("Warning: Late train. By an hour")
    key = reader.send("error", title="Disk full", message="")
    expect(alert).to_contain_text("Error: Disk full")
    alert.evaluate("(region) => (region.textContent = 'said')")
    reader.again(key, "error", title="Disk full", message="")
    expect(toast(page, key).locator(".times")).to_have_text("×2")
    expect(alert).to_have_text("said")


HOSTILE = {
    "markup": "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'>",
    "markdown": "**bold** [link](javascript:window.hacked=1) $\\frac{1}{2}$ :material/bug:",
    "emoji": "👩‍👩‍👧‍👦🏳️‍🌈🎉" * 20,
    "turned": "abc \u202edlrow olleh\u202c \u2067שלום עולם\u2069 مرحبا",
    "endless": "x" * 10_000,
}


@pytest.mark.parametrize("width", [390, 1400])
def test_whatever_a_text_says_it_is_shown_as_text_in_its_place(reader: Reader, width: int) -> None:
    """Markup, markdown, emoji, marks that turn the direction, 10 KB: text, cut, in a page that keeps its layout."""
    page = reader.open()
    page.set_viewport_size({"width": width, "height": 844})
    for kind in HOSTILE:
        key = reader.send("error", title=HOSTILE[kind], message=HOSTILE[kind])
        _is_shown_as_text(reader, toast(page, key), kind, width=width)
        toast(page, key).locator(".close").click()
        expect(toasts(page)).to_have_count(0)


def _is_shown_as_text(reader: Reader, shown: Locator, kind: str, *, width: int) -> None:
    page = shown.page
    expect(shown).to_be_visible()
    if kind in ("markup", "markdown"):
        expect(shown.locator(".message")).to_have_text(HOSTILE[kind])
    assert page.evaluate("window.hacked") is None
    assert shown.locator("img, script, b, a").count() == 0
    box = shown.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= width
    assert box["height"] < 320
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    why = shown.locator(".why")
    expect(why).to_have_text(f"Why: notes for {reader.name}")


def test_long_text_is_cut_and_more_shows_the_rest(reader: Reader) -> None:
    """Within the toast, which stays on the page."""
    page = reader.open()
    key = reader.send("error", message="line\n" * 60)
    shown = toast(page, key)
    cut = shown.bounding_box()
    shown.get_by_role("button", name="more").click()
    expect(shown.get_by_role("button", name="less")).to_be_visible()
    whole = shown.bounding_box()
    assert cut is not None
    assert whole is not None
    assert whole["height"] > cut["height"]
    assert whole["y"] >= 0


def _is_animated(page: Page, key: str) -> bool:
    return bool(toast(page, key).evaluate("(each) => getComputedStyle(each).animationName !== 'none'"))


def test_nothing_flies_in_under_reduced_motion(reader: Reader) -> None:
    """It is simply there."""
    page = reader.open()
    assert _is_animated(page, reader.send("error"))
    page.emulate_media(reduced_motion="reduce")
    assert not _is_animated(page, reader.send("error"))


def test_toasts_can_be_switched_off_in_the_sidebar_and_the_centre_goes_on(reader: Reader) -> None:
    """In every tab at once."""
    page, other = reader.open(), reader.open()
    page.bring_to_front()
    bell(page).get_by_role("switch", name="Toasts").click()
    expect(bell(other).get_by_role("switch", name="Toasts")).to_have_attribute("aria-checked", "false")
    reader.send("error")
    expect(bell(page)).to_have_attribute("data-unread", "1")
    expect(toasts(page)).to_have_count(0)


COUNT_SOUNDS = """() => {
  window.sounds = 0;
  const start = OscillatorNode.prototype.start;
  OscillatorNode.prototype.start = function (...rest) { window.sounds += 1; return start.apply(this, rest); };
}"""


def test_a_sound_is_heard_where_it_was_asked_for(timed: Reader) -> None:
    """Switching it on lets one hear it; then from an error on, and not for a warning."""
    page = timed.open()
    page.evaluate(COUNT_SOUNDS)
    bell(page).get_by_role("switch", name="Sound").click()
    page.wait_for_function("window.sounds === 2")
    expect(toasts(page)).to_have_count(0)
    warning = timed.send("warning")
    expect(toast(page, warning)).to_be_visible()
    assert page.evaluate("window.sounds") == 2
    page.clock.run_for(SELDOM_MS)
    timed.send("error")
    page.wait_for_function("window.sounds === 4")
