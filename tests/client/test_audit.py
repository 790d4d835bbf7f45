"""The app's side of the audit: read page by page, and noted without anybody waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from realtime.client.audit import AuditBook
from realtime.errors import NotConnected
from realtime.gateway.tokens import mint
from realtime.protocol.audit import AuditNote
from tests.gateway.making import envelope
from tests.gateway.serving import Served, served

SECRET = "a secret of more than 32 characters"


def bearer(*roles: str) -> dict[str, str]:
    """Make the header of an app's token, or of somebody else's."""
    made = mint(SECRET, user="tideboard", identifier="app", now=time.time(), life_s=600, roles=roles)
    return {"Authorization": f"Bearer {made}"}


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    """Serve a gateway that wants tokens."""
    with served(tmp_path, secret=SECRET, require_token=True) as one:
        yield one


@pytest.fixture
def book(gateway: Served) -> Iterator[AuditBook]:
    """Open the book as the app does."""
    made = AuditBook(gateway.url, headers=lambda: bearer("app"))
    yield made
    made.stop()


def test_what_is_noted_is_there_to_be_read(gateway: Served, book: AuditBook) -> None:
    """With who did it, not with who noted it; and what waits is sent before the end."""
    book.note(AuditNote("export", "ann", target="collection:orders", origin="10.0.0.1"))
    book.note(AuditNote("sign-in", "bob", "refused"))
    book.stop()
    rows = [row for row in book.page(limit=9).rows if row.action in ("export", "sign-in")]
    assert [(row.actor, row.outcome, row.origin) for row in rows] == [
        ("bob", "refused", "127.0.0.1"),
        ("ann", "ok", "10.0.0.1"),
    ]


def test_rows_are_read_page_by_page_up_to_a_bound(gateway: Served, book: AuditBook) -> None:
    """Filters go along; nothing comes twice."""
    for number in range(5):
        gateway.http.post("/api/events", json=envelope(number), headers=bearer("admin"))
        book.page(limit=1)  # each in a batch of its own
    assert len(list(book.rows(most=3, action="write"))) == 3
    numbers = [row.number for row in book.rows(most=100, action="write")]
    assert len(numbers) == len(set(numbers)) == 5
    assert list(book.rows(most=100, actor="nobody")) == []


def test_the_chain_is_walked(book: AuditBook) -> None:
    """By the gateway."""
    assert book.verify().is_whole


def test_a_refusal_is_the_gateways_own_sentence(gateway: Served) -> None:
    """And a gateway that is away is said to be."""
    with pytest.raises(NotConnected, match="administrator"):
        AuditBook(gateway.url, headers=lambda: bearer("reader")).page(limit=1)
    with pytest.raises(NotConnected, match="can't be read"):
        AuditBook("http://127.0.0.1:9").page(limit=1)


def test_noting_waits_for_nobody(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway that doesn't answer costs the page nothing; what can't be noted is said in the log."""
    asked, may_answer = threading.Event(), threading.Event()

    def hang(self: AuditBook, note: AuditNote) -> bool:
        asked.set()
        return not may_answer.wait(10)

    monkeypatch.setattr(AuditBook, "_sent", hang)
    monkeypatch.setattr("realtime.client.audit._TRIES", 1)
    book = AuditBook("http://127.0.0.1:9")
    book._notes.maxsize = 3
    for number in range(6):
        book.note(AuditNote("export", f"user{number}"))
        assert asked.wait(10)
    assert sum("too much waits" in record.message for record in caplog.records) == 2
    may_answer.set()
    book.stop()
    assert "the gateway doesn't take it" in caplog.text
