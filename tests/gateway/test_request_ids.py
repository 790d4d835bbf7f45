"""Claims about a request's id: it is in the answer and in the log, also where the gateway itself fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.logs import JsonLines
from tests.gateway.making import envelope
from tests.gateway.serving import Served, served


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    """Serve a gateway."""
    with served(tmp_path) as running:
        yield running


def test_every_answer_has_an_id_the_one_that_was_sent_if_it_can_be_one(gateway: Served) -> None:
    """Refusals and open routes alike."""
    for path in ("/api/collections", "/api/health/live", "/api/flags", "/api/nowhere"):
        assert len(gateway.http.get(path).headers["x-request-id"]) == 16
    sent = gateway.post(envelope(1), x_request_id="order-77")
    assert sent.headers["x-request-id"] == "order-77"
    assert gateway.post(envelope(1), x_request_id="two words").headers["x-request-id"] != "two words"


def test_a_mistake_of_the_gateways_is_answered_and_logged_under_one_id(
    gateway: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without telling what it was: whoever runs the gateway finds it by the id."""

    def fail(**_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(gateway.gateway.log, "dead_letters", fail)
    lines: list[str] = []
    formatter = JsonLines()

    class Keeping(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(formatter.format(record))

    handler = Keeping()
    logging.getLogger("realtime").addHandler(handler)
    try:
        answer = gateway.http.get("/api/dead-letters", headers={"X-Request-ID": "r-1"})
    finally:
        logging.getLogger("realtime").removeHandler(handler)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal")
    assert "a bug" not in answer.text
    assert answer.headers["x-request-id"] == "r-1"
    assert all('"request": "r-1"' in line for line in lines)
    assert any("RuntimeError: a bug" in line for line in lines)
    assert any('"status": 500' in line and '"path": "/api/dead-letters"' in line for line in lines)
