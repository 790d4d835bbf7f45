"""What a watch remembers: which events can matter, groups that are kept and taken over again."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.facts import Fact
from realtime.notifications.groups import GroupState
from realtime.notifications.model import Cleared
from realtime.notifications.preferences import Preferences
from realtime.notifications.rules import Condition, Pattern, Rate, Rule, plain_rule
from realtime.notifications.telling import commands_for
from realtime.notifications.watch import Watch
from realtime.protocol.events import MAX_NAME_CHARS
from tests.notifications.making import NOW, created, deleted, fact, updated

FAILING = plain_rule(
    "failing", "collection:updated", "critical", "{share} fail at {shop}", "", collections=("orders",),
    group="failing {shop}", where=(Condition("state", "==", "failed"),),
    rate=Rate(window_s=60, above=0.5, clear_below=0.2, minimum=3, among=Pattern(("collection:created",), ("orders",))),
)  # fmt: skip
LARGE = plain_rule("large", "collection:created", "info", "{id}: {total}", "", collections=("carts",))
QUIET = plain_rule("quiet", "collection:created", "info", "{id}", "", collections=("carts",), is_routine=True)


def failed(number: int, *, shop: str = "a", at: float = NOW) -> Fact:
    """Make a fact of an order that failed."""
    document = {"id": f"o{number}", "shop": shop, "state": "failed", "note": "x" * 9_999}
    return updated(document, offset=number, at=at)


def told(watch: Watch) -> list[GroupState]:
    """Return what changed, as it reads when it comes back."""
    kept, gone = watch.changes()
    assert gone == ()
    return msgspec.json.decode(msgspec.json.encode(kept), type=list[GroupState])


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("ab"), st.integers(0, 200)), max_size=60), st.integers(0, 60))
def test_a_watch_that_takes_over_goes_on_as_the_one_before(events: list[tuple[bool, str, int]], cut: int) -> None:
    """In counting, in telling, and in silence; whatever was kept, in any portions. Only their order may differ."""
    facts = [
        failed(number, shop=shop, at=NOW + at)
        if is_hit
        else created({"id": f"o{number}", "shop": shop}, offset=number, at=NOW + at)
        for number, (is_hit, shop, at) in enumerate(events, 1)
    ]
    whole, first, second = Watch([FAILING]), Watch([FAILING]), Watch([FAILING])
    expected = [whole.take(each) for each in facts]
    kept: dict[tuple[str, str], GroupState] = {}
    for each in facts[:cut]:
        first.take(each)
        kept |= {(state.rule, state.key): state for state in told(first)}
    assert second.restore(kept.values(), now=NOW) == ()
    assert [second.take(each) for each in facts[cut:]] == expected[cut:]
    assert sorted(second.standing) == sorted(whole.standing)
    for later in (60, 250, 700):
        ended = [sorted(watch.tick(NOW + later), key=lambda signal: signal.key) for watch in (second, whole)]
        assert ended[0] == ended[1]


def test_of_what_is_kept_only_what_the_rule_asks_about_is_kept() -> None:
    """A group's fact is as small as its words."""
    watch = Watch([FAILING])
    for number in range(1, 5):
        watch.take(failed(number))
    (state,) = told(watch)
    assert state.fact is not None
    assert state.fact.document == {"shop": "a", "state": "failed"}
    assert (state.is_crossed, sum(total for _, _, total in state.buckets)) == (True, 4)
    assert watch.changes() == ((), ())


def test_groups_that_are_gone_are_told() -> None:
    """When their time is over, or when another needs their place."""
    watch = Watch([FAILING], groups_kept=1)
    watch.take(failed(1, shop="a"))
    watch.changes()
    watch.take(failed(2, shop="b"))
    kept, gone = watch.changes()
    assert ([state.key for state in kept], gone) == (["failing b"], (("failing", "failing a"),))
    watch.tick(NOW + 100)
    assert watch.changes() == ((), (("failing", "failing b"),))


