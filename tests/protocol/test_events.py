"""Events: what the gateway accepts, and with which code it refuses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import EventError
from realtime.protocol import events
from realtime.protocol.events import (
    EVENT_CLASSES,
    LOCAL_TYPES,
    CollectionCreated,
    CollectionDeleted,
    CollectionUpdated,
    Envelope,
    InboxCommand,
    SystemFault,
    SystemMaintenance,
    Unknown,
    UserLogin,
)

ABSENT: Any = object()
WHEN = "2026-01-31T12:00:00Z"
GOOD: dict[str, dict[str, Any]] = {
    "collection:created": {"collection": "orders", "document": {"id": "a", "total": 1.5}},
    "collection:updated": {"collection": "orders", "id": "a", "document": {"id": "a", "total": 2}},
    "collection:deleted": {"collection": "orders", "id": "a"},
    "user:login": {"userId": "ada", "timestamp": WHEN},
    "user:logout": {"userId": "ada", "timestamp": WHEN},
    "user:activity": {"userId": "ada", "action": "view", "timestamp": WHEN, "metadata": {"page": "x"}},
    "system:maintenance": {"message": "tonight", "scheduledTime": WHEN},
    "system:error": {"error": "disk", "severity": "low"},
    "inbox:command": {"user": "ann", "command": {"id": "1", "do": "set"}},
}


def posted(type_: str = "collection:created", **changes: Any) -> dict[str, Any]:
    """Build what a producer posts."""
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": "1",
        "source": "/test",
        "type": type_,
        "data": GOOD.get(type_, {}),
    }
    event.update(changes)
    return {name: value for name, value in event.items() if value is not ABSENT}


def refused(candidate: Any, *, max_depth: int = 64) -> str:
    """Return the code an event is refused with."""
    with pytest.raises(EventError) as caught:
        events.check_event(candidate, max_depth=max_depth)
    assert caught.value.reason.endswith((".", "!"))
    return caught.value.code


@pytest.mark.parametrize("type_", sorted(GOOD))
def test_every_type_of_the_design_is_accepted_and_keeps_its_data(type_: str) -> None:
    """What is posted is what is read back."""
    envelope, event = events.check_event(posted(type_), max_depth=64)
    assert events.data_of(event) == GOOD[type_]
    again = events.read_envelope(events.encode_envelope(envelope))
    assert again == envelope
    assert events.event_of(again) == event


def test_the_table_of_types_is_the_designs() -> None:
    """No type is missing, none was invented."""
    assert set(EVENT_CLASSES) == set(GOOD) | LOCAL_TYPES


@pytest.mark.parametrize(
    ("candidate", "code"),
    [
        ([], "not_an_object"),
        (None, "not_an_object"),
        (posted(specversion=ABSENT), "missing_attribute"),
        (posted(id=ABSENT), "missing_attribute"),
        (posted(source=ABSENT), "missing_attribute"),
        (posted(type=ABSENT), "missing_attribute"),
        (posted(id=""), "bad_attribute"),
        (posted(id=7), "bad_attribute"),
        (posted(source="x" * 257), "bad_attribute"),
        (posted(actor=5), "bad_attribute"),
        (posted(specversion="0.3"), "bad_specversion"),
        (posted("order.shipped"), "unknown_type"),
        (posted("connection:lost"), "reserved_type"),
        (posted(data={"collection": "orders", "document": {}}), "missing_id"),
        (posted(data={"collection": "orders", "document": {"id": 7}}), "missing_id"),
        (posted(data={"collection": "orders", "document": {"id": "x" * 257}}), "missing_id"),
        (posted("collection:deleted", data={"collection": "orders"}), "missing_id"),
        (posted(data={"collection": "../etc", "document": {"id": "a"}}), "bad_collection"),
        (posted("collection:updated", data={"collection": "o", "id": "a", "document": {"id": "b"}}), "id_mismatch"),
        (posted("inbox:command", data={"user": "ann", "command": {"id": "2"}}), "id_mismatch"),
        (posted("inbox:command", data={"user": "", "command": {"id": "1"}}), "bad_data"),
        (posted("inbox:command", data={"user": "x" * 250, "command": {"id": "1"}}), "bad_data"),
        (posted("inbox:command", data={"user": "ann", "command": []}), "bad_data"),
        (posted(data=None), "bad_data"),
        (posted("system:error", data={"error": "x", "severity": "dire"}), "bad_data"),
        (posted(time="0001-01-01T00:00:00Z"), "bad_time"),
        (posted(time="2026-01-01T00:00:00"), "bad_time"),
        (posted(time="yesterday"), "bad_time"),
        (posted("user:login", data={"userId": "a", "timestamp": "0001-01-01T00:00:00Z"}), "bad_time"),
    ],
)
def test_a_bad_event_is_refused_with_its_own_code(candidate: Any, code: str) -> None:
    """Codes are stable: machines read them."""
    assert refused(candidate) == code


def test_an_event_nested_too_deep_is_refused() -> None:
    """300 levels are more than anybody means."""
    deep: Any = "x"
    for _ in range(300):
        deep = [deep]
    assert refused(posted(data={"collection": "o", "document": {"id": "a", "deep": deep}})) == "too_deep"


@given(st.integers(0, 40), st.integers(0, 40))
def test_depth_is_exact(depth: int, limit: int) -> None:
    """A value of depth n passes a limit of n and not of n - 1."""
    value: Any = 1
    for level in range(depth):
        value = {"k": value} if level % 2 else [value, 1]
    assert events.depth_exceeds(value, limit) == (depth > limit)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(json_values, st.sampled_from(sorted(EVENT_CLASSES)))
def test_judging_never_raises_anything_but_an_event_error(data: Any, type_: str) -> None:
    """Whatever is posted, the answer is a code."""
    try:
        events.check_event(posted(type_, data=data), max_depth=8)
    except EventError as error:
        assert error.code
        assert str(error).startswith(error.code)


@given(json_values)
def test_reading_never_raises_for_a_type_nobody_knows(data: Any) -> None:
    """Readers keep what they don't understand."""
    envelope = Envelope(id="1", source="s", type="new:thing", specversion="1.0", data=data)
    event = events.event_of(envelope)
    assert event == Unknown("new:thing", data)
    assert isinstance(events.data_of(event), dict)


