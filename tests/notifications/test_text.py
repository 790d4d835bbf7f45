"""Plain text of anything, for people and for keys."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.notifications.text import fill, plain, read_template, spoken


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("2013-02-08T10:56:00-05:00", "8 Feb 2013, 10:56 (UTC-5)"),
        ("2026-01-31T12:00:00Z", "31 Jan 2026, 12:00 (UTC)"),
        ("2026-12-01T08:05:30.250+05:30", "1 Dec 2026, 08:05 (UTC+5:30)"),
        ("2026-02-30T08:00:00Z", "2026-02-30T08:00:00Z"),  # no such day: left as it was sent
        ("2026-02-28", "2026-02-28"),
        ("due 2026-02-28T08:00:00Z", "due 2026-02-28T08:00:00Z"),
        (True, "yes"),
        (None, "–"),
        (3.5, "3.5"),
    ],
)
def test_a_time_is_said_the_way_people_write_it(value: Any, words: str) -> None:
    """With the offset it came with; anything else as ever."""
    assert spoken(value) == words


@given(text=st.text())
def test_what_is_no_time_is_left_alone(text: str) -> None:
    """Whatever it is."""
    assert spoken(text) == plain(text)


def test_a_key_keeps_the_time_as_it_was_sent() -> None:
    """Two moments of one minute are two rows."""
    template, values = read_template("due {at}"), {"at": "2026-01-31T12:00:30Z"}
    assert fill(template, values.get, limit=100) == "due 2026-01-31T12:00:30Z"
    assert fill(template, values.get, limit=100, is_read=True) == "due 31 Jan 2026, 12:00 (UTC)"
