"""Fetches snapshots over HTTP, a page at a time, so that the socket is read in between. No store, no socket.

Threads: driver only, but for `Api.post`, which any may call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from realtime.client.asking import is_far
from realtime.errors import NotConnected
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.channels import collection_channel, collection_of, inbox_of
from realtime.protocol.events import JsonObject
from realtime.protocol.frames import Publication
from realtime.protocol.positions import Position
from realtime.protocol.retrying import retry_after_s

PAGE_DOCUMENTS: Final = 1_000
_TIMEOUT_S: Final = 5.0
_T = TypeVar("_T")


class _Page(msgspec.Struct):
    documents: list[JsonObject]
    position: Position
    cursor: str | None = None
    offsets: list[int] | None = None


class _InboxPage(msgspec.Struct):
    inbox: Inbox
    position: Position


class Listed(msgspec.Struct):
    """A collection there is, and where its stream ends."""

    name: str
    position: Position | None = None


class _Listing(msgspec.Struct):
    collections: list[Listed]


_PAGES: Final = msgspec.json.Decoder(_Page)
_INBOXES: Final = msgspec.json.Decoder(_InboxPage)
_LISTINGS: Final = msgspec.json.Decoder(_Listing)


class Loading:
    """One channel's load: its newest history, and for a collection all pages of its documents. Of an inbox, what it is.

    The position is that of the first page: what happened while the others were fetched comes as live events.
    A server that keeps no documents (Centrifugo) has events alone: then the newest of them tell what there is.
    """

    def __init__(self, channel: str, number: int) -> None:
        self.channel = channel
        self.number = number
        self.collection = collection_of(channel)
        self.person = inbox_of(channel)
        self.inbox: Inbox | None = None
        self.documents: list[tuple[JsonObject, int | None]] = []
        self.history: list[Publication] | None = None
        self.position: Position | None = None
        self.has_documents = self.collection is not None
        self._cursor: str | None = None
        self._has_all_pages = self.collection is None and self.person is None

    @property
    def needs_page(self) -> bool:
        """Tell whether there are documents left to fetch."""
        return not self._has_all_pages

    @property
    def is_complete(self) -> bool:
        """Tell whether everything is here."""
        return self._has_all_pages and (self.history is not None or not self.needs_history)

    @property
    def needs_history(self) -> bool:
        """Tell whether the newest events are needed: not of an inbox that came whole."""
        return self.inbox is None

    def take_history(self, newest_first: list[Publication], position: Position) -> None:
        """Take in the answer to `history` (reverse)."""
        self.history = newest_first[::-1]
        if not self.has_documents:
            self.position = position

    def do_without_pages(self) -> None:
        """Take in that the server keeps no documents, or no inboxes."""
        self.has_documents, self._has_all_pages = False, True

    def take_page(self, page: _Page) -> None:
        """Take in a page of documents. Raises NotConnected when the stream began anew between two pages."""
        if self.position is None:
            self.position = page.position
        elif page.position.epoch != self.position.epoch:
            raise NotConnected("The channel began anew while its snapshot was taken.")
        offsets = page.offsets if page.offsets is not None else [None] * len(page.documents)
        self.documents.extend(zip(page.documents, offsets, strict=True))
        self._cursor = page.cursor
        self._has_all_pages = page.cursor is None

    def take_inbox(self, page: _InboxPage) -> None:
        """Take in a person's inbox."""
        self.inbox, self.position = page.inbox, page.position
        self._has_all_pages = True

    @property
    def path(self) -> str:
        """Return where the next page is."""
        if self.person is not None:
            return f"/api/inbox/{quote(self.person, safe='')}"
        cursor = "" if self._cursor is None else f"&cursor={quote(self._cursor, safe='')}"
        return f"/api/collections/{quote(self.collection or '', safe='')}/documents?limit={PAGE_DOCUMENTS}{cursor}"


class _Absent(NotConnected):
    """There is no such route, or nothing at it."""


class Api:
    """The gateway's HTTP API, on a connection that is kept. `headers` let a request in; fresh ones for each."""

    def __init__(
        self,
        base_url: str,
        *,
        headers: Callable[[], Mapping[str, str]] = dict,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=_TIMEOUT_S, trust_env=is_far(base_url))
        self._headers = headers
        self._clock = clock
        self._not_before = 0.0

    def channels(self) -> list[str]:
        """Return the channels of all collections. Raises NotConnected."""
        return [collection_channel(listed.name) for listed in self.collections()]

    def collections(self) -> list[Listed]:
        """Return all collections; none of a server that knows only channels. Raises NotConnected."""
        try:
            return self._get("/api/collections", _LISTINGS).collections
        except _Absent:
            return []

    def load_page(self, loading: Loading) -> None:
        """Fetch the next page of a load. Raises NotConnected."""
        try:
            if loading.person is None:
                loading.take_page(self._get(loading.path, _PAGES))
            else:
                loading.take_inbox(self._get(loading.path, _INBOXES))
        except _Absent:
            loading.do_without_pages()

    def post(self, path: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
        """Post JSON and return the answer's status and body. Raises NotConnected when there is none. Threads: any."""
        self._wait_as_told()
        try:
            answer = self._http.post(
                path, content=body, headers={"Content-Type": "application/json", **self._headers(), **(headers or {})}
            )
        except httpx.HTTPError as error:
            raise NotConnected(
                f"The gateway can't be reached over HTTP: {str(error) or type(error).__name__}."
            ) from error
        self._obey(answer)
        return answer.status_code, answer.content

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _wait_as_told(self) -> None:
        """Ask nothing before the gateway wants to be asked again. Raises NotConnected."""
        wait_s = self._not_before - self._clock()
        if wait_s > 0:
            raise NotConnected(f"The gateway asked to be left alone for {wait_s:.0f} s more.", retry_s=wait_s)

    def _obey(self, answer: httpx.Response) -> None:
        """Remember until when an answer wants us to wait: only one that says we ask too much is about all we ask."""
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._not_before = self._clock() + retry_after_s(answer.headers.get("retry-after"))

    def _get(self, path: str, decoder: msgspec.json.Decoder[_T]) -> _T:
        self._wait_as_told()
        try:
            answer = self._http.get(path, headers=dict(self._headers()))
            self._obey(answer)
            if answer.status_code == httpx.codes.NOT_FOUND:
                raise _Absent(f"The server has no {path.partition('?')[0]}.")
            if answer.status_code != httpx.codes.OK:
                raise NotConnected(f"The gateway answered HTTP {answer.status_code} to GET {path.partition('?')[0]}.")
            return decoder.decode(answer.content)
        except (httpx.HTTPError, msgspec.DecodeError, UnicodeDecodeError) as error:
            reason = str(error) or type(error).__name__
            raise NotConnected(f"No snapshot could be fetched from the gateway: {reason}.") from error
