"""Claims about the audit: nothing in it can be changed unseen, it holds no secrets, and it never stands in the way."""

from __future__ import annotations

import sqlite3
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.errors import StartError, StorageError
from realtime.gateway import audit as audit_module
from realtime.gateway.audit import Audit
from realtime.gateway.audit_chain import LOST, RETENTION, START, Break, Link, breaks, digest_of
from realtime.gateway.audit_crowds import NAMED
from realtime.gateway.audit_file import FILE_NAME, AuditFile, AuditReader, Search
from realtime.gateway.audit_words import MASK, MOST_CHARS, Note, cleaner
from realtime.protocol.audit import AuditRow
from tests.gateway.making import NOON

SECRET = "s" * 40
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl"


@contextmanager
def opened(folder: Path, **options: Any) -> Iterator[Audit]:
    """Open an audit in `folder`; close it afterwards."""
    chosen: dict[str, Any] = {"most_rows": 1000, "most_days": 365, "secrets": [SECRET], "now": lambda: NOON} | options
    audit = Audit(folder, **chosen)
    audit.open()
    try:
        yield audit
    finally:
        audit.close()


def filled(folder: Path, count: int = 9, **options: Any) -> AuditReader:
    """Write rows in several batches; return what reads them."""
    with opened(folder, **options) as audit:
        for number in range(count):
            audit.note("write", actor="ann", outcome="ok", target=f"collection:orders/{number}", origin="::1")
            assert audit.flush()
    return AuditReader(folder / FILE_NAME)