def test_what_stands_of_another_rule_is_over_or_goes_on_standing() -> None:
    """A rule that is gone can't end anything any more; one with another window can."""
    watch = Watch([FAILING])
    for number in range(1, 5):
        watch.take(failed(number))
    states = told(watch)
    other = Watch([msgspec.structs.replace(FAILING, id="other")])
    assert other.restore(states, now=NOW) == (
        Cleared(key="failing a", at=NOW, why="the rule 'failing' is gone"),
    )  # fmt: skip
    assert other.changes() == ((), (("failing", "failing a"),))
    assert FAILING.rate is not None
    wider = Watch([msgspec.structs.replace(FAILING, rate=msgspec.structs.replace(FAILING.rate, window_s=90))])
    assert wider.restore(states, now=NOW) == ()
    assert wider.standing == ("failing a",)
    assert told(wider)[0].is_watched is False


@pytest.mark.parametrize(
    ("type_", "collection", "is_critical", "routine", "matters"),
    [
        ("collection:created", "orders", False, False, False),
        ("collection:created", "orders", False, True, True),
        ("collection:created", "orders", True, False, True),
        ("collection:deleted", "orders", False, False, True),
        ("collection:created", "flights", False, False, True),
        ("user:activity", None, False, False, False),
        ("system:error", None, False, False, True),
        ("something:else", None, False, True, False),
        ("something:else", None, True, False, True),
    ],
)
def test_most_events_cost_one_look(
    type_: str, collection: str | None, is_critical: bool, routine: bool, matters: bool
) -> None:
    """By default: everyday changes matter when somebody wants them; of flights it is remembered where they start."""
    watch = Watch(DEFAULT_RULES)
    assert watch.concerns(type_, collection, is_critical=is_critical, routine=routine) is matters


@pytest.mark.parametrize(
    ("type_", "collection", "is_critical", "matters"),
    [
        ("collection:deleted", "orders", False, False),
        ("collection:deleted", "orders", True, True),
        ("collection:deleted", "flights", False, True),
        ("system:maintenance", None, True, True),
    ],
)
def test_with_nobody_there_only_what_stands_for_those_who_come_matters(
    type_: str, collection: str | None, is_critical: bool, matters: bool
) -> None:
    """What is critical, and what rates count."""
    watch = Watch(DEFAULT_RULES)
    found = watch.concerns(type_, collection, is_critical=is_critical, routine=True, heard=False)
    assert found is matters


_RULES = st.lists(st.sampled_from([*DEFAULT_RULES, FAILING, LARGE, QUIET]), unique_by=lambda rule: rule.id)
_FACTS = st.sampled_from([
    created({"id": "1"}), updated({"id": "1"}), deleted("1"), failed(1), deleted("1", critical=True),
    fact("collection:created", {"collection": "carts", "document": {"id": "1", "total": 5}}),
    fact("collection:deleted", {"collection": "flights", "id": "1"}),
    fact("user:login", {"userId": "ann", "timestamp": "x"}), fact("system:error", {"error": "x", "severity": "high"}),
])  # fmt: skip


@given(_RULES, st.lists(_FACTS, max_size=8), st.booleans())
def test_what_doesnt_matter_changes_nothing(rules: list[Rule], facts: list[Fact], routine: bool) -> None:
    """Passing it over tells the same, later, too."""
    whole, sparing = Watch(rules), Watch(rules)
    for each in facts:
        expected = whole.take(each, routine=routine)
        if sparing.concerns(each.type, each.collection, is_critical=each.is_critical, routine=routine):
            assert sparing.take(each, routine=routine) == expected
        else:
            assert expected == ()
    assert (sparing.size, sparing.changes()) == (whole.size, whole.changes())


def test_documents_are_remembered_only_where_a_rule_asks_about_them() -> None:
    """Fifty thousand orders in memory would help nobody."""
    watch = Watch([*DEFAULT_RULES, FAILING])
    assert [watch.remembers(name) for name in ("orders", "carts", "flights")] == [True, False, True]
    watch.take(fact("collection:created", {"collection": "carts", "document": {"id": "1"}}))
    assert (watch.size, watch.knows("orders", "o1")) == (0, False)
    watch.take(failed(1))
    assert watch.knows("orders", "o1")


def test_an_alarms_ids_are_as_short_as_an_events_may_be() -> None:
    """However long its row's key is; different ones stay different."""
    signals = [Cleared(key="k" * 200 + end, at=NOW, why="over") for end in ("a" * 60, "b" * 60)]
    commands, _ = commands_for(signals, person="ann", preferences=Preferences(), now=NOW)
    assert len({command.id for command in commands}) == 2
    assert all(len(command.id) <= MAX_NAME_CHARS for command in commands)
