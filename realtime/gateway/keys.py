"""Holds the keys that check tokens, and picks the one for a token: by rules of ours, never by what a token suggests.

HS256 is checked with our secret and nothing else, RS256 and ES256 with an identity provider's keys of just that type:
so a public key can't be passed off as a secret, and `none` is no algorithm. Threads: the event loop's only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import httpx
import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from realtime.errors import StartError
from realtime.gateway.tokens import ALGORITHM, MAX_TOKEN_CHARS

PublicKey = RSAPublicKey | EllipticCurvePublicKey
FETCH_TIMEOUT_S: Final = 5.0
MAX_AGE_S: Final = 600.0
AGAIN_AFTER_S: Final = 10.0
_MOST_KEYS: Final = 50
_MOST_BYTES: Final = 262_144
_LEAST_RSA_BITS: Final = 2048
_LOG: Final = logging.getLogger(__name__)
_JWS: Final = jwt.PyJWS()


class ProviderKeys(Protocol):
    """An identity provider's public keys."""

    def find(self, algorithm: str, kid: str | None) -> list[PublicKey]:
        """Return the keys that may have signed such a token."""

    async def prepare(self, kid: str | None) -> None:
        """Get the keys anew if one isn't known, or what is known has grown old; seldom, whoever asks."""


class Keys:
    """What checks signatures."""

    def __init__(self, *, secret: str | None, provider: ProviderKeys | None = None) -> None:
        self._secret = secret
        self._provider = provider

    def check(self, token: str) -> tuple[bytes, bool]:
        """Return what a token signs, and whether it was signed with our own secret. Raises ValueError."""
        algorithm, kid = _header(token)
        if algorithm == ALGORITHM and self._secret is not None:
            return _signed(token, self._secret, algorithm), True
        for key in [] if self._provider is None else self._provider.find(algorithm, kid):
            try:
                return _signed(token, key, algorithm), False
            except ValueError:
                continue
        raise ValueError("no key of ours checks this token")

    async def prepare(self, token: str) -> None:
        """See that the keys are there that a token may need. Raises nothing: what can't be had isn't known."""
        if self._provider is None:
            return
        try:
            algorithm, kid = _header(token)
        except ValueError:
            return
        if algorithm in _KINDS:
            await self._provider.prepare(kid)


class FixedKey:
    """One public key, from a file."""

    def __init__(self, key: PublicKey) -> None:
        self._key = key

    @classmethod
    def read(cls, path: Path) -> FixedKey:
        """Read a PEM file. Raises StartError, one sentence."""
        try:
            key = load_pem_public_key(path.read_bytes())
        except OSError as error:
            raise StartError(f"The public key {path} can't be read ({error.strerror}).") from error
        except ValueError as error:
            raise StartError(f"{path} holds no public key in PEM form (BEGIN PUBLIC KEY).") from error
        if not is_strong(key):
            raise StartError(f"{path} has to hold an RSA key of {_LEAST_RSA_BITS} bits or more, or a P-256 key.")
        return cls(key)  # type: ignore[arg-type]  # is_strong has looked

    def find(self, algorithm: str, kid: str | None) -> list[PublicKey]:  # noqa: ARG002
        """Return it when the algorithm is its own."""
        return [self._key] if isinstance(self._key, _KINDS.get(algorithm, ())) else []

    async def prepare(self, kid: str | None) -> None:
        """Do nothing: there is nothing to get."""


