"""The Activity page's feed as views render it: filters, severities, groups, the hour, and the URL that keeps them."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from realtime.protocol.events import LOCAL_PERSON, ConnectionLost
from realtime.views import activity
from realtime.views.activity_place import GROUPS, KINDS, SEVERITIES, ActivityPlace, read_activity, write_activity
from realtime.views.deeds import UNNAMED, deed
from tests.views.support import NOON, Filler

WHEN = "2027-01-15T08:00:00Z"


def did(filler: Filler, person: str, action: str, *, now: float = NOON, **metadata: Any) -> None:
    """Let a person do something."""
    data = {"userId": person, "action": action, "timestamp": WHEN, "metadata": metadata}
    filler.system("users", "user:activity", data, now=now)


def fault(filler: Filler, text: str, severity: str) -> None:
    """Let something fail."""
    filler.system("system", "system:error", {"error": text, "severity": severity})


def shown(filler: Filler, **query: str) -> dict[str, Any]:
    """Render the feed for a URL's parameters."""
    return activity.events(filler.store, now=NOON, query=query)


def titles(filler: Filler, **query: str) -> list[str]:
    """Return the rows' titles."""
    return [row["title"] for row in shown(filler, **query)["rows"]]


def day() -> Filler:
    """Fill a store with a bit of everything."""
    filler = Filler()
    filler.created("orders", {"id": "o1", "city": "Utrecht"}, actor="ann")
    filler.updated("orders", {"id": "o1", "city": "Rome"}, actor="bob", now=NOON + 100)
    filler.deleted("tasks", "t1", now=NOON + 200)
    did(filler, "ann", "view", now=NOON + 210, page="Collections", collection="orders")
    fault(filler, "disk full", "high")
    fault(filler, "slow", "low")
    filler.system("system", "system:maintenance", {"message": "tonight", "scheduledTime": WHEN})
    filler.store.raise_local(ConnectionLost(timestamp=WHEN, reason="cable"), now=NOON)
    return filler


def test_without_filters_everything_is_there_newest_first() -> None:
    """Also what people do at our own pages; the note says how many."""
    value = shown(day())
    assert len(value["rows"]) == 8
    assert value["keys"] == sorted(value["keys"], reverse=True)
    assert value["note"] == "8 events"


def test_every_filter_leaves_out_the_rest() -> None:
    """One by one, and together."""
    filler = day()
    assert titles(filler, kind="deleted") == ["t1"]
    assert titles(filler, kind="created,updated") == ["o1", "o1"]
    assert titles(filler, kind="people") == ["ann"]
    assert len(titles(filler, kind="system")) == 3
    assert len(titles(filler, kind="connection")) == 1
    assert titles(filler, collection="tasks") == ["t1"]
    assert titles(filler, person="ann") == ["ann", "o1"]
    assert titles(filler, q="ROME") == ["o1"]
    assert titles(filler, **{"from": str(int(NOON + 50)), "to": str(int(NOON + 150))}) == ["o1"]
    assert titles(filler, person="bob", kind="updated", collection="orders", q="rome") == ["o1"]
    assert titles(filler, person="bob", kind="created") == []


def test_severities_are_thresholds() -> None:
    """Errors are high ones and a lost connection; warnings also the rest that deserves a look."""
    filler = day()
    assert titles(filler, severity="error") == ["Connection to the gateway lost", "disk full"]
    assert len(titles(filler, severity="warning")) == 4
    value = shown(filler)
    assert len(value["bad"]) == 2
    assert set(value["bad"]) <= set(value["keys"])


def test_filters_are_said_in_words_with_the_true_count() -> None:
    """What is left out is said, and so is what is cut."""
    filler = day()
    assert shown(filler, person="bob", q="rome")["note"] == "1 event: person bob, containing “rome”"
    assert shown(filler, q="nothing of the kind")["empty"].startswith("No events pass these filters")
    filler.many("many", ({"id": f"d{number}"} for number in range(300)))
    value = shown(filler, collection="many")
    assert len(value["rows"]) == activity.ROWS_SHOWN
    assert value["note"] == "the newest 200 of 300 events: collection many"
    assert len(value["keys"]) == 300


def test_groups_by_person_show_the_newest_and_count() -> None:
    """Whoever acted last comes first; what names nobody is one group; lines don't repeat the person's name."""
    filler = day()
    groups = {row["key"]: row for row in shown(filler, group="person")["rows"]}
    assert set(groups) == {"person:", "person:ann", "person:bob"}
    ann = groups["person:ann"]
    assert (ann["title"], ann["count"], ann["word"]) == ("ann", 2, "Viewed")
    assert [line["text"] for line in ann["lines"]] == ["orders", "o1 city Utrecht"]
    assert groups["person:"]["title"] == "Nobody named"


