"""Claims about the log: positions, duplicates, documents, retention, and what happens when it can't write."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from realtime.errors import ConflictError, StartError, StorageError, StorageFull
from realtime.gateway.log import MUST_BE_NEW, Refusal
from realtime.protocol.positions import Position
from tests.gateway.making import NOON, Commits, accepted, open_log, opened, opened_file
from tests.support.engines import on_each_engine, sqlite_only

pytestmark = on_each_engine

ORDERS = "collection:orders"


def _refusal(number: int) -> Refusal:
    return Refusal(index=number, code="bad_json", reason="Not JSON.", excerpt="{")


def test_offsets_rise_by_one_per_channel(tmp_path: Path) -> None:
    """Each channel counts for itself, from 1."""
    with opened(tmp_path) as log:
        first = log.append([accepted(1), accepted(2, collection="flights"), accepted(3)]).result()
        assert [(one.channel, one.position.offset) for one in first] == [
            (ORDERS, 1), ("collection:flights", 1), (ORDERS, 2),
        ]  # fmt: skip
        assert {one.time_ms for one in first} == {int(NOON * 1000)}


def test_a_channel_has_its_epoch_before_its_first_event(tmp_path: Path) -> None:
    """Whoever subscribes early holds a position that the first event follows."""
    with opened(tmp_path) as log:
        before = log.position(ORDERS)
        [stored] = log.append([accepted(1)]).result()
        assert before.offset == 0
        assert stored.position.follows(before)
        assert stored.is_first_of_channel


def test_positions_and_epochs_outlive_a_restart(tmp_path: Path) -> None:
    """The same data folder goes on counting under the same epoch."""
    with opened(tmp_path) as log:
        log.append([accepted(1)]).result()
        unborn = log.position("collection:later")
        top = log.position(ORDERS)
    with opened(tmp_path) as log:
        assert log.position(ORDERS) == top
        assert log.position("collection:later") == unborn
        assert log.append([accepted(2)]).result()[0].position.follows(top)


def test_a_new_data_folder_has_other_epochs(tmp_path: Path) -> None:
    """A lost log can't be mistaken for the one before it."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with opened(tmp_path / "a") as one, opened(tmp_path / "b") as other:
        assert one.position(ORDERS).epoch != other.position(ORDERS).epoch


def test_a_repeat_is_answered_with_the_first_position(tmp_path: Path) -> None:
    """`source` + `id` is the duplicate key, within an append, across appends, and across restarts."""
    with opened(tmp_path) as log:
        first, repeat = log.append([accepted(1), accepted(1)]).result()
        assert (first.is_duplicate, repeat.is_duplicate) == (False, True)
        assert repeat.position == first.position
    commits = Commits()
    with opened(tmp_path, on_commit=commits) as log:
        [again] = log.append([accepted(1, collection="flights")]).result()
        assert (again.is_duplicate, again.channel, again.position) == (True, ORDERS, first.position)
        assert not log.has_channel("collection:flights")
        assert commits.stored == []


def test_commits_are_announced_in_order_and_before_they_are_answered(tmp_path: Path) -> None:
    """`on_commit` sees each commit before its producer does."""
    commits = Commits()
    with opened(tmp_path, on_commit=commits) as log:
        commits.may_go_on.clear()
        future = log.append([accepted(1)])
        assert commits.happened.wait(10)
        assert not future.done()
        commits.may_go_on.set()
        future.result(10)
        log.append([accepted(2), accepted(3)]).result()
        assert [one.position.offset for one in commits.stored] == [1, 2, 3]


def test_what_waits_is_committed_together(tmp_path: Path) -> None:
    """Appends that queue up while a commit runs share the next one."""
    commits = Commits()
    with opened(tmp_path, on_commit=commits) as log:
        commits.may_go_on.clear()
        futures = [log.append([accepted(0)])]
        assert commits.happened.wait(10)
        futures += [log.append([accepted(number)]) for number in range(1, 20)]
        commits.may_go_on.set()
        assert [future.result(10)[0].position.offset for future in futures] == list(range(1, 21))
        assert commits.batches == [1, 19]


