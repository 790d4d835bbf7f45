"""The client leaves the gateway alone for as long as it was asked to, whichever part of it asks."""

from __future__ import annotations

import httpx
import pytest

from realtime.client.loading import Api
from realtime.errors import NotConnected


class Gateway:
    """Answers what a test wants, and counts who came."""

    def __init__(self) -> None:
        self.answer = httpx.Response(200, json={"collections": []})
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.asked += 1
        return self.answer


def test_too_many_requests_keeps_everything_away_for_as_long_as_told() -> None:
    """Posts and snapshots alike, and no longer."""
    now = [100.0]
    gateway = Gateway()
    api = Api("http://gateway", clock=lambda: now[0])
    api._http.close()
    api._http = httpx.Client(base_url="http://gateway", transport=httpx.MockTransport(gateway))
    gateway.answer = httpx.Response(429, headers={"Retry-After": "7"})
    assert api.post("/api/events", b"[]")[0] == 429
    for moment in (100.0, 106.9):
        now[0] = moment
        with pytest.raises(NotConnected) as told:
            api.collections()
        assert told.value.retry_s == pytest.approx(107 - moment)
        with pytest.raises(NotConnected):
            api.post("/api/events", b"[]")
    assert gateway.asked == 1
    now[0] = 107.1
    gateway.answer = httpx.Response(200, json={"collections": []})
    assert api.collections() == []
    api.close()


@pytest.mark.parametrize("status", [500, 503, 507])
def test_trouble_with_one_thing_keeps_nothing_else_away(status: int) -> None:
    """What can't be stored now says nothing about what can be read."""
    gateway = Gateway()
    api = Api("http://gateway", clock=lambda: 0.0)
    api._http.close()
    api._http = httpx.Client(base_url="http://gateway", transport=httpx.MockTransport(gateway))
    gateway.answer = httpx.Response(status, headers={"Retry-After": "7"})
    assert api.post("/api/events", b"[]")[0] == status
    gateway.answer = httpx.Response(200, json={"collections": []})
    assert api.collections() == []
    api.close()