def test_groups_by_document_name_collection_and_document() -> None:
    """The same id in two collections is two documents."""
    filler = day()
    filler.created("tasks", {"id": "o1"})
    keys = [row["key"] for row in shown(filler, group="document")["rows"]]
    assert {"document:orders › o1", "document:tasks › o1", "document:tasks › t1", "document:"} == set(keys)
    (first, *_) = shown(filler, group="document", collection="orders")["rows"]
    assert first["count"] == 2
    assert [line["text"] for line in first["lines"]] == ["city → Rome", "city Utrecht"]


def test_a_groups_stamp_changes_with_its_newest_event() -> None:
    """So that a page knows which rows to draw anew."""
    filler = day()
    before = {row["key"]: row["stamp"] for row in shown(filler, group="person")["rows"]}
    did(filler, "ann", "x")
    after = {row["key"]: row["stamp"] for row in shown(filler, group="person")["rows"]}
    assert {key for key in before if before[key] != after[key]} == {"person:ann"}


def test_large_groups_say_how_many_are_not_listed() -> None:
    """Twenty lines, and the rest as a number."""
    filler = Filler()
    for _ in range(50):
        did(filler, "ann", "x")
    (row,) = shown(filler, group="person")["rows"]
    assert (row["count"], len(row["lines"]), row["more"]) == (50, activity.LINES_IN_GROUP, 30)


def test_the_local_person_has_a_name_people_understand() -> None:
    """Its id is for machines."""
    filler = Filler()
    did(filler, LOCAL_PERSON, "edit")
    assert titles(filler) == [UNNAMED]
    assert titles(filler, person=LOCAL_PERSON) == [UNNAMED]


def test_choices_are_what_there_is_and_what_is_chosen() -> None:
    """A link may name a collection or a person that isn't here yet."""
    filler = day()
    value = activity.choices(filler.store, now=NOON, query={"collection": "later", "person": "zoe"})
    assert value["collections"] == ["later", "orders", "tasks"]
    assert value["people"] == [["zoe", "zoe"], ["ann", "ann"], ["bob", "bob"]]
    assert [key for key, _ in value["kinds"]] == list(KINDS)


def test_the_hour_counts_what_is_asked_for() -> None:
    """All events with their errors, one collection's, or one person's; sixty minutes, the running one last."""
    filler = day()
    everything = activity.strip(filler.store, now=NOON + 200)
    assert (len(everything["counts"]), sum(everything["counts"]), sum(everything["errors"])) == (60, 7, 2)
    assert everything["start"] == (int((NOON + 200) // 60) - 59) * 60_000
    assert sum(activity.strip(filler.store, now=NOON + 200, collection="orders")["counts"]) == 2
    ann = activity.strip(filler.store, now=NOON + 210, person="ann")
    assert (sum(ann["counts"]), sum(ann["errors"]), ann["label"]) == (2, 0, "What ann did per minute, last hour")


def test_what_is_searched_twice_is_written_once() -> None:
    """An entry's text is kept; another store's entry of the same number isn't taken for it."""
    one, other = day(), Filler()
    other.created("orders", {"id": "x", "city": "Oslo"})
    assert titles(one, q="utrecht") == ["o1"]
    assert titles(other, q="utrecht") == []
    assert titles(other, q="oslo") == ["x"]
    assert titles(one, q="utrecht") == ["o1"]


@given(
    place=st.builds(
        ActivityPlace,
        kinds=st.sets(st.sampled_from(list(KINDS))).map(lambda kinds: tuple(kind for kind in KINDS if kind in kinds)),
        collection=st.text(max_size=20),
        person=st.text(max_size=20),
        severity=st.sampled_from(list(SEVERITIES)),
        search=st.text(max_size=20).map(str.strip),
        group=st.sampled_from(list(GROUPS)),
        since=st.integers(1, 1_999_999_999),
        until=st.just(2_000_000_000),
    )
)
def test_a_place_survives_its_url(place: ActivityPlace) -> None:
    """What is written is read back, whatever people and collections are called."""
    assert read_activity(write_activity(place)) == place
    live = msgspec.structs.replace(place, since=0, until=0)
    assert read_activity(write_activity(live)) == live


@given(query=st.dictionaries(st.sampled_from(["kind", "severity", "group", "from", "to", "q", "person"]), st.text()))
def test_any_url_can_be_shown(query: dict[str, str]) -> None:
    """What makes no sense is left out; nothing raises."""
    filler = day()
    value = activity.events(filler.store, now=NOON, query=query)
    assert isinstance(msgspec.json.encode(value), bytes)
    place = read_activity(query)
    assert place.is_pinned == (place.until > place.since > 0)


def test_deeds_have_a_shape_and_a_word() -> None:
    """Ours have words of ours, another's action keeps its name, cut short."""
    assert deed("view") == ("◉", "Viewed")
    assert deed("x" * 200)[1].endswith("…")