def test_a_listener_that_fails_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The events are durable whatever a listener does; the failure is logged."""

    def fail(_: object) -> None:
        raise RuntimeError("listener")

    with opened(tmp_path, on_commit=fail) as log:
        log.append([accepted(1)]).result()
        assert log.append([accepted(2)]).result()[0].position.offset == 2
    assert "the listener to commits failed" in caplog.text


def test_documents_follow_from_the_events(tmp_path: Path) -> None:
    """Created and updated put a document there, deleted takes it away; the count goes along."""
    with opened(tmp_path) as log:
        log.append([accepted(1), accepted(2), accepted("2b", "updated", document="d2"), accepted(3)]).result()
        log.append([accepted(4, "deleted", document="d1"), accepted(5, "deleted", document="never")]).result()
        assert log.get("orders", "d1") is None
        row = log.get("orders", "d2")
        assert row is not None
        assert (msgspec.json.decode(row.document), row.offset) == ({"id": "d2", "number": "2b"}, 3)
        position = {"epoch": log.position(ORDERS).epoch, "offset": 6}
        assert log.collections() == [{"name": "orders", "documents": 2, "position": position}]
        assert log.get("nowhere", "d1") is None


def test_pages_of_documents_join_up(tmp_path: Path) -> None:
    """Following the cursor gives every document once, ordered by id, awkward ids included."""
    identifiers = ["a", "a/b", "0", "é", "z\n", "A", '"', "~~", "9"]
    with opened(tmp_path) as log:
        log.append([accepted(name, document=name) for name in identifiers]).result()
        log.append([accepted("other", collection="orders2")]).result()
        found: list[str] = []
        cursor = None
        while True:
            page = log.page("orders", limit=2, cursor=cursor)
            assert page.position == log.position(ORDERS)
            documents = msgspec.json.decode(page.documents)
            assert len(documents) == len(page.offsets)
            found += [document["id"] for document in documents]
            cursor = page.cursor
            if cursor is None:
                break
        assert found == sorted(identifiers, key=lambda name: name.encode())


def test_a_page_is_bounded_in_bytes_but_never_empty(tmp_path: Path) -> None:
    """Large documents make short pages; one that is larger than a page comes alone."""
    with opened(tmp_path) as log:
        log.append([accepted(number) for number in range(5)]).result()
        page = log.page("orders", limit=10, most_bytes=1)
        assert (len(page.offsets), page.cursor) == (1, "d0")
        history = log.read(ORDERS, limit=10, most_bytes=1)
        assert [record.offset for record in history.publications] == [1]
        assert not history.reaches_top


def test_an_empty_collection_is_a_page_with_a_position(tmp_path: Path) -> None:
    """A snapshot of what isn't there yet has the position that its first event follows."""
    with opened(tmp_path) as log:
        page = log.page("orders", limit=10)
        assert (page.documents, page.cursor, page.position) == (b"[]", None, log.position(ORDERS))


@pytest.mark.parametrize("expected", [1, 3, 99])
def test_a_change_of_another_version_is_a_conflict(tmp_path: Path, expected: int) -> None:
    """`expected` is the offset of the document's last event; nothing of the append is stored when it differs."""
    with opened(tmp_path) as log:
        log.append([accepted(1), accepted(2, "updated", document="d1")]).result()
        future = log.append([accepted(3, "updated", document="d1"), accepted(4)], expected=expected)
        with pytest.raises(ConflictError) as conflict:
            future.result()
        assert (conflict.value.expected, conflict.value.actual) == (expected, 2)
        assert log.position(ORDERS).offset == 2


def test_of_two_that_saw_the_same_version_one_wins(tmp_path: Path) -> None:
    """The check and the append are one step, within one group commit too."""
    commits = Commits()
    with opened(tmp_path, on_commit=commits) as log:
        log.append([accepted(1)]).result()
        commits.happened.clear()
        commits.may_go_on.clear()
        log.append([accepted(0)])
        assert commits.happened.wait(10)
        won = log.append([accepted(2, "updated", document="d1")], expected=1)
        lost = log.append([accepted(3, "updated", document="d1")], expected=1)
        commits.may_go_on.set()
        assert won.result(10)[0].position.offset == 3
        with pytest.raises(ConflictError):
            lost.result(10)


def test_a_repeated_conditional_write_is_no_conflict(tmp_path: Path) -> None:
    """A producer that lost the answer asks again with the same expectation and hears the first position."""
    with opened(tmp_path) as log:
        [first] = log.append([accepted(1)], expected=MUST_BE_NEW).result()
        [again] = log.append([accepted(1)], expected=MUST_BE_NEW).result()
        assert again.is_duplicate
        assert again.position == first.position


