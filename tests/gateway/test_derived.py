"""Claims about streams derived for who sees some documents only."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import StartError
from realtime.gateway.derived import Derived, Entry, Fold, Kind, as_seen, begun
from realtime.gateway.derived_file import DerivedFile
from realtime.gateway.role_tables import rights_from

WHERE = [{"field": "region", "op": "==", "value": "north"}]
SIGHT = (
    rights_from({"r": {"actions": "read", "collections": "orders", "where": WHERE, "hide": ["margin"]}})
    .profile(("r",))
    .sight("collection:orders")
)

# An event: a document's id, and whether it is in view afterwards; None deletes it.
_EVENTS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([True, False, None])), max_size=60)


def folds(events: list[tuple[str, bool | None]]) -> list[Fold]:
    """Make events of a channel, each of the type it would have there."""
    there: set[str] = set()
    made: list[Fold] = []
    for origin, (identifier, is_seen) in enumerate(events, 1):
        type_ = "deleted" if is_seen is None else "updated" if identifier in there else "created"
        there.discard(identifier) if is_seen is None else there.add(identifier)
        made.append(Fold(origin, identifier, f"collection:{type_}", bool(is_seen)))
    return made


def folded(events: list[Fold], stream: Derived | None = None) -> tuple[Derived, list[Entry]]:
    """Fold events."""
    derived = stream or Derived()
    return derived, [entry for event in events if (entry := derived.fold(event)) is not None]


def replayed(stream: list[tuple[Entry, Fold]]) -> set[str]:
    """Do what a client does with a derived stream: create, update, delete, each only where it makes sense."""
    there: set[str] = set()
    for entry, event in stream:
        is_deletion = entry.kind is Kind.DELETED or (entry.kind is Kind.AS_IT_IS and event.type.endswith("deleted"))
        if is_deletion:
            assert event.id in there
            there.remove(event.id)
        elif entry.kind is Kind.CREATED or event.type.endswith("created"):
            assert event.id not in there
            there.add(event.id)
        else:
            assert event.id in there
    return there


@given(_EVENTS)
def test_a_client_ends_up_with_what_is_in_view(events: list[tuple[str, bool | None]]) -> None:
    """Offsets have no hole, and coming and going are creations and deletions."""
    made = folds(events)
    derived, entries = folded(made)
    assert [entry.offset for entry in entries] == list(range(1, len(entries) + 1))
    there = replayed([(entry, made[entry.origin - 1]) for entry in entries])
    last = dict(events)
    assert there == {identifier for identifier, is_seen in last.items() if is_seen}
    assert derived.ids_after("", 100) == sorted(there)
    assert derived.count == len(there)


@given(_EVENTS)
def test_what_is_never_seen_leaves_no_trace(events: list[tuple[str, bool | None]]) -> None:
    """With or without it the stream is the same, but for where it comes from."""
    made = folds(events)
    seen_ever = {identifier for identifier, is_seen in events if is_seen}
    fewer = [event for event in made if event.id in seen_ever]
    renumbered = [msgspec.structs.replace(event, origin=number) for number, event in enumerate(fewer, 1)]
    one, other = folded(made)[1], folded(renumbered)[1]
    assert [(entry.offset, entry.kind) for entry in one] == [(entry.offset, entry.kind) for entry in other]


@given(_EVENTS, st.lists(st.integers(0, 60), max_size=4))
def test_it_is_the_same_however_often_it_was_kept_in_between(
    tmp_path_factory: pytest.TempPathFactory, events: list[tuple[str, bool | None]], kept_at: list[int]
) -> None:
    """Kept, read back, and folded on from there: as if nothing had happened."""
    file = DerivedFile.open(tmp_path_factory.mktemp("kept") / "derived.db")
    made = folds(events)
    whole, entries = folded(made)
    stream = Derived()
    for origin, event in enumerate(made):
        if origin in kept_at:
            assert file.save([("rows", "channel", "epoch", stream.take_news())], now_ms=1)
            found = file.load("rows", "channel", epoch="epoch")
            assert found is not None
            stream = found
        stream.fold(event)
    assert (stream.top, stream.count, stream.upto) == (whole.top, whole.count, whole.upto)
    assert stream.entries(1, stream.top) == entries
    assert [stream.version(each) for each in "abc"] == [whole.version(each) for each in "abc"]
    file.close()


@given(_EVENTS, st.integers(0, 60))
def test_events_are_found_by_where_they_come_from(events: list[tuple[str, bool | None]], trimmed_to: int) -> None:
    """Also once the first are forgotten; offsets stay what they were."""
    derived, entries = folded(folds(events))
    derived.forget(trimmed_to)
    for entry in entries:
        if entry.offset > derived.base:
            assert derived.at(entry.origin) == derived.entry(entry.offset) == entry
        else:
            assert derived.at(entry.origin) is None
            assert derived.entry(entry.offset) is None
    assert derived.top == len(entries)


def test_an_event_that_is_not_the_next_changes_nothing() -> None:
    """It was taken in before, or something before it is yet to come."""
    derived = Derived(upto=3)
    for origin in (1, 3, 5):
        assert derived.fold(Fold(origin, "a", "collection:created", True)) is None
    assert (derived.upto, derived.top) == (3, 0)


def test_a_stream_that_begins_late_numbers_what_was_left_alone() -> None:
    """Their own offsets would tell how much isn't seen."""
    derived = begun([("b", 700), ("a", 12)], trimmed_to=900, nonce="n")
    assert (derived.version("a"), derived.version("b"), derived.top) == (1, 2, 2)
    assert derived.fold(Fold(901, "b", "collection:updated", True)) == Entry(3, 901, Kind.AS_IT_IS)
    assert derived.fold(Fold(902, "c", "collection:updated", True)) == Entry(4, 902, Kind.CREATED)


