"""People sign in at an identity provider, in a real browser; nobody gets past the door by any other way."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from realtime.bench.browser import RECORDER
from tests.support.pages import LocalOnly, new_context
from tests.support.processes import Process, free_port, start_app
from tests.support.provider import Provider, running_provider

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


def sign_in(page: Page, app: Process, name: str, *, path: str = "") -> None:
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
    expect(page.get_by_text("ann@example.org")).to_be_visible()
    expect(page.locator("[data-view]").first).to_be_visible()
    second = context.new_page()
    second.goto(f"{app.base_url}/health")
    expect(second.get_by_text("Ann Lee")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    assert provider.signed_out > 0
    second.reload()
    expect(second.get_by_role("button", name="Sign in")).to_be_visible()