def test_a_conflict_leaves_no_channel_behind(tmp_path: Path) -> None:
    """Channels come into being with an event only."""
    with opened(tmp_path) as log:
        with pytest.raises(ConflictError):
            log.append([accepted(1, "updated", collection="ghost")], expected=7).result()
        assert log.channels() == []
        log.append([accepted(2), accepted(3, collection="flights")]).result()
        log.append([accepted(4, collection="later")]).result()
        assert [row.name for row in log.channels()] == ["collection:flights", "collection:later", ORDERS]


def test_a_resume_gets_everything_or_nothing(tmp_path: Path) -> None:
    """A position before what is retained is incomplete, and so is one of another epoch or of the future."""
    with opened(tmp_path, retention_events=100) as log:
        log.append([accepted(number) for number in range(250)]).result()
        top = log.position(ORDERS)
        complete = log.read(ORDERS, since=Position(top.epoch, 150), limit=1000)
        assert [one.offset for one in complete.publications] == list(range(151, 251))
        assert complete.is_complete
        assert complete.reaches_top
        for since in (Position(top.epoch, 149), Position("other", 200), Position(top.epoch, 251)):
            page = log.read(ORDERS, since=since, limit=1000)
            assert (page.publications, page.is_complete, page.top) == ((), False, top)


def test_reading_backwards_begins_at_the_newest(tmp_path: Path) -> None:
    """Reversed, `since` is where to go on, exclusively."""
    with opened(tmp_path) as log:
        log.append([accepted(number) for number in range(10)]).result()
        epoch = log.position(ORDERS).epoch
        assert [r.offset for r in log.read(ORDERS, limit=3, reverse=True).publications] == [10, 9, 8]
        page = log.read(ORDERS, since=Position(epoch, 8), limit=3, reverse=True)
        assert [record.offset for record in page.publications] == [7, 6, 5]
        assert log.read(ORDERS, since=Position(epoch, 1), limit=3, reverse=True).publications == ()
        assert log.read(ORDERS, since=Position("other", 1), limit=3, reverse=True).is_complete is False


@sqlite_only
def test_trimmed_events_leave_the_disk(tmp_path: Path) -> None:
    """Retention is bounded in rows, not only in what is told; documents stay."""
    with opened_file(tmp_path, retention_events=100) as log:
        for start in range(0, 2000, 50):
            log.append([accepted(number) for number in range(start, start + 50)]).result()
        assert log.collections()[0]["documents"] == 2000
    connection = sqlite3.connect(tmp_path / "log.db")
    (rows,) = connection.execute("SELECT count(*) FROM events").fetchone()
    connection.close()
    assert 100 <= rows < 100 + 64


def test_a_lower_retention_takes_hold_after_a_restart(tmp_path: Path) -> None:
    """What is too much is swept a bounded number at a time, and isn't told meanwhile."""
    with opened(tmp_path) as log:
        log.append([accepted(number) for number in range(900)]).result()
    with opened(tmp_path, retention_events=100) as log:
        log.append([accepted("new")]).result()
        assert len(log.read(ORDERS, limit=5000).publications) == 100
        assert log.append([accepted(5)]).result()[0].position.offset in (6, 902)


def test_the_history_of_a_document_is_its_events(tmp_path: Path) -> None:
    """Newest first, of that document in that collection alone, page by page."""
    with opened(tmp_path) as log:
        log.append([accepted(1), accepted(2), accepted(3, collection="flights", document="d1")]).result()
        log.append([accepted(n, "updated", document="d1") for n in range(4, 8)]).result()
        page = log.document_history("orders", "d1", limit=3)
        assert [record.offset for record in page.publications] == [6, 5, 4]
        rest = log.document_history("orders", "d1", before=4, limit=3)
        assert [record.offset for record in rest.publications] == [3, 1]
        assert {record.document_id for record in rest.publications} == {"d1"}


def test_refusals_are_kept_and_the_oldest_forgotten(tmp_path: Path) -> None:
    """The list is bounded; numbers go on rising."""
    with opened(tmp_path, refusals_kept=3) as log:
        log.keep_refusals([_refusal(number) for number in range(10)]).result()
        log.keep_refusals([_refusal(number) for number in range(10, 12)]).result()
        assert [row.index for row in log.refusals(limit=10)] == [11, 10, 9]
        newest = log.refusals(limit=1)[0]
        assert [row.index for row in log.refusals(limit=10, before=newest.number)] == [10, 9]


