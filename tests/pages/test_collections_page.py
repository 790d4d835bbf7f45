"""The Collections page as Streamlit runs it: choosing, filtering, editing, conflicts, deleting, exporting."""

from __future__ import annotations

import json
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from realtime.errors import ConflictError, NotConnected
from tests.pages.conftest import Board

PAGE = "collections.py"


def _panel(test: AppTest, view: str) -> dict[str, Any]:
    for component in test.get("bidi_component"):
        value: Any = component.proto
        content: dict[str, Any] = json.loads(value.json)
        if content.get("view") == view:
            return content
    raise AssertionError(f"{view} isn't on the page")


def _press(test: AppTest, label: str) -> AppTest:
    return next(button for button in test.button if button.label == label).click().run()


def _fill(board: Board) -> None:
    board.filler.many("orders", [{"id": f"o{n}", "amount": n, "state": "open" if n % 2 else "paid"} for n in range(9)])
    board.filler.created("flights", {"id": "UA1"})


def test_an_empty_board_invites(board: Board) -> None:
    """Nothing to choose from yet."""
    assert "/api/collections/" in board.open(PAGE).main.code[0].value


def test_a_link_opens_the_same_view(board: Board) -> None:
    """Collection, filters, sort, window and selection come from the URL."""
    _fill(board)
    test = board.open(PAGE, collection="orders", q="open", sort="-amount", id="o3")
    table = _panel(test, "collections.table")
    assert [row["id"] for row in table["value"]["rows"]] == ["o7", "o5", "o3", "o1"]
    assert table["options"]["selected"] == "o3"
    assert _panel(test, "record.record")["value"]["document"] == {"id": "o3", "amount": 3, "state": "open"}


def test_the_busiest_collection_is_open_when_none_is_named(board: Board) -> None:
    """A page with nothing chosen would be a page of nothing."""
    _fill(board)
    assert _panel(board.open(PAGE), "collections.cards")["options"]["selected"] == "orders"


def test_filters_go_into_the_url(board: Board) -> None:
    """Search, field and value; clearing drops all three."""
    _fill(board)
    test = board.open(PAGE, collection="orders")
    test.text_input(key="tideboard.search:orders").set_value("open").run()
    test.selectbox(key="tideboard.field:orders").set_value("amount").run()
    test.selectbox(key="tideboard.value:orders").set_value("3").run()
    assert (test.query_params["q"], test.query_params["field"], test.query_params["value"]) == ("open", "amount", "3")
    assert [row["id"] for row in _panel(test, "collections.table")["value"]["rows"]] == ["o3"]
    _press(test, "Clear filters")
    assert "q" not in test.query_params
    assert _panel(test, "collections.table")["value"]["total"] == 9


def test_a_filter_from_a_link_survives_a_store_that_is_still_empty(board: Board) -> None:
    """Right after a start no document has the field yet: the link must not lose it."""
    board.filler.created("flights", {"id": "UA1"})
    test = board.open(PAGE, collection="orders", field="state", value="paid")
    assert (test.query_params["field"], test.query_params["value"]) == ("state", "paid")


def _editing(board: Board) -> AppTest:
    _fill(board)
    return _press(board.open(PAGE, collection="orders", id="o3"), "Edit")


def test_an_edit_is_sent_with_the_version_it_began_from(board: Board) -> None:
    """So that the gateway can refuse it if somebody was quicker."""
    test = _editing(board)
    test.text_area[0].set_value('{"id": "o3", "amount": 33}').run()
    _press(test, "Save")
    envelope, expected = board.client.sent[0]
    assert (envelope.type, envelope.data["document"], expected) == ("collection:updated", {"id": "o3", "amount": 33}, 4)
    assert "Saved" in " ".join(caption.value for caption in test.caption)
    assert not test.text_area


def test_bad_json_cant_be_saved_and_says_where(board: Board) -> None:
    """The problem is told beside the text."""
    test = _editing(board)
    test.text_area[0].set_value('{"id": "o3", }').run()
    assert "Line 1" in test.error[0].value
    assert next(button for button in test.button if button.label == "Save").disabled


def test_nothing_being_edited_is_overwritten(board: Board) -> None:
    """Somebody else's change shows both versions; the text stays."""
    test = _editing(board)
    test.text_area[0].set_value('{"id": "o3", "amount": 33}').run()
    board.filler.updated("orders", {"id": "o3", "amount": 99}, actor="ada")
    test.run()
    assert "changed while you were editing by ada" in test.warning[0].value
    assert json.loads(test.text_area[0].value or "")["amount"] == 33
    assert next(button for button in test.button if button.label == "Save").disabled
    _press(test, "Keep mine")
    _press(test, "Save")
    assert board.client.sent[0][1] == 10
    assert board.client.sent[0][0].data["document"]["amount"] == 33


def test_taking_theirs_begins_anew(board: Board) -> None:
    """The other choice: their version is edited."""
    test = _editing(board)
    board.filler.updated("orders", {"id": "o3", "amount": 99})
    test.run()
    _press(test, "Take theirs")
    assert json.loads(test.text_area[0].value or "") == {"id": "o3", "amount": 99}
    assert not test.warning


def test_a_document_deleted_meanwhile_can_be_created_again(board: Board) -> None:
    """The text isn't lost with the document."""
    test = _editing(board)
    board.filler.deleted("orders", "o3")
    test.run()
    assert "deleted while you were editing" in test.warning[0].value
    _press(test, "Create it again with my text")
    assert board.client.sent[0][0].type == "collection:created"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (ConflictError(expected=4, actual=9), "changed meanwhile"),
        (NotConnected("The gateway can't be reached."), "can't be reached"),
    ],
)
def test_a_refusal_says_why_and_keeps_the_text(board: Board, answer: Exception, words: str) -> None:
    """Nothing typed is lost when a save fails."""
    test = _editing(board)
    board.client.answer = answer
    test.text_area[0].set_value('{"id": "o3", "amount": 33}').run()
    _press(test, "Save")
    assert words in test.error[0].value
    assert json.loads(test.text_area[0].value or "")["amount"] == 33


def test_a_silent_gateway_is_told(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    """Saving goes on in the background and says so."""
    monkeypatch.setattr("realtime.ui.writes._WAIT_S", 0.0)
    test = _editing(board)
    board.client.is_silent = True
    _press(test, "Save")
    assert "Saving" in " ".join(caption.value for caption in test.caption)


def test_deleting_asks_first_and_closes_the_drawer(board: Board) -> None:
    """The version seen goes with it."""
    _fill(board)
    test = board.open(PAGE, collection="orders", id="o3")
    _press(test, "Delete document")
    envelope, expected = board.client.sent[0]
    assert (envelope.type, envelope.data["id"], expected) == ("collection:deleted", "o3", 4)
    assert "id" not in test.query_params


def test_an_export_says_its_count(board: Board) -> None:
    """Of what the filters select."""
    _fill(board)
    test = board.open(PAGE, collection="orders", q="paid")
    assert any("5 documents" in text.value for text in test.markdown)


def test_another_collections_fields_arent_kept(board: Board) -> None:
    """A sort by `amount` makes no sense among flights."""
    _fill(board)
    test = board.open(PAGE, collection="flights")
    assert _panel(test, "collections.table")["value"]["total"] == 1