def altered(folder: Path, *statements: str) -> list[Break]:
    """Alter the file as somebody with a database tool would; return what a verification finds."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount > 0
        connection.commit()
    return AuditReader(folder / FILE_NAME).verify()[0]


def test_rows_are_read_back_newest_first_and_the_chain_holds(tmp_path: Path) -> None:
    """With who, what, when, from where and how it went."""
    reader = filled(tmp_path)
    assert reader.page(Search(), limit=1) == [
        AuditRow(9, int(NOON * 1000), "ann", "write", "ok", "collection:orders/8", "::1", "", 1)
    ]
    assert [row.number for row in reader.page(Search(), limit=3, before=5)] == [4, 3, 2]
    found, head, count = reader.verify()
    assert (found, head.number, count) == ([], 9, 9)


TAMPERINGS = {
    "a changed row": (["UPDATE rows SET actor = 'bob' WHERE number = 4"], 4),
    "a changed number of times": (["UPDATE rows SET times = 2 WHERE number = 9"], 9),
    "a changed hash": (["UPDATE rows SET hash = zeroblob(32) WHERE number = 4"], 4),
    "a removed row": (["DELETE FROM rows WHERE number = 4"], 4),
    "the first row removed": (["DELETE FROM rows WHERE number = 1"], 1),
    "the last row removed": (["DELETE FROM rows WHERE number = 9"], 9),
    "a tail cut off": (["DELETE FROM rows WHERE number > 5"], 6),
    "everything removed": (["DELETE FROM rows"], 1),
    "a removed row, the rest renumbered": (
        ["DELETE FROM rows WHERE number = 4", "UPDATE rows SET number = number - 1 WHERE number > 4"],
        4,
    ),
    "two rows exchanged": (
        [
            "UPDATE rows SET number = 99 WHERE number = 4",
            "UPDATE rows SET number = 4 WHERE number = 6",
            "UPDATE rows SET number = 6 WHERE number = 99",
        ],
        4,
    ),
    "a row put in behind": (["INSERT INTO rows SELECT 10, 0, 'eve', action, outcome, '', '', '', 1, hash FROM rows "
                             "WHERE number = 9"], 10),
    "a head moved back": (
        ["DELETE FROM rows WHERE number > 5", "UPDATE ends SET number = 5 WHERE name = 'head'"],
        5,
    ),
    "a front cut off as the retention would": (
        [
            "INSERT INTO ends SELECT 'anchor', number, hash FROM rows WHERE number = 3",
            "DELETE FROM rows WHERE number <= 3",
        ],
        3,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_is_found_where_it_was_done(tmp_path: Path, name: str) -> None:
    """Whatever was done to the file, the first break is at the row it was done to."""
    filled(tmp_path)
    statements, number = TAMPERINGS[name]
    found = altered(tmp_path, *statements)
    assert found[0].number == number, found


def test_a_chain_forged_as_a_whole_is_found_by_a_noted_place(tmp_path: Path) -> None:
    """Who can write the file can hash it anew; who noted its end before knows."""
    noted = filled(tmp_path).verify()[1]
    (tmp_path / FILE_NAME).unlink()
    forged = filled(tmp_path, now=lambda: NOON + 1)
    assert forged.verify()[0] == []
    assert [found.number for found in forged.verify(noted)[0]] == [9]
    assert [found.number for found in forged.verify(Link(50, noted.digest))[0]] == [50]


ROWS = st.lists(st.tuples(st.text(max_size=5), st.integers(0, 9)), min_size=1, max_size=8)


@given(made=ROWS, place=st.integers(0, 7), change=st.sampled_from(["change", "remove", "move", "repeat"]))
def test_no_single_alteration_goes_unfound(made: list[tuple[str, int]], place: int, change: str) -> None:
    """Of any chain, at any place."""
    chain: list[tuple[AuditRow, bytes]] = []
    for actor, time_ms in made:
        row = AuditRow(len(chain) + 1, time_ms, actor, "write", "ok")
        chain.append((row, digest_of(chain[-1][1] if chain else START.digest, row)))
    head = Link(len(chain), chain[-1][1])
    assert list(breaks(chain, anchor=START, head=head)) == []
    place %= len(chain)
    row, digest = chain[place]
    if change == "change":
        chain[place] = (AuditRow(row.number, row.time_ms + 1, row.actor, row.action, row.outcome), digest)
    elif change == "repeat":
        chain.insert(place, chain[place])
    else:
        del chain[place]
        if change == "move":
            chain.insert((place + 1) % (len(chain) + 1), (row, digest))
            if chain[place] == (row, digest):
                return
    assert list(breaks(chain, anchor=START, head=head))


def test_retention_keeps_the_chain_whole_and_says_what_went(tmp_path: Path) -> None:
    """The oldest rows leave, the rest still follows from the anchor, and a row names the last that went."""
    reader = filled(tmp_path, 30, most_rows=10)
    found, head, count = reader.verify()
    assert found == []
    assert 10 <= count < 20
    said = reader.page(Search(action=RETENTION), limit=1)[0]
    assert said.target == f"row:{head.number - count}"


def test_rows_leave_by_age(tmp_path: Path) -> None:
    """A row older than the days it is kept for goes, though there is room."""
    clock = [NOON - 86_400 * 3]
    with opened(tmp_path, most_rows=20, most_days=2, now=lambda: clock[0]) as audit:
        for number in range(5):
            audit.note("write", actor="ann", outcome="ok", target=str(number))
        audit.flush()
        clock[0] = NOON
        audit.note("write", actor="bob", outcome="ok")
        audit.flush()
    reader = audit.reader()
    assert [row.actor for row in reader.page(Search(action="write"), limit=9)] == ["bob"]
    assert reader.verify()[0] == []


def test_retention_that_was_undone_is_found(tmp_path: Path) -> None:
    """Cutting more in front than the retention did leaves its word behind."""
    filled(tmp_path, 30, most_rows=10)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        (first,) = connection.execute("SELECT min(number) FROM rows").fetchone()
    cut = first + 1
    assert altered(
        tmp_path,
        f"UPDATE ends SET number = {cut}, hash = (SELECT hash FROM rows WHERE number = {cut}) WHERE name = 'anchor'",
        f"DELETE FROM rows WHERE number <= {cut}",
    )


def test_two_may_write_and_the_chain_is_one(tmp_path: Path) -> None:
    """A command beside a gateway that runs."""
    with opened(tmp_path) as audit:
        audit.note("write", actor="ann", outcome="ok")
        assert audit.flush()
        other = AuditFile.open(tmp_path / FILE_NAME)
        other.append([Note(0, "root", "token.mint", "ok")])
        other.close()
        audit.note("write", actor="bob", outcome="ok")
        assert audit.flush()
    found, head, _ = audit.reader().verify()
    assert (found, head.number) == ([], 3)
    assert [row.actor for row in audit.reader().page(Search(), limit=9)] == ["bob", "root", "ann"]


def test_the_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    """Where it ended."""
    filled(tmp_path, 2)
    found, head, _ = filled(tmp_path, 2).verify()
    assert (found, head.number) == ([], 4)


def test_only_its_owner_may_read_the_file(tmp_path: Path) -> None:
    """It says who does what."""
    filled(tmp_path, 1)
    assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text",
    [
        SECRET,
        f"x{SECRET}y",
        TOKEN,
        f"GET /?token={TOKEN}",
        "Authorization: Bearer abc.def",
        "api_key=hunter22",
        "password: hunter22",
    ],
)
def test_no_secret_is_ever_written(tmp_path: Path, text: str) -> None:
    """Whichever field it comes in by, no byte of the folder holds it."""
    with opened(tmp_path) as audit:
        audit.note(text, actor=text, outcome="refused", target=text, origin=text, detail=text)
        audit.flush()
        written = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for secret in (SECRET, TOKEN, "abc.def", "hunter22"):
        if secret in text:
            assert secret.encode() not in written
    assert MASK in audit.reader().page(Search(), limit=1)[0].actor


@given(st.text(max_size=600))
def test_what_is_written_is_one_bounded_line(text: str) -> None:
    """Controls, marks that turn the direction and lone surrogates are gone, and so is what is too long."""
    clean = cleaner([])(Note(0, text, text, "ok", text, text, text))
    for name, most in MOST_CHARS.items():
        value = getattr(clean, name)
        assert len(value) <= most
        assert value.isprintable() or all(char.isspace() or char.isprintable() or ord(char) > 0xA0 for char in value)
        value.encode()


def test_noting_never_waits_and_what_finds_no_room_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk hangs, notes pile up to a bound; afterwards a row says how many were lost."""
    monkeypatch.setattr(audit_module, "MOST_WAITING", 5)
    begun, may_go_on = threading.Event(), threading.Event()
    append = AuditFile.append

    def hang(self: AuditFile, notes: Any) -> None:
        begun.set()
        assert may_go_on.wait(30)
        append(self, notes)

    monkeypatch.setattr(AuditFile, "append", hang)
    with opened(tmp_path) as audit:
        audit.note("write", actor="first", outcome="ok")
        assert begun.wait(10)
        for number in range(8):
            audit.note("write", actor=f"user{number}", outcome="ok")
        may_go_on.set()
        assert audit.flush(10)
    lost = audit.reader().page(Search(action=LOST), limit=1)[0]
    assert lost.detail.startswith("3 notes")
    assert audit.reader().verify()[0] == []


