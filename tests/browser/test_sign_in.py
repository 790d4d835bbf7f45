"""People sign in at an identity provider, in a real browser; nobody gets past the door by any other way."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from playwright.sync_api import Browser, BrowserContext, Page, expect

from realtime.bench.browser import RECORDER
from tests.support.pages import LocalOnly, new_context
from tests.support.processes import Process, free_port, start_app
from tests.support.provider import Provider, running_provider
from tests.support.waiting import until

SECRET = {"TIDEBOARD_SECRET": "0123456789abcdef0123456789abcdef"}
PAGES = ("", "collections", "health")
ANN = {"sub": "u-1", "email": "Ann@Example.org", "email_verified": True, "name": "Ann Lee", "groups": ["admin", "app"]}
BOB = {"sub": "u-2", "email": "bob@example.org", "email_verified": False, "name": "Bob <b>Bold</b>"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Run the identity provider."""
    with running_provider() as running:
        running.people = {"Ann": ANN, "Bob": BOB}
        yield running


@pytest.fixture(scope="module")
def app(provider: Provider) -> Iterator[Process]:
    """Run the app where people have to sign in."""
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        secrets = provider.secrets_toml(Path(name), app_url=f"http://127.0.0.1:{port}")
        extra = {**SECRET, "STREAMLIT_SECRETS_FILES": str(secrets), "TIDEBOARD_TOKEN_ROLES_CLAIM": "groups"}
        with start_app(Path(name) / "data", port=port, extra=extra) as running:
            running.wait_ready()
            yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Open a browser that has never been here."""
    made = new_context(browser)
    made.add_init_script(path=RECORDER)
    asked = LocalOnly(made)
    yield made
    made.close()
    assert asked.abroad == []


def sign_in(page: Page, app: Process, name: str, *, path: str = "activity") -> None:
    """Go the whole way: the door, the provider's page, and back."""
    page.goto(f"{app.base_url}/{path}")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("link", name=name).click()


@pytest.mark.parametrize("path", PAGES)
def test_nobody_gets_past_the_door_by_any_url(app: Process, context: BrowserContext, path: str) -> None:
    """Whatever page is opened first, it shows the door: no navigation, no panel, no live channel."""
    page = context.new_page()
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(f"{app.base_url}/{path}")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    expect(page.get_by_text("Overview")).to_have_count(0)
    expect(page.get_by_test_id("stSidebarNav")).to_have_count(0)
    assert page.locator("[data-view]").count() == 0
    assert not any("/live/channel" in url for url in sockets)


def test_a_person_signs_in_and_out(app: Process, provider: Provider, context: BrowserContext) -> None:
    """The name is shown, the verified address is who they are; out again, the door is shut, at the provider too."""
    page = context.new_page()
    sign_in(page, app, "Ann")
    expect(page.get_by_text("Ann Lee")).to_be_visible()
    expect(page.get_by_test_id("stText").get_by_text("ann@example.org", exact=True)).to_be_visible()
    expect(page.locator("[data-view]").first).to_be_visible()
    second = context.new_page()
    second.goto(f"{app.base_url}/notifications")
    expect(second.get_by_text("Ann Lee")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert provider.signed_out > 0
    second.reload()
    expect(second.get_by_role("button", name="Sign in")).to_be_visible()


def test_a_person_gets_where_they_wanted_to_go(app: Process, context: BrowserContext) -> None:
    """The page and its parameters of before, once; later the first page is the first page again."""
    page = context.new_page()
    sign_in(page, app, "Ann", path="activity?search=tide")
    expect(page).to_have_url(re.compile(r"/activity\?search=tide"))
    expect(page.get_by_text("Ann Lee")).to_be_visible()
    until(lambda: "tideboard_way" not in {one.get("name") for one in context.cookies()}, what="the way forgotten")
    page.goto(app.base_url)
    expect(page.get_by_text("Ann Lee")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"^{app.base_url}/?$"))


