"""Tokens made at the command line let in, as far as they say; and can be taken back there."""

from __future__ import annotations

import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from click.testing import CliRunner, Result

from realtime.cli.main import main
from realtime.gateway.audit_file import FILE_NAME, AuditReader, Search
from tests.support.processes import Process, start_gateway

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Choose the data folder of a gateway."""
    return tmp_path_factory.mktemp("guarded") / "data"


@pytest.fixture(scope="module")
def guarded(folder: Path) -> Iterator[Process]:
    """Run a gateway that requires tokens."""
    with start_gateway(folder, extra={"TIDEBOARD_SECRET": SECRET}) as process:
        process.wait_ready()
        yield process


def run(*arguments: str, input: str | None = None, **variables: str) -> Result:
    """Run a command with the gateway's secret."""
    return CliRunner().invoke(main, list(arguments), input=input, env={"TIDEBOARD_SECRET": SECRET, **variables})


def claims_of(result: Result) -> dict[str, Any]:
    """Read the token that is alone on stdout."""
    assert result.exit_code == 0, result.output
    assert result.stdout.count("\n") == 1
    claims: dict[str, Any] = jwt.decode(result.stdout.strip(), SECRET, algorithms=["HS256"])
    return claims


def test_a_token_that_is_made_is_noted_where_there_is_an_audit(guarded: Process, folder: Path, tmp_path: Path) -> None:
    """Beside the gateway that writes it, in the same chain; never the token. Elsewhere nothing is made for it."""
    result = run("token", "--role", "ingest", "--user", "till-9", TIDEBOARD_DATA_DIR=str(folder))
    reader = AuditReader(folder / FILE_NAME)
    [row] = reader.page(Search(action="token.mint", text="till-9"), limit=9)
    assert (row.outcome, row.detail) == ("ok", "for till-9, as ingest")
    assert reader.verify()[0] == []
    assert result.stdout.strip().encode() not in b"".join(path.read_bytes() for path in folder.glob("audit.db*"))
    run("token", "--role", "ingest", TIDEBOARD_DATA_DIR=str(tmp_path))
    assert not (tmp_path / FILE_NAME).exists()


def test_a_token_says_what_was_asked_for() -> None:
    """Role, user, collections, how long, and an id to take it back by."""
    claims = claims_of(
        run("token", "--role", "ingest", "--user", "till-7", "--expires", "2h", "--collections", "orders, returns-*")
    )
    assert (claims["sub"], claims["roles"], claims["collections"]) == ("till-7", ["ingest"], ["orders", "returns-*"])
    assert 7100 < claims["exp"] - time.time() <= 7200
    assert claims["jti"] != claims_of(run("token", "--role", "ingest"))["jti"]
    assert 29 * 86_400 < claims_of(run("token", "--role", "admin"))["exp"] - time.time() <= 30 * 86_400


