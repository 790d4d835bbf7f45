"""Who is here, as views render it: states, tabs, places, and one person with what they did."""

from __future__ import annotations

from typing import Any

from realtime.store import Here, Looking
from realtime.views import people
from tests.views.support import NOON, Filler
from tests.views.test_activity import WHEN, did


def login(filler: Filler, *names: str, now: float = NOON) -> None:
    """Let people come."""
    for name in names:
        filler.system("users", "user:login", {"userId": name, "timestamp": WHEN}, now=now)


def logout(filler: Filler, name: str, *, now: float = NOON) -> None:
    """Let a person go."""
    filler.system("users", "user:logout", {"userId": name, "timestamp": WHEN}, now=now)


def listed(filler: Filler, *, now: float = NOON) -> dict[str, Any]:
    """Return the panel's rows by person."""
    return {row["id"]: row for row in people.present(filler.store, now=now)["people"]}


def test_online_idle_and_gone_differ_by_shape_and_word() -> None:
    """Never by colour alone; who left is shown for an hour."""
    filler = Filler()
    login(filler, "gone", "idle", "ann")
    logout(filler, "gone")
    did(filler, "idle", "idle")
    rows = listed(filler)
    assert [(row["symbol"], row["word"]) for row in rows.values()] == [("◐", "Idle"), ("●", "Online"), ("○", "Left")]
    assert set(listed(filler, now=NOON + 3601)) == {"ann", "idle"}


def test_whoever_did_nothing_for_five_minutes_counts_as_idle_unless_our_own_pages_know_better() -> None:
    """Reading for an hour in an open, touched tab isn't idling."""
    filler = Filler()
    login(filler, "ann", "bob")
    filler.store.set_here({"ann": Here(2, False, NOON, (Looking("Overview"), Looking("Health")))}, now=NOON)
    rows = listed(filler, now=NOON + 301)
    assert (rows["ann"]["state"], rows["bob"]["state"]) == ("online", "idle")
    assert (rows["ann"]["tabs"], rows["ann"]["places"]) == (2, ["Overview", "Health"])
    filler.store.set_here({"ann": Here(2, True, NOON)}, now=NOON)
    assert listed(filler, now=NOON + 301)["ann"]["state"] == "idle"


def test_the_list_is_bounded_and_says_the_true_count() -> None:
    """Fifty of ten thousand; the rest as a number."""
    filler = Filler()
    login(filler, *(f"p{number}" for number in range(10_000)))
    value = people.present(filler.store, now=NOON)
    assert (value["title"], value["more"]) == ("10,000+ here now", "and 9,950 more people online")
    assert len(value["people"]) == people.SHOWN
    assert people.present(Filler().store, now=NOON)["title"] == "0 here now"


def test_the_sidebar_names_those_online_alone() -> None:
    """Six of them; the rest as a number."""
    filler = Filler()
    login(filler, *(f"p{number}" for number in range(8)))
    logout(filler, "p7")
    value = people.present(filler.store, now=NOON, limit=6, has_gone=False)
    assert [row["state"] for row in value["people"]] == ["online"] * 6
    assert value["more"] == "and 1 more person online"


def test_a_persons_card_says_what_they_did() -> None:
    """Counts with our words, the most frequent first; lines newest first; the hour."""
    filler = Filler()
    login(filler, "ann")
    did(filler, "ann", "view", page="Collections", collection="orders", document="o1")
    did(filler, "ann", "export", collection="orders", format="CSV")
    did(filler, "ann", "export", format="CSV")
    card = people.person(filler.store, now=NOON, person="ann")
    assert card["counts"][0] == {"word": "Exported", "count": 2}
    assert [line["word"] for line in card["lines"]] == ["Exported", "Exported", "Viewed", "Arrived"]
    assert card["lines"][1]["detail"] == "orders · format CSV"
    assert card["places"] == ["orders › o1"]
    assert sum(card["strip"]) == 4


def test_made_up_actions_are_summed_up() -> None:
    """Eight by name, the rest together."""
    filler = Filler()
    for number in range(12):
        did(filler, "ann", f"a{number}")
    card = people.person(filler.store, now=NOON, person="ann")
    assert (len(card["counts"]), card["moreCounts"]) == (8, 4)


def test_a_person_nobody_has_seen_is_said_to_be_unknown() -> None:
    """A link may name anybody."""
    assert people.person(Filler().store, now=NOON, person="zoe") == {"id": "zoe", "name": "zoe", "isKnown": False}
