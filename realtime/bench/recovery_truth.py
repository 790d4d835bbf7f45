"""Reads from a gateway all that it holds: what a follower has to hold as well. Judges nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from realtime.bench.posting import PostFailed, Producer
from realtime.protocol.channels import SYSTEM, USERS, collection_channel


@dataclass(frozen=True)
class Truth:
    """Documents by collection and id, the newest offset by channel, and every event as (source, id)."""

    documents: dict[str, dict[str, dict[str, Any]]]
    tops: dict[str, int]
    history: tuple[tuple[str, str], ...]


def read_truth(base_url: str) -> Truth:
    """Read everything. Raises PostFailed when it can't be had."""
    with contextlib.closing(Producer(base_url)) as producer:
        documents = {name: {one["id"]: one for one in _documents(producer, name)} for name in _collections(producer)}
        tops = _tops(producer)
        return Truth(documents, tops, tuple(entry for channel in tops for entry in _entries(producer, channel)))


def read_tops(base_url: str) -> dict[str, int]:
    """Read the newest offset of every channel. Raises PostFailed when it can't be had."""
    with contextlib.closing(Producer(base_url)) as producer:
        return _tops(producer)


def _tops(producer: Producer) -> dict[str, int]:
    channels = (USERS, SYSTEM, *map(collection_channel, _collections(producer)))
    return {channel: _history(producer, channel, limit=0)["offset"] for channel in channels}


def _collections(producer: Producer) -> list[str]:
    return [collection["name"] for collection in producer.get("/api/collections")["collections"]]


def _entries(producer: Producer, channel: str) -> Iterator[tuple[str, str]]:
    since: dict[str, Any] | None = None
    while publications := (page := _history(producer, channel, since=since)).get("publications"):
        yield from ((one["data"]["source"], one["data"]["id"]) for one in publications)
        since = {"offset": publications[-1]["offset"], "epoch": page["epoch"]}


def _documents(producer: Producer, collection: str) -> Iterator[dict[str, Any]]:
    cursor = ""
    while True:
        page = producer.get(f"/api/collections/{collection}/documents?limit=1000{cursor}")
        yield from page["documents"]
        if not page["cursor"]:
            return
        cursor = f"&cursor={quote(page['cursor'], safe='')}"


def _history(
    producer: Producer, channel: str, *, limit: int = -1, since: dict[str, Any] | None = None
) -> dict[str, Any]:
    request = {"channel": channel, "limit": limit} | ({"since": since} if since else {})
    status, answer = producer.request("POST", "/api/history", body=json.dumps(request).encode())
    result: dict[str, Any] = json.loads(answer).get("result") or {}
    if status != 200 or not result:
        raise PostFailed(f"No history of {channel} could be had: {answer[:200].decode(errors='replace')}")
    return {"offset": 0, **result}
