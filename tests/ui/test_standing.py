"""Who an identity provider says is at a page, and whether they may be here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.channels import inbox_channel, is_known_channel
from realtime.ui.standing import LONGEST_ID, LONGEST_NAME, Person, TurnedAway, judge, person_id

NOW = 1_800_000_000.0
LIFE_S = 3600.0
ANN: dict[str, Any] = {"sub": "u-1", "email": "Ann@Example.org", "email_verified": True, "name": "Ann", "iat": NOW - 60}


def standing(
    claims: Mapping[str, Any], *, out_at: float = 0.0, blocked: str = "", roles_claim: str = "roles"
) -> Person | TurnedAway:
    """Judge claims; `out_at` is when everybody was sent away."""
    return judge(
        claims, now=NOW, roles_claim=roles_claim, life_s=LIFE_S,
        is_out=lambda _, since: since <= out_at, is_blocked=lambda person, _: person == blocked,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("claims", "identifier"),
    [
        (ANN, "ann@example.org"),
        (ANN | {"email_verified": "true"}, "ann@example.org"),
        (ANN | {"email_verified": False}, "u-1"),
        (ANN | {"email_verified": 1.5}, "u-1"),
        ({"sub": "u-1", "email": "ann@example.org"}, "u-1"),
        ({"sub": "u-1", "provider": "default"}, "u-1"),
        ({"sub": "u-1", "provider": "okta"}, "okta:u-1"),
        (ANN | {"email": ""}, "u-1"),
        ({"email": "ann@example.org"}, None),
        ({"sub": 7}, None),
        ({"sub": ""}, None),
    ],
)
def test_a_person_is_their_verified_address_or_the_providers_id(claims: dict[str, Any], identifier: str | None) -> None:
    """An address that nobody has verified is anybody's to claim."""
    assert person_id(claims) == identifier


def test_a_persons_name_is_the_best_there_is() -> None:
    """name, preferred_username, the address, else the id."""
    assert standing(ANN) == Person("ann@example.org", "Ann")
    assert standing(ANN | {"name": " ", "preferred_username": "ann"}) == Person("ann@example.org", "ann")
    assert standing({"sub": "u-1", "iat": NOW}) == Person("u-1", "u-1")


def test_roles_come_from_the_configured_claim_but_never_ours() -> None:
    """A path leads inside; a text is one role; what can't be read lets nobody in, for fewer roles may mean more."""
    inside = ANN | {"realm": {"roles": ["admin", "app"]}}
    assert standing(inside, roles_claim="realm.roles") == Person("ann@example.org", "Ann", frozenset({"admin"}))
    assert standing(ANN | {"roles": "reader"}) == Person("ann@example.org", "Ann", frozenset({"reader"}))
    for bad in (7, {"admin": True}, ["admin", 7], [["admin"]]):
        turned = standing(ANN | {"roles": bad})
        assert isinstance(turned, TurnedAway)
        assert "roles" in turned.reason
        assert not turned.is_stale


@pytest.mark.parametrize("iat", [NOW - LIFE_S, NOW + 61, None, "now", True])
def test_a_sign_in_is_good_for_so_long(iat: Any) -> None:
    """One that doesn't say when it was counts as long ago; one from the future as none. Signing in again helps."""
    turned = standing(ANN | {"iat": iat})
    assert isinstance(turned, TurnedAway)
    assert turned.is_stale


def test_who_was_sent_away_or_blocked_is_turned_away() -> None:
    """Signing in again helps the one, not the other; and a block is told first."""
    turned = standing(ANN, out_at=NOW - 60)
    assert isinstance(turned, TurnedAway)
    assert turned.is_stale
    assert isinstance(standing(ANN, out_at=NOW - 61), Person)
    turned = standing(ANN, out_at=NOW, blocked="ann@example.org")
    assert isinstance(turned, TurnedAway)
    assert not turned.is_stale
    assert "ann@example.org is blocked" in turned.reason


_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text(), max_size=3)
_claims = st.dictionaries(
    st.sampled_from(
        ["sub", "email", "email_verified", "name", "preferred_username", "iat", "roles", "provider", "aud"]
    ),
    _values | st.just(True) | st.just(NOW),
)


@given(_claims)
def test_no_claims_crash_it(claims: dict[str, Any]) -> None:
    """A person has a bounded, printable id, whose inbox is a channel, and a short name; else there is a sentence."""
    found = standing(claims)
    if isinstance(found, Person):
        assert 0 < len(found.id) <= LONGEST_ID
        assert found.id.isprintable()
        assert is_known_channel(inbox_channel(found.id))
        assert 0 < len(found.name) <= max(LONGEST_NAME, len(found.id))
        assert "app" not in found.roles
    else:
        assert found.reason.endswith(".")
