"""Follows a gateway as the app does for one profile, and exports what it has, for the tests about rights."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from realtime.client import WebSocketClient
from realtime.store import Store
from realtime.views.export import selected
from realtime.views.filters import Filters
from tests.gateway.roles import ticket
from tests.support.waiting import until


def exported(url: str, role: str, *, expected: int) -> list[dict[str, Any]] | None:
    """Follow with a role until `expected` orders are there; return what an export would hold, None for nothing."""
    store = Store(feed_size=100)
    client = WebSocketClient(
        url, http_url=url.replace("ws://", "http://").partition("/connection")[0], store=store,
        token=lambda: ticket(role),
    )  # fmt: skip
    client.connect()
    try:
        until(lambda: store.connection.is_connected)
        until(lambda: len(store.collection("orders").documents) == expected)
        if not expected:
            return None
        table = selected(store, "orders", filters=Filters())
    finally:
        client.disconnect()
    rows = table.drop(columns=["_changed_at", "_changed_by"]).to_dict("records")
    # What has parts stands in one cell, as JSON.
    return [{str(key): _parts(value) for key, value in row.items() if not pd.isna(value)} for row in rows]


def _parts(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) and value[:1] in "[{" else value
