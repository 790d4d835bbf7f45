"""Claims about `flag`: it shows where flags stand and how things go, and switches them for whom it is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cli.conftest import Run


@pytest.fixture(autouse=True)
def _untouched(run: Run) -> Iterator[None]:
    """Leave the folder's gateway as it was."""
    yield
    for name, usual in {"websocket": "on", "realtime": "on", "read_only": "off"}.items():
        run("flag", "set", name, usual)


def test_the_list_shows_every_flag(run: Run) -> None:
    """Untouched ones, too."""
    result = run("flag", "list")
    assert result.exit_code == 0, result.output
    shown = {line.split()[0]: line.split()[1] for line in result.output.splitlines() if not line.startswith(" ")}
    assert shown == {"websocket": "on", "realtime": "on", "notifications": "on", "read_only": "off"}
    assert "never touched" in result.output


def test_a_flag_is_switched_for_a_share_and_the_reason_is_kept(run: Run) -> None:
    """Whoever lists them next reads since when, and why."""
    assert run("flag", "set", "websocket", "25%", "--why", "one rack at a time").exit_code == 0
    listed = run("flag", "list").output
    [line] = [line for line in listed.splitlines() if line.startswith("websocket")]
    assert line.split()[1] == "25%"
    assert line.endswith(": one rack at a time")


def test_figures_are_shown_now_and_before(run: Run) -> None:
    """Writes beside read-only."""
    run("send", "--plain", "--collection", "flagged", input='{"id": "a"}')
    listed = run("flag", "set", "read_only", "on").output
    lines = listed[listed.index("read_only") :].splitlines()
    assert lines[1].split()[0] == "now"
    assert lines[2].split()[0] == "before"
    assert "0.0% failed, p50" in lines[2]


@pytest.mark.parametrize("share", ["101%", "-1", "half", "1.5%"])
def test_a_share_that_makes_no_sense_is_refused(run: Run, share: str) -> None:
    """Before anything is asked."""
    result = run("flag", "set", "realtime", "--", share)
    assert result.exit_code == 2
    assert "from 0% to 100%" in result.output


def test_the_gateways_refusal_is_said_in_its_words(run: Run) -> None:
    """Exit code 2, one sentence."""
    result = run("flag", "set", "realtime", "off", "--why", "x" * 201)
    assert result.exit_code == 2
    assert "at most 200 characters" in result.output
