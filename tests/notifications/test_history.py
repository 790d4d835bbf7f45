"""The history: searched by words, written as CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.notifications.history import search, to_csv
from realtime.notifications.inbox import apply_all
from realtime.notifications.inbox_state import Inbox, Past
from tests.notifications.making import NOW, adding, notice


def past(title: str, *, key: str = "k", message: str = "") -> Past:
    """Make a line."""
    return Past(at=NOW, noted_at=NOW, key=key, kind="info", severity="info", title=title, message=message)


def written(*lines: Past) -> list[dict[str, str]]:
    """Read what was written, as a spreadsheet would."""
    return list(csv.DictReader(io.StringIO(to_csv(lines).decode("utf-8-sig"))))


def test_search_finds_lines_with_all_words_newest_first() -> None:
    """Whatever the case; of one row alone when asked."""
    lines = [past("Ink is low"), past("Paper", message="is LOW"), past("Ink", key="other")]
    assert [each.title for each in search(lines, "low IS")] == ["Paper", "Ink is low"]
    assert [each.title for each in search(lines, key="other")] == ["Ink"]
    assert len(search(lines, limit=2)) == 2


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "\uff1d1", "\n=1"])
def test_no_text_is_a_formula(text: str) -> None:
    """A quote in front makes it one for people."""
    (row,) = written(past(text, message=text, key=text))
    assert [row[name][0] for name in ("title", "message", "key")] == ["'"] * 3


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30), max_size=5))
def test_what_is_written_can_be_read(titles: list[str]) -> None:
    """Quotes, commas, line ends and all."""
    rows = written(*map(past, titles))
    strip = [row["title"].removeprefix("'").replace("\r\n", "\n").replace("\r", "\n") for row in rows]
    assert strip == [title.removeprefix("'").replace("\r\n", "\n").replace("\r", "\n") for title in titles]


def test_times_have_their_zone_and_lines_their_source() -> None:
    """ISO 8601 with the offset of the person's zone."""
    inbox = apply_all(Inbox(), [adding(notice("a", offset=7, at=1_770_000_000.0))])
    text = to_csv(inbox.history, zone=ZoneInfo("Europe/Berlin")).decode("utf-8-sig").splitlines()[1]
    assert text.startswith("2026-02-02T03:40:00.000+01:00,told,warning,warning,a 7,")
    assert text.endswith("collection:orders,7")