@sqlite_only
def test_a_full_disk_is_an_error_and_the_writer_goes_on(tmp_path: Path) -> None:
    """The producer hears StorageFull, nothing is stored or announced, and with room again the next append works."""
    commits = Commits()
    with opened_file(tmp_path, on_commit=commits) as log:
        log.append([accepted(1)]).result()
        connection = log._writer._connection
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")
        big = accepted(2, data={"collection": "orders", "document": {"id": "d2", "text": "x" * 100_000}})
        with pytest.raises(StorageFull):
            log.append([big]).result()
        assert "disk is full" in str(log.trouble)
        assert log.get("orders", "d2") is None
        connection.execute("PRAGMA max_page_count = 1000000")
        assert log.append([big]).result()[0].position.offset == 2
        assert str(log.trouble) == "None"
        assert [one.position.offset for one in commits.stored] == [1, 2]


@sqlite_only
def test_a_locked_database_is_an_error_and_the_writer_goes_on(tmp_path: Path) -> None:
    """Somebody else's lock costs the producer an error after a bounded wait, never a silent loss."""
    with opened_file(tmp_path) as log:
        log._writer._connection.execute("PRAGMA busy_timeout = 10")
        other = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            log.append([accepted(1)]).result()
        other.execute("ROLLBACK")
        other.close()
        assert log.append([accepted(1)]).result()[0].position.offset == 1


def test_a_failure_nobody_thought_of_fails_its_group_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The writer lives on; the producers of that group are told."""
    with opened(tmp_path) as log:
        good = accepted(1)
        broken = msgspec.structs.replace(good, envelope=None)
        with pytest.raises(StorageError, match="nothing was stored"):
            log.append([broken]).result()
        assert log.append([good]).result()[0].position.offset == 1
    assert "a reason nobody thought of" in caplog.text


def test_a_full_queue_refuses_at_once(tmp_path: Path) -> None:
    """What waits is bounded in bytes; a single append always fits into an empty queue."""
    commits = Commits()
    with opened(tmp_path, on_commit=commits, queue_bytes=1000) as log:
        commits.may_go_on.clear()
        first = log.append([accepted(number) for number in range(10)])
        assert commits.happened.wait(10)
        second = log.append([accepted(number) for number in range(10, 20)])
        with pytest.raises(StorageError, match="Too much is waiting"):
            log.append([accepted(20)])
        commits.may_go_on.set()
        assert len(first.result(10)) == len(second.result(10)) == 10
        assert log.append([accepted(20)]).result(10)[0].position.offset == 21


def test_who_gives_up_before_the_commit_stores_nothing(tmp_path: Path) -> None:
    """A cancelled append that still waits is dropped whole."""
    commits = Commits()
    with opened(tmp_path, on_commit=commits) as log:
        commits.may_go_on.clear()
        log.append([accepted(1)])
        assert commits.happened.wait(10)
        assert log.append([accepted(2)]).cancel()
        third = log.append([accepted(3)])
        commits.may_go_on.set()
        assert third.result(10)[0].position.offset == 2


def test_closing_writes_what_waits_and_refuses_what_comes_later(tmp_path: Path) -> None:
    """Nothing accepted into the queue is lost by a close."""
    log = open_log(tmp_path, retention_events=100)
    futures = [log.append([accepted(number)]) for number in range(50)]
    log.close()
    assert all(future.done() for future in futures)
    with pytest.raises(StorageError, match="closed"):
        log.append([accepted(50)])
    with opened(tmp_path) as again:
        assert again.position(ORDERS).offset == 50


@sqlite_only
def test_the_write_ahead_log_starts_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under unbroken load the writer helps to checkpoint, so the file beside the database stays small."""
    monkeypatch.setattr("realtime.gateway.checkpointer._PAGES", 1)
    monkeypatch.setattr("realtime.gateway.checkpointer._MOST_PAGES", 0)
    with opened_file(tmp_path) as log:
        for number in range(300):
            log.append([accepted(number)]).result()
        assert (tmp_path / "log.db-wal").stat().st_size < 300 * 6 * 4096 / 2
        assert log.position(ORDERS).offset == 300
    assert not (tmp_path / "log.db-wal").exists()


@sqlite_only
def test_a_file_that_is_no_log_stops_the_start(tmp_path: Path) -> None:
    """One sentence, naming the file."""
    (tmp_path / "log.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StartError, match=r"log\.db"), opened_file(tmp_path):
        pass


@sqlite_only
def test_a_log_of_another_format_stops_the_start(tmp_path: Path) -> None:
    """A newer Tideboard's log isn't touched."""
    connection = sqlite3.connect(tmp_path / "log.db")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StartError, match="format 99"), opened_file(tmp_path):
        pass
