"""Only pages of our own may open a socket."""

from __future__ import annotations

import pytest

from realtime.hub.origin import is_own_origin


@pytest.mark.parametrize(
    ("origin", "host", "is_own"),
    [
        ("http://localhost:8501", "localhost:8501", True),
        ("https://board.example", "board.example", True),
        ("https://board.example", "board.example:443", True),
        ("http://BOARD.example", "board.EXAMPLE", True),
        ("http://[::1]:8501", "[::1]:8501", True),
        ("http://localhost:3000", "localhost:8501", False),
        ("https://evil.example", "board.example", False),
        ("https://board.example.evil.example", "board.example", False),
        ("null", "board.example", False),
        ("file://", "board.example", False),
        ("", "board.example", False),
        ("http://board.example:99999999", "board.example", False),
        ("http://board.example", "", False),
    ],
)
def test_the_origin_has_to_be_the_host(origin: str, host: str, is_own: bool) -> None:
    """Host and port, in any spelling."""
    assert is_own_origin({"origin": origin, "host": host}) is is_own


def test_whoever_sends_no_origin_is_no_browser() -> None:
    """Producers and SDKs come without."""
    assert is_own_origin({"host": "board.example"})