def test_an_address_that_isnt_verified_names_nobody(app: Process, context: BrowserContext) -> None:
    """Else anybody could be anybody by writing their address into a form; and a name is text, never markup."""
    page = context.new_page()
    sign_in(page, app, "Bob")
    expect(page.get_by_text("Bob <b>Bold</b>")).to_be_visible()
    expect(page.get_by_text("u-2", exact=True)).to_be_visible()
    expect(page.get_by_text("bob@example.org")).to_have_count(0)


def administer(app: Process, path: str, **command: str) -> None:
    """Do something as an administrator at the gateway."""
    made = jwt.encode({"sub": "root", "roles": ["admin"]}, SECRET["TIDEBOARD_SECRET"])
    headers = {"Authorization": f"Bearer {made}"}
    httpx.post(app.base_url + path, json=command, headers=headers, trust_env=False).raise_for_status()


def test_who_is_blocked_is_shown_out_at_once(app: Process, context: BrowserContext, browser: Browser) -> None:
    """Every open tab of theirs shows why, with nothing behind it; nobody else notices; unblocked, they are back."""
    page, other = context.new_page(), context.new_page()
    sign_in(page, app, "Ann")
    expect(page.locator("[data-view]").first).to_be_visible()
    other.goto(f"{app.base_url}/notifications")
    expect(other.locator("[data-view]").first).to_be_visible()
    bystander = new_context(browser).new_page()
    sign_in(bystander, app, "Bob")
    expect(bystander.locator("[data-view]").first).to_be_visible()
    administer(app, "/api/block", user="ann@example.org")
    try:
        for shown in (page, other):
            expect(shown.get_by_text("is blocked here")).to_be_visible()
            assert shown.locator("[data-view]").count() == 0
        page.goto(f"{app.base_url}/collections")
        expect(page.get_by_text("is blocked here")).to_be_visible()
        assert bystander.locator("[data-view]").count() > 0
    finally:
        administer(app, "/api/unblock", user="ann@example.org")
        bystander.context.close()

    def is_back() -> bool:
        page.reload()
        page.get_by_text(re.compile("Ann Lee|is blocked here")).first.wait_for()
        return page.get_by_text("Ann Lee").count() > 0

    assert until(is_back, what="the way in after unblocking")


def test_who_is_sent_away_has_to_sign_in_again(app: Process, context: BrowserContext) -> None:
    """All their tokens and sign-ins up to now are void; a new one is good."""
    page = context.new_page()
    sign_in(page, app, "Ann")
    expect(page.locator("[data-view]").first).to_be_visible()
    administer(app, "/api/revoke", user="ann@example.org")
    expect(page.get_by_text("Your sign-in has ended")).to_be_visible()

    def is_back() -> bool:
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name="Ann").click()
        page.get_by_text(re.compile("Ann Lee|has ended")).first.wait_for()
        return page.get_by_text("Ann Lee").count() > 0

    # The provider tells whole seconds: what it says within the second of the revocation may be from before.
    assert until(is_back, what="the way in by a new sign-in")


def test_a_sign_in_ends_by_itself(app: Process, provider: Provider, context: BrowserContext) -> None:
    """After `sign_in_hours`, counted from when the provider asked."""
    provider.issued_ago_s = 13 * 3600
    try:
        page = context.new_page()
        sign_in(page, app, "Ann")
        expect(page.get_by_text("Your sign-in has ended")).to_be_visible()
        assert page.locator("[data-view]").count() == 0
    finally:
        provider.issued_ago_s = 0


def test_a_forged_identity_gets_nobody_in(app: Process, provider: Provider, context: BrowserContext) -> None:
    """A token that another key has signed, and a cookie that somebody wrote: the door stays shut."""
    provider.signs_with = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    try:
        page = context.new_page()
        sign_in(page, app, "Ann")
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        assert page.get_by_text("Ann Lee").count() == 0
    finally:
        provider.signs_with = provider.key
    claims = json.dumps({"is_logged_in": True, "sub": "u-1", "origin": app.base_url})
    context.add_cookies([{"name": "_streamlit_user", "value": quote(claims), "url": app.base_url}])
    page.goto(f"{app.base_url}/health")
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert page.locator("[data-view]").count() == 0
