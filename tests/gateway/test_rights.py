"""Claims about roles, and what they allow together."""

from __future__ import annotations

import tomllib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import ConfigError
from realtime.gateway.rights import ACTIONS, EVERYTHING, Action, Profile, Rights
from realtime.gateway.role_tables import rights_from

ROLES = """
[roles.clerk]
collections = ["orders", "tickets-*"]
actions = ["read", "update"]
hide = ["salary"]
redact = ["customer.email"]

[roles.north]
collections = "orders"
actions = "read"
where = [{ field = "region", op = "==", value = "north" }]

[[roles.mixed]]
collections = ["*"]
actions = ["read"]

[[roles.mixed]]
collections = ["orders"]
actions = ["create"]
hide = ["salary"]
where = [{ field = "region", op = "==", value = "north" }]

[roles.default]
channels = ["system"]
actions = ["read"]
"""


def rights(text: str = ROLES) -> Rights:
    """Read rights as the settings hold them."""
    return rights_from(tomllib.loads(text).get("roles", {}), contact="ops@example.org")


def test_without_roles_everybody_may_everything() -> None:
    """As it was before there were roles; but a scoped token is held to its scope."""
    open_rights = rights("")
    assert open_rights.profile(()) is EVERYTHING
    assert open_rights.profile(("anything",)) is EVERYTHING
    assert open_rights.profile(("app",)) == EVERYTHING
    assert not open_rights.profile(("reader",)).may("update", "orders")
    assert not open_rights.profile(("ingest",)).may("read", "orders")


@pytest.mark.parametrize(
    ("roles", "action", "collection", "may"),
    [
        (("clerk",), "read", "orders", True),
        (("clerk",), "read", "tickets-eu", True),
        (("clerk",), "read", "tickets", False),
        (("clerk",), "create", "orders", False),
        (("clerk", "ingest"), "ingest", "anything", True),
        (("mixed",), "create", "orders", True),
        (("mixed",), "create", "other", False),
        (("admin",), "delete", "anything", True),
        (("reader",), "read", "anything", True),
        (("reader",), "admin", None, False),
        ((), "read", "orders", False),
        (("nobody",), "read", "orders", False),
    ],
)
def test_a_profile_is_the_union_of_its_roles(
    roles: tuple[str, ...], action: Action, collection: str | None, may: bool
) -> None:
    """What any of them allows is allowed; unknown ones allow nothing."""
    assert rights().profile(roles).may(action, collection) is may


def test_who_has_no_role_gets_the_default_one() -> None:
    """It says what everybody may who is let in."""
    assert rights().profile(()).sight("system") is not None
    assert rights().profile(("clerk",)).sight("users") is None
    assert rights().profile(("north",)).sight("system") is not None


def test_roles_that_allow_the_same_are_one_profile() -> None:
    """So that what is encoded for one serves the other."""
    same = rights(ROLES + ROLES.replace("roles.clerk", "roles.clerks").split("[roles.north]")[0])
    assert same.profile(("clerk",)) == same.profile(("clerks",)) == same.profile(("clerk", "clerks"))
    assert same.profile(("clerk",)).key != same.profile(("north",)).key
    assert same.profile(("clerk", "admin")) == EVERYTHING


def test_a_sight_says_how_much_of_a_channel_is_seen() -> None:
    """All, all with fields kept back, or some rows."""
    known = rights()
    plain, masked, some = (known.profile((role,)).sight("collection:orders") for role in ("reader", "clerk", "north"))
    assert plain is not None
    assert masked is not None
    assert some is not None
    assert (plain.is_plain, plain.is_whole, plain.key) == (True, True, "")
    assert (masked.is_plain, masked.is_whole, masked.rows) == (False, True, "")
    assert (some.is_plain, some.is_whole) == (False, False)
    assert some.sees({"id": "a", "region": "north"})
    assert not some.sees({"id": "a", "region": "south"})
    assert some.shown({"id": "a"}) is None


