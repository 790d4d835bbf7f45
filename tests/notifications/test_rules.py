"""Rules: claims about fields, patterns, words, and the ones that apply by default."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.model import Cleared, Notification, reaches
from realtime.notifications.rules import Condition, Pattern, plain_rule
from realtime.notifications.text import MAX_MESSAGE_CHARS, MAX_TITLE_CHARS, read_template
from realtime.notifications.watch import Watch
from realtime.protocol.events import EVENT_CLASSES
from tests.notifications.making import created, deleted, fact, updated

_EXAMPLES: dict[str, dict[str, Any]] = {
    "collection:created": {"collection": "orders", "document": {"id": "1"}},
    "collection:updated": {"collection": "orders", "id": "1", "document": {"id": "1"}},
    "collection:deleted": {"collection": "orders", "id": "1"},
    "user:login": {"userId": "ann", "timestamp": "2026-01-01T00:00:00Z"},
    "user:logout": {"userId": "ann", "timestamp": "2026-01-01T00:00:00Z"},
    "user:activity": {"userId": "ann", "action": "view", "timestamp": "2026-01-01T00:00:00Z"},
    "system:maintenance": {"message": "Disk swap", "scheduledTime": "2026-02-01T00:00:00Z"},
    "system:error": {"error": "No ink", "severity": "high"},
    "connection:established": {"timestamp": "2026-01-01T00:00:00Z"},
    "connection:lost": {"timestamp": "2026-01-01T00:00:00Z", "reason": "no answer"},
    "connection:restored": {"timestamp": "2026-01-01T00:00:00Z", "downtime": 3.5},
    "connection:gap": {
        "timestamp": "2026-01-01T00:00:00Z", "channel": "system", "first": 1, "last": 4, "count": 4,
        "since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:01:00Z",
    },
}  # fmt: skip
_SCALARS = st.none() | st.booleans() | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5)


def _notices(*signals: object) -> list[Notification]:
    return [signal for signal in signals if isinstance(signal, Notification)]


@pytest.mark.parametrize("type_", sorted(set(EVENT_CLASSES) - {"inbox:command"}))
def test_every_event_type_has_a_rule_by_default(type_: str) -> None:
    """With a title that has no hole in it, and a reason."""
    (found,) = _notices(*Watch(DEFAULT_RULES).take(fact(type_, _EXAMPLES[type_])))
    assert "–" not in found.title
    assert "{" not in found.title + found.message
    assert found.rule in found.why


def test_everyday_changes_are_routine_and_what_needs_someone_is_not() -> None:
    """So nobody is flooded by default."""
    watch = Watch(DEFAULT_RULES)
    routine = {type_: _notices(*watch.take(fact(type_, values)))[0].is_routine for type_, values in _EXAMPLES.items()}
    assert {type_ for type_, is_routine in routine.items() if not is_routine} == {
        "collection:deleted", "system:maintenance", "system:error", "connection:lost", "connection:restored",
        "connection:gap",
    }  # fmt: skip


def test_what_is_marked_critical_is_critical_whatever_its_type() -> None:
    """One notice, of the worst rule; maintenance keeps its own words."""
    watch = Watch(DEFAULT_RULES)
    (marked,) = _notices(*watch.take(fact("user:login", _EXAMPLES["user:login"], critical=True)))
    assert (marked.severity, marked.kind, marked.rule) == ("critical", "error", "critical")
    (planned,) = _notices(*watch.take(fact("system:maintenance", _EXAMPLES["system:maintenance"])))
    assert (planned.severity, planned.kind, planned.rule) == ("critical", "warning", "maintenance")
    assert planned.message == "Disk swap"


def test_a_restored_connection_ends_what_its_loss_told() -> None:
    """The end comes before the news, in the same row."""
    watch = Watch(DEFAULT_RULES)
    (lost,) = _notices(*watch.take(fact("connection:lost", _EXAMPLES["connection:lost"])))
    over, restored = watch.take(fact("connection:restored", _EXAMPLES["connection:restored"], offset=2))
    assert isinstance(over, Cleared)
    assert isinstance(restored, Notification)
    assert over.key == lost.key == restored.key


@pytest.mark.parametrize(
    ("condition", "document", "holds"),
    [
        (Condition("n", "==", 5), {"n": 5.0}, True),
        (Condition("n", "==", "5"), {"n": 5}, False),
        (Condition("n", "==", 1), {"n": True}, False),
        (Condition("n", "!=", 5), {}, True),
        (Condition("n", ">", 5), {"n": 6}, True),
        (Condition("n", ">", 5), {"n": "6"}, False),
        (Condition("n", ">", 5), {"n": True}, False),
        (Condition("n", ">", 5), {}, False),
        (Condition("n", ">=", 5), {"n": 5}, True),
        (Condition("n", "<", "b"), {"n": "a"}, True),
        (Condition("n", "<=", 4), {"n": 5}, False),
        (Condition("n", "contains", "INK"), {"n": "no ink"}, True),
        (Condition("n", "contains", "x"), {"n": ["y", "x"]}, True),
        (Condition("n", "contains", "x"), {"n": {"x": 1}}, False),
        (Condition("a.b", "==", 1), {"a": {"b": 1}}, True),
        (Condition("a.b", "==", 1), {"a.b": 1}, True),
        (Condition("a.b", "==", 1), {"a": [1]}, False),
        (Condition("document.collection", "==", "mine"), {"collection": "mine"}, True),
        (Condition("collection", "==", "orders"), {"collection": "mine"}, True),
    ],
)
def test_a_condition_claims_what_it_says(condition: Condition, document: dict[str, Any], holds: bool) -> None:
    """Values of other types are unequal and in no order; nothing raises."""
    assert condition.holds(created({"id": "1", **document})) is holds


def test_changed_to_is_about_the_change() -> None:
    """What was so before hasn't changed to it; of an unknown past nothing is claimed."""
    condition = Condition("status", "changed-to", "late")
    late = {"id": "1", "status": "late"}
    assert condition.holds(created(late))
    assert condition.holds(updated(late, before={"id": "1", "status": "on time"}))
    assert condition.holds(updated(late, before={"id": "1"}))
    assert not condition.holds(updated(late, before=late))
    assert not condition.holds(updated(late))


