"""Fetches a document's retained events over the gateway's HTTP API, as any client would."""

from __future__ import annotations

import logging
from typing import Any, Final
from urllib.parse import quote

import httpx

from realtime.client.asking import ask
from realtime.live.runtime import current

_LOG: Final = logging.getLogger(__name__)
_TIMEOUT_S: Final = 3.0


def fetch_history(collection: str, identifier: str, *, limit: int = 50) -> list[dict[str, Any]]:
    """Return the newest retained events of a document, newest first; empty when they can't be had."""
    client = current().client
    if client is None:
        return []
    base = client.http_url
    path = f"/api/collections/{quote(collection, safe='')}/documents/{quote(identifier, safe='')}/history"
    try:
        answer = ask(base, path, params={"limit": limit}, headers=client.http_headers(), timeout_s=_TIMEOUT_S)
        answer.raise_for_status()
        events: list[dict[str, Any]] = answer.json()["events"]
    except (httpx.HTTPError, ValueError, KeyError) as error:
        _LOG.warning("No history of %s in %s: %s", identifier, collection, error)
        return []
    return events