def test_rows_and_fields_are_of_documents_alone() -> None:
    """Who sees some orders, or some of their fields, hears of the system whole."""
    for role in ("clerk", "north"):
        sight = rights().profile((role,)).sight("system")
        assert sight is not None
        assert sight.is_plain


def test_of_several_roles_each_document_is_seen_by_what_is_about_it() -> None:
    """A clerk sees all orders with fields kept back; one who is in the north as well, those of the north whole."""
    sight = rights().profile(("clerk", "north")).sight("collection:orders")
    assert sight is not None
    assert sight.is_whole
    assert sight.shown({"id": "a", "region": "south", "salary": 1}) == {"id": "a", "region": "south"}
    assert sight.shown({"id": "b", "region": "north", "salary": 1}) == {"id": "b", "region": "north", "salary": 1}


def test_an_envelope_is_redacted_or_kept_back_whole() -> None:
    """What isn't about a document goes to whoever sees all of a channel."""
    raw = msgspec.json.encode(
        {"id": "1", "type": "collection:created", "data": {"document": {"id": "a", "salary": 7, "region": "south"}}}
    )
    known = rights()
    redacted = known.profile(("clerk",)).redact("collection:orders", raw)
    assert redacted is not None
    assert b"salary" not in redacted
    assert known.profile(("north",)).redact("collection:orders", raw) is None
    assert known.profile(("clerk",)).redact("collection:other", raw) is None
    assert known.profile(("reader",)).redact("collection:orders", raw) is raw
    assert known.profile(()).redact("system", b'{"data":{}}') == b'{"data":{}}'


def test_writing_is_held_to_rows_before_and_after() -> None:
    """A document can't be written from outside of one's rows, nor to there."""
    profile = rights().profile(("mixed",))
    north, south = {"id": "a", "region": "north"}, {"id": "a", "region": "south"}
    assert profile.writing("create", "orders", north)
    assert profile.writing("create", "orders", south) is None
    assert profile.writing("create", "orders", south, north) is None
    assert profile.writing("update", "orders", north, north) is None
    assert EVERYTHING.writing("update", "orders", south, north) == ()


def test_who_ingests_freely_and_reads_with_fields_kept_back_is_looked_at() -> None:
    """What they can't see they might destroy."""
    known = rights()
    assert known.profile(("ingest",)).ingests_freely("collection:orders")
    assert known.profile(("ingest", "reader")).ingests_freely("collection:orders")
    assert not known.profile(("ingest", "clerk")).ingests_freely("collection:orders")
    assert known.profile(("ingest", "clerk")).ingests_freely("collection:other")
    assert not known.profile(("clerk",)).ingests_freely("collection:orders")