def test_a_disk_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost or doubled by it."""
    monkeypatch.setattr(audit_module, "_RETRY_S", 0.01)
    append: Callable[[AuditFile, Any], None] = AuditFile.append
    failures = iter([StorageError("full")] * 2)

    def failing(self: AuditFile, notes: Any) -> None:
        for error in failures:
            raise error
        append(self, notes)

    monkeypatch.setattr(AuditFile, "append", failing)
    with opened(tmp_path) as audit:
        audit.note("write", actor="ann", outcome="ok")
        assert audit.flush(10)
    assert [row.actor for row in audit.reader().page(Search(), limit=9)] == ["ann"]


def test_what_is_done_very_often_is_counted_and_the_rest_stays_readable(tmp_path: Path) -> None:
    """A loud actor's rows are bounded; whoever reads meanwhile sees all of it, and the end writes what is left."""
    clock = [NOON]
    with opened(tmp_path, now=lambda: clock[0]) as audit:
        for number in range(100):
            audit.note("call", actor="loud", outcome="refused", target=f"GET /{number}")
        audit.note("flag.set", actor="ann", outcome="ok")
        assert audit.flush()
        reader = audit.reader()
        assert sum(row.times for row in reader.page(Search(actor="loud"), limit=99)) == 100
        assert len(reader.page(Search(actor="loud"), limit=99)) <= 2 * NAMED
        audit.note("call", actor="loud", outcome="refused", target="GET /again")
    assert sum(row.times for row in audit.reader().page(Search(actor="loud"), limit=99)) == 101
    assert len(audit.reader().page(Search(actor="ann"), limit=9)) == 1


def test_notes_made_before_it_opens_are_written_then(tmp_path: Path) -> None:
    """What is refused while a server starts is not forgotten."""
    audit = Audit(tmp_path, most_rows=1000, most_days=1, now=lambda: NOON)
    audit.note("connect", actor="early", outcome="refused")
    audit.open()
    audit.close()
    assert [row.actor for row in audit.reader().page(Search(), limit=9)] == ["early"]


def test_rows_are_found_by_text_words_and_time(tmp_path: Path) -> None:
    """Text may stand in any column, and its signs mean themselves."""
    clock = [NOON]
    with opened(tmp_path, now=lambda: clock[0]) as audit:
        audit.note("write", actor="ann", outcome="ok", target="collection:100%")
        audit.note("connect", actor="bob", outcome="refused", origin="10.0.0.7")
        clock[0] += 60
        audit.note("export", actor="ann", outcome="ok", detail="ORDERS_2026")
        audit.flush()
    reader = audit.reader()

    def found(**search: Any) -> list[str]:
        return [row.action for row in reader.page(Search(**search), limit=9)]

    noon_ms = int(NOON * 1000)
    assert found(text="0%") == ["write"]
    assert found(text="orders_") == ["export"]
    assert found(text="10.0.0") == ["connect"]
    assert found(actor="ann") == ["export", "write"]
    assert found(outcome="refused") == ["connect"]
    assert found(since_ms=noon_ms + 1) == ["export"]
    assert found(until_ms=noon_ms + 1) == ["connect", "write"]


def test_a_file_of_another_format_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """Before anything is written to it."""
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StartError, match="format 99"):
        AuditFile.open(tmp_path / FILE_NAME)


def test_a_file_that_isnt_there_cant_be_read(tmp_path: Path) -> None:
    """And reading doesn't make it."""
    with pytest.raises(StorageError, match="no audit"):
        AuditReader(tmp_path / FILE_NAME)
    assert list(tmp_path.iterdir()) == []
