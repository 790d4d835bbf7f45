"""An app whose rules make a notice of every note, and the words for what a page shows of them. No claims in here."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, WebSocket, expect

from realtime.bench.launch import start_app, temporary_folder
from realtime.bench.process import Process
from realtime.config import CONFIG_VARIABLE
from tests.browser.board import CHANNEL, badge, sidebar, walk_to
from tests.support.producing import Poster, created, deleted, updated
from tests.support.waiting import until

SEVERITIES = ("info", "success", "warning", "error", "critical")
COOKIE = "tideboard_person"
LEADS = '"lead":true'
_RULE = """
[[rules]]
id = "note-{severity}"
event = ["collection:created", "collection:updated"]
collection = "notes*"
where = [{{ field = "severity", op = "==", value = "{severity}" }}]
severity = "{severity}"
group = "{{id}}"
title = "{{title}}"
message = "{{message}}"
audience = "person:{{for}}"
why = "notes for {{for}}"
actions = [{{ label = "Open {{id}}", name = "open", argument = "notes/{{id}}" }}]
"""
_OVER = """
[[rules]]
id = "note-over"
event = "collection:deleted"
collection = "notes"
severity = "success"
title = "{id} is over"
group = "{id} over"
clears = "{id}"
audience = "person:{for}"

[[rules]]
id = "deleted"
enabled = false
"""
_people = itertools.count(1)
_notes = itertools.count(1)


@contextmanager
def noticing_app(settings: Mapping[str, str] | None = None) -> Iterator[Process]:
    """Run the real app with these rules on an empty data folder; `settings` are variables besides."""
    with temporary_folder() as folder, noticing_process(folder, settings=settings) as app:
        yield app


@contextmanager
def noticing_process(
    folder: Path, *, port: int | None = None, settings: Mapping[str, str] | None = None
) -> Iterator[Process]:
    """Run the real app with these rules on the data in a folder; `settings` are variables besides."""
    rules = folder / "tideboard.toml"
    rules.write_text("".join(_RULE.format(severity=each) for each in SEVERITIES) + _OVER)
    with start_app(folder / "data", port=port, extra={CONFIG_VARIABLE: str(rules), **(settings or {})}) as app:
        app.wait_ready()
        yield app


class Reader:
    """One person with a browser: opens tabs, is sent notes, is looked at. Their first tab may have been another's."""

    def __init__(self, page: Page, poster: Poster, base_url: str) -> None:
        self.context = page.context
        self.poster = poster
        self.base_url = base_url
        self.name = f"reader{next(_people)}"
        self._first: Page | None = page

    def open(self, path: str = "/activity") -> Page:
        """Open a tab and wait until it is live, and until the gateway knows this person."""
        page, self._first = self._first or self.context.new_page(), None
        if page.url != "about:blank":
            take_over(page, self.name)
        else:
            self._carry_name()
        walk_to(page, self.base_url + path)
        self.wait_until_known()
        for other in self.context.pages:  # the newest tab shows the toasts; the others have to have heard it
            expect(toaster(other)).to_have_attribute("data-leads", str(other == page).lower())
        return page

    def open_without_channel(self, path: str = "/activity") -> Page:
        """Open a tab whose live channel is refused, as by a proxy that knows no WebSockets."""
        self._carry_name()
        page, self._first = self._first or self.context.new_page(), None
        page.route_web_socket(CHANNEL, lambda route: route.close(code=1011, reason="no sockets here"))
        page.goto(self.base_url + path)
        expect(badge(page)).to_contain_text("Refreshing every")
        self.wait_until_known()
        return page

    def wait_until_known(self) -> None:
        """Wait until the gateway knows this person: from then on notices reach them."""
        until(lambda: self._inbox()["position"]["offset"] > 0, what=f"the gateway knows {self.name}")

    def send(self, severity: str = "warning", **fields: Any) -> str:
        """Let a note appear, which is told to this person; return its key."""
        document = self._document(severity, fields)
        self.poster.post(created("notes", document))
        return str(document["id"])

    def send_many(
        self, count: int, severity: str = "warning", *, collection: str = "notes", **fields: Any
    ) -> list[str]:
        """Let several notes appear in one request."""
        documents = [self._document(severity, fields) for _ in range(count)]
        self.poster.post(*(created(collection, document) for document in documents))
        return [str(document["id"]) for document in documents]

    def again(self, key: str, severity: str = "warning", **fields: Any) -> None:
        """Let news of a note come."""
        self.poster.post(updated("notes", self._document(severity, {**fields, "id": key, "turn": next(_notes)})))

    def end(self, key: str) -> None:
        """Let what a note tells of be over."""
        self.poster.post(deleted("notes", key))

    def row(self, key: str) -> dict[str, Any]:
        """Return a row of this person's inbox as the gateway has it."""
        rows: dict[str, dict[str, Any]] = self._inbox()["inbox"].get("rows", {})
        return rows.get(key, {})

    def mark(self, key: str) -> str:
        """Return how far this person has come with a row, as the gateway has it."""
        return str(self.row(key).get("marks", {}).get("state", "unseen"))

    def prefers(self, name: str) -> Any:
        """Return one of this person's preferences, as the gateway has it; None: as everybody's."""
        return self._inbox()["inbox"].get("preferences", {}).get(name)

    def _carry_name(self) -> None:
        self.context.add_cookies([{"name": COOKIE, "value": self.name, "url": self.base_url}])

    def _inbox(self) -> dict[str, Any]:
        inbox: dict[str, Any] = self.poster.get(f"/api/inbox/{self.name}")
        return inbox

    def _document(self, severity: str, fields: dict[str, Any]) -> dict[str, Any]:
        number = next(_notes)
        usual = {"id": f"note{number}", "title": f"Note {number}", "message": f"What note {number} says."}
        return {**usual, "severity": severity, "for": self.name, **fields}


