"""Tokens say who somebody is, as Centrifugo reads them; anything else is refused with the protocol's code."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.config import Settings
from realtime.errors import CommandError, Disconnect, StartError
from realtime.gateway.access import LEEWAY_S, Access, Identity, is_barred_by
from realtime.gateway.keys import AGAIN_AFTER_S, MAX_AGE_S, FixedKey, Jwks, Keys
from realtime.gateway.revocations import Bar
from realtime.gateway.revocations_file import RevocationFile
from tests.gateway.tokens import (
    AUDIENCE,
    ISSUER,
    SECRET,
    by_ec,
    by_rsa,
    ec_key,
    forged,
    key_set,
    pem,
    raw,
    rsa_key,
    token,
    unsigned,
)

NOW = 1_800_000_000.0
ANN = Identity(user="ann")
PUBLIC = pem(rsa_key())


def code_of(call: Callable[[], object]) -> int:
    """Return the code something is refused with."""
    with pytest.raises((CommandError, Disconnect)) as refused:
        call()
    assert isinstance(refused.value, CommandError | Disconnect)
    return refused.value.code


@pytest.fixture
def bars(tmp_path: Path) -> Iterator[RevocationFile]:
    """Open an empty list of revocations."""
    opened = RevocationFile.open(tmp_path / "access.db", now=lambda: NOW)
    yield opened
    opened.close()


@pytest.fixture
def provided(tmp_path: Path) -> Access:
    """Trust our secret and a provider's RSA key; require an audience and an issuer."""
    (tmp_path / "key.pem").write_bytes(PUBLIC)
    keys = Keys(secret=SECRET, provider=FixedKey.read(tmp_path / "key.pem"))
    return Access(
        secret=SECRET, keys=keys, require_token=True, audience=AUDIENCE, issuer=ISSUER, roles_claim="realm.roles"
    )


def test_without_a_secret_everybody_is_nobody_in_particular() -> None:
    """Whatever they bring."""
    access = Access(secret=None)
    assert access.is_open
    assert access.identify("rubbish", now=NOW) == Identity()
    assert access.renew("rubbish", of=Identity(), now=NOW) == Identity()


def test_a_valid_token_says_who_it_is() -> None:
    """sub, exp, info, channels, roles, collections, jti, iat."""
    access = Access(secret=SECRET)
    made = token(
        sub="ann", exp=NOW + 60, iat=NOW, info={"name": "Ann"}, channels=["users"], roles=["admin"], extra=1, jti="t1",
        collections=["orders*"],
    )  # fmt: skip
    assert access.identify(made, now=NOW) == Identity(
        user="ann", info=b'{"name":"Ann"}', expires_at=NOW + 60, channels=("users",), roles=("admin",), token="t1",
        issued_at=NOW, collections=("orders*",),
    )  # fmt: skip
    nameless = access.identify(token(sub="ann", info=None), now=NOW)
    assert nameless.token.startswith("sha256:")
    assert replace(nameless, token="") == ANN


def test_an_expired_token_asks_for_another() -> None:
    """109 at connect, 3005 at refresh; no leeway makes it live longer."""
    access = Access(secret=SECRET)
    made = token(sub="ann", exp=NOW)
    assert code_of(lambda: access.identify(made, now=NOW)) == 109
    assert code_of(lambda: access.renew(made, of=ANN, now=NOW)) == 3005


