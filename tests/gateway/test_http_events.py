"""Claims about posting events over HTTP: each bad input has its code, and no bad one sinks a good one."""

from __future__ import annotations

import gzip
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.errors import StorageError
from realtime.gateway.log import EventLog
from tests.gateway.making import envelope
from tests.gateway.serving import Served, served
from tests.support.engines import on_each_engine, sqlite_only

pytestmark = on_each_engine


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Served]:
    """Serve a gateway with small limits."""
    with served(tmp_path, max_body_bytes=100_000, max_event_bytes=5_000, max_batch_events=50, warnings_kept=20) as one:
        yield one


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def _with(**changes: Any) -> bytes:
    return json.dumps(envelope("bad") | changes).encode()


def _document(document: Any) -> bytes:
    return _with(data={"collection": "orders", "document": document})


BAD_ITEMS = [
    (b"3", "not_an_object"),
    (b'{"specversion": "1.0"}', "missing_attribute"),
    (_with(id=""), "bad_attribute"),
    (_with(critical="yes"), "bad_attribute"),
    (_with(specversion="0.3"), "bad_specversion"),
    (_with(type="collection:renamed"), "unknown_type"),
    (_with(type="connection:lost"), "reserved_type"),
    (_document({"name": "no id"}), "missing_id"),
    (_document({"id": 7}), "missing_id"),
    (_document("text"), "bad_data"),
    (_with(data={"collection": "a b", "document": {"id": "1"}}), "bad_collection"),
    (_with(type="collection:updated", data={"collection": "a", "id": "1", "document": {"id": "2"}}), "id_mismatch"),
    (_with(time="0001-01-01T00:00:00Z"), "bad_time"),
    (_with(time="yesterday"), "bad_time"),
    (_document({"id": "d", "deep": _nested(300)}), "too_deep"),
    (b'{"deep": ' + b"[" * 20_000 + b"]" * 20_000 + b"}", "too_deep"),
    (_document({"id": "d", "text": "x" * 5_000}), "event_too_large"),
    (_with(source="NaN").replace(b'"NaN"', b"NaN"), "not_a_number"),
    (_with(source="??").replace(b"??", b"\xff\xfe"), "bad_utf8"),
    (b'{"id": }', "bad_json"),
]


@pytest.mark.parametrize(("bad", "code"), BAD_ITEMS)
def test_a_bad_event_has_its_code_and_its_neighbours_are_stored(gateway: Served, bad: bytes, code: str) -> None:
    """Each kind of bad input: index, code, reason; the good ones around it are stored, the bad one can be listed."""
    good = [json.dumps(envelope(number)).encode() for number in (1, 2)]
    answer = gateway.post(b"[" + good[0] + b"," + bad + b"," + good[1] + b"]")
    assert answer.status_code == 207
    report = answer.json()
    assert [result["status"] for result in report["results"]] == ["stored", "refused", "stored"]
    assert [result.get("offset") for result in report["results"]] == [1, None, 2]
    assert (report["stored"], report["duplicates"], report["refused"]) == (2, 0, 1)
    refused = report["results"][1]
    assert (refused["index"], refused["code"]) == (1, code)
    assert refused["reason"].endswith((".", "…"))
    [warning] = gateway.http.get("/api/ingestion-warnings").json()["warnings"]
    assert (warning["index"], warning["code"], warning["reason"]) == (1, code, refused["reason"])
    assert warning["timeMs"] > 0
    assert len(warning["excerpt"]) <= 200


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"", "application/json", 400, "empty_body"),
        (b"{", "application/json", 400, "bad_json"),
        (b'{"a": NaN}', "application/json", 400, "not_a_number"),
        (b'{"a": "\xff"}', "application/json", 400, "bad_utf8"),
        (_with(type="nope"), "application/json", 422, "unknown_type"),
        (_document({"id": "d", "text": "x" * 5_000}), "application/json", 413, "event_too_large"),
        (b"x" * 200_000, "application/json", 413, "body_too_large"),
        (b"[" + b",".join([b"1"] * 51) + b"]", "application/json", 413, "too_many_events"),
        (b"{}", "text/plain", 415, "unsupported_type"),
        (b"{}", "application/cloudevents-batch+json", 422, "not_an_array"),
    ],
)
def test_what_is_refused_as_a_whole_says_so(gateway: Served, body: bytes, kind: str, status: int, code: str) -> None:
    """The status fits the reason, the report has the code, and it is listed."""
    answer = gateway.post(body, kind=kind)
    assert (answer.status_code, answer.json()["results"][0]["code"]) == (status, code)
    assert gateway.http.get("/api/ingestion-warnings").json()["warnings"][0]["code"] == code
    assert gateway.post(envelope(1)).status_code == 200


