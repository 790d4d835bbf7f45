"""Talks to the gateway's public HTTP API for the sample: posts, lists its documents, looks for other people's data.

No threads and no clock of its own. Whatever can be tried again later is NotConnected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import httpx
import msgspec

from realtime.errors import NotConnected
from realtime.protocol.channels import SYSTEM, USERS, collection_channel
from realtime.protocol.events import Envelope, encode_envelope
from realtime.protocol.positions import Position
from realtime.protocol.retrying import retry_after_s

SOURCE: Final = "/tideboard/sample"
_OURS: Final = "/tideboard/"
_TIMEOUT_S: Final = 5.0
_PAGE: Final = 1000
_MOST_PAGES: Final = 200


@dataclass(frozen=True)
class Outcome:
    """What became of one batch."""

    stored: int
    duplicates: int
    refused: int


@dataclass(frozen=True)
class Sighting:
    """What a look around found; `positions` is how far it looked, by channel."""

    has_real_data: bool
    positions: Mapping[str, Position]


class _Publication(msgspec.Struct, frozen=True):
    data: Envelope
    offset: int


class _History(msgspec.Struct, frozen=True):
    publications: list[_Publication] = []
    offset: int = 0
    epoch: str = ""


class _Answer(msgspec.Struct, frozen=True):
    result: _History | None = None


class Producer:
    """A producer as anyone could write one. Threads: one."""

    def __init__(self, base_url: str, *, headers: Callable[[], Mapping[str, str]] = dict) -> None:
        self._headers = headers
        # The machine's proxies are for the world outside; the gateway is on this one.
        self._client = httpx.Client(base_url=base_url, timeout=_TIMEOUT_S, trust_env=False)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def post(self, envelopes: Sequence[Envelope]) -> Outcome:
        """Post events. Raises NotConnected when they may be tried again, as ids make that safe."""
        body = b"[" + b",".join(map(encode_envelope, envelopes)) + b"]"
        response = self._ask("POST", "/api/events", content=body, headers={"Content-Type": "application/json"})
        answer = _json(response)
        if "stored" not in answer:
            return Outcome(0, 0, len(envelopes))
        return Outcome(answer["stored"], answer.get("duplicates", 0), answer.get("refused", 0))

    def document_ids(self, collection: str) -> list[str]:
        """List the ids of the documents a collection has now. Raises NotConnected."""
        return [document["id"] for page in self._pages(collection) for document in page]

    def look_around(self, own: Sequence[str], seen: Mapping[str, Position]) -> Sighting:
        """Look for data that isn't the sample's, from the positions in `seen` on. Raises NotConnected.

        Real are: any other collection than the `own`, and any event of another source, in the own collections too. What
        Tideboard itself tells of its visitors and of the system is not: its sources begin with `/tideboard/`.
        """
        collections = _json(self._ask("GET", "/api/collections"))["collections"]
        tops = {each["name"]: msgspec.convert(each["position"], Position) for each in collections}
        positions = {collection_channel(name): tops[name] for name in own if name in tops}
        if any(name not in own and top.offset > 0 for name, top in tops.items()):
            return Sighting(True, positions)
        has_real_data = any(self._has_foreign(channel, seen.get(channel)) for channel in positions)
        for channel in (USERS, SYSTEM):
            sources, positions[channel] = self._sources(channel, seen.get(channel))
            has_real_data = has_real_data or any(not source.startswith(_OURS) for source in sources)
        return Sighting(has_real_data, positions)

    def _has_foreign(self, channel: str, since: Position | None) -> bool:
        sources, _ = self._sources(channel, since)
        return any(source != SOURCE for source in sources)

    def _sources(self, channel: str, since: Position | None) -> tuple[set[str], Position]:
        """Read who posted to a channel after `since`, and the position up to which that was read."""
        sources: set[str] = set()
        for _ in range(_MOST_PAGES):
            page = self._history(channel, since)
            sources.update(publication.data.source for publication in page.publications)
            last = page.publications[-1].offset if page.publications else page.offset
            since = Position(page.epoch, last)
            if last >= page.offset:
                break
        return sources, since or Position("", 0)

    def _history(self, channel: str, since: Position | None) -> _History:
        request: dict[str, Any] = {"channel": channel, "limit": _PAGE}
        if since is not None:
            request["since"] = msgspec.to_builtins(since)
        response = self._ask("POST", "/api/history", json=request)
        try:
            answer = msgspec.json.decode(response.content, type=_Answer)
        except msgspec.DecodeError as error:
            raise NotConnected(f"The gateway answered /api/history with something else: {error}") from error
        if answer.result is None and since is not None:
            return self._history(channel, None)  # the position is of an epoch that is gone
        return answer.result or _History()

    def _pages(self, collection: str) -> Iterator[list[dict[str, Any]]]:
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            query = {"limit": str(_PAGE)} | ({"cursor": cursor} if cursor else {})
            response = self._ask("GET", f"/api/collections/{collection}/documents", params=query)
            if response.status_code == 404:
                return
            page = _json(response)
            yield page["documents"]
            cursor = page["cursor"]
            if cursor is None:
                return

    def _ask(self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        try:
            response = self._client.request(method, path, headers={**self._headers(), **(headers or {})}, **more)
        except httpx.HTTPError as error:
            raise NotConnected(f"The gateway doesn't answer: {error}") from error
        if response.status_code >= 500 or response.status_code in (401, 403, 408, 429):
            wait_s = retry_after_s(response.headers.get("retry-after"))
            what = "lets nobody in" if response.status_code in (401, 403) else "can't answer"
            words = f"The gateway {what} now ({method} {path}: {response.status_code})."
            raise NotConnected(words, retry_s=wait_s)
        return response


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        return msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError as error:
        path = response.request.url.path
        raise NotConnected(f"The gateway answers {path} with {response.status_code} and no JSON.") from error
