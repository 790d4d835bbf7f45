"""Tokens say who somebody is, as Centrifugo reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import CommandError, Disconnect
from realtime.gateway.access import Access, Identity

SECRET = "a secret of more than 32 characters"
NOW = 1_800_000_000.0


def token(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    """Sign a token."""
    return jwt.encode(claims, secret, algorithm=algorithm)


def code_of(call: Callable[[], object]) -> int:
    """Return the code something is refused with."""
    with pytest.raises((CommandError, Disconnect)) as refused:
        call()
    assert isinstance(refused.value, CommandError | Disconnect)
    return refused.value.code


def test_without_a_secret_everybody_is_nobody_in_particular() -> None:
    """Whatever they bring."""
    access = Access(secret=None)
    assert access.is_open
    assert access.identify("rubbish", now=NOW) == Identity()
    assert access.renew("rubbish", user="", now=NOW) is None


def test_a_valid_token_says_who_it_is() -> None:
    """sub, exp, info, channels, roles."""
    access = Access(secret=SECRET)
    made = token(sub="ann", exp=NOW + 60, info={"name": "Ann"}, channels=["users"], roles=["admin"], extra=1)
    assert access.identify(made, now=NOW) == Identity(
        user="ann", info=b'{"name":"Ann"}', expires_at=NOW + 60, channels=("users",), roles=("admin",)
    )
    assert access.identify(token(sub="ann", info=None), now=NOW) == Identity(user="ann")


def test_an_expired_token_asks_for_another() -> None:
    """109 at connect, 3005 at refresh."""
    access = Access(secret=SECRET)
    made = token(sub="ann", exp=NOW)
    assert code_of(lambda: access.identify(made, now=NOW)) == 109
    assert code_of(lambda: access.renew(made, user="ann", now=NOW)) == 3005


@pytest.mark.parametrize(
    "made",
    [
        "rubbish",
        "a.b.c",
        "é",
        token("another secret of more than 32 chars", sub="ann"),
        token(algorithm="HS512", secret=SECRET * 2, sub="ann"),
        jwt.encode({"sub": "ann"}, "", algorithm="none"),
        token(sub="ann", nbf=NOW + 10),
        token(sub="ann", exp="tomorrow"),
        token(sub="ann", channels="users"),
    ],
)
def test_an_invalid_token_ends_the_connection(made: str) -> None:
    """3500: don't come back with it."""
    access = Access(secret=SECRET)
    assert code_of(lambda: access.identify(made, now=NOW)) == 3500
    assert code_of(lambda: access.renew(made, user="ann", now=NOW)) == 3500


def test_no_token_is_a_guest_unless_one_is_required() -> None:
    """3500 then."""
    assert Access(secret=SECRET).identify("", now=NOW) == Identity()
    assert code_of(lambda: Access(secret=SECRET, require_token=True).identify("", now=NOW)) == 3500


def test_a_connection_is_prolonged_by_its_own_users_token_only() -> None:
    """Somebody else's is invalid."""
    access = Access(secret=SECRET)
    made = token(sub="ann", exp=NOW + 9)
    assert access.renew(made, user="ann", now=NOW) == NOW + 9
    assert access.renew(token(sub="ann"), user="ann", now=NOW) is None
    assert code_of(lambda: access.renew(made, user="bob", now=NOW)) == 3500


@given(st.dictionaries(st.sampled_from(["sub", "exp", "nbf", "info", "channels", "roles"]), st.none() | st.text()))
def test_no_claims_crash_it(claims: dict[str, Any]) -> None:
    """They are read or refused."""
    try:
        made = token(**claims)
    except (TypeError, jwt.PyJWTError):
        return
    try:
        assert isinstance(Access(secret=SECRET).identify(made, now=NOW), Identity)
    except (CommandError, Disconnect) as refused:
        assert refused.code in (109, 3500)