@pytest.mark.parametrize(
    ("kind", "region", "type_", "document"),
    [
        (Kind.AS_IT_IS, "north", "collection:updated", {"id": "a", "region": "north"}),
        (Kind.CREATED, "north", "collection:created", {"id": "a", "region": "north"}),
        (Kind.DELETED, "south", "collection:deleted", None),
        (Kind.AS_IT_IS, "south", "collection:deleted", None),
    ],
)
def test_an_event_is_put_as_what_it_is_there(kind: Kind, region: str, type_: str, document: Any) -> None:
    """With fields kept back; and rather as a deletion than with a document that isn't in view."""
    content = {"collection": "orders", "id": "a", "document": {"id": "a", "region": region, "margin": 7}}
    envelope = {"specversion": "1.0", "id": "e", "source": "/s", "type": "collection:updated", "data": content}
    assert SIGHT is not None
    seen = msgspec.json.decode(as_seen(SIGHT, msgspec.json.encode(envelope), kind))
    assert (seen["type"], seen["id"]) == (type_, "e")
    assert seen["data"].get("document") == document
    assert b"margin" not in as_seen(SIGHT, msgspec.json.encode(envelope), kind)


def test_a_channel_that_began_anew_has_no_kept_stream(tmp_path: Path) -> None:
    """Its epoch is another."""
    file = DerivedFile.open(tmp_path / "derived.db")
    stream, _ = folded(folds([("a", True)]))
    file.save([("rows", "channel", "one", stream.take_news())], now_ms=1)
    assert file.load("rows", "channel", epoch="two") is None
    assert file.load("rows", "channel", epoch="one") is not None
    file.close()


def test_a_broken_file_begins_anew_and_a_newer_one_stops_the_start(tmp_path: Path) -> None:
    """What is in it can be folded again; but nobody's newer file is thrown away."""
    path = tmp_path / "derived.db"
    path.write_bytes(b"no database at all" * 100)
    DerivedFile.open(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StartError, match="format 99"):
        DerivedFile.open(path)


def test_streams_of_longest_ago_go_when_there_are_too_many(tmp_path: Path) -> None:
    """Whole, with what belongs to them."""
    file = DerivedFile(DerivedFile.open(tmp_path / "derived.db")._connection, kept=2)
    for number in range(4):
        stream, _ = folded(folds([("a", True)]))
        file.save([("rows", f"c{number}", "e", stream.take_news())], now_ms=number)
    assert [file.load("rows", f"c{number}", epoch="e") is not None for number in range(4)] == [False, False, True, True]
    assert file._connection.execute("SELECT count(*) FROM members").fetchone() == (2,)
    file.close()


def test_what_could_not_be_kept_is_kept_whole_next_time(tmp_path: Path) -> None:
    """A failure costs nothing but the time."""
    file = DerivedFile.open(tmp_path / "derived.db")
    stream, _ = folded(folds([("a", True), ("b", True)]))
    file._connection.execute("CREATE TRIGGER full BEFORE INSERT ON members BEGIN SELECT RAISE(ABORT, 'full'); END")
    assert not file.save([("rows", "c", "e", stream.take_news())], now_ms=1)
    stream.unkept()
    file._connection.execute("DROP TRIGGER full")
    assert file.save([("rows", "c", "e", stream.take_news())], now_ms=2)
    found = file.load("rows", "c", epoch="e")
    assert found is not None
    assert (found.top, found.ids_after("", 9)) == (2, ["a", "b"])
    file.close()