def test_the_watch_remembers_how_a_document_was() -> None:
    """So a deletion can be told in the words of what is gone, and a change be seen as one."""
    rules = (
        plain_rule("gone", "collection:deleted", "warning", "{name} of {a.b} gone", "", group="{a.b}"),
        plain_rule("late", "collection:updated", "error", "{id} late", "",
                   where=(Condition("document.status", "changed-to", "late"),)),
    )  # fmt: skip
    watch = Watch(rules)
    watch.remember("orders", [{"id": "1", "name": "Ink", "a": {"b": "Rome"}, "status": "ok"}])
    late = {"id": "1", "name": "Ink", "a": {"b": "Rome"}, "status": "late"}
    assert [each.title for each in _notices(*watch.take(updated(late, offset=1)))] == ["1 late"]
    assert watch.take(updated(late, offset=2)) == ()
    (gone,) = _notices(*watch.take(deleted("1", offset=3)))
    assert (gone.title, gone.key) == ("Ink of Rome gone", "Rome")


def test_a_pattern_names_types_and_collections_with_marks() -> None:
    """An event about no collection is only meant by a pattern about all."""
    assert Pattern(("collection:*",), ("fl?ghts",)).names("collection:created", "flights")
    assert not Pattern(("collection:*",), ("fl?ghts",)).names("collection:created", "orders")
    assert not Pattern(("*",), ("flights",)).names("user:login", None)
    assert Pattern(("*",)).names("user:login", None)


def test_an_audience_gets_the_worst_of_its_own_rules() -> None:
    """One notice for each; the field of a document may name a person."""
    rules = (
        plain_rule("all", "collection:updated", "info", "a", ""),
        plain_rule("worse", "collection:updated", "warning", "b", ""),
        plain_rule("mine", "collection:updated", "error", "c", "", audience="person:{assignee}"),
    )
    found = _notices(*Watch(rules).take(updated({"id": "1", "assignee": "ann"})))
    assert [(each.title, each.audience) for each in found] == [("c", "person:ann"), ("b", "everyone")]
    assert reaches("person:ann", person="ann")
    assert not reaches("person:ann", person="bob", roles={"ann"})
    assert reaches("role:admin", person="bob", roles={"admin"})
    assert not reaches("nonsense", person="bob")


@given(st.text(max_size=300), _JSON)
def test_hostile_values_stay_plain_bounded_text(name: str, value: Any) -> None:
    """No control character, no mark that turns text round, no more than fits; nothing is filled twice."""
    rule = plain_rule("r", "collection:*", "info", "{name}: {value}", "{value}{value}", group="{name}")
    (found,) = _notices(*Watch((rule,)).take(created({"id": "1", "name": name + "{id}\u202e\x00", "value": value})))
    assert len(found.title) <= MAX_TITLE_CHARS
    assert len(found.message) <= MAX_MESSAGE_CHARS
    assert not {"\u202e", "\x00", "\x1b"} & set(found.title + found.message + found.key)
    assert found.key
    assert found.title
    found.title.encode()


def test_markup_is_left_as_the_text_it_is() -> None:
    """Whoever draws it has to draw text; nothing is taken out or escaped here."""
    rule = plain_rule("r", "collection:*", "info", "{name}", "", group="g")
    (found,) = _notices(*Watch((rule,)).take(created({"id": "1", "name": "<script>alert(1)</script> **b** 🌊 {id}"})))
    assert found.title == "<script>alert(1)</script> **b** 🌊 {id}"


@pytest.mark.parametrize("text", ["{", "}", "{}", "{a!r}", "{a:>5}", "{a[0]}", "{a b}", "{.a}"])
def test_a_bad_template_is_refused(text: str) -> None:
    """Names of fields, and nothing that reaches further."""
    with pytest.raises(ValueError, match=r"brace|isn't the name"):
        read_template(text)
