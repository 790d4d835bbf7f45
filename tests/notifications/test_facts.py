"""Facts: an event's values by name, its time, where it stands; and what is remembered of documents."""

from __future__ import annotations

import pytest

from realtime.notifications.defaults import DEFAULT_RULES
from realtime.notifications.facts import fact_of, moment
from realtime.notifications.model import Notification, Source
from realtime.notifications.recall import Recall
from realtime.notifications.rules import Rate, plain_rule
from realtime.notifications.watch import Watch
from realtime.protocol.events import Envelope, event_of
from tests.notifications.making import NOW, created, deleted, fact, updated


@pytest.mark.parametrize(
    ("time", "at"),
    [
        (None, NOW), ("nonsense", NOW), ("2026-01-01T00:00:00", NOW), ("2096-01-01T00:00:00Z", NOW),
        ("2026-01-01T00:00:00Z", 1_767_225_600.0),
    ],
)  # fmt: skip
def test_an_event_is_as_old_as_it_says_but_never_from_the_future(time: str | None, at: float) -> None:
    """A producer's clock that goes wrong must not push everything else out of a window."""
    envelope = Envelope(id="1", source="/t", type="user:new-kind", specversion="1.0", time=time, data=[1])
    made = fact_of(envelope, event_of(envelope), source=Source("users", "e", 1), now=NOW)
    assert made.at == at
    assert made.about == "people"
    assert moment(5) is None


def test_names_find_attributes_first_then_the_document_then_the_event() -> None:
    """With a prefix, only what it names."""
    made = updated({"id": "1", "collection": "mine", "status": "late"}, before={"id": "1", "status": "ok"})
    names = ("collection", "document.collection", "status", "before.status", "data.id")
    assert [made.look(name) for name in names] == [
        "orders", "mine", "late", "ok", "1",
    ]  # fmt: skip
    assert deleted("1", before={"id": "1", "status": "ok"}).look("status") == "ok"
    assert fact("user:login", {"userId": "ann", "timestamp": "x"}).actor == "ann"
    assert made.look("nothing") is None


def test_what_is_remembered_of_documents_is_bounded() -> None:
    """Only the fields asked about, cut; the longest untouched leaves. A new one under an old id has no past."""
    recall = Recall(fields=frozenset({"document.name", "a.b"}), kept=2)
    for number in range(5):
        recall.note("orders", {"id": str(number), "name": "x" * 9_999, "a": {"b": 1}, "other": 1})
    recall.note("orders", {"id": 5})
    assert len(recall) == 2
    assert recall.complete(deleted("0")).before is None
    before = recall.complete(deleted("4")).before
    assert before is not None
    assert (set(before), len(before["name"])) == ({"name", "a"}, 500)
    assert recall.complete(created({"id": "4"})).before is None


def test_more_alarms_than_there_is_room_for_are_counted() -> None:
    """Those that stand are kept, the others have no group to be counted in."""
    rate = Rate(window_s=60, above=0.5, clear_below=0.5)
    rule = plain_rule("many", "collection:updated", "warning", "t", "", group="{id}", rate=rate)
    watch = Watch((rule,), groups_kept=2)
    for number in range(5):
        watch.take(updated({"id": str(number)}, offset=number))
    assert (watch.standing, watch.overflowed) == (("0", "1"), 3)


def test_a_key_that_documents_make_is_never_empty_and_never_a_storms() -> None:
    """Nothing that comes from outside can name the row of a storm."""
    rule = plain_rule("r", "collection:*", "info", "{name}", "", group="{name}", clears="{name}")
    for name, key in (("", "r"), ("~storm warning", "storm warning"), ("a", "a")):
        signals = Watch((rule,)).take(created({"id": "1", "name": name}))
        assert {signal.key for signal in signals} == {key}
        assert all(signal.title for signal in signals if isinstance(signal, Notification))


def test_the_default_rules_have_different_ids() -> None:
    """Settings replace and remove rules by them."""
    assert len({rule.id for rule in DEFAULT_RULES}) == len(DEFAULT_RULES)
