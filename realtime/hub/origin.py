"""Tells a page of ours from a page of somebody else's, by the browser's `Origin`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"http": 80, "https": 443, "ws": 80, "wss": 443}


def is_own_origin(headers: Mapping[str, str]) -> bool:
    """Tell whether a request may come from where it says. `headers` have lower-case names.

    Anything without `Origin` isn't a browser's cross-site request and passes; otherwise the origin's host and port
    have to be those of `Host` (RFC 6455 section 10.2, OWASP "Verifying Origin").
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        parts = urlsplit(origin)
        host = urlsplit("//" + headers.get("host", ""))
        default = _PORTS.get(parts.scheme)
        return (
            default is not None
            and parts.hostname is not None
            and (parts.hostname, parts.port or default) == (host.hostname, host.port or default)
        )
    except ValueError:  # a port that isn't a number
        return False
