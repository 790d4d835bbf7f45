"""What can't start says why in one sentence, and ends."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import jwt
import pytest

from realtime.client.outbox_file import FILE_NAME, OutboxFile
from tests.support.processes import Process, start_app, start_gateway
from tests.support.waiting import until

_GREETING = (
    "You can now view your Streamlit app",
    "URL: ",
    "auto detect external IP",
    "go to https://docs.streamlit.io",
)


@pytest.fixture(scope="module")
def taken_port() -> Iterator[int]:
    """Listen on a port, as somebody else would."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def last_words(process: Process) -> str:
    """Wait for the end and return the one sentence that was printed, Streamlit's greeting aside.

    Fails if the process ended as if all was well, or said more than that.
    """
    with process:
        code = process.wait_end(within_s=60)
    printed = process.output()
    assert code not in (0, None), printed
    lines = [line.strip() for line in printed.splitlines() if line.strip()]
    said = [line for line in lines if not any(words in line for words in _GREETING)]
    assert len(said) == 1, printed
    return said[0]


def test_a_taken_port_ends_the_app_with_one_sentence(tmp_path: Path, taken_port: int) -> None:
    """The port is named, and nothing else printed."""
    printed = last_words(start_app(tmp_path / "data", port=taken_port))
    assert f"{taken_port}" in printed


def test_a_taken_port_ends_the_gateway_with_one_sentence(tmp_path: Path, taken_port: int) -> None:
    """Likewise for the gateway alone."""
    printed = last_words(start_gateway(tmp_path / "data", port=taken_port))
    assert f"{taken_port}" in printed


def test_a_data_folder_that_cant_be_written_is_named(tmp_path: Path) -> None:
    """A file stands where the folder should be; that binds even the superuser."""
    (tmp_path / "file").touch()
    printed = last_words(start_app(tmp_path / "data", extra={"TIDEBOARD_DATA_DIR": str(tmp_path / "file" / "data")}))
    assert f"{tmp_path / 'file' / 'data'} can't be written" in printed


def test_a_second_app_with_a_gateway_elsewhere_on_one_folder_ends_with_one_sentence(tmp_path: Path) -> None:
    """Two would send what waits in the outbox twice; a folder that can't be written is said the same way."""
    elsewhere = {"TIDEBOARD_GATEWAY_URL": "http://127.0.0.1:9"}
    (tmp_path / "data").mkdir()
    holder = OutboxFile.open(tmp_path / "data" / FILE_NAME)
    printed = last_words(start_app(tmp_path / "data", extra=elsewhere))
    holder.close()
    assert "outbox" in printed
    assert "in use by another Tideboard" in printed
    (tmp_path / "file").touch()
    folder = {"TIDEBOARD_DATA_DIR": str(tmp_path / "file" / "data")}
    assert "can't be opened" in last_words(start_app(tmp_path / "data", extra={**elsewhere, **folder}))


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    """A misspelt variable stops the start, instead of being ignored."""
    printed = last_words(start_app(tmp_path / "data", extra={"TIDEBOARD_SAMPEL": "off"}))
    assert "TIDEBOARD_SAMPEL" in printed
    assert "TIDEBOARD_SAMPLE" in printed


def test_a_rule_that_makes_no_sense_is_named(tmp_path: Path) -> None:
    """By the app, also with a gateway elsewhere, and by the gateway alone; they wouldn't tell what it was meant for."""
    (tmp_path / "bad.toml").write_text('[[rules]]\nid = "late"\nevent = "user:logn"\nseverity = "info"\ntitle = "t"\n')
    chosen = {"TIDEBOARD_CONFIG": str(tmp_path / "bad.toml")}
    elsewhere = {**chosen, "TIDEBOARD_GATEWAY_URL": "http://127.0.0.1:9"}
    for process in (
        start_app(tmp_path / "own", extra=chosen),
        start_app(tmp_path / "elsewhere", extra=elsewhere),
        start_gateway(tmp_path / "alone", extra=chosen),
    ):
        assert "Rule 'late': 'event' is 'user:logn', which is no event type; did you mean user:login?" in last_words(
            process
        )


def test_a_second_instance_on_one_folder_leaves_the_first_alone(tmp_path: Path) -> None:
    """Two writers would break the order of offsets, so the second one ends, and says which process was first."""
    with start_app(tmp_path / "data") as first:
        first.wait_ready()
        printed = last_words(start_app(tmp_path / "data"))
        assert "in use by another Tideboard" in printed
        assert f"process {first.pid}" in printed
        first.wait_ready(within_s=5)


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_what_others_reach_doesnt_start_without_a_secret(tmp_path: Path, address: str) -> None:
    """Neither the app nor the gateway alone; one sentence says what to do, and nothing listens meanwhile."""
    app = last_words(start_app(tmp_path / "data", address=address))
    assert "TIDEBOARD_SECRET" in app
    assert "--server.address 127.0.0.1" in app
    gateway = last_words(start_gateway(tmp_path / "data", host=address))
    assert "TIDEBOARD_SECRET" in gateway
    assert "--host 127.0.0.1" in gateway


def test_with_a_secret_everything_listens_anywhere_and_asks_for_tokens(tmp_path: Path) -> None:
    """Its own pages go on: the app brings a token of its own."""
    secret = {"TIDEBOARD_SECRET": "0123456789abcdef0123456789abcdef"}
    with start_app(tmp_path / "data", address="0.0.0.0", extra=secret) as app:
        app.wait_ready()
        assert httpx.get(f"{app.base_url}/api/collections", trust_env=False).status_code == 401
        headers = {"Authorization": "Bearer " + jwt.encode({"sub": "ann"}, secret["TIDEBOARD_SECRET"])}
        until(lambda: "tideboard" in httpx.post(
            f"{app.base_url}/api/presence", json={"channel": "system"}, headers=headers, trust_env=False
        ).text, what="the app's own connection")  # fmt: skip
