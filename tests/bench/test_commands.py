"""The benchmarks' command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from realtime.bench.recovery import Soaked
from realtime.cli.main import main
from realtime.errors import StartError
from tests.bench.test_recovery_report import BROKEN, KEPT
from tests.bench.test_report import LATENCY


def run(*arguments: str) -> tuple[int, str]:
    """Run a command line and return exit code and what it printed."""
    outcome = CliRunner().invoke(main, ["bench", *arguments])
    return outcome.exit_code, outcome.output


def test_each_benchmark_explains_itself_with_an_example() -> None:
    """`--help` teaches."""
    for name in ("latency", "ingest", "tabs", "fanout", "herd", "notifications", "cpu", "memory", "recovery"):
        code, text = run(name, "--help")
        assert code == 0
        assert f"python -m realtime bench {name}" in text


def test_options_reach_the_measurement_and_figures_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was asked for is measured, printed and written."""
    asked: dict[str, Any] = {}

    def measure(**options: Any) -> Any:
        asked.update(options)
        options["say"]("measuring")
        return LATENCY

    monkeypatch.setattr("realtime.bench.latency.measure_latency", measure)
    path = tmp_path / "out.json"
    code, text = run("latency", "--tabs", "3", "--rate", "7", "--duration", "9", "--no-peers", "--json", str(path))
    assert code == 0, text
    assert {name: asked[name] for name in ("tabs", "rate", "duration_s", "with_peers")} == {
        "tabs": 3, "rate": 7.0, "duration_s": 9.0, "with_peers": False,
    }  # fmt: skip
    assert "Tideboard" in text
    assert json.loads(path.read_text())["events"] == 50


def test_figures_go_under_the_command_that_made_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a page that shows it; another is refused with a sentence."""
    monkeypatch.setattr("realtime.bench.latency.measure_latency", lambda **_: LATENCY)
    page = tmp_path / "page.md"
    page.write_text(
        "```\npython -m realtime bench latency --tabs 2\n```\n<!-- measured -->\n<!-- /measured -->\n", encoding="utf-8"
    )
    code, text = run("--into", str(page), "latency", "--tabs", "2")
    assert code == 0, text
    assert "| Tideboard |" in page.read_text()
    code, text = run("--into", str(page), "latency", "--tabs", "3")
    assert code == 1
    assert "no place for `python -m realtime bench latency --tabs 3`" in " ".join(text.split())


@pytest.mark.parametrize(("outcome", "code"), [(KEPT, 0), (BROKEN, 1)])
def test_a_broken_promise_is_an_exit_code(
    outcome: Soaked, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A soak run by a machine fails there, with its figures written all the same."""
    asked: dict[str, Any] = {}

    def soak(**options: Any) -> Soaked:
        asked.update(options)
        return outcome

    monkeypatch.setattr("realtime.bench.recovery.soak", soak)
    path = tmp_path / "out.json"
    ended, text = run("recovery", "--seconds", "30", "--seed", "7", "--pause", "1", "--json", str(path))
    assert ended == code, text
    assert {name: asked[name] for name in ("seconds", "seed", "rate", "pause_s")} == {
        "seconds": 30.0, "seed": 7, "rate": 50.0, "pause_s": (1.0, 2.5),
    }  # fmt: skip
    assert json.loads(path.read_text())["verdict"]["gaps"] == outcome.verdict.gaps


def test_what_cant_be_measured_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing Playwright is no traceback."""

    def measure(**_options: Any) -> Any:
        raise StartError("Playwright is missing: `pip install playwright`.")

    monkeypatch.setattr("realtime.bench.ingest.measure_ingest", measure)
    code, text = run("ingest")
    assert code == 2
    assert "Error: Playwright is missing" in text


@pytest.mark.parametrize("counts", ["", "a,b", "-1", "1,,2"])
def test_a_list_of_counts_has_to_be_one(counts: str) -> None:
    """The text that can't be read is quoted."""
    code, text = run("tabs", "--tabs", counts)
    assert code == 2
    assert "isn't a list of counts" in text


def test_counts_are_read_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """`1,100` are two crowds."""
    asked: dict[str, Any] = {}

    def measure(**options: Any) -> Any:
        asked.update(options)
        raise StartError("enough")

    monkeypatch.setattr("realtime.bench.tabs.measure_tabs", measure)
    run("tabs", "--tabs", "1,100")
    assert asked["counts"] == (1, 100)
