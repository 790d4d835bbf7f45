"""Rows of the audit as they are read and kept: words for codes, the reader's time, nothing a spreadsheet runs."""

from __future__ import annotations

import csv
import io
import json

import pytest

from realtime.protocol.audit import AuditRow, AuditVerdict
from realtime.views import audit

NOON_MS = 1_767_268_800_000  # 2026-01-01T12:00:00Z
ROWS = [
    AuditRow(2, NOON_MS, "ann", "flag.set", "refused", "websocket 0", "10.0.0.1", "not an administrator"),
    AuditRow(1, NOON_MS, "", "odd.thing", "ok", times=12),
]


def test_rows_are_laid_out_in_words_and_in_the_readers_zone() -> None:
    """What has no word stands as it is, and what is missing is a dash."""
    table = audit.table(ROWS, zone="Europe/Berlin")
    assert list(table.columns) == list(audit.COLUMNS)
    first, second = table.to_dict("records")
    assert (first["Who"], first["Did"], first["Outcome"]) == ("ann", "Flag", "✕ Refused")
    assert str(first["When"]) == "2026-01-01 13:00:00"
    assert (second["Who"], second["Did"], second["From"], second["Times"]) == ("–", "odd.thing", "–", 12)


def test_no_rows_are_a_table_too() -> None:
    """With its columns."""
    assert list(audit.table([], zone="UTC").columns) == list(audit.COLUMNS)


def test_outcomes_are_told_by_more_than_colour() -> None:
    """Each has a sign and a word of its own."""
    assert len({text[0] for text in audit.OUTCOMES.values()}) == len(audit.OUTCOMES)


@pytest.mark.parametrize(
    ("period", "began"), [("Any time", ""), ("Last hour", "2026-01-01T11:00:00+00:00"), ("what?", "")]
)
def test_periods_begin_when_they_say(period: str, began: str) -> None:
    """As the gateway reads times."""
    assert audit.since(period, now=NOON_MS / 1000) == began


def test_a_verdict_is_a_sentence() -> None:
    """That says what to do about a broken one."""
    assert audit.verdict(AuditVerdict(True, 1, "1:ab", []))[1].startswith("Whole: 1 row,")
    is_whole, words = audit.verdict(AuditVerdict(False, 9, "9:ab", ["row 4 was changed", "row 7 is missing"]))
    assert not is_whole
    assert words.startswith("Broken: row 4 was changed. And 1 more break.")


def test_files_hold_every_row_and_no_formula() -> None:
    """CSV for spreadsheets, JSON lines for programs; times with their offset."""
    rows = [*ROWS, AuditRow(3, NOON_MS, "=cmd()", "write", "ok")]
    table = list(csv.DictReader(io.StringIO(audit.csv_of(rows).decode("utf-8-sig"))))
    assert [line["number"] for line in table] == ["2", "1", "3"]
    assert table[2]["actor"] == "'=cmd()"
    lines = [json.loads(line) for line in audit.lines_of(rows).splitlines()]
    assert lines[2]["actor"] == "=cmd()"
    assert {line["time"] for line in lines} == {"2026-01-01T12:00:00.000+00:00"}
