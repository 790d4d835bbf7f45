"""Only pages of our own, and of the origins named, may use sockets and API."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.hub.origin import Origins, origin_in
from realtime.hub.ports import Peer


def peer(origin: str | None, host: str, scheme: str = "") -> Peer:
    """Make a peer as a browser would be one."""
    return Peer("10.0.0.1", host=host, scheme=scheme, headers={} if origin is None else {"origin": origin})


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
    assert Origins().allows(peer(origin, host)) is is_own


def test_the_scheme_has_to_be_ours_where_we_know_it() -> None:
    """A page that came without TLS may be anybody's, whatever its name."""
    assert not Origins().allows(peer("http://board.example", "board.example", "https"))
    assert Origins().allows(peer("https://board.example", "board.example", "https"))
    assert Origins().allows(peer("https://board.example", "board.example", ""))


def test_whoever_sends_no_origin_is_no_browser() -> None:
    """Producers and SDKs come without."""
    assert Origins().allows(peer(None, "board.example"))


def test_no_foreign_origin_is_allowed_unless_it_is_named() -> None:
    """The list is closed by default, and exact: no other port, scheme or neighbour."""
    origins = Origins("https://wall.example, http://tools.example:8080")
    for origin in ("https://wall.example", "https://WALL.example:443", "http://tools.example:8080"):
        assert origins.allows(peer(origin, "board.example"))
        assert not Origins().allows(peer(origin, "board.example"))
    for origin in (
        "http://wall.example",
        "https://wall.example:8443",
        "https://a.wall.example",
        "https://tools.example",
    ):
        assert not origins.allows(peer(origin, "board.example"))
    assert list(origins.names()) == ["http://tools.example:8080", "https://wall.example"]


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "https://*",
        "https://*.example",
        "board.example",
        "null",
        "ftp://a",
        "https://a/b",
        "https://u@a",
        "https://a:b",
    ],
)
def test_what_isnt_an_origin_cant_be_allowed(text: str) -> None:
    """There is no wildcard."""
    with pytest.raises(ValueError, match=r".+"):
        Origins(text)


@given(st.text(max_size=40))
def test_any_text_is_refused_or_read(text: str) -> None:
    """And what a browser may send as an origin never raises."""
    Origins().allows(peer(text, text))
    Origins("https://a.example").is_named(peer(text, text))
    try:
        scheme, host, port = origin_in(text)
    except ValueError:
        return
    assert scheme in ("http", "https")
    assert host
    assert 0 <= port < 65536


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        ("localhost:8501", True),
        ("board.localhost", True),
        ("gateway:8601", True),
        ("127.0.0.1:8501", True),
        ("192.168.1.7", True),
        ("[::1]:8501", True),
        ("", True),
        ("board.example", True),
        ("rebound.example:8501", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("[", False),
    ],
)
def test_a_borrowed_name_is_not_ours(host: str, is_known: bool) -> None:
    """Where everybody may do everything, a site whose name leads to this machine is found by that name."""
    assert Origins("https://board.example", is_open=True).knows_host(peer(None, host)) is is_known


def test_a_name_is_nobodys_business_where_tokens_are_needed() -> None:
    """The page of another site has none."""
    assert Origins().knows_host(peer(None, "rebound.example"))
