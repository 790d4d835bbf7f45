"""Says which gateway a command talks to, and with which key: options shared by `send` and `tail`."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit, urlunsplit

import click

from realtime.config import Settings, load_settings

DEFAULT_URL: Final = "http://127.0.0.1:8501"
_SOCKET_PATH: Final = "/connection/websocket"
_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Address:
    """A gateway and how to be let in."""

    url: str
    api_key: str | None
    token: str | None

    @property
    def socket_url(self) -> str:
        """Return where the Centrifuge protocol is spoken."""
        parts = urlsplit(self.url)
        scheme = {"https": "wss", "wss": "wss"}.get(parts.scheme, "ws")
        return urlunsplit((scheme, parts.netloc, parts.path.rstrip("/") + _SOCKET_PATH, "", ""))

    def headers(self) -> dict[str, str]:
        """Return the headers that let a request in."""
        found = {} if self.api_key is None else {"X-API-Key": self.api_key}
        return found if self.token is None else {**found, "Authorization": f"Bearer {self.token}"}


def address_options(command: _F) -> _F:
    """Add --url and --token to a command."""
    url = click.option(
        "--url",
        metavar="URL",
        help=f"Address of a gateway, or of an app with one in it.  [default: setting gateway_url, or {DEFAULT_URL}]",
    )
    token = click.option(
        "--token",
        metavar="JWT",
        help="Token to come in with.  [default: setting gateway_token, which no list of processes shows]",
    )
    return url(token(command))


def address_of(url: str | None, token: str | None) -> Address:
    """Complete what was given by the settings of this folder and environment. Raises ConfigError, BadParameter."""
    settings = current_settings()
    chosen = url or settings.gateway_url or DEFAULT_URL
    try:
        is_address = urlsplit(chosen).scheme in ("http", "https") and bool(urlsplit(chosen).hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise click.BadParameter(f"{chosen!r} isn't an address such as {DEFAULT_URL}.", param_hint="--url")
    return Address(chosen.rstrip("/"), settings.api_key, token or settings.gateway_token)


def current_settings() -> Settings:
    """Read the settings of this folder and environment. Raises ConfigError."""
    return load_settings(cwd=Path.cwd(), environ=os.environ)