def test_known_type_with_foreign_data_is_kept_as_unknown() -> None:
    """A later version's shape doesn't break an older reader."""
    envelope = Envelope(id="1", source="s", type="user:login", specversion="1.0", data={"who": "ada"})
    assert isinstance(events.event_of(envelope), Unknown)


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"id": 1}', b"\xff\xfe", b"NaN"])
def test_bytes_that_are_no_envelope_are_named_so(raw: bytes) -> None:
    """One code for whatever isn't an envelope."""
    with pytest.raises(EventError, match="bad_envelope"):
        events.read_envelope(raw)


def test_channels_follow_from_events() -> None:
    """Each event has one channel and at most one document."""
    created = CollectionCreated(collection="orders", document={"id": "a"})
    updated = CollectionUpdated(collection="orders", id="b", document={"id": "b"})
    deleted = CollectionDeleted(collection="orders", id="c")
    login = UserLogin(user_id="ada", timestamp=WHEN)
    fault = SystemFault(error="x", severity="high")
    command = InboxCommand(user="ann", command={"id": "1"})
    assert [events.channel_of(e) for e in (created, updated, deleted, login, fault, command)] == [
        "collection:orders",
        "collection:orders",
        "collection:orders",
        "users",
        "system",
        "inbox#ann",
    ]
    assert [events.document_id_of(e) for e in (created, updated, deleted, login)] == ["a", "b", "c", None]
    assert events.document_id_of(CollectionCreated(collection="o", document={})) is None


def test_criticality_follows_the_design() -> None:
    """Maintenance and high errors are critical by themselves; anything may be marked so."""
    plain = Envelope(id="1", source="s", type="x", specversion="1.0")
    marked = msgspec.structs.replace(plain, critical=True)
    high, low = SystemFault(error="x", severity="high"), SystemFault(error="x", severity="low")
    assert events.is_critical(plain, high)
    assert not events.is_critical(plain, low)
    assert events.is_critical(marked, low)
    assert events.is_critical(plain, SystemMaintenance(message="m", scheduled_time=WHEN))
    assert plain.duplicate_key == ("s", "1")
