"""Backups of a running Tideboard under writing: each can be restored, and holds all that was answered before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from realtime.bench.launch import import_path
from tests.integration.test_kill import BATCH, Producer
from tests.support.engines import sqlite_only
from tests.support.processes import start_app, start_gateway
from tests.support.producing import Poster, numbered
from tests.support.waiting import until


def run(*arguments: str | Path, cwd: Path) -> str:
    """Run a command as an operator would, and return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "realtime", *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": import_path()},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@sqlite_only
def test_backups_under_writing_hold_every_event_answered_before_them(tmp_path: Path) -> None:
    """Three in a row, of the whole app with its outbox open; each is restored, started, and goes on from there."""
    backups: list[tuple[Path, set[int]]] = []
    with start_app(tmp_path / "data") as app:
        app.wait_ready()
        producers = [Producer(app.base_url, first=1 + 100_000 * index) for index in range(2)]
        for producer in producers:
            producer.start()
        for number in range(3):
            until(
                lambda: all(len(each.answered) >= BATCH * 4 * (len(backups) + 1) for each in producers), what="events"
            )
            answered = {one for each in producers for one in list(each.answered)}
            said = run("backup", tmp_path / f"backup-{number}", "--data", tmp_path / "data", cwd=tmp_path)
            assert "files" in said
            backups.append((tmp_path / f"backup-{number}", answered))
        app.kill()
    for producer in producers:
        producer.join(20)
    for number, (backup, answered) in enumerate(backups):
        data = tmp_path / f"restored-{number}" / "data"
        data.parent.mkdir()
        run("restore", backup, "--data", data, cwd=tmp_path)
        with start_gateway(data) as gateway, Poster(gateway.base_url) as poster:
            gateway.wait_ready()
            stored = poster.documents("orders")
            assert {f"d{one:06d}" for one in answered} <= set(stored)
            assert poster.history("orders") == list(range(1, len(stored) + 1))
            assert poster.post(*numbered("orders", [999_999]))[0]["offset"] == len(stored) + 1
