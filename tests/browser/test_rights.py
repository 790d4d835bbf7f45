"""Two people with different roles at one app: each page shows, and each browser receives, what its person may see."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from realtime.protocol.roles import ADMIN
from tests.browser.board import draft_in, open_collection, panel, row, sidebar, walk_to
from tests.gateway.tokens import token
from tests.support.pages import new_context
from tests.support.processes import Process, free_port, start_app
from tests.support.provider import Provider, running_provider

KEY = "0123456789abcdef0123456789abcdef"
HUSH = "hush-hush"
SETTINGS = """
contact = "the data desk"

[roles.clerk]
actions = ["read", "update"]
collections = ["orders"]
hide = ["margin"]
redact = ["customer"]
where = [{ field = "region", op = "==", value = "north" }]
"""
PEOPLE = {
    "Ann": {"sub": "ann", "name": "Ann Lee", "roles": ["admin"]},
    "Carl": {"sub": "carl", "name": "Carl Clerk", "roles": ["clerk"]},
    "Nobody": {"sub": "nobody", "name": "Nora Body", "roles": []},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Run the identity provider."""
    with running_provider() as running:
        running.people = PEOPLE
        yield running


@pytest.fixture(scope="module")
def app(provider: Provider) -> Iterator[Process]:
    """Run the app with roles, where people have to sign in; it holds an order of the north and one of the south."""
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        config = Path(name) / "tideboard.toml"
        config.write_text(SETTINGS)
        secrets = provider.secrets_toml(Path(name), app_url=f"http://127.0.0.1:{port}")
        extra = {"TIDEBOARD_SECRET": KEY, "STREAMLIT_SECRETS_FILES": str(secrets), "TIDEBOARD_CONFIG": str(config)}
        with start_app(Path(name) / "data", port=port, extra=extra) as running:
            running.wait_ready()
            for number, region in enumerate(("north", "south")):
                put(running, f"{region}-order", region, total=number)
            yield running


class Received:
    """Everything a browser's pages receive, of this app's."""

    def __init__(self, context: BrowserContext) -> None:
        self.parts: list[str] = []
        context.on("page", self._watch)

    def _watch(self, page: Page) -> None:
        page.on("websocket", lambda socket: socket.on("framereceived", self._take))
        page.on("response", lambda answer: self.parts.append(answer.url))

    def _take(self, frame: str | bytes) -> None:
        self.parts.append(frame if isinstance(frame, str) else frame.decode("utf-8", "replace"))

    def has(self, word: str) -> bool:
        """Tell whether a word stands in anything."""
        return any(word in part for part in self.parts)


SignIn = Callable[[str], tuple[Page, Received]]


@pytest.fixture(scope="module")
def signed_in(browser: Browser, app: Process) -> Iterator[SignIn]:
    """Sign people in, each with a browser of their own, and once for the module."""
    tabs: dict[str, tuple[Page, Received]] = {}

    def tab_of(name: str) -> tuple[Page, Received]:
        if name not in tabs:
            context = new_context(browser)
            received = Received(context)
            page = context.new_page()
            sign_in(page, app, name)
            tabs[name] = page, received
        return tabs[name]

    yield tab_of
    for page, _ in tabs.values():
        page.context.close()


def put(app: Process, identifier: str, region: str, *, total: int) -> None:
    """Put an order into the gateway, as an administrator."""
    document = {
        "id": identifier, "region": region, "total": total,
        "margin": f"{HUSH}-margin", "customer": f"{HUSH}-customer-{region}",
    }  # fmt: skip
    answer = httpx.put(
        f"{app.base_url}/api/collections/orders/documents/{identifier}", json=document, trust_env=False,
        headers={"Authorization": f"Bearer {token(KEY, sub='till', roles=[ADMIN])}"},
    )  # fmt: skip
    assert answer.status_code in (200, 201), answer.text


