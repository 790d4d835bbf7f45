"""Producers: post events over HTTP as anyone would, and read back what the gateway holds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import httpx
import msgspec

from realtime.protocol.events import Envelope

SOURCE: Final = "/tests"
JSON: Final = {"Content-Type": "application/json"}
_numbers = itertools.count(1)


def created(collection: str, document: dict[str, Any], *, event_id: str = "") -> Envelope:
    """Make the event that adds a document."""
    return _envelope("collection:created", {"collection": collection, "document": document}, event_id)


def updated(collection: str, document: dict[str, Any], *, event_id: str = "") -> Envelope:
    """Make the event that replaces a document."""
    data = {"collection": collection, "id": document["id"], "document": document}
    return _envelope("collection:updated", data, event_id)


def deleted(collection: str, identifier: str, *, event_id: str = "") -> Envelope:
    """Make the event that removes a document."""
    return _envelope("collection:deleted", {"collection": collection, "id": identifier}, event_id)


def _envelope(kind: str, data: dict[str, Any], event_id: str) -> Envelope:
    return Envelope(id=event_id or f"e{next(_numbers)}", source=SOURCE, type=kind, specversion="1.0", data=data)


class Poster:
    """One producer, with `headers` to be known by. A context manager, since it keeps its connection."""

    def __init__(self, base_url: str, *, headers: Mapping[str, str] | None = None) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30.0, headers={**JSON, **(headers or {})})

    def __enter__(self) -> Poster:
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()

    def post(self, *events: Envelope) -> list[dict[str, Any]]:
        """Post events in one request and return the results. Fails unless every one is stored."""
        answer = self._http.post("/api/events", content=msgspec.json.encode(events))
        assert answer.status_code == 200, answer.text[:500]
        results: list[dict[str, Any]] = answer.json()["results"]
        return results

    def get(self, path: str, **query: Any) -> Any:
        """Return the JSON at a path."""
        answer = self._http.get(path, params=query)
        assert answer.status_code == 200, answer.text[:500]
        return answer.json()

    def documents(self, collection: str) -> dict[str, dict[str, Any]]:
        """Return all documents of a collection by id."""
        return {document["id"]: document for document in self._documents(collection)}

    def history(self, collection: str) -> list[int]:
        """Return the offsets of everything the collection's channel still holds, in order."""
        channel = f"collection:{collection}"
        top = self._history({"channel": channel, "limit": 0})
        offsets: list[int] = []
        since = {"epoch": top["epoch"], "offset": 0}
        while since["offset"] < top["offset"]:
            page = self._history({"channel": channel, "limit": -1, "since": since})
            found = [publication["offset"] for publication in page["publications"]]
            assert found, f"nothing after {since}, but the top is {top['offset']}"
            offsets += found
            since["offset"] = found[-1]
        return offsets

    def _history(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = self._http.post("/api/history", json=request)
        assert answer.status_code == 200, answer.text[:500]
        result: dict[str, Any] = answer.json()["result"]
        return {"publications": [], "offset": 0, **result}

    def _documents(self, collection: str) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        while True:
            query = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
            page = self.get(f"/api/collections/{collection}/documents", **query)
            yield from page["documents"]
            cursor = page["cursor"]
            if not cursor:
                return


def numbered(collection: str, numbers: Sequence[int]) -> list[Envelope]:
    """Make one new document per number, with the number as its `value`."""
    return [created(collection, {"id": f"d{number:06d}", "value": number}) for number in numbers]
