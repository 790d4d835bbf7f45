"""Rules from settings: read as they are written, and refused with one sentence that names rule and key."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import ConfigError
from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.model import Notification
from realtime.notifications.rules import Condition, Pattern, Rate
from realtime.notifications.tables import MAX_RULES, rules_from
from realtime.notifications.watch import Watch
from tests.notifications.making import updated

_TEXT = """
[[rules]]
id = "late"
event = "collection:updated"
collection = ["orders", "ship*"]
where = [{ field = "minutes", op = ">", value = 30 }]
severity = "error"
group = "late {carrier}"
title = "{id} is {minutes} min late"
message = "Carrier: {carrier}"
audience = "person:{owner}"
why = "orders of {owner}"
actions = [{ label = "Open", name = "open", argument = "{id}" }]
duration_s = 20

[[rules]]
id = "storm"
event = "collection:deleted"
severity = "critical"
title = "{share} gone"

[rules.rate]
window_s = 600
share = 0.2
minimum = 5
among = { event = "collection:*", where = [{ field = "status", op = "changed-to", value = "done" }] }
time = ["due"]

[[rules]]
id = "login"
enabled = false
"""
_GOOD: dict[str, Any] = {"id": "a", "event": "user:login", "severity": "info", "title": "t"}


def test_tables_become_rules() -> None:
    """Those of settings stand behind the defaults; one that is switched off is gone."""
    rules = {rule.id: rule for rule in rules_from(tomllib.loads(_TEXT)["rules"])}
    assert len(rules) == len(DEFAULT_RULES) + 1
    assert "login" not in rules
    assert rules["late"].when == Pattern(("collection:updated",), ("orders", "ship*"), (Condition("minutes", ">", 30),))
    assert rules["storm"].rate == Rate(
        window_s=600, above=0.2, clear_below=0.1, minimum=5, time=("due",),
        among=Pattern(("collection:*",), where=(Condition("status", "changed-to", "done"),)),
    )  # fmt: skip


def test_a_rule_of_settings_is_told_in_its_own_words() -> None:
    """To whom it names, with what it offers."""
    rules = rules_from(tomllib.loads(_TEXT)["rules"])
    fact = updated({"id": "7", "minutes": 45, "carrier": "Blue", "owner": "ann"})
    found = [each for each in Watch(rules).take(fact) if isinstance(each, Notification) and each.rule == "late"]
    (told,) = found
    assert (told.title, told.message, told.key) == ("7 is 45 min late", "Carrier: Blue", "late Blue")
    assert (told.audience, told.why, told.duration_s) == ("person:ann", "orders of ann", 20.0)
    assert [(each.label, each.name, each.argument) for each in told.actions] == [("Open", "open", "7")]


def test_a_table_replaces_the_default_of_its_id() -> None:
    """And is the last to speak among equals."""
    (replaced,) = [rule for rule in rules_from([{**_GOOD, "id": "login"}]) if rule.id == "login"]
    assert replaced.title.text == "t"
    assert rules_from([{**_GOOD, "id": "login"}])[-1].id == "login"
    assert rules_from([]) == DEFAULT_RULES


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"id": None}, "Rule 1 needs an 'id'"),
        ({"id": "a b"}, "Rule 1 needs an 'id'"),
        ({"evnt": "x"}, "Rule 'a': 'evnt' is unknown; did you mean event?"),
        ({"zzz": "x"}, "'zzz' is unknown; there are id,"),
        ({"event": "user:logn"}, "'event' is 'user:logn', which is no event type; did you mean user:login?"),
        ({"event": "inbox:command"}, "'event' is 'inbox:command', which is no event type"),
        ({"event": "zzz"}, "'event' is 'zzz', which is no event type."),
        ({"event": []}, "'event' is missing"),
        ({"event": 5}, "'event' has to be a text or a list of texts; it is 5"),
        ({"collection": [""]}, "'collection' has to be a text or a list of texts"),
        ({"severity": "bad"}, "'severity' is 'bad'; use one of info, success, warning, error, critical"),
        ({"kind": "critical"}, "'kind' is 'critical'; use one of info, success, warning, error"),
        ({"title": ""}, "'title' has to be a text; it is ''"),
        ({"title": "{"}, "'title' can't be used: its braces don't match"),
        ({"message": "{a!r}"}, "'message' can't be used: {a} isn't the name of a field"),
        ({"audience": "admins"}, "'audience' is 'admins'; write everyone, person:<id> or role:<name>"),
        ({"enabled": "no"}, "'enabled' has to be true or false; it is 'no'"),
        ({"routine": 1}, "'routine' has to be true or false; it is 1"),
        ({"duration_s": 0}, "'duration_s' has to be a number from 1 to 3600; it is 0"),
        ({"duration_s": True}, "'duration_s' has to be a number"),
        ({"where": "x"}, "'where' has to be a list"),
        ({"where": [{"field": "a"}]}, "'where' needs field, op and value"),
        ({"where": [{"field": "", "op": "==", "value": 1}]}, "'where' has the field ''"),
        ({"where": [{"field": "a", "op": "~", "value": 1}]}, "'where' has the op '~'; use one of ==,"),
        ({"where": [{"field": "a", "op": "==", "value": []}]}, "'where' has the value []"),
        ({"where": [{"field": "a", "op": "<", "value": True}]}, "only numbers and texts have an order"),
        ({"actions": [{}, {}, {}]}, "'actions' has to be a list of at most 2 tables"),
        ({"actions": [{"label": "x"}]}, "'actions' needs label and name"),
        ({"actions": [{"label": "x", "name": ""}]}, "'actions.name' has to be a text"),
        ({"rate": 5}, "'rate' has to be a table"),
        ({"rate": {"window_s": 60}}, "'rate' needs either share"),
        ({"rate": {"window_s": 60, "share": 0.1, "count": 5}}, "'rate' needs either share"),
        ({"rate": {"window_s": 60, "share": 0.1}}, "'rate.among' belongs to share"),
        ({"rate": {"window_s": 60, "count": 5, "among": {}}}, "'rate.among' belongs to share"),
        ({"rate": {"window_s": 0, "count": 5}}, "'rate.window_s' has to be a number from 1 to 604800; it is 0"),
        ({"rate": {"count": 5}}, "'rate.window_s' has to be a number"),
        ({"rate": {"window_s": 60, "share": 10, "among": {"event": "*"}}}, "'rate.share' has to be a number from 0"),
        ({"rate": {"window_s": 60, "count": 5, "clear_below": 9}}, "'rate.clear_below' is 9, above the 5"),
        ({"rate": {"window_s": 60, "count": 5, "minimum": 0}}, "'rate.minimum' has to be a number from 1"),
        ({"rate": {"window_s": 60, "share": 0.1, "among": 5}}, "'rate.among' has to be a table"),
        ({"rate": {"window_s": 60, "share": 0.1, "among": {}}}, "'rate.among.event' is missing"),
        ({"rate": {"window_s": 60, "count": 5, "windw": 5}}, "'rate.windw' is unknown"),
    ],
)  # fmt: skip
def test_nonsense_is_refused_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    """Which names the rule and the key."""
    with pytest.raises(ConfigError) as caught:
        rules_from([{**_GOOD, **changes}])
    assert sentence in str(caught.value)
    assert str(caught.value)[-1] in ".?"


def test_tables_have_to_be_tables() -> None:
    """And no more of them than anybody means."""
    for tables, sentence in ((5, r"begin each one with \[\[rules\]\]"), ([5], "Rule 1 has to be a table"),
                             ([_GOOD, _GOOD], "Rule 'a' is there twice"),
                             ([_GOOD] * (MAX_RULES + 1), "at most 200 are possible")):  # fmt: skip
        with pytest.raises(ConfigError, match=sentence):
            rules_from(tables)  # type: ignore[arg-type]


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10) | st.sampled_from(["*", "=="]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["event", "field", "op", "value", "window_s", "count", "label"]), inner)
    ),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    ["event", "where", "severity", "title", "group", "rate", "actions", "audience", "kind", "clears"]
)


@given(st.dictionaries(_NAMES, _VALUES))
def test_any_table_is_read_or_refused(changes: dict[str, Any]) -> None:
    """Never anything but ConfigError."""
    try:
        rules_from([{**_GOOD, **changes}])
    except ConfigError as error:
        assert "\n" not in str(error) or "\\n" in repr(changes) or "\n" in repr(changes)
