"""When to ask again, read from what was answered; whatever it says, nobody is kept away for long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.codes import too_fast
from realtime.protocol.retrying import MOST_WAIT_S, retry_after_s, told_wait_s


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("3", 3), (" 12 ", 12), ("0", 0), (None, 0), ("", 0), ("-1", 0), ("1.5", 0), ("999999999", MOST_WAIT_S)],
)
def test_seconds_are_read(header: str | None, wait_s: float) -> None:
    """A date, which our gateway never sends, counts as nothing said."""
    assert retry_after_s(header) == wait_s
    assert retry_after_s("Fri, 31 Dec 1999 23:59:59 GMT") == 0


@given(st.floats(0, 250))
def test_what_the_gateway_says_on_the_socket_is_understood(wait_s: float) -> None:
    """Rounded up, so that who obeys doesn't come too early."""
    assert wait_s <= told_wait_s(too_fast(wait_s).message) <= wait_s + 1 or wait_s < 1


@given(st.text(max_size=50))
def test_nothing_raises(text: str) -> None:
    """Whatever is answered."""
    assert 0 <= retry_after_s(text) <= MOST_WAIT_S
    assert 0 <= told_wait_s(text) <= MOST_WAIT_S
