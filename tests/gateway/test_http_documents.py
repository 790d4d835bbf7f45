"""Claims about collections and documents over HTTP: verbs, versions, conditions, pages."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.gateway.documents import merge_patch
from tests.gateway.making import envelope
from tests.gateway.serving import Served, served
from tests.support.engines import on_each_engine

pytestmark = on_each_engine

DOCUMENTS = "/api/collections/orders/documents"
ONE = DOCUMENTS + "/d1"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    """Serve a gateway."""
    with served(tmp_path) as one:
        yield one


@pytest.fixture
def http(gateway: Served) -> httpx.Client:
    """Talk to it."""
    return gateway.http


def _code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_a_document_is_made_shown_changed_and_deleted(http: httpx.Client) -> None:
    """The whole life of a document; each step has the next version and is an event in the stream."""
    made = http.post(DOCUMENTS, json={"id": "d1", "n": 1, "keep": {"a": 1}})
    assert (made.status_code, made.headers["etag"], made.headers["location"]) == (201, '"1"', ONE)
    merged = http.patch(ONE, json={"n": None, "keep": {"b": 2}})
    assert merged.json()["document"] == {"id": "d1", "keep": {"a": 1, "b": 2}}
    replaced = http.put(ONE, json={"n": 3})
    assert (replaced.status_code, replaced.json()["document"]) == (200, {"n": 3, "id": "d1"})
    shown = http.get(ONE)
    assert (shown.json()["document"], shown.headers["etag"]) == ({"n": 3, "id": "d1"}, '"3"')
    deleted = http.delete(ONE)
    assert deleted.json()["position"]["offset"] == 4
    assert _code(http.get(ONE)) == (404, "not_found")
    events = http.get(ONE + "/history").json()
    kinds = [told["event"]["type"].removeprefix("collection:") for told in events["events"]]
    assert kinds == ["deleted", "updated", "updated", "created"]
    assert events["isComplete"] is True


def test_put_makes_what_is_not_there(http: httpx.Client) -> None:
    """201, as an event of creation."""
    assert http.put(ONE, json={"id": "d1"}).status_code == 201
    assert http.get(ONE + "/history").json()["events"][0]["event"]["type"] == "collection:created"


def test_making_what_exists_is_refused(http: httpx.Client) -> None:
    """409, and what is there stays."""
    http.post(DOCUMENTS, json={"id": "d1", "n": 1})
    assert _code(http.post(DOCUMENTS, json={"id": "d1", "n": 2})) == (409, "exists")
    assert _code(http.put(ONE, json={"n": 2}, headers={"if-none-match": "*"})) == (412, "conflict")
    assert http.get(ONE).json()["document"]["n"] == 1


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_stale_version_is_refused_with_the_current_document(http: httpx.Client, method: str) -> None:
    """412 with the document as it is now and its version; a fresh version goes through."""
    http.post(DOCUMENTS, json={"id": "d1", "n": 1})
    http.patch(ONE, json={"n": 2})
    content = None if method == "DELETE" else {"n": 3}
    answer = http.request(method, ONE, json=content, headers={"if-match": '"1"'})
    assert _code(answer) == (412, "conflict")
    assert (answer.json()["document"], answer.json()["offset"]) == ({"id": "d1", "n": 2}, 2)
    assert http.request(method, ONE, json=content, headers={"if-match": answer.headers["etag"]}).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_version_of_what_is_gone_is_a_conflict(http: httpx.Client, method: str) -> None:
    """Whoever edits what somebody deleted hears so: 412, no document."""
    http.post(DOCUMENTS, json={"id": "d1"})
    http.delete(ONE)
    content = None if method == "DELETE" else {"n": 3}
    answer = http.request(method, ONE, json=content, headers={"if-match": '"1"'})
    assert _code(answer) == (412, "conflict")
    assert answer.json()["document"] is None
    assert "no longer exists" in answer.json()["error"]["reason"]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_what_is_not_there_is_not_found(http: httpx.Client, method: str) -> None:
    """404 without a condition."""
    content = None if method == "DELETE" else {"n": 3}
    assert _code(http.request(method, ONE, json=content)) == (404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "content", "expected"),
    [
        ("POST", DOCUMENTS, {"n": 1}, (422, "missing_id")),
        ("POST", DOCUMENTS, [1], (422, "bad_data")),
        ("PUT", ONE, {"id": "d2"}, (422, "id_mismatch")),
        ("PUT", ONE, 3, (422, "bad_data")),
        ("PATCH", ONE, [1], (422, "bad_data")),
        ("PATCH", ONE, {"id": "d2"}, (422, "id_mismatch")),
        ("PATCH", ONE, {"id": None}, (422, "missing_id")),
        ("POST", "/api/collections/-x/documents", {"id": "1"}, (422, "bad_collection")),
        ("GET", "/api/collections/a b/documents", None, (422, "bad_collection")),
        ("GET", DOCUMENTS + "/" + "x" * 300, None, (422, "missing_id")),
        ("GET", DOCUMENTS + "?limit=0", None, (400, "bad_query")),
    ],
)
def test_what_makes_no_sense_is_refused(
    http: httpx.Client, method: str, path: str, content: Any, expected: tuple[int, str]
) -> None:
    """422 with a code and a reason, and nothing changes."""
    http.post(DOCUMENTS, json={"id": "d1"})
    assert _code(http.request(method, path, json=content)) == expected
    assert http.get(ONE).headers["etag"] == '"1"'


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"", "application/json", (400, "empty_body")),
        (b'{"id": "d1", "n": NaN}', "application/json", (400, "not_a_number")),
        (b'{"id": "d1", "n": ' + b"[" * 100 + b"]" * 100 + b"}", "application/json", (422, "too_deep")),
        (b"{}", "application/x-ndjson", (415, "unsupported_type")),
        (b'{"id": "' + b"x" * 300 + b'"}', "application/json", (422, "missing_id")),
    ],
)
def test_bodies_are_judged_as_events_are(http: httpx.Client, body: bytes, kind: str, expected: tuple[int, str]) -> None:
    """The same codes as for posted events."""
    assert _code(http.post(DOCUMENTS, content=body, headers={"content-type": kind})) == expected


def test_a_condition_that_is_no_version_is_refused(http: httpx.Client) -> None:
    """If-Match holds a version, or `*` for any."""
    assert http.put(ONE, json={}, headers={"if-match": "W/x"}).status_code == 422
    assert _code(http.put(ONE, json={}, headers={"if-match": "*"})) == (404, "not_found")
    http.put(ONE, json={})
    assert http.put(ONE, json={}, headers={"if-match": "*"}).status_code == 200
    assert http.get(ONE, headers={"if-none-match": '"2"'}).status_code == 304


def test_a_key_makes_repeats_one_change(http: httpx.Client) -> None:
    """A retry with the same Idempotency-Key is answered with the first position, whatever happened meanwhile."""
    first = http.post(DOCUMENTS, json={"id": "d1"}, headers={"idempotency-key": "a"})
    assert http.post(DOCUMENTS, json={"id": "d1"}, headers={"idempotency-key": "a"}).json() == first.json()
    http.patch(ONE, json={"n": 1}, headers={"idempotency-key": "b"})
    again = http.patch(ONE, json={"n": 1}, headers={"idempotency-key": "b"})
    assert (again.status_code, again.json()["offset"]) == (200, 2)
    gone = http.delete(ONE, headers={"idempotency-key": "c"})
    assert http.delete(ONE, headers={"idempotency-key": "c"}).json() == gone.json()
    assert _code(http.delete(ONE, headers={"idempotency-key": "d"})) == (404, "not_found")
    assert http.put(ONE, json={}, headers={"idempotency-key": "x" * 300}).status_code == 422


def test_patches_at_once_are_all_merged(gateway: Served) -> None:
    """No change is lost between reading and writing."""
    gateway.http.post(DOCUMENTS, json={"id": "d1"})
    answers: list[int] = []

    def patch(number: int) -> None:
        answers.append(httpx.patch(gateway.url + ONE, json={f"n{number}": 1}, trust_env=False).status_code)

    threads = [threading.Thread(target=patch, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 6
    assert len(gateway.http.get(ONE).json()["document"]) == 7


def test_pages_and_counts_agree(gateway: Served) -> None:
    """Following the cursor gives every document with its version; the list of collections counts them."""
    gateway.post([envelope(number) for number in range(25)])
    found: dict[str, int] = {}
    cursor = None
    while True:
        page = gateway.http.get(DOCUMENTS, params={"limit": 10} | ({"cursor": cursor} if cursor else {})).json()
        assert page["position"]["offset"] == 25
        found |= {one["id"]: offset for one, offset in zip(page["documents"], page["offsets"], strict=True)}
        cursor = page["cursor"]
        if cursor is None:
            break
    assert found == {f"d{number}": number + 1 for number in range(25)}
    [collection] = gateway.http.get("/api/collections").json()["collections"]
    assert (collection["name"], collection["documents"], collection["position"]) == ("orders", 25, page["position"])


def test_a_collection_nobody_posted_to_is_empty(http: httpx.Client) -> None:
    """Its snapshot has the position that its first event will follow."""
    page = http.get(DOCUMENTS).json()
    assert (page["documents"], page["cursor"], page["position"]["offset"]) == ([], None, 0)
    assert http.post(DOCUMENTS, json={"id": "d1"}).json()["position"] == {**page["position"], "offset": 1}


def test_ids_may_hold_anything(http: httpx.Client) -> None:
    """Slashes, spaces, quotes and letters of any kind."""
    for identifier in ("a/b c", 'é"', "?x=1#y", "history"):
        location = http.post(DOCUMENTS, json={"id": identifier}).headers["location"]
        assert http.get(location).json()["document"]["id"] == identifier
        assert len(http.get(location + "/history").json()["events"]) == 1
        assert http.delete(location).status_code == 200


_JSON = st.recursive(
    st.none() | st.integers(0, 3) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def _has_null(value: Any) -> bool:
    return isinstance(value, dict) and any(inner is None or _has_null(inner) for inner in value.values())


@given(_JSON, _JSON)
def test_a_merge_patch_twice_is_the_patch_once(target: Any, patch: Any) -> None:
    """RFC 7396: idempotent, and no null of the patch is left over."""
    once = merge_patch(target, patch)
    assert merge_patch(once, patch) == once
    if isinstance(patch, dict):
        assert all(once.get(name) is None for name, value in patch.items() if value is None)
        assert not _has_null(merge_patch({}, patch))
