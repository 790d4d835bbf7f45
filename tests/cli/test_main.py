"""Claims about the command line as a whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from realtime import __version__
from realtime.cli.address import Address
from realtime.cli.main import main
from realtime.notifications.defaults import DEFAULT_RULES


def _run(*arguments: str, **variables: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, list(arguments), env=variables)
    return result.exit_code, result.output


COMMANDS = ("gateway", "send", "tail", "flag", "token", "audit", "settings", "bench")


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_by_example(command: str) -> None:
    """Each command's help shows itself in use."""
    code, output = _run(command, "--help")
    assert code == 0
    assert "python -m realtime" in output or command == "bench"


def test_help_lists_the_commands() -> None:
    """The first page names them all, and how to start the dashboard."""
    code, output = _run("--help")
    assert code == 0
    assert all(
        f"\n  {name} " in output for name in ("gateway", "send", "tail", "flag", "token", "audit", "settings", "bench")
    )
    assert "make run" in output


def test_the_version_is_the_packages() -> None:
    """`--version` says what runs."""
    assert _run("--version") == (0, f"tideboard, version {__version__}\n")


def test_an_unknown_command_is_code_2() -> None:
    """A typing mistake is told from a refusal."""
    code, output = _run("sned")
    assert code == 2
    assert "No such command 'sned'" in output


def test_an_error_is_one_sentence_and_code_2() -> None:
    """A bad setting ends every command that needs settings, without a traceback."""
    code, output = _run("gateway", TIDEBOARD_FEED_SIZE="x")
    assert code == 2
    assert output == "Error: TIDEBOARD_FEED_SIZE is 'x'; it has to be a whole number from 10 to 100000.\n"


def test_settings_lists_everything() -> None:
    """Every key, its variable, what it is and what it would be by default."""
    code, output = _run("settings", TIDEBOARD_FEED_SIZE="77", TIDEBOARD_API_KEY="not-for-eyes")
    assert code == 0
    assert "feed_size = 77   (default: 2000)" in output
    assert "TIDEBOARD_RETENTION_EVENTS" in output
    assert "not-for-eyes" not in output


def test_settings_lists_even_when_one_is_wrong() -> None:
    """Whoever mistyped a key sees the list, then the mistake."""
    code, output = _run("settings", TIDEBOARD_FEDSIZE="77")
    assert code == 2
    assert "feed_size = 2000\n" in output
    assert "did you mean TIDEBOARD_FEED_SIZE?" in output


def test_settings_counts_rules_and_reads_them(tmp_path: Path) -> None:
    """Those of the file, and all there are; one that makes no sense is named after the list."""
    table = '[[rules]]\nid = "late"\nevent = "user:login"\nseverity = "info"\ntitle = "t"\n'
    (tmp_path / "good.toml").write_text(table)
    code, output = _run("settings", TIDEBOARD_CONFIG=str(tmp_path / "good.toml"))
    assert code == 0
    assert "rules = 1 of them   (default: unset)" in output
    assert f"{len(DEFAULT_RULES) + 1} rules say what deserves notice" in output
    (tmp_path / "bad.toml").write_text(table * 2)
    code, output = _run("settings", TIDEBOARD_CONFIG=str(tmp_path / "bad.toml"))
    assert code == 2
    assert "rules = 2 of them" in output
    assert output.endswith("Rule 'late' is there twice; give each its own 'id'.\n")


def test_runs_as_a_module(tmp_path: Path) -> None:
    """`python -m realtime` is the way in, and calls itself so."""
    done = subprocess.run(
        [sys.executable, "-m", "realtime", "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.startswith("Usage: python -m realtime ")


@pytest.mark.parametrize(
    ("url", "socket_url"),
    [
        ("http://host:8501", "ws://host:8501/connection/websocket"),
        ("https://host/base", "wss://host/base/connection/websocket"),
        ("http://[::1]:80", "ws://[::1]:80/connection/websocket"),
    ],
)
def test_the_socket_is_beside_the_api(url: str, socket_url: str) -> None:
    """From the one address follows the other."""
    assert Address(url, None, None).socket_url == socket_url


def test_key_and_token_go_along() -> None:
    """Both are sent when both are known."""
    assert Address("http://h", "k", "t").headers() == {"X-API-Key": "k", "Authorization": "Bearer t"}
    assert Address("http://h", None, None).headers() == {}


@pytest.mark.parametrize("url", ["host:8501", "ftp://host", "http://", "http://[::1"])
@pytest.mark.parametrize("command", [("send",), ("tail", "users")])
def test_a_bad_address_is_told_before_anything_is_tried(url: str, command: tuple[str, ...]) -> None:
    """What isn't an address is a mistake in the call."""
    code, output = _run(*command, "--url", url)
    assert code == 2
    assert "isn't an address such as http://127.0.0.1:8501" in output