def test_a_body_far_too_large_is_answered_before_it_is_read(gateway: Served) -> None:
    """2 MB: the sender hears 413 though it was still sending."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10)
    connection.request("POST", "/api/events", b"[" + b" " * 2_000_000 + b"]", {"Content-Type": "application/json"})
    assert connection.getresponse().status == 413
    connection.close()


def test_gzip_is_taken_and_its_bombs_refused(gateway: Served) -> None:
    """The limit counts what comes out."""
    body = gzip.compress(json.dumps([envelope(1), envelope(2)]).encode())
    assert gateway.post(body, content_encoding="gzip").json()["stored"] == 2
    answer = gateway.post(gzip.compress(b" " * 5_000_000), content_encoding="gzip")
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")
    assert gateway.post(b"plain", content_encoding="gzip").json()["error"]["code"] == "bad_gzip"
    assert gateway.post(b"{}", content_encoding="br").status_code == 415


def test_ndjson_is_taken_line_by_line(gateway: Served) -> None:
    """One event a line."""
    lines = b"\n".join(json.dumps(envelope(number)).encode() for number in range(3)) + b"\n"
    assert gateway.post(lines, kind="application/x-ndjson").json()["stored"] == 3


def test_a_repeat_is_told_its_first_position(gateway: Served) -> None:
    """200, status duplicate, the first offset; nothing new is stored."""
    first = gateway.post(envelope(1)).json()["results"][0]
    again = gateway.post([envelope(1), envelope(2)])
    assert again.status_code == 200
    [repeat, new] = again.json()["results"]
    assert repeat == first | {"status": "duplicate"}
    assert (new["status"], new["offset"]) == ("stored", 2)


def test_a_missing_time_is_filled_in(gateway: Served) -> None:
    """What is published has a time (DESIGN section 2)."""
    gateway.post(envelope(1))
    history = gateway.http.post("/api/history", json={"channel": "collection:orders", "limit": 1}).json()
    assert history["result"]["publications"][0]["data"]["time"].endswith("Z")


def test_the_list_of_warnings_is_bounded_and_pages(gateway: Served) -> None:
    """Newest first; `before` goes on; a bad number is refused."""
    gateway.post(b"[" + b",".join([b"1"] * 50) + b"]")
    page = gateway.http.get("/api/ingestion-warnings", params={"limit": 15}).json()
    rest = gateway.http.get("/api/ingestion-warnings", params={"limit": 15, "before": page["before"]}).json()
    assert [warning["index"] for warning in page["warnings"] + rest["warnings"]] == list(range(49, 29, -1))
    assert rest["before"] is None
    for bad in ("0", "x", "9" * 30):
        assert gateway.http.get("/api/ingestion-warnings", params={"limit": bad}).status_code == 400


def test_too_many_collections_are_refused(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of streams is bounded; those that exist go on."""
    monkeypatch.setattr("realtime.gateway.ingest.MAX_CHANNELS", 1)
    gateway.post(envelope(1))
    answer = gateway.post([envelope(2, collection="flights"), envelope(3)]).json()
    assert [result.get("code", "") for result in answer["results"]] == ["too_many_collections", ""]


@sqlite_only
def test_storage_trouble_is_an_error_with_a_time_to_come_back(gateway: Served) -> None:
    """Full: 507, locked or busy: 503; health says not ready until a commit works again."""
    gateway.post(envelope(1))
    log = gateway.gateway.log
    assert isinstance(log, EventLog)
    connection = log._writer._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    bulk = [
        envelope(number, data={"collection": "o", "document": {"id": "d", "t": "x" * 4000}}) for number in range(20)
    ]
    answer = gateway.post([*bulk, 3])
    assert (answer.status_code, answer.json()["error"]["code"]) == (507, "storage_full")
    assert int(answer.headers["retry-after"]) > 0
    health = gateway.http.get("/api/health")
    assert (health.status_code, health.json()["ready"], health.json()["live"]) == (503, False, True)
    ready = gateway.http.get("/api/health/ready")
    assert (ready.status_code, ready.json()["ready"], ready.headers["retry-after"]) == (503, False, "1")
    assert "disk is full" in ready.json()["trouble"]
    assert gateway.http.get("/api/health/live").json() == {"live": True}
    connection.execute("PRAGMA max_page_count = 1000000")
    gateway.on_loop(lambda: None)
    assert gateway.http.get("/api/health/ready").json() == {"ready": True, "trouble": None}, "nobody has to write first"
    assert gateway.post([*bulk, 3]).json()["stored"] == 19
    assert gateway.http.get("/api/health").json()["ready"] is True


def test_a_full_queue_sends_producers_away_for_a_moment(gateway: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After, as code and as sentence."""

    def refuse(*_: object, **__: object) -> None:
        raise StorageError("Too much is waiting.")

    monkeypatch.setattr(gateway.gateway.log, "append", refuse)
    monkeypatch.setattr(gateway.gateway.log, "keep_refusals", refuse)
    answer = gateway.post(envelope(1))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["error"] == {"code": "storage_unavailable", "reason": "Too much is waiting."}
    assert gateway.post(b"{").status_code == 400


def test_a_version_that_was_seen_can_be_expected(gateway: Served) -> None:
    """If-Match is about the first event's document; a conflict stores nothing and tells the version of now."""

    def put(number: int, seen: str) -> Any:
        data = {"collection": "orders", "document": {"id": "d", "n": number}}
        return gateway.post(_with(id=f"put{number}", data=data), If_Match=seen)

    first = gateway.post(_document({"id": "d"})).json()["results"][0]["offset"]
    assert put(1, f'"{first}"').status_code == 200
    answer = put(2, f'"{first}"')
    [result] = answer.json()["results"]
    assert (answer.status_code, result["code"], result["offset"]) == (412, "conflict", first + 1)
    assert put(3, "nonsense").status_code == 422