GOOD: dict[str, Any] = {"sub": "ann", "aud": AUDIENCE, "iss": ISSUER}
BAD = {
    "garbage": "rubbish",
    "three parts of garbage": "a.b.c",
    "not ascii": "é",
    "wrong key": token("another secret of more than 32 chars", **GOOD),
    "another HMAC": token(algorithm="HS512", secret=SECRET * 2, **GOOD),
    "alg none": unsigned(**GOOD),
    "alg none, capitals": unsigned(**GOOD).replace("eyJhbGciOiJub25lIi", "eyJhbGciOiJOb25lIi", 1),
    "a public key as a secret": forged(PUBLIC, **GOOD),
    "another RSA key": by_rsa(rsa_key("stranger"), **GOOD),
    "a key of another type": by_ec(**GOOD),
    "RS512": jwt.encode(GOOD, rsa_key(), algorithm="RS512"),
    "a key it brings along": jwt.encode(GOOD, rsa_key("stranger"), algorithm="RS256", headers={"jku": "http://x/"}),
    "not begun": token(nbf=NOW + LEEWAY_S + 1, **GOOD),
    "issued in the future": token(iat=NOW + LEEWAY_S + 1, **GOOD),
    "wrong audience": token(**(GOOD | {"aud": "another"})),
    "no audience": token(sub="ann", iss=ISSUER),
    "wrong issuer": by_rsa(**(GOOD | {"iss": "https://evil.example"})),
    "exp isn't a time": token(exp="tomorrow", **GOOD),
    "exp isn't a number": raw(b'{"sub":"ann","aud":"tideboard","iss":"https://id.example","exp":NaN}'),
    "exp is endless": raw(b'{"sub":"ann","aud":"tideboard","iss":"https://id.example","exp":1e400}'),
    "channels is no list": token(channels="users", **GOOD),
    "roles is no list": token(roles={"admin": True}, **GOOD),
    "sub is no text": raw(b'{"sub":7,"aud":"tideboard","iss":"https://id.example"}'),
    "not JSON": raw(b"rubbish"),
    "not an object": raw(b"[]"),
    "not UTF-8": raw(b'{"sub":"\xff"}'),
    "nested deeply": raw(b'{"sub":"ann","info":' + b"[" * 3000 + b"]" * 3000 + b"}"),
    "huge": token(pad="x" * 20_000, **GOOD),
    "a signature cut off": token(**GOOD).rpartition(".")[0] + ".",
}


@pytest.mark.parametrize("name", BAD)
def test_an_invalid_token_ends_the_connection(provided: Access, name: str) -> None:
    """3500, don't come back with it; at connect and at refresh."""
    assert code_of(lambda: provided.identify(BAD[name], now=NOW)) == 3500
    assert code_of(lambda: provided.renew(BAD[name], of=ANN, now=NOW)) == 3500


def test_a_providers_token_is_taken_with_the_roles_of_the_configured_claim(provided: Access) -> None:
    """But nobody else makes a process one of ours: the role `app` is only what our own secret signed."""
    made = by_rsa(realm={"roles": ["admin", "app"]}, roles=["reader"], **(GOOD | {"aud": ["other", AUDIENCE]}))
    identity = provided.identify(made, now=NOW)
    assert (identity.user, identity.roles, identity.is_app) == ("ann", ("admin",), False)
    assert provided.identify(token(roles=["app"], **GOOD), now=NOW).is_app


def test_a_clock_that_is_a_little_ahead_does_no_harm(provided: Access) -> None:
    """What begins in a moment has begun."""
    made = by_rsa(nbf=NOW + LEEWAY_S, iat=NOW + LEEWAY_S, **GOOD)
    assert provided.identify(made, now=NOW).user == "ann"


def test_no_token_is_a_guest_unless_one_is_required() -> None:
    """3500 then. One that is brought is checked either way."""
    assert Access(secret=SECRET).identify("", now=NOW) == Identity()
    assert code_of(lambda: Access(secret=SECRET, require_token=True).identify("", now=NOW)) == 3500
    assert code_of(lambda: Access(secret=SECRET).identify("rubbish", now=NOW)) == 3500


def test_a_connection_is_prolonged_by_its_own_users_token_only() -> None:
    """Somebody else's is invalid; what the new one says counts from now on."""
    access = Access(secret=SECRET)
    renewed = access.renew(token(sub="ann", exp=NOW + 9, roles=["reader"]), of=ANN, now=NOW)
    assert (renewed.expires_at, renewed.roles) == (NOW + 9, ("reader",))
    assert access.renew(token(sub="ann"), of=ANN, now=NOW).expires_at is None
    assert code_of(lambda: access.renew(token(sub="ann", jti="x"), of=Identity(user="bob"), now=NOW)) == 3500


