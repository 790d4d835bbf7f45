"""What a page shows of the outbox: shape and word, for how long, and what would change."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from realtime.protocol.events import encode_envelope
from realtime.store import ConnectionState, OutboxEntry, OutboxState
from realtime.views.connection import badge
from realtime.views.outbox import ROWS_SHOWN, document_of, newest_waiting, waiting
from tests.support.producing import created, deleted, updated
from tests.views.support import NOON, Filler


def entry(number: int = 1, identifier: str = "a", **changes: Any) -> OutboxEntry:
    """Make a waiting edit of an order."""
    envelope = updated("orders", {"id": identifier, "n": 2})
    made = OutboxEntry(
        number=number, key=("/t", str(number)), type=envelope.type, envelope=encode_envelope(envelope),
        created_at=NOON, document=("orders", identifier),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def rows(filler: Filler, *, now: float = NOON, **parameters: str) -> list[dict[str, Any]]:
    """Return the rows as JSON brings them to the page."""
    found: list[dict[str, Any]] = json.loads(json.dumps(waiting(filler.store, now=now, **parameters)))["rows"]
    return found


@pytest.fixture
def offline() -> Filler:
    """Give a store without a link, with one order."""
    filler = Filler()
    filler.created("orders", {"id": "a", "n": 1})
    filler.connected(state=ConnectionState.RECONNECTING)
    return filler


def test_what_is_saved_without_a_link_is_shown_at_once_as_waiting(offline: Filler) -> None:
    """And the documents are what the gateway confirmed, no more."""
    offline.store.set_outbox([entry()])
    (row,) = rows(offline)
    assert (row["symbol"], row["word"], row["verb"], row["id"], row["collection"]) == (
        "◌", "Waiting", "Change", "a", "orders",
    )  # fmt: skip
    assert "connection" in row["reason"]
    state = offline.store.document("orders", "a")
    assert state is not None
    assert state.document == {"id": "a", "n": 1}


def test_what_is_answered_within_a_second_is_never_shown() -> None:
    """A list that came and went with every save would only flicker."""
    filler = Filler()
    filler.connected()
    for state in (OutboxState.PENDING, OutboxState.SENT):
        filler.store.set_outbox([entry(state=state)])
        assert rows(filler, now=NOON + 0.9) == []
        assert [row["word"] for row in rows(filler, now=NOON + 1.1)] == ["Waiting"]
    filler.store.set_outbox([entry(state=OutboxState.CONFIRMED, settled_at=NOON + 0.5)])
    assert rows(filler, now=NOON + 0.6) == []


def test_what_waited_is_shown_as_confirmed_for_five_seconds() -> None:
    """Long enough to see, then it makes room."""
    filler = Filler()
    filler.connected()
    filler.store.set_outbox([entry(state=OutboxState.CONFIRMED, settled_at=NOON + 60, envelope=b"")])
    (row,) = rows(filler, now=NOON + 61, collection="orders", id="a")
    assert (row["symbol"], row["word"], row["changes"]) == ("✓", "Confirmed", [])
    assert rows(filler, now=NOON + 66) == []


def test_a_refused_change_comes_first_with_its_reason_and_what_follows_says_that_it_waits_for_it(
    offline: Filler,
) -> None:
    """Deciding needs the version that is there now."""
    refused = entry(2, state=OutboxState.REFUSED, reason="It changed.", is_conflict=True)
    offline.store.set_outbox([entry(1, "b"), refused, entry(3)])
    first, second, third = rows(offline)
    assert (first["word"], first["reason"], first["isConflict"], first["version"]) == (
        "Refused", "It changed.", True, 1,
    )  # fmt: skip
    assert (second["id"], third["id"]) == ("b", "a")
    assert "behind a refused change" in third["reason"]
    value = badge(offline.store, now=NOON)
    assert (value["toSend"], value["refused"]) == (2, 1)


def test_of_one_document_it_says_what_would_change(offline: Filler) -> None:
    """Only there: the whole list would be too much to read."""
    offline.store.set_outbox([entry(), entry(2, "b")])
    (row,) = rows(offline, collection="orders", id="a")
    assert row["changes"] == [{"field": "n", "old": 1, "new": 2, "kind": "changed"}]
    assert [row["changes"] for row in rows(offline)] == [[], []]


def test_a_failed_attempt_says_why_it_is_tried_again() -> None:
    """With a link, what takes long has a reason."""
    filler = Filler()
    filler.connected()
    filler.store.set_outbox([entry(attempts=3, reason="disk full")])
    assert rows(filler)[0]["reason"] == "for the gateway, try 3: disk full"


def test_a_long_list_is_cut_and_says_so(offline: Filler) -> None:
    """With the true count."""
    offline.store.set_outbox([entry(number, f"d{number}") for number in range(1, ROWS_SHOWN + 4)])
    value = waiting(offline.store, now=NOON)
    assert len(value["rows"]) == ROWS_SHOWN
    assert value["note"] == "and 3 more changes"


def test_the_last_waiting_change_of_a_document_is_what_an_edit_begins_from(offline: Filler) -> None:
    """With the document as it would be; a deletion leaves none, nor do bytes that can't be read."""
    made = created("orders", {"id": "new", "n": 1})
    new = entry(1, "new", type=made.type, envelope=encode_envelope(made))
    gone = entry(4, "a", envelope=encode_envelope(deleted("orders", "a")))
    offline.store.set_outbox([new, entry(2), entry(3), gone])
    assert newest_waiting(offline.store, "orders", "new") == new
    assert newest_waiting(offline.store, "orders", "a") == gone
    assert newest_waiting(offline.store, "orders", "b") is None
    assert document_of(new) == {"id": "new", "n": 1}
    assert document_of(gone) is None
    assert document_of(entry(envelope=b"{")) is None
