"""What a click becomes without a gateway: kept, shown as waiting, edited further, decided about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from realtime.client.calls import Ack
from realtime.client.outbox import Outbox
from realtime.errors import ConflictError, OutboxFull
from realtime.protocol.positions import Position
from realtime.store import ConnectionState, OutboxState
from realtime.ui import pending, writes
from tests.pages.conftest import Board
from tests.support.waiting import until

PAGE = "collections.py"


class Kept:
    """A board whose client has a real outbox, and a way that a test opens."""

    def __init__(self, board: Board, outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
        self.board = board
        self.outbox = outbox
        self.answers: list[Future[Ack]] = []
        self.is_open = True
        board.client.outbox = outbox
        monkeypatch.setattr(board.client, "send", outbox.put)

    def emit(self, *_events: Any, **_named: Any) -> Future[Ack]:
        """Take an emit."""
        self.answers.append(Future())
        return self.answers[-1]

    def next(self, index: int) -> Future[Ack]:
        """Wait for an emit."""
        until(lambda: len(self.answers) > index, what=f"emit {index}")
        return self.answers[index]

    def until_states(self, *states: OutboxState) -> None:
        """Wait until the store has heard of entries in these states."""
        store = self.board.filler.store
        until(lambda: [entry.state for entry in store.outbox] == list(states), what=f"{states}, not {store.outbox}")


@pytest.fixture
def kept(board: Board, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    """Give an offline board with one order."""
    board.filler.created("orders", {"id": "a", "n": 1})
    board.filler.connected(state=ConnectionState.RECONNECTING)
    with closing(Outbox.open(tmp_path / "outbox.db", on_change=board.filler.store.set_outbox)) as outbox:
        yield Kept(board, outbox, monkeypatch)


def _press(test: AppTest, label: str) -> AppTest:
    return next(button for button in test.button if button.label == label).click().run()


def _save(test: AppTest, text: str) -> AppTest:
    _press(test, "Edit").text_area[0].set_value(text).run()
    return _press(test, "Save")


def _strip(test: AppTest) -> list[dict[str, Any]]:
    contents = [json.loads(component.proto.json) for component in test.get("bidi_component")]
    found: list[list[dict[str, Any]]] = [
        each["value"]["rows"] for each in contents if each.get("options", {}).get("layout") == "one"
    ]
    return found[0]


def test_an_edit_made_offline_is_kept_and_the_next_one_stands_on_it(kept: Kept) -> None:
    """The editor closes, the text begins from what waits, and the version comes from the acknowledgement."""
    test = _save(kept.board.open(PAGE, collection="orders", id="a"), '{"id": "a", "n": 2}')
    assert not test.text_area
    assert not test.error
    kept.until_states(OutboxState.PENDING)
    test.run()
    assert [(row["word"], row["changes"][0]["new"]) for row in _strip(test)] == [("Waiting", 2)]
    _press(test, "Edit")
    assert json.loads(test.text_area[0].value or "") == {"id": "a", "n": 2}
    test.text_area[0].set_value('{"id": "a", "n": 3}').run()
    kept.outbox.attach(kept)
    kept.next(0).set_result(Ack("collection:orders", Position("e", 9)))
    kept.until_states(OutboxState.CONFIRMED)
    kept.board.filler.updated("orders", {"id": "a", "n": 2})
    test.run()
    assert not test.warning, "one's own change is no conflict"
    _press(test, "Save")
    kept.next(1)
    assert [entry.expected_offset for entry in kept.outbox.entries] == [1, 9]


def test_a_document_created_offline_is_shown_as_waiting_and_can_be_edited(kept: Kept) -> None:
    """It isn't among the documents; the drawer shows it as it would be."""
    outcome = writes.write("created", "orders", {"id": "new", "n": 1}, expected_offset=0)
    assert (outcome.is_kept, outcome.is_stored, outcome.reason) == (True, False, "")
    kept.until_states(OutboxState.PENDING)
    test = kept.board.open(PAGE, collection="orders", id="new")
    assert json.loads(test.json[0].value) == {"id": "new", "n": 1}
    _save(test, '{"id": "new", "n": 2}')
    first, second = kept.outbox.entries
    assert second.follows == first.number
    assert kept.board.filler.store.document("orders", "new") is None


def test_a_refusal_told_in_place_isnt_parked(kept: Kept) -> None:
    """The person has the text before them and decides there."""
    kept.board.filler.connected()
    kept.outbox.attach(kept)
    refusal: Future[Ack] = Future()
    refusal.set_exception(ConflictError(expected=1, actual=2))
    kept.emit = lambda *_events, **_named: refusal  # type: ignore[method-assign]
    outcome = writes.write("updated", "orders", {"id": "a"}, expected_offset=1)
    assert outcome.is_conflict
    assert kept.outbox.entries == ()


def test_a_full_outbox_is_told_at_the_click(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the sentence, and the text stays."""

    def full(*_arguments: Any, **_named: Any) -> Future[Ack]:
        refused: Future[Ack] = Future()
        refused.set_exception(OutboxFull("1,000 changes wait to be sent already."))
        return refused

    monkeypatch.setattr(kept.board.client, "send", full)
    test = _save(kept.board.open(PAGE, collection="orders", id="a"), '{"id": "a", "n": 2}')
    assert "1,000 changes wait" in test.error[0].value
    assert json.loads(test.text_area[0].value or "")["n"] == 2


def test_a_person_decides_about_what_was_refused(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep mine over the version that is there now, discard, open; what a page makes up is ignored."""
    said: dict[str, Any] = {}
    gone: list[dict[str, Any]] = []
    monkeypatch.setattr("streamlit.session_state", {pending._LIST: said})
    monkeypatch.setattr(pending, "go", lambda **place: gone.append(place))
    kept.outbox.attach(kept)
    writes.write("updated", "orders", {"id": "a"}, expected_offset=1)
    kept.next(0).set_exception(ConflictError(expected=1, actual=7))
    kept.until_states(OutboxState.REFUSED)
    number = kept.outbox.entries[0].number
    for nonsense in (None, "x", {"number": "1"}, {"number": 999}):
        said.update(retry=nonsense, discard=nonsense)
        pending._retry(pending._LIST)
        pending._discard(pending._LIST)
    kept.until_states(OutboxState.REFUSED)
    said["retry"] = {"number": number, "version": 7}
    pending._retry(pending._LIST)
    kept.next(1).set_exception(ConflictError(expected=7, actual=8))
    kept.until_states(OutboxState.REFUSED)
    assert kept.outbox.entries[0].expected_offset == 7
    said["discard"] = {"number": number}
    pending._discard(pending._LIST)
    kept.until_states()
    said["open"] = {"collection": "orders", "id": "a"}
    pending._open()
    assert gone == [{"collection": "orders", "selected": "a"}]


def test_without_an_outbox_nothing_of_it_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demo over a store of its own has no client at all."""
    monkeypatch.setattr(pending, "current", lambda: SimpleNamespace(client=None))
    pending.outbox_panel()
    pending.outbox_strip("orders", "a")
    assert pending.own_outbox() is None
    assert pending.confirmed_at(None) is None