class Jwks:
    """A provider's published key set (RFC 7517), fetched when needed."""

    def __init__(self, url: str, *, steady: Callable[[], float], fetch: Callable[[str], bytes] | None = None) -> None:
        self._url = url
        self._steady = steady
        self._fetch = fetch or fetch_keys
        self._keys: list[tuple[str | None, PublicKey]] = []
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._lock = asyncio.Lock()

    @property
    def is_known(self) -> bool:
        """Tell whether there are keys at all."""
        return bool(self._keys)

    def find(self, algorithm: str, kid: str | None) -> list[PublicKey]:
        """Return the named key if it is of the algorithm's type; a token that names none may be of any."""
        kind = _KINDS.get(algorithm, ())
        return [key for name, key in self._keys if isinstance(key, kind) and (kid is None or name == kid)]

    async def prepare(self, kid: str | None) -> None:
        """Fetch the set when a key isn't in it, or it is old; not more often than once in `AGAIN_AFTER_S`."""
        async with self._lock:
            if self._is_due(kid):
                await self.refresh()

    async def refresh(self) -> None:
        """Fetch the set; the old one stays when that fails."""
        self._tried_at = self._steady()
        try:
            self._keys = _usable(await asyncio.to_thread(self._fetch, self._url))
        except (httpx.HTTPError, ValueError) as error:
            _LOG.warning("The identity provider's keys at %s can't be had: %s", self._url, error)
            return
        self._fetched_at = self._tried_at

    def _is_due(self, kid: str | None) -> bool:
        now = self._steady()
        if self._tried_at is not None and now < self._tried_at + AGAIN_AFTER_S:
            return False
        is_old = self._fetched_at is None or now >= self._fetched_at + MAX_AGE_S
        return is_old or (kid is not None and all(name != kid for name, _ in self._keys))


def is_strong(key: Any) -> bool:
    """Tell whether a public key is of a kind and size that is taken."""
    if isinstance(key, RSAPublicKey):
        return key.key_size >= _LEAST_RSA_BITS
    return isinstance(key, EllipticCurvePublicKey) and key.curve.name == "secp256r1"


def fetch_keys(url: str) -> bytes:
    """Fetch a key set. Raises httpx.HTTPError, ValueError."""
    is_near = urlsplit(url).hostname in ("127.0.0.1", "::1", "localhost")
    with (
        httpx.Client(timeout=FETCH_TIMEOUT_S, trust_env=not is_near) as client,
        client.stream("GET", url, headers={"Accept": "application/json"}) as answer,
    ):
        answer.raise_for_status()
        body = b""
        for part in answer.iter_bytes():
            body += part
            if len(body) > _MOST_BYTES:
                raise ValueError(f"more than {_MOST_BYTES} bytes")
    return body


_KTY: Final[Mapping[str, Callable[[dict[str, Any]], Any]]] = {"RSA": RSAAlgorithm.from_jwk, "EC": ECAlgorithm.from_jwk}
_KINDS: Final[Mapping[str, tuple[type[Any], ...]]] = {"RS256": (RSAPublicKey,), "ES256": (EllipticCurvePublicKey,)}


def _header(token: str) -> tuple[str, str | None]:
    """Return algorithm and key id. Raises ValueError."""
    if len(token) > MAX_TOKEN_CHARS or not token.isascii():
        raise ValueError("too long, or not a token")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, RecursionError) as error:
        raise ValueError("not a token") from error
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not (kid is None or isinstance(kid, str)):
        raise ValueError("not a token")
    return algorithm, kid


def _signed(token: str, key: Any, algorithm: str) -> bytes:
    try:
        payload: bytes = _JWS.decode_complete(token, key, algorithms=[algorithm])["payload"]
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ValueError("the signature isn't right") from error
    return payload


def _usable(body: bytes) -> list[tuple[str | None, PublicKey]]:
    """Read the signing keys of a set; what isn't one, or is too weak, is passed over. Raises ValueError."""
    content = msgspec.json.decode(body)
    rows = content.get("keys") if isinstance(content, dict) else None
    if not isinstance(rows, list):
        raise ValueError("it isn't a key set")
    found: list[tuple[str | None, PublicKey]] = []
    for row in rows[:_MOST_KEYS]:
        if not isinstance(row, dict) or row.get("use", "sig") != "sig":
            continue
        try:
            key = _KTY[row["kty"]](row)
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            continue
        kid = row.get("kid")
        if is_strong(key):
            found.append((kid if isinstance(kid, str) else None, key))
    return found