def test_a_replayed_refresh_is_refused() -> None:
    """On the same connection, on another one, and the token that the connection came with; but connecting goes on."""
    access = Access(secret=SECRET)
    first, second = token(sub="ann", jti="1", exp=NOW + 60), token(sub="ann", jti="2", exp=NOW + 90)
    one = access.identify(first, now=NOW)
    other = access.identify(first, now=NOW)
    assert code_of(lambda: access.renew(first, of=one, now=NOW)) == 3500
    one = access.renew(second, of=one, now=NOW)
    assert code_of(lambda: access.renew(second, of=one, now=NOW)) == 3500
    assert code_of(lambda: access.renew(second, of=other, now=NOW)) == 3500
    assert access.identify(second, now=NOW).user == "ann"


def test_what_is_revoked_or_blocked_is_refused(bars: RevocationFile) -> None:
    """A token by its id, with or without a jti; all of a user's so far; a user altogether."""
    access = Access(secret=SECRET, revocations=bars)
    named, plain = token(sub="ann", jti="t1"), token(sub="ann", pad=1)
    old, new = token(sub="bob", iat=NOW), token(sub="bob", iat=NOW + 1)
    plain_id = access.identify(plain, now=NOW).token

    async def put_out() -> None:
        await bars.bar("token", "t1")
        await bars.bar("token", plain_id)
        await bars.bar("user", "bob")
        await bars.bar("block", "carl")

    asyncio.run(put_out())
    assert code_of(lambda: access.identify(named, now=NOW)) == 3500
    assert code_of(lambda: access.identify(plain, now=NOW)) == 3500
    header, payload, signature = plain.split(".")
    assert code_of(lambda: access.identify(f"{header}.{payload}.{_respelt(signature)}", now=NOW)) == 3500
    assert code_of(lambda: access.renew(named, of=ANN, now=NOW)) == 3500
    assert code_of(lambda: access.identify(old, now=NOW)) == 3500
    assert code_of(lambda: access.identify(token(sub="bob"), now=NOW)) == 3500
    assert access.identify(new, now=NOW).user == "bob"
    assert code_of(lambda: access.identify(token(sub="carl", iat=NOW + 1), now=NOW)) == 3507
    asyncio.run(bars.lift("block", "carl"))
    assert access.identify(token(sub="carl"), now=NOW).user == "carl"


def _respelt(signature: str) -> str:
    """Write the same signature differently: the last letter's low bits carry nothing."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signature[:-1] + letters[letters.index(signature[-1]) ^ 1]


def test_a_bar_names_connections() -> None:
    """Those of the token, or of the user; guests have neither."""
    ann = Identity(user="ann", token="t1")
    assert is_barred_by(ann, Bar("token", "t1", 0))
    assert is_barred_by(ann, Bar("user", "ann", 0))
    assert is_barred_by(ann, Bar("block", "ann", 0))
    assert not is_barred_by(ann, Bar("token", "ann", 0))
    assert not is_barred_by(Identity(), Bar("block", "", 0))


class Provider:
    """A provider's key set, which may change, or be away."""

    def __init__(self) -> None:
        self.body: bytes | None = key_set(a=rsa_key(), b=ec_key())
        self.fetched = 0
        self.now = 0.0

    def fetch(self, url: str) -> bytes:
        """Answer the set."""
        self.fetched += 1
        if self.body is None:
            raise httpx.ConnectError("nothing listens there")
        return self.body


