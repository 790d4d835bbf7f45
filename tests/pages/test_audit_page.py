"""The Audit page as Streamlit runs it: to whom it is shown, what it asks for, and what it says when that fails."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from realtime.errors import NotConnected
from realtime.live.runtime import current, install
from realtime.protocol.audit import AuditNote, AuditPage, AuditRow, AuditVerdict
from tests.pages.conftest import Board

NOON_MS = 1_767_268_800_000


@dataclass
class RecordingBook:
    """Answers pages of three rows, down from a hundred, and remembers what was asked."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    noted: list[AuditNote] = field(default_factory=list)
    trouble: str = ""
    verdict: AuditVerdict = field(default_factory=lambda: AuditVerdict(True, 100, "100:ab", []))

    def page(self, *, limit: int, before: int | None = None, **search: str) -> AuditPage:
        """Remember what was asked, and answer."""
        if self.trouble:
            raise NotConnected(self.trouble)
        self.asked.append({"before": before, **{name: value for name, value in search.items() if value}})
        top = 101 if before is None else before
        rows = [AuditRow(number, NOON_MS, "ann", "write", "ok", f"d{number}") for number in range(top - 1, top - 4, -1)]
        return AuditPage([] if search["text"] == "nothing" else rows, rows[-1].number)

    def rows(self, **_: Any) -> Iterator[AuditRow]:
        """Give nothing: a file is only made when somebody takes it."""
        yield from ()

    def verify(self) -> AuditVerdict:
        """Say what was to be said."""
        return self.verdict

    def note(self, note: AuditNote) -> None:
        """Remember it."""
        self.noted.append(note)


@pytest.fixture
def book(board: Board) -> RecordingBook:
    """Let the board read an audit."""
    recording = RecordingBook()
    install(replace(current(), audit=recording))  # type: ignore[arg-type]  # a stand-in
    return recording


def test_the_newest_rows_are_shown_and_older_ones_are_a_click_away(board: Board, book: RecordingBook) -> None:
    """And the way back."""
    test = board.open("audit.py")
    assert test.dataframe[0].value["What"].tolist() == ["d100", "d99", "d98"]
    assert test.button(key="audit-newer").disabled
    test.button(key="audit-older").click().run()
    assert test.dataframe[0].value["What"].tolist() == ["d97", "d96", "d95"]
    test.button(key="audit-newer").click().run()
    assert [asked["before"] for asked in book.asked] == [None, 98, None]


def test_filters_go_to_the_gateway_and_begin_at_the_newest(board: Board, book: RecordingBook) -> None:
    """Together, as they stand."""
    test = board.open("audit.py")
    test.button(key="audit-older").click().run()
    test.text_input(key="audit-text").set_value("orders").run()
    test.text_input(key="audit-actor").set_value(" ann ").run()
    test.selectbox(key="audit-outcome").set_value("refused").run()
    assert book.asked[-1] == {"before": None, "text": "orders", "actor": "ann", "outcome": "refused"}
    test.selectbox(key="audit-period").set_value("Last hour").run()
    assert "since" in book.asked[-1]


def test_nothing_found_is_said(board: Board, book: RecordingBook) -> None:
    """With what to do about it."""
    test = board.open("audit.py")
    test.text_input(key="audit-text").set_value("nothing").run()
    assert not test.dataframe
    assert "**Nothing here**" in [each.value for each in test.markdown]


def test_the_chain_is_checked_on_request(board: Board, book: RecordingBook) -> None:
    """A whole one is good news, a broken one says where."""
    test = board.open("audit.py")
    test.button(key="audit-check").click().run()
    assert test.success[0].value.startswith("Whole: 100 rows")
    book.verdict = AuditVerdict(False, 100, "100:ab", ["row 4 was changed"])
    test.button(key="audit-check").click().run()
    assert test.error[0].value.startswith("Broken: row 4 was changed")


def test_a_gateway_that_is_away_is_said_in_its_place(board: Board, book: RecordingBook) -> None:
    """The page goes on."""
    book.trouble = "The gateway's audit can't be read now; try again in a moment."
    test = board.open("audit.py")
    assert test.error[0].value == book.trouble


def test_without_a_gateway_there_is_no_audit(board: Board) -> None:
    """Which is said, and nothing else."""
    test = board.open("audit.py")
    assert "no audit" in test.info[0].value


def test_who_may_not_administer_reads_nothing(
    board: Board, book: RecordingBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even that there is something."""
    monkeypatch.setattr("realtime.ui.audit_parts.may_administer", lambda: False)
    test = board.open("audit.py")
    assert "administrators" in test.warning[0].value
    assert book.asked == []
