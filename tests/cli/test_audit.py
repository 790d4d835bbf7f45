"""Claims about `audit`: it says whether the chain holds by its exit code, and prints what can be read by machines."""

from __future__ import annotations

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from realtime.cli.main import main
from realtime.gateway.audit import Audit
from realtime.gateway.audit_file import FILE_NAME

NOON = 1_767_268_800.0  # 2026-01-01T12:00:00Z


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write an audit of three rows."""
    clock = [NOON]
    audit = Audit(tmp_path, most_rows=1000, most_days=365_000, now=lambda: clock[0])
    audit.open()
    for actor, outcome in (("ann", "ok"), ("=cmd()", "refused"), ("bob", "ok")):
        audit.note("write", actor=actor, outcome=outcome, target="collection:orders/A-1", origin="10.0.0.1")  # type: ignore[arg-type]
        assert audit.flush()
        clock[0] += 3600
    audit.close()
    return tmp_path


def run(*arguments: str) -> Result:
    """Run a command of `audit`."""
    return CliRunner().invoke(main, ["audit", *arguments])


def test_a_whole_chain_is_code_0_and_says_where_it_ends(folder: Path) -> None:
    """What it prints can be given to a later verification."""
    result = run("verify", "--data", str(folder))
    assert result.exit_code == 0
    end = result.output.rpartition(" ")[2].strip()
    assert end.startswith("3:")
    assert run("verify", "--data", str(folder), "--noted", end).exit_code == 0
    other = f"3:{'0' * 64}"
    assert run("verify", "--data", str(folder), "--noted", other).exit_code == 1


def test_a_broken_chain_is_code_1_and_says_where(folder: Path) -> None:
    """One row changed is enough."""
    with closing(sqlite3.connect(folder / FILE_NAME)) as connection:
        connection.execute("UPDATE rows SET outcome = 'ok' WHERE number = 2")
        connection.commit()
    result = run("verify", "--data", str(folder))
    assert result.exit_code == 1
    assert "row 2 was changed" in result.output


def test_rows_are_listed_by_what_was_asked(folder: Path) -> None:
    """Newest last, one a line."""
    lines = run("list", "--data", str(folder)).output.splitlines()
    assert [line.split()[3] for line in lines] == ["ann", "=cmd()", "bob"]
    assert lines[0].startswith("2026-01-01T12:00:00.000+00:00  ok")
    assert len(run("list", "--data", str(folder), "--outcome", "refused").output.splitlines()) == 1
    assert len(run("list", "--data", str(folder), "--since", "2026-01-01 13:00:00").output.splitlines()) == 2
    assert len(run("list", "--data", str(folder), "--text", "orders", "--limit", "1").output.splitlines()) == 1


def test_an_export_has_every_row_with_its_hash(folder: Path) -> None:
    """As JSON lines or as CSV that no spreadsheet takes for formulas."""
    lines = [json.loads(line) for line in run("export", "--data", str(folder)).output.splitlines()]
    assert [line["actor"] for line in lines] == ["ann", "=cmd()", "bob"]
    assert all(len(line["hash"]) == 64 for line in lines)
    table = list(csv.DictReader(run("export", "--data", str(folder), "--format", "csv").output.splitlines()))
    assert [line["actor"] for line in table] == ["ann", "'=cmd()", "bob"]
    assert [line["hash"] for line in table] == [line["hash"] for line in lines]


def test_a_folder_without_an_audit_is_one_sentence(tmp_path: Path) -> None:
    """And exit code 2, to be told from a broken one."""
    result = run("verify", "--data", str(tmp_path))
    assert result.exit_code == 2
    assert "There is no audit" in result.output


def test_an_end_that_isnt_one_is_refused() -> None:
    """Before anything is read."""
    assert run("verify", "--noted", "12").exit_code == 2
