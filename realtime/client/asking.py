"""Asks a gateway one question over HTTP, now and then. For a conversation see `loading`.

Threads: any.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from functools import cache
from typing import Final
from urllib.parse import urlsplit

import httpx

_NEAR: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def ask(
    base_url: str, path: str, *, params: Mapping[str, str | int], headers: Mapping[str, str], timeout_s: float
) -> httpx.Response:
    """Return the answer to one GET. Raises httpx.HTTPError."""
    # A proxy meant for the world is of no use on this machine.
    is_far = urlsplit(base_url).hostname not in _NEAR
    return httpx.get(
        f"{base_url}{path}",
        params=dict(params),
        headers=dict(headers),
        timeout=timeout_s,
        trust_env=is_far,
        verify=_certificates() if base_url.startswith("https:") else False,
    )


@cache
def _certificates() -> ssl.SSLContext:
    """Read the certificates once: that takes tens of milliseconds in which no other thread gets the interpreter."""
    return httpx.create_ssl_context()