def test_a_refusal_says_what_is_missing_and_whom_to_ask() -> None:
    """One sentence, the same wherever it is met."""
    said = rights().profile(("clerk",)).missing("delete", "orders")
    assert said == "Your roles (clerk) don't allow 'delete' in 'orders'; ask ops@example.org."
    assert rights().profile(()).missing("admin") == ("You have no role that would allow 'admin'; ask ops@example.org.")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[roles]\nadmin = { actions = ['read'] }", "The role 'admin' is built in"),
        ("[roles.x]\ncollections = ['a']", "Role 'x': 'actions' is missing; name some of read, create"),
        ("[roles.x]\nactions = ['read']", "Role 'x': 'collections' is missing"),
        ("[roles.x]\nactions = ['reed']\ncollections='a'", "Role 'x': 'actions' has 'reed'; did you mean read?"),
        ("[roles.x]\nactions = 'read'\ncollection = 'a'", "'collection' is unknown; did you mean collections?"),
        ("[roles.x]\nactions = 'read'\ncollections = ['a b']", "has 'a b', which no collection can be called"),
        ("[roles.x]\nactions = 'read'\ncollections = 'a'\nhide = ['id']", "names 'id', which names the document"),
        ("[roles.x]\nactions = 'read'\ncollections = 'a'\nhide = ['a..b']", "'hide' has 'a..b'"),
        ("[roles.x]\nactions = 'read'\ncollections = 'a'\nredact = [1]", "has to be a text or a list of texts"),
        ("[roles.x]\nactions = 'read'\ncollections = 'a'\nchannels = ['inbox']", "'channels' has 'inbox'; there are"),
        ("[roles.x]\nactions = 'read'\ncollections = 'a'\nwhere = 'b'", "'where' has to be a list such as"),
        ("[roles.x]\nactions = 'read'\ncollections = 'a'\nwhere = [{field='b'}]", "needs field, op and value"),
        (
            "[roles.x]\nactions = 'read'\ncollections = 'a'\nwhere = [{field='b', op='changed-to', value=1}]",
            "has the op 'changed-to'; use one of ==, !=",
        ),
        ("[roles.x]\nactions='read'\ncollections='a'\nwhere=[{field='b', op='==', value=[1]}]", "has the value [1]"),
        ("[roles]\nx = 1", "Role 'x' has to be a table"),
        ("[roles]\n'a b' = {actions='read'}", "'a b' can't name a role"),
    ],
)
def test_nonsense_is_one_sentence(text: str, words: str) -> None:
    """It names the role and the key."""
    with pytest.raises(ConfigError) as caught:
        rights(text)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value)[-1] in ".?"


_GRANTS = st.fixed_dictionaries(
    {
        "actions": st.lists(st.sampled_from(ACTIONS[:-1]), min_size=1, max_size=3),
        "collections": st.lists(st.sampled_from(["orders", "o*", "people"]), min_size=1, max_size=2),
    },
    optional={
        "hide": st.lists(st.sampled_from(["a", "b", "c.a"]), max_size=2),
        "redact": st.lists(st.sampled_from(["a", "b", "c.a"]), max_size=2),
        "where": st.lists(
            st.fixed_dictionaries(
                {
                    "field": st.sampled_from(["a", "b"]),
                    "op": st.sampled_from(["==", "!=", "<"]),
                    "value": st.integers(0, 2),
                }
            ),
            max_size=2,
        ),
    },
)
_DOCUMENTS = st.dictionaries(
    st.sampled_from(["a", "b", "c"]), st.integers(0, 2) | st.just({"a": 1, "b": 2}), max_size=3
).map(lambda each: {"id": "d", **each})


@given(st.lists(_GRANTS, min_size=1, max_size=3), st.lists(_GRANTS, min_size=1, max_size=3), _DOCUMENTS)
def test_another_role_never_takes_anything_away(
    first: list[dict[str, Any]], second: list[dict[str, Any]], document: dict[str, Any]
) -> None:
    """Whatever one role allows or shows, that role together with another does, too."""
    known = rights_from({"one": first, "two": second})
    one, both = known.profile(("one",)), known.profile(("one", "two"))
    for action in ACTIONS:
        for collection in ("orders", "people", "other"):
            assert not one.may(action, collection, document) or both.may(action, collection, document)
            if one.writing(action, collection, document) is not None:
                assert both.writing(action, collection, document) is not None
    alone, together = _shown(one, document), _shown(both, document)
    assert alone is None or (together is not None and set(alone) <= set(together))


@given(st.lists(_GRANTS, min_size=1, max_size=3), _DOCUMENTS)
def test_what_is_shown_is_of_the_document(grants: list[dict[str, Any]], document: dict[str, Any]) -> None:
    """Never a field that isn't there; nothing at all where no grant is about it."""
    profile = rights_from({"one": grants}).profile(("one",))
    shown = _shown(profile, document)
    assert (shown is not None) == profile.may("read", "orders", document)
    assert shown is None or set(shown) <= set(document)


def _shown(profile: Profile, document: dict[str, Any]) -> dict[str, Any] | None:
    sight = profile.sight("collection:orders")
    return None if sight is None else sight.shown(document)