def sign_in(page: Page, app: Process, name: str) -> None:
    """Go the whole way: the door, the provider's page, and back."""
    page.goto(app.base_url)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=name).click()
    expect(sidebar(page).get_by_text(str(PEOPLE[name]["name"]))).to_be_visible()


def test_each_sees_what_they_may_and_receives_nothing_else(app: Process, signed_in: SignIn) -> None:
    """Live, on every page; a change reaches both, each in their own way. What is kept back isn't in any frame."""
    (clerk, clerk_gets), (admin, admin_gets) = signed_in("Carl"), signed_in("Ann")
    for page in (clerk, admin):
        open_collection(page, app.base_url, "orders")
    expect(row(admin, "south-order")).to_contain_text(f"{HUSH}-customer-south")
    expect(row(clerk, "north-order")).to_contain_text("•••")
    expect(row(clerk, "south-order")).to_have_count(0)
    put(app, "south-order", "north", total=70)
    expect(row(clerk, "south-order")).to_contain_text("70")
    put(app, "south-order", "south", total=71)
    expect(row(clerk, "south-order")).to_have_count(0)
    expect(row(admin, "south-order")).to_contain_text("71")
    for path in ("", "activity", "health"):
        walk_to(clerk, f"{app.base_url}/{path}")
    expect(panel(clerk, "numbers").first).to_be_visible()
    assert admin_gets.has(f"{HUSH}-margin")
    assert clerk_gets.has("north-order")
    assert not clerk_gets.has(HUSH)


def test_what_one_could_not_see_stays_when_they_save(app: Process, signed_in: SignIn) -> None:
    """The document's text shows marks; what is saved keeps what was behind them, and what wasn't there at all."""
    page, _ = signed_in("Carl")
    open_collection(page, app.base_url, "orders")
    row(page, "north-order").click()
    page.get_by_role("button", name="Edit").click()
    text = '{\n  "id": "north-order",\n  "region": "north",\n  "total": 0,\n  "customer": "•••"\n}'
    expect(draft_in(page)).to_have_value(text)
    draft_in(page).fill('{"id": "north-order", "region": "north", "total": 5, "customer": "•••"}')
    draft_in(page).blur()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    found = httpx.get(
        f"{app.base_url}/api/collections/orders/documents/north-order", trust_env=False,
        headers={"Authorization": f"Bearer {token(KEY, sub='till', roles=[ADMIN])}"},
    ).json()["document"]  # fmt: skip
    assert found == {
        "id": "north-order", "region": "north", "total": 5,
        "margin": f"{HUSH}-margin", "customer": f"{HUSH}-customer-north",
    }  # fmt: skip


def test_what_one_may_not_do_is_no_button_that_works(app: Process, signed_in: SignIn) -> None:
    """It says which right is missing and whom to ask."""
    page, _ = signed_in("Carl")
    open_collection(page, app.base_url, "orders")
    button = page.get_by_role("button", name="New document")
    expect(button).to_be_disabled()
    button.hover(force=True)
    expect(page.get_by_text("Your roles (clerk) don't allow 'create' in 'orders'; ask the data desk.")).to_be_visible()
    row(page, "north-order").click()
    expect(page.get_by_role("button", name="Edit")).to_be_enabled()
    expect(page.get_by_role("button", name="Delete")).to_be_disabled()


@pytest.mark.parametrize("path", ["", "collections", "activity"])
def test_a_page_without_the_right_says_what_is_missing(app: Process, signed_in: SignIn, path: str) -> None:
    """And whom to ask; the navigation and who one is stay where they are."""
    page, _ = signed_in("Nobody")
    page.goto(f"{app.base_url}/{path}")
    expect(page.get_by_text("You have no role that would allow 'read'; ask the data desk.")).to_be_visible()
    expect(sidebar(page).get_by_text("Nora Body")).to_be_visible()
    expect(page.get_by_text("Nothing here yet")).to_have_count(0)
