"""Claims about what is kept back of documents."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import EventError
from realtime.gateway.masks import MARK, Mask, mask_of, show, weave

SECRET = "5e5-secret-5e5"
ORDER = {
    "id": "A-1",
    "total": 9.5,
    "salary": SECRET,
    "customer": {"name": "Ann", "email": SECRET, "address": {"city": "Kiel", "door": SECRET}},
    "items": [{"sku": "x", "price": SECRET}, {"sku": "y", "price": SECRET}],
    "a.b": SECRET,
}
HIDDEN = mask_of(hidden=["salary", "customer.email", "customer.address.door", "items.price", "a.b"], redacted=[])
REDACTED = mask_of(hidden=[], redacted=["salary", "customer.email", "customer.address.door", "items.price", "a.b"])


@pytest.mark.parametrize("mask", [HIDDEN, REDACTED, (*HIDDEN[:2], *REDACTED[2:])])
def test_what_is_kept_back_is_nowhere_in_what_is_shown(mask: Mask) -> None:
    """At the top, inside objects, inside lists, and in a field whose name holds a dot."""
    shown = show(ORDER, (mask,))
    assert SECRET not in msgspec.json.encode(shown).decode()
    assert shown["customer"]["name"] == "Ann"
    assert [item["sku"] for item in shown["items"]] == ["x", "y"]


def test_hidden_is_absent_and_redacted_is_a_mark() -> None:
    """Who can't see a hidden field doesn't know of it; a redacted one says that there is something."""
    assert "salary" not in show(ORDER, (HIDDEN,))
    assert show(ORDER, (REDACTED,))["salary"] == MARK


@pytest.mark.parametrize(
    ("masks", "expected"),
    [
        (({"hidden": ["salary"]}, {"hidden": ["total"]}), {"salary", "total"}),
        (({"hidden": ["salary"]}, {"redacted": ["salary"], "hidden": ["total"]}), {"total"}),
        (({"hidden": ["*"]},), set()),
        (({"hidden": ["*"]}, {"hidden": ["salary"]}), {"total"}),
    ],
)
def test_the_most_permissive_speaks_for_each_field(masks: tuple[dict[str, list[str]], ...], expected: set[str]) -> None:
    """What any grant shows is shown; what one redacts and the others hide is a mark."""
    made = tuple(mask_of(hidden=one.get("hidden", []), redacted=one.get("redacted", [])) for one in masks)
    shown = show({"id": "A-1", "salary": 1, "total": 2}, made)
    assert {key for key, value in shown.items() if key != "id" and value != MARK} == expected
    assert shown["id"] == "A-1"


def test_a_field_inside_is_judged_by_every_grant() -> None:
    """One grant hides a whole object, another only a part of it: the rest of it is seen."""
    masks = (mask_of(hidden=["customer"], redacted=[]), mask_of(hidden=["customer.email"], redacted=[]))
    assert set(show(ORDER, masks)["customer"]) == {"name", "address"}


def test_what_somebody_writes_keeps_what_they_could_not_see() -> None:
    """A whole document sent back as it was shown, with one change, changes just that."""
    for mask in (HIDDEN, REDACTED):
        seen = show(ORDER, (mask,))
        stored = weave(ORDER, seen | {"total": 11}, reading=(mask,), writing=(mask,))
        assert stored == ORDER | {"total": 11}


def test_removing_an_object_leaves_the_part_that_was_not_seen() -> None:
    """Nobody removes what they don't know of."""
    seen = {"id": "A-1", "items": show(ORDER, (HIDDEN,))["items"]}
    stored = weave(ORDER, seen, reading=(HIDDEN,), writing=(HIDDEN,))
    assert stored["customer"] == {"email": SECRET, "address": {"door": SECRET}}
    assert stored["salary"] == stored["a.b"] == SECRET
    assert "total" not in stored


@pytest.mark.parametrize(
    "change",
    [{"salary": 1}, {"customer": {"email": "x"}}, {"customer": "x"}, {"items": [{"sku": "z"}]}, {"a.b": SECRET}],
)
def test_what_is_kept_back_can_not_be_set(change: dict[str, Any]) -> None:
    """Not even to what it is already, which would tell whether one guessed it."""
    with pytest.raises(EventError, match="forbidden"):
        weave(ORDER, show(ORDER, (HIDDEN,)) | change, reading=(HIDDEN,), writing=(HIDDEN,))


@pytest.mark.parametrize("document", [{"salary": 1}, {"customer": {"email": 1}}, {"items": [{"price": 1}]}])
def test_a_new_document_may_not_set_it_either(document: dict[str, Any]) -> None:
    """There is nothing to keep, and nothing to be made up."""
    with pytest.raises(EventError, match="forbidden"):
        weave(None, {"id": "A-2", **document}, reading=(), writing=(HIDDEN,))
    assert weave(None, {"id": "A-2", "total": 1}, reading=(), writing=(HIDDEN,)) == {"id": "A-2", "total": 1}


def test_who_may_set_a_field_without_seeing_it_sets_it() -> None:
    """Left out it stays; said, it is what was said."""
    seen = show(ORDER, (HIDDEN,))
    assert weave(ORDER, seen, reading=(HIDDEN,), writing=()) == ORDER
    assert weave(ORDER, seen | {"salary": 1}, reading=(HIDDEN,), writing=())["salary"] == 1


_KEYS = st.sampled_from(["a", "b", "c", "id"])
_VALUES = st.recursive(
    st.integers(0, 3) | st.just(MARK),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)
_DOCUMENTS = st.dictionaries(_KEYS, _VALUES, max_size=4).map(lambda each: each | {"id": "A-1"})
_PATHS = st.lists(
    st.lists(st.sampled_from(["a", "b", "c", "*"]), min_size=1, max_size=3).map(".".join), min_size=1, max_size=3
)
_MASKS = st.builds(lambda hidden, redacted: mask_of(hidden=hidden, redacted=redacted), _PATHS, _PATHS)


@given(_DOCUMENTS, st.lists(_MASKS, min_size=1, max_size=3))
def test_showing_twice_shows_the_same(document: dict[str, Any], masks: list[Mask]) -> None:
    """And never more than what is there."""
    shown = show(document, tuple(masks))
    assert show(shown, tuple(masks)) == shown
    assert shown["id"] == "A-1"
    assert set(shown) <= set(document)


@given(_DOCUMENTS, _MASKS, _MASKS)
def test_another_grant_never_hides_more(document: dict[str, Any], one: Mask, other: Mask) -> None:
    """The fields that one shows are there under both."""
    alone, together = show(document, (one,)), show(document, tuple(sorted((one, other))))
    assert set(alone) <= set(together)


@given(_DOCUMENTS, _DOCUMENTS, _MASKS)
def test_writing_never_changes_what_is_kept_back(old: dict[str, Any], new: dict[str, Any], mask: Mask) -> None:
    """Whatever is sent: it is refused, or what the writer can't see is as it was, and what they see is as they said."""
    try:
        stored = weave(old, new, reading=(mask,), writing=(mask,))
    except EventError as error:
        assert error.code == "forbidden"
        return
    for key, value in old.items():
        shown = show({"id": "A-1", "x": {key: value}}, (tuple((("x", *path), verdict) for path, verdict in mask),))["x"]
        if key != "id" and (key not in shown or shown[key] == MARK != value):
            assert stored[key] == value
    said = show(new, (mask,))
    seen = show(stored, (mask,))
    assert all(seen[key] == value for key, value in said.items() if not _holds_mark(value))


def _holds_mark(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_mark, value.values()))
    return any(map(_holds_mark, value)) if isinstance(value, list) else value == MARK
