"""Who stands at the other end: the proxies named are believed, and nobody else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.hub.peers import REAL_CLIENT, Proxies, network_of


def scope(client: str, *, headers: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    """Make an ASGI scope."""
    raw = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
    return {"client": (client, 1234), "scheme": "http", "headers": raw} | more


FORWARDED = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "board.example",
    "host": "inner:8501",
}


def test_a_proxy_that_is_named_is_believed() -> None:
    """Who, by which scheme, for which host."""
    peer = Proxies("10.0.0.0/8").peer_of(scope("10.1.2.3", headers=FORWARDED))
    assert (peer.address, peer.scheme, peer.host) == ("203.0.113.9", "https", "board.example")


@pytest.mark.parametrize("proxies", ["", "192.168.0.1", "fe80::/10"])
def test_nobody_else_is_believed(proxies: str) -> None:
    """Whoever claims to be a proxy is counted as who they are."""
    peer = Proxies(proxies).peer_of(scope("10.1.2.3", headers=FORWARDED))
    assert (peer.address, peer.scheme, peer.host) == ("10.1.2.3", "", "inner:8501")


@pytest.mark.parametrize(
    ("chain", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("6.6.6.6, 203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("203.0.113.9:5555", "203.0.113.9"),
        ("[2001:db8::1]:5555", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("nonsense", "10.0.0.1"),
        ("6.6.6.6, nonsense", "10.0.0.1"),
        ("", "10.0.0.1"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ],
)
def test_only_what_known_proxies_wrote_of_the_chain_counts(chain: str, address: str) -> None:
    """What stands further left was written by whoever asked."""
    assert Proxies("10.0.0.0/8").peer_of(scope("10.0.0.1", headers={"x-forwarded-for": chain})).address == address


def test_what_the_server_put_in_place_of_the_client_is_undone() -> None:
    """uvicorn believes whoever is on this machine; we don't, unless told."""
    claimed = scope("203.0.113.9", headers=FORWARDED, **{REAL_CLIENT: ("127.0.0.1", 5)})
    assert Proxies().peer_of(claimed).address == "127.0.0.1"
    assert Proxies("127.0.0.1").peer_of(claimed).address == "203.0.113.9"


def test_repeated_headers_are_one_chain() -> None:
    """As RFC 9110 says of lists; of anything else the first counts."""
    raw = [(b"x-forwarded-for", b"6.6.6.6"), (b"X-Forwarded-For", b"203.0.113.9"), (b"host", b"a"), (b"host", b"b")]
    peer = Proxies("10.0.0.1").peer_of({"client": ("10.0.0.1", 1), "headers": raw})
    assert (peer.address, peer.host) == ("203.0.113.9", "a")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("testclient", "testclient"),
    ],
)
def test_addresses_are_counted_by_who_can_have_many(address: str, network: str) -> None:
    """Of IPv6, one customer has a whole network."""
    assert network_of(address) == network


def test_an_ipv4_address_is_the_same_over_an_ipv6_socket() -> None:
    """Else everybody would be two."""
    assert Proxies("10.0.0.1").peer_of(scope("::ffff:10.0.0.1", headers=FORWARDED)).address == "203.0.113.9"


@given(st.text(max_size=60), st.binary(max_size=40))
def test_no_header_raises(text: str, raw: bytes) -> None:
    """Whatever anybody writes."""
    headers = [(name, raw) for name in (b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"host")]
    Proxies("10.0.0.1").peer_of({"client": ("10.0.0.1", 1), "headers": headers})
    network_of(text)
