"""Makes tokens and keys for the tests of who is let in: good ones, and every kind of bad one."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

SECRET = "a secret of more than 32 characters"
AUDIENCE = "tideboard"
ISSUER = "https://id.example"


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """Sign a token with a secret."""
    return jwt.encode(claims, secret, algorithm=algorithm)


@cache
def rsa_key(name: str = "provider") -> rsa.RSAPrivateKey:
    """Make a provider's key, one for each name."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def ec_key(name: str = "provider") -> ec.EllipticCurvePrivateKey:
    """Make a provider's key, one for each name."""
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Write the public half of a key as a file would hold it."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def key_set(**keys: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    """Write the public halves as a provider publishes them, named by their `kid`."""
    rows: list[Mapping[str, Any]] = []
    for kid, key in keys.items():
        public = key.public_key()
        row = (
            RSAAlgorithm.to_jwk(public, as_dict=True)
            if isinstance(public, rsa.RSAPublicKey)
            else ECAlgorithm.to_jwk(public, as_dict=True)
        )
        rows.append({**row, "kid": kid, "use": "sig"})
    return json.dumps({"keys": rows}).encode()


def by_rsa(key: rsa.RSAPrivateKey | None = None, *, kid: str | None = None, **claims: Any) -> str:
    """Sign a token as a provider with an RSA key does."""
    return jwt.encode(claims, key or rsa_key(), algorithm="RS256", headers=None if kid is None else {"kid": kid})


def by_ec(key: ec.EllipticCurvePrivateKey | None = None, *, kid: str | None = None, **claims: Any) -> str:
    """Sign a token as a provider with an elliptic curve's key does."""
    return jwt.encode(claims, key or ec_key(), algorithm="ES256", headers=None if kid is None else {"kid": kid})


def unsigned(**claims: Any) -> str:
    """Make a token of the algorithm `none`."""
    return jwt.encode(claims, "", algorithm="none")


def forged(public: bytes, **claims: Any) -> str:
    """Sign with a public key as if it were a secret, which a library that trusts the header would take."""
    header = _encoded(json.dumps({"alg": "HS256", "typ": "JWT"}).encode())
    signed = header + b"." + _encoded(json.dumps(claims).encode())
    return (signed + b"." + _encoded(hmac.new(public, signed, hashlib.sha256).digest())).decode()


def raw(payload: bytes, secret: str = SECRET) -> str:
    """Sign anything at all, JSON or not."""
    return jwt.PyJWS().encode(payload, secret, algorithm="HS256")


def _encoded(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
