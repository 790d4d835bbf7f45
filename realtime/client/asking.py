"""Asks a gateway one question over HTTP, now and then. For a conversation see `loading`.

Threads: any.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx


def ask(
    base_url: str, path: str, *, params: Mapping[str, str | int], headers: Mapping[str, str], timeout_s: float
) -> httpx.Response:
    """Return the answer to one GET. Raises httpx.HTTPError."""
    return _request("GET", base_url, path, headers=headers, timeout_s=timeout_s, params=dict(params))


def put(base_url: str, path: str, *, content: Any, headers: Mapping[str, str], timeout_s: float) -> httpx.Response:
    """Return the answer to one PUT of a JSON value. Raises httpx.HTTPError."""
    return _request("PUT", base_url, path, headers=headers, timeout_s=timeout_s, json=content)


def post(base_url: str, path: str, *, content: Any, headers: Mapping[str, str], timeout_s: float) -> httpx.Response:
    """Return the answer to one POST of a JSON value. Raises httpx.HTTPError."""
    return _request("POST", base_url, path, headers=headers, timeout_s=timeout_s, json=content)


def _request(
    method: str, base_url: str, path: str, *, headers: Mapping[str, str], timeout_s: float, **more: Any
) -> httpx.Response:
    return httpx.request(
        method,
        f"{base_url}{path}",
        headers=dict(headers),
        timeout=timeout_s,
        trust_env=is_far(base_url),
        verify=_certificates() if base_url.startswith("https:") else False,
        **more,
    )


def is_far(base_url: str) -> bool:
    """Tell whether an address is on another machine: a proxy meant for the world is of no use on this one."""
    host = urlsplit(base_url).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host != "localhost"


@cache
def _certificates() -> ssl.SSLContext:
    """Read the certificates once: that takes tens of milliseconds in which no other thread gets the interpreter."""
    return httpx.create_ssl_context()
