"""A document's panel, history, editing and export."""

from __future__ import annotations

import io
from datetime import datetime

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import EventError
from realtime.protocol.events import event_of
from realtime.views import editing, export
from realtime.views.filters import Filters
from realtime.views.record import diff, history, record
from tests.views.support import NOON, Filler

_OBJECTS = st.dictionaries(
    st.sampled_from("abcdef"), st.none() | st.booleans() | st.integers(0, 3) | st.text(max_size=2)
)


def test_a_record_tells_what_changed_last() -> None:
    """Who, when, how, and which fields."""
    filler = Filler()
    filler.created("orders", {"id": "a", "n": 1})
    filler.updated("orders", {"id": "a", "n": 2}, now=NOON + 5, actor="ada")
    value = record(filler.store, now=NOON + 6, collection="orders", id="a")
    assert value["document"] == {"id": "a", "n": 2}
    assert (value["kind"], value["actor"], value["changed"], value["version"]) == ("updated", "ada", ["n"], 2)
    assert value["changedAt"] == (NOON + 5) * 1000


def test_a_deleted_record_says_so() -> None:
    """The drawer keeps what it showed; the view tells that it is gone."""
    filler = Filler()
    filler.created("orders", {"id": "a"})
    filler.deleted("orders", "a")
    assert record(filler.store, now=NOON, collection="orders", id="a")["exists"] is False


@given(old=_OBJECTS, new=_OBJECTS)
def test_a_diff_applied_to_the_old_gives_the_new(old: dict[str, object], new: dict[str, object]) -> None:
    """Nothing is missed and nothing invented."""
    result = dict(old)
    for step in diff(old, new):
        if step["kind"] == "removed":
            del result[step["field"]]
        else:
            result[step["field"]] = step["new"]
    assert result == new
    assert all(repr(result[key]) == repr(new[key]) for key in new)
    assert diff(new, new) == []


def test_history_compares_each_change_with_the_one_before() -> None:
    """Newest first; the oldest retained update has nothing to be compared with."""

    def event(offset: int, kind: str, document: dict[str, object]) -> dict[str, object]:
        content = {"collection": "orders", "id": "a", "document": document}
        envelope = {"type": f"collection:{kind}", "time": "2026-01-31T12:00:00Z", "actor": "ada", "data": content}
        return {"offset": offset, "storedAt": "2026-01-31T12:00:01Z", "event": envelope}

    rows = history(
        [event(9, "deleted", {}), event(7, "updated", {"id": "a", "n": 2}), event(4, "updated", {"id": "a"})]
    )
    assert [(row["version"], row["word"]) for row in rows] == [(9, "Deleted"), (7, "Updated"), (4, "Updated")]
    assert rows[0]["changes"] == []
    assert rows[1]["changes"] == [{"field": "n", "old": None, "new": 2, "kind": "added"}]
    assert rows[2]["changes"] is None
    assert rows[0]["at"] == round(datetime.fromisoformat("2026-01-31T12:00:00Z").timestamp() * 1000)
    assert history([{}])[0]["word"] == "Unknown"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"id": "a",\n "n": }', "Line 2, column 7: Expecting value."),
        ("[1]", 'A document is an object: {"id": "…", …}.'),
        ('{"id": "b"}', "The id stays 'a'. To get another id, create a new document."),
        ('{"id": "a", "n": NaN}', "NaN isn't JSON. Use a number or null."),
        ("[" * 100_000, "This nests too deeply."),
    ],
)
def test_a_bad_draft_is_told_where(text: str, problem: str) -> None:
    """The person finds the place without guessing."""
    assert editing.read_draft(text, keep_id="a").problem == problem


def test_a_draft_without_id_keeps_the_documents_own() -> None:
    """Deleting the id line by accident doesn't make another document."""
    assert editing.read_draft('{"n": 1}', keep_id="a").document == {"id": "a", "n": 1}
    assert editing.read_draft(editing.write_draft({"id": "ä"})).document == {"id": "ä"}


@pytest.mark.parametrize("verb", ["created", "updated", "deleted"])
def test_a_click_becomes_an_event_the_gateway_takes(verb: editing.Verb) -> None:
    """The envelope means what was clicked."""
    made = editing.envelope(
        verb, "orders", document={"id": "a"}, key="k1", time="2026-01-31T12:00:00+00:00", actor="ada"
    )
    assert (made.type, made.id, made.actor, made.source) == (f"collection:{verb}", "k1", "ada", "/tideboard/page")
    assert type(event_of(made)).__name__ == f"Collection{verb.title()}"


def test_a_document_without_id_is_refused_before_it_is_sent() -> None:
    """The reason is the gateway's own."""
    with pytest.raises(EventError) as caught:
        editing.envelope("created", "orders", document={}, key="k", time="2026-01-31T12:00:00Z", actor=None)
    assert caught.value.code == "missing_id"
    assert editing.explain(caught.value) == "'data.document.id' has to be a string of 1 to 256 characters."
    assert editing.explain(TimeoutError()) == "TimeoutError"


def _exported() -> pd.DataFrame:
    filler = Filler()
    filler.created("orders", {"id": "a", "n": 1, "note": "=HYPERLINK(1)"})
    filler.created("orders", {"id": "b", "n": 2, "tags": ["x"]}, now=NOON + 1, actor="ada")
    filler.created("orders", {"id": "c", "n": 3}, now=NOON + 2)
    return export.selected(filler.store, "orders", filters=Filters(search="", field="", value=""))


def test_an_export_is_newest_first_with_times_in_iso() -> None:
    """Times carry their offset; who changed it is there."""
    table = _exported()
    assert list(table["id"]) == ["c", "b", "a"]
    assert table["_changed_at"][0] == "2027-01-15T08:00:02.000+00:00"
    assert table["_changed_by"][1] == "ada"


def test_csv_is_read_back_and_never_a_formula() -> None:
    """A cell that a spreadsheet would run is quoted."""
    raw = export.to_csv(_exported())
    assert raw.startswith(b"\xef\xbb\xbf")
    back = pd.read_csv(io.BytesIO(raw))
    assert list(back["n"]) == [3, 2, 1]
    assert back["note"][2] == "'=HYPERLINK(1)"


def test_parquet_keeps_types() -> None:
    """Numbers come back as numbers."""
    back = pd.read_parquet(io.BytesIO(export.to_parquet(_exported())))
    assert list(back["n"]) == [3, 2, 1]
    assert back["tags"][1] == '["x"]'


def test_an_export_holds_what_the_filters_select() -> None:
    """The count said is the count exported, and an empty selection is an empty file."""
    filler = Filler()
    filler.many("orders", [{"id": "a", "s": "x"}, {"id": "b", "s": "y"}])
    wanted = Filters(field="s", value="y")
    assert export.count(filler.store, "orders", filters=wanted) == 1
    assert list(export.selected(filler.store, "orders", filters=wanted)["id"]) == ["b"]
    assert export.count(filler.store, "orders", filters=Filters()) == 2
    nothing = export.selected(filler.store, "orders", filters=Filters(search="zzz"))
    assert export.to_csv(nothing).decode("utf-8-sig").strip() == "id,s,_changed_at,_changed_by"
    assert export.file_name("orders", now=NOON, ending="csv") == "orders-20270115T080000Z.csv"
