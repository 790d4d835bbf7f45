"""Says who is at the other end of a connection: address, host, scheme. Believes only the proxies named. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

from realtime.hub.ports import Peer

REAL_CLIENT: Final = "tideboard.client"
"""Where a scope keeps who really connected, when the server has put what a header claims in its place."""
_MOST_HOPS: Final = 32
_REMEMBERED: Final = 4_096  # addresses are read again at every request, and that is dear
_NETWORK_BITS: Final = 64  # one IPv6 customer has at least this much, so counting single addresses would count nothing


class Proxies:
    """The proxies whose X-Forwarded-* headers are believed: addresses and networks, comma-separated."""

    def __init__(self, text: str = "") -> None:
        """Read the list. Raises ValueError for what isn't an address or a network."""
        self._networks = tuple(ip_network(part.strip(), strict=False) for part in text.split(",") if part.strip())

    def __contains__(self, address: str) -> bool:
        """Tell whether an address is one of them."""
        if not self._networks:
            return False
        found = _parsed(address)
        return found is not None and any(found in network for network in self._networks)

    def peer_of(self, scope: Mapping[str, Any]) -> Peer:
        """Read an ASGI scope: who asks, and for which host and scheme they asked."""
        headers = _headers(scope)
        client = scope.get(REAL_CLIENT) or scope.get("client") or ("", 0)
        address = _plain(str(client[0]))
        scheme = "https" if scope.get("scheme") in ("https", "wss") else ""
        host = headers.get("host", "")
        if address in self:
            address = self._origin_of(headers.get("x-forwarded-for", ""), otherwise=address)
            forwarded_scheme = _last(headers.get("x-forwarded-proto", "")).lower()
            scheme = forwarded_scheme if forwarded_scheme in ("http", "https") else scheme
            host = _last(headers.get("x-forwarded-host", "")) or host
        return Peer(address=address, host=host, scheme=scheme, headers=headers)

    def _origin_of(self, chain: str, *, otherwise: str) -> str:
        """Walk the chain of X-Forwarded-For from our end as far as it was written by proxies we know."""
        found = otherwise
        for part in reversed(chain.split(",")[-_MOST_HOPS:]):
            address = _plain(_without_port(part.strip()))
            if _parsed(address) is None:
                break
            found = address
            if address not in self:
                break
        return found


@lru_cache(_REMEMBERED)
def network_of(address: str) -> str:
    """Return what is counted for an address: itself, or of IPv6 the network that one customer has."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        return str(ip_network((found, _NETWORK_BITS), strict=False))
    return address or "unknown"


def _headers(scope: Mapping[str, Any]) -> dict[str, str]:
    """Take the headers by lower-case name; lists (RFC 9110, section 5.3) come as one, anything else as the first."""
    found: dict[str, str] = {}
    raw: Iterable[tuple[bytes, bytes]] = scope.get("headers", ())
    for raw_name, raw_value in raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        if name not in found:
            found[name] = value
        elif name.startswith("x-forwarded-"):
            found[name] += "," + value
    return found


def _last(values: str) -> str:
    """Return the part that the proxy next to us has written."""
    return values.rpartition(",")[2].strip()


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


@lru_cache(_REMEMBERED)
def _plain(address: str) -> str:
    """Write an address in one way: an IPv4 one that came over an IPv6 socket is an IPv4 one."""
    found = _parsed(address)
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or found)
    return address if found is None else str(found)


@lru_cache(_REMEMBERED)
def _parsed(address: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(address.partition("%")[0])
    except ValueError:
        return None