def test_a_token_fits_the_audience_and_issuer_of_the_settings() -> None:
    """Or the gateway beside would refuse it."""
    made = run("token", "--role", "reader", TIDEBOARD_TOKEN_AUDIENCE="board", TIDEBOARD_TOKEN_ISSUER="us")
    assert jwt.decode(made.stdout.strip(), SECRET, algorithms=["HS256"], audience="board")["iss"] == "us"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["token"], "--role"),
        (["token", "--role", "a b"], "can't be a role"),
        (["token", "--role", "admin", "--expires", "soon"], "isn't a time such as"),
        (["token", "--role", "admin", "--expires", "0d"], "isn't a time such as"),
        (["token", "--role", "admin", "--collections", "a/b"], "can't be a pattern"),
        (["token", "--role", "admin", "--user", "x" * 201], "200 letters"),
        (["token", "revoke"], "Name one of"),
        (["token", "revoke", "--id", "a", "--user", "b"], "Name one of"),
    ],
)
def test_what_makes_no_sense_is_said(arguments: list[str], words: str) -> None:
    """On stderr, with exit code 2 and nothing on stdout."""
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_the_secret_of_the_data_folder_signs_where_none_is_set(tmp_path: Path) -> None:
    """It is made then, for the owner alone; the gateway started later knows it. stdout holds the token and no more."""
    made = subprocess.run(
        [sys.executable, "-m", "realtime", "token", "--role", "reader"],
        capture_output=True, text=True, check=True, timeout=60,
        env={"TIDEBOARD_DATA_DIR": str(tmp_path / "data"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert made.stderr == ""
    secret = tmp_path / "data" / "secret"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    headers = {"Authorization": f"Bearer {made.stdout.strip()}"}
    with start_gateway(tmp_path / "data", extra={"TIDEBOARD_REQUIRE_TOKEN": "1"}) as process:
        process.wait_ready()
        address = f"{process.base_url}/api/collections"
        assert httpx.get(address, trust_env=False).status_code == 401
        assert httpx.get(address, headers=headers, trust_env=False).status_code == 200


def test_a_token_is_taken_back_at_the_command_line(guarded: Process) -> None:
    """Itself (from stdin, too), by its id, with all of its user's; a user blocked; and the list of it all."""
    url = ["--url", guarded.base_url]

    def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{guarded.base_url}/api/collections", headers=headers, trust_env=False).status_code

    def made(user: str) -> str:
        return run("token", "--role", "admin", "--user", user).stdout.strip()

    one, two, three = made("ann"), made("ann"), made("ann")
    assert [status(each) for each in (one, two, three)] == [200, 200, 200]
    assert run("token", "revoke", "-", *url, input=one + "\n").exit_code == 0
    assert [status(each) for each in (one, two, three)] == [401, 200, 200]
    identifier = jwt.decode(two, SECRET, algorithms=["HS256"])["jti"]
    assert run("token", "revoke", "--id", identifier, *url).exit_code == 0
    assert [status(each) for each in (one, two, three)] == [401, 401, 200]
    assert run("token", "revoke", "--user", "ann", *url).stdout == ""
    assert status(three) == 401
    assert status(made("ann")) == 200
    assert "Blocked bob" in run("token", "block", "bob", *url).stderr
    assert status(made("bob")) == 403
    listed = run("token", "list", *url).stdout
    assert [f"token {identifier}" in listed, "tokens so far of ann" in listed, "blocked bob" in listed] == [True] * 3
    assert one not in listed
    assert "Unblocked bob" in run("token", "unblock", "bob", *url).stderr
    assert "wasn't blocked" in run("token", "unblock", "bob", *url).stderr
    assert status(made("bob")) == 200


def test_who_may_not_take_back_is_told_so(guarded: Process) -> None:
    """Another secret, another role, or nobody there: one sentence and code 2."""
    url = ["--url", guarded.base_url]
    reader = run("token", "--role", "reader").stdout.strip()
    refused = run("token", "block", "ann", *url, TIDEBOARD_GATEWAY_TOKEN=reader)
    assert (refused.exit_code, "role admin" in refused.stderr) == (2, True)
    stranger = run("token", "block", "ann", *url, TIDEBOARD_SECRET="another-secret-of-more-than-32-chars")
    assert (stranger.exit_code, "isn't valid" in stranger.stderr) == (2, True)
    nobody = run("token", "block", "ann", "--url", "http://127.0.0.1:9")
    assert (nobody.exit_code, "doesn't answer" in nobody.stderr) == (2, True)


def test_send_comes_with_the_token_of_the_settings(guarded: Process) -> None:
    """Where no list of processes shows it; without one, it says how to get one."""
    line = '{"id": "o-1", "total": 9.5}'
    arguments = ["send", "--plain", "--collection", "orders", "--url", guarded.base_url]
    without = run(*arguments, input=line)
    assert (without.exit_code, "python -m realtime token" in without.stderr) == (2, True)
    made = run("token", "--role", "ingest").stdout.strip()
    assert run(*arguments, input=line, TIDEBOARD_GATEWAY_TOKEN=made).output == "1 stored.\n"
