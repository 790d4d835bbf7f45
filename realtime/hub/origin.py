"""Tells a page of ours from a page of somebody else's, by the browser's `Origin` and the `Host` it asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from realtime.hub.ports import Peer

_REMEMBERED: Final = 1_024  # the few names a server is asked by are looked at again at every request
_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


class Origins:
    """The origins whose pages may use sockets and API: our own, and those named."""

    def __init__(self, allowed: str = "", *, is_open: bool = False) -> None:
        """Read the list: `scheme://host[:port]`, comma-separated. `is_open`: whoever gets here may do everything.

        Raises ValueError for what isn't an origin.
        """
        self._allowed = frozenset(origin_in(part) for part in allowed.split(",") if part.strip())
        self._hosts = frozenset(host for _, host, _ in self._allowed)
        self._is_open = is_open

    def names(self) -> Iterable[str]:
        """Write the origins named, as browsers do."""
        return sorted(_written(one) for one in self._allowed)

    def allows(self, peer: Peer) -> bool:
        """Tell whether a request may come from where it says (RFC 6455 section 10.2, OWASP "Verifying Origin").

        Anything without `Origin` isn't a browser's cross-site request and passes; otherwise it has to be one that is
        named, or its host and port have to be those asked for, and its scheme, where we know ours.
        """
        return "origin" not in peer.headers or self.is_named(peer) or _is_same(peer.headers["origin"], peer)

    def is_named(self, peer: Peer) -> bool:
        """Tell whether a request's origin is one of those named."""
        try:
            return origin_in(peer.headers.get("origin", "")) in self._allowed
        except ValueError:
            return False

    def knows_host(self, peer: Peer) -> bool:
        """Tell whether a request asks for a host that is ours.

        Where everybody may do everything, the one thing that keeps a page of another site out is its origin. A site
        can let its own name lead to this machine ("DNS rebinding"), and then its pages have ours. So there a public
        name has to be one that is named; an address, or a name of this network alone, can't be borrowed.
        """
        if not self._is_open:
            return True
        name = _name_in(peer.host)
        return name is not None and (_is_unborrowable(name) or name in self._hosts)


def origin_in(text: str) -> tuple[str, str, int]:
    """Read an origin: scheme, host, port. Raises ValueError for anything else, `null` and wildcards included."""
    parts = urlsplit(text.strip().lower())
    if parts.scheme not in ("http", "https") or not parts.hostname or "*" in parts.hostname:
        raise ValueError(f"{text!r} isn't an origin such as https://board.example")
    if parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{text!r} has more than scheme, host and port")
    return parts.scheme, parts.hostname, parts.port or _PORTS[parts.scheme]


def _written(origin: tuple[str, str, int]) -> str:
    scheme, host, port = origin
    named = f"[{host}]" if ":" in host else host
    return f"{scheme}://{named}" + ("" if port == _PORTS[scheme] else f":{port}")


def _is_same(origin: str, peer: Peer) -> bool:
    try:
        parts = urlsplit(origin)
        host = urlsplit("//" + peer.host)
        default = _PORTS.get(parts.scheme)
        return (
            default is not None
            and parts.hostname is not None
            and peer.scheme in ("", parts.scheme)
            and (parts.hostname, parts.port or default) == (host.hostname, host.port or default)
        )
    except ValueError:  # a port that isn't a number
        return False


@lru_cache(_REMEMBERED)
def _name_in(host: str) -> str | None:
    """Return the name in a Host header; None for what can't be read."""
    try:
        return urlsplit("//" + host).hostname or ""
    except ValueError:
        return None


@lru_cache(_REMEMBERED)
def _is_unborrowable(name: str) -> bool:
    """Tell whether no site on the internet can have this name: it is an address, or has no dot."""
    if "." not in name or name.endswith(".localhost"):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
