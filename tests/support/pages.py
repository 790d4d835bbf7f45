"""Opens pages of the real app in the system's Chromium, and holds them to the machine."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page

_HOME: Final = {"127.0.0.1", "localhost"}
_LOCAL_SCHEMES: Final = {"data", "blob", "about"}


class LocalOnly:
    """Every address the pages of a context asked for."""

    def __init__(self, context: BrowserContext) -> None:
        self.urls: list[str] = []
        context.on("request", lambda request: self.urls.append(request.url))
        context.on("page", self._watch)

    def _watch(self, page: Page) -> None:
        page.on("websocket", lambda socket: self.urls.append(socket.url))

    @property
    def abroad(self) -> list[str]:
        """Return the addresses that aren't on this machine."""
        parts = ((url, urlsplit(url)) for url in self.urls)
        return [url for url, part in parts if part.scheme not in _LOCAL_SCHEMES and part.hostname not in _HOME]


def new_context(browser: Browser, **options: Any) -> BrowserContext:
    """Open a context as an analyst's browser would be: a wide window, a named zone and language."""
    settings = {"viewport": {"width": 1400, "height": 1000}, "locale": "en-GB", "timezone_id": "Europe/Berlin"}
    context = browser.new_context(**{**settings, **options})
    context.set_default_timeout(20_000)
    return context