def test_a_providers_keys_are_fetched_when_a_token_needs_them() -> None:
    """Again when it names a new one or they have grown old, but not for every stranger; and kept while it is away."""
    provider = Provider()
    jwks = Jwks("https://id.example/keys", steady=lambda: provider.now, fetch=provider.fetch)
    access = Access(secret=SECRET, keys=Keys(secret=SECRET, provider=jwks))

    def identify(made: str) -> str:
        asyncio.run(access.prepare(made))
        return access.identify(made, now=NOW).user

    assert code_of(lambda: access.identify(by_rsa(kid="a", sub="ann"), now=NOW)) == 3500
    asyncio.run(access.prepare(token(sub="ann")))
    assert provider.fetched == 0, "our own tokens need nobody"
    assert identify(by_rsa(kid="a", sub="ann")) == "ann"
    assert identify(by_ec(kid="b", sub="ann")) == "ann"
    assert identify(by_ec(sub="ann")) == "ann"
    assert code_of(lambda: identify(by_ec(kid="a", sub="ann"))) == 3500
    provider.body = key_set(c=rsa_key("next"))
    assert code_of(lambda: identify(by_rsa(rsa_key("next"), kid="c", sub="ann"))) == 3500
    assert provider.fetched == 1
    provider.now = AGAIN_AFTER_S
    assert identify(by_rsa(rsa_key("next"), kid="c", sub="ann")) == "ann"
    assert code_of(lambda: identify(by_rsa(kid="a", sub="ann"))) == 3500, "it was withdrawn"
    provider.body = None
    provider.now += MAX_AGE_S
    assert identify(by_rsa(rsa_key("next"), kid="c", sub="ann")) == "ann"
    assert provider.fetched == 3


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"keys": 1}', b'{"keys": [1, {"kty": "RSA"}, {"kty": "oct", "k": "AA"}]}']
)
def test_a_key_set_that_makes_no_sense_lets_nobody_in(body: bytes) -> None:
    """It is told in the log, and nothing more."""
    jwks = Jwks("https://id.example/keys", steady=lambda: 0.0, fetch=lambda _: body)
    asyncio.run(jwks.prepare("a"))
    assert jwks.find("RS256", None) == []


@pytest.mark.parametrize("content", [b"", b"rubbish", PUBLIC.replace(b"M", b"N")])
def test_a_public_key_that_cant_be_used_stops_the_start(tmp_path: Path, content: bytes) -> None:
    """With a sentence that names the file."""
    (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(StartError, match=r"key\.pem"):
        FixedKey.read(tmp_path / "key.pem")
    with pytest.raises(StartError, match="can't be read"):
        FixedKey.read(tmp_path / "nowhere.pem")


def test_settings_say_whether_tokens_are_required(bars: RevocationFile) -> None:
    """As soon as there is anything to tell friends by."""

    def is_open(**settings: Any) -> bool:
        return Access.of(Settings(**settings), secret=SECRET, revocations=bars, steady=lambda: 0.0).is_open

    assert is_open()
    assert not is_open(secret=SECRET)
    assert not is_open(api_key="12345678")
    assert not is_open(require_token=True)
    assert not is_open(token_jwks_url="https://id.example/keys")


@given(
    st.dictionaries(
        st.sampled_from(["sub", "exp", "nbf", "iat", "jti", "aud", "iss", "info", "channels", "roles", "collections"]),
        st.none()
        | st.text()
        | st.floats()
        | st.integers()
        | st.booleans()
        | st.lists(st.text() | st.integers())
        | st.dictionaries(st.text(), st.integers()),
    )
)
def test_no_claims_crash_it(claims: dict[str, Any]) -> None:
    """They are read or refused; and who is let in isn't expired."""
    try:
        made = token(**claims)
    except (TypeError, jwt.PyJWTError):
        return
    try:
        identity = Access(secret=SECRET).identify(made, now=NOW)
    except (CommandError, Disconnect) as refused:
        assert refused.code in (109, 3500)
    else:
        assert identity.expires_at is None or identity.expires_at > NOW
        assert all(isinstance(role, str) for role in identity.roles)


@given(st.binary())
def test_no_payload_crashes_it(payload: bytes) -> None:
    """Signed by us, and still not to be trusted to make sense."""
    try:
        assert isinstance(Access(secret=SECRET).identify(raw(payload), now=NOW), Identity)
    except (CommandError, Disconnect) as refused:
        assert refused.code in (109, 3500)


@given(st.text())
def test_no_text_crashes_it(text: str) -> None:
    """It is no token."""
    if text:
        assert code_of(lambda: Access(secret=SECRET).identify(text, now=NOW)) == 3500