def take_over(page: Page, name: str) -> None:
    """Say another name in a tab, and wait until it leads with a channel of its own."""
    heard: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: heard.append(str(frame)))

    page.on("websocket", listen)
    field = sidebar(page).get_by_role("textbox", name="Your name")
    field.fill(name)
    field.press("Enter")
    until(lambda: page.evaluate("true") and any(LEADS in frame for frame in heard), what=f"the tab is {name}'s")
    page.remove_listener("websocket", listen)


def work_in(page: Page) -> None:
    """Do something in a tab, so that it is the one that shows toasts."""
    page.bring_to_front()

    def click() -> bool:
        page.mouse.click(700, 20)
        return toaster(page).get_attribute("data-leads") == "true"

    until(click, what="the tab shows toasts")


def toaster(page: Page) -> Locator:
    """Return the toaster."""
    return page.locator('[data-tideboard="toasts"]')


def toasts(page: Page) -> Locator:
    """Return the toasts that stand."""
    return toaster(page).locator("li.toast:not(.leaving)")


def toast(page: Page, key: str) -> Locator:
    """Return the toast of a key."""
    return toaster(page).locator(f'li.toast:not(.leaving)[data-key="{key}"]')


def banner(page: Page) -> Locator:
    """Return the banner."""
    return page.locator('[data-tideboard="banner"]')


def bell(page: Page) -> Locator:
    """Return the bell."""
    return page.locator('[data-tideboard="bell"]')


def centre(page: Page) -> Locator:
    """Return the centre."""
    return page.locator('[data-tideboard="centre"]')


def rows(page: Page) -> Locator:
    """Return the rows of the centre."""
    return centre(page).locator("article")


def row(page: Page, key: str) -> Locator:
    """Return the row of a key in the centre."""
    return centre(page).locator(f'article[data-key="{key}"]')


def tab(page: Page, name: str) -> Locator:
    """Return a tab of the centre."""
    return centre(page).locator(f'[role="tab"][data-tab="{name}"]')


def note(page: Page) -> Locator:
    """Return the line that says what was just done."""
    return toaster(page).locator(".note")
