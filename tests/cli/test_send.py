"""Claims about sending, to a real gateway."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from rich.console import Console

import realtime.cli.send as send_module
from realtime.cli.main import main

from .conftest import Run


def _event(identifier: str, *, collection: str, **fields: object) -> str:
    document = {"id": identifier, **fields}
    data = {"collection": collection, "document": document}
    return json.dumps(
        {
            "specversion": "1.0",
            "id": identifier,
            "source": f"/test/{collection}",
            "type": "collection:created",
            "data": data,
        }
    )


def _documents(url: str, collection: str) -> list[dict[str, object]]:
    documents: list[dict[str, object]] = httpx.get(f"{url}/api/collections/{collection}/documents").json()["documents"]
    return documents


def test_events_from_a_pipe_are_stored(run: Run, gateway_url: str) -> None:
    """One CloudEvent a line; blank lines don't matter; exit code 0."""
    result = run("send", input="\n".join([_event("a", collection="piped"), "", _event("b", collection="piped")]))
    assert (result.exit_code, result.output) == (0, "2 stored.\n")
    assert [document["id"] for document in _documents(gateway_url, "piped")] == ["a", "b"]


def test_events_from_a_file_in_batches(run: Run, gateway_url: str, tmp_path: Path) -> None:
    """More lines than a batch holds arrive all the same; sent again, they are recognised."""
    path = tmp_path / "events.ndjson"
    path.write_text("\n".join(_event(str(number), collection="filed") for number in range(250)))
    assert run("send", str(path), "--batch", "100").output == "250 stored.\n"
    assert run("send", str(path)).output == "0 stored, 250 sent before.\n"
    assert len(_documents(gateway_url, "filed")) == 250


def test_plain_documents_are_wrapped(run: Run, gateway_url: str) -> None:
    """A bare document becomes an event; its numbers keep their digits."""
    result = run("send", "--plain", "--collection", "orders", input='{"id": "o-1", "n": 12345678901234567890}\n')
    assert (result.exit_code, result.output) == (0, "1 stored.\n")
    assert _documents(gateway_url, "orders") == [{"id": "o-1", "n": 12345678901234567890}]


def test_what_is_refused_is_told_with_its_line(run: Run) -> None:
    """The gateway's refusals carry the number of the line, blank ones counted; the good ones are stored."""
    lines = [_event("a", collection="mixed"), "", "not json", _event("c", collection="mixed"), '{"specversion": "1.0"}']
    result = run("send", input="\n".join(lines))
    assert result.exit_code == 1
    assert result.stdout == "2 stored, 2 refused.\n"
    first, second = result.stderr.splitlines()
    assert first.startswith("line 3: bad_json: ")
    assert second.startswith("line 5: missing_attribute: ")


def test_bad_documents_are_told_with_their_line(run: Run) -> None:
    """Not JSON, not an object, without an id: each by its code."""
    result = run("send", "--plain", "--collection", "odd", input='{"id": "a"}\n{"x": 1}\n[1]\n{\n{"id": "b"}\n')
    assert result.exit_code == 1
    assert result.stdout == "2 stored, 3 refused.\n"
    assert [line.split(": ")[1] for line in result.stderr.splitlines()] == ["missing_id", "not_an_object", "bad_json"]


def test_bytes_that_arent_text_sink_only_their_line(run: Run) -> None:
    """A line in another encoding is refused, its neighbours are stored."""
    good = [_event(name, collection="bytes").encode() for name in "ab"]
    result = run("send", input=b"\n".join([good[0], b'{"id": "\xff"}', good[1]]))
    assert result.exit_code == 1
    assert result.stdout == "2 stored, 1 refused.\n"


def test_a_line_too_large_sinks_only_itself(run: Run) -> None:
    """An event above the gateway's limit, even above that of a body, is refused by itself."""
    lines = [_event("a", collection="large"), _event("b", collection="large", pad="x" * 1_200_000)]
    lines.append(_event("c", collection="large"))
    result = run("send", input="\n".join(lines))
    assert result.exit_code == 1
    assert result.stdout == "2 stored, 1 refused.\n"
    assert result.stderr.startswith("line 2: ")


@pytest.mark.parametrize(
    "arguments", [("--plain",), ("--plain", "--collection", "no good"), ("--collection", "orders")]
)
def test_options_that_dont_fit_are_a_mistake_in_the_call(run: Run, arguments: tuple[str, ...]) -> None:
    """--plain and --collection go together."""
    result = run("send", *arguments, input="")
    assert result.exit_code == 2
    assert "--plain" in result.stderr


def test_nobody_there_is_code_2() -> None:
    """Where nothing listens, one sentence says so, and how far it came."""
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{placeholder.getsockname()[1]}"
        result = CliRunner().invoke(main, ["send", "--url", url, "--retry-for", "0"], input=_event("a", collection="x"))
    assert result.exit_code == 2
    assert "doesn't answer" in result.stderr
    assert "0 stored. Sending again is safe" in result.stderr


def test_a_terminal_gets_a_progress_bar(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal the bar counts events; refusals stand above it."""
    consoles: list[Console] = []

    def console(**options: object) -> Console:
        consoles.append(Console(force_terminal=True, record=True, width=100, file=(tmp_path / "tty").open("w")))
        return consoles[-1]

    monkeypatch.setattr(send_module, "Console", console)
    path = tmp_path / "events.ndjson"
    path.write_text(_event("a", collection="bar") + "\nnot json\n")
    assert run("send", str(path)).exit_code == 1
    consoles[0].file.close()
    shown = (tmp_path / "tty").read_text()
    assert "2 events" in shown
    assert "line 2: bad_json" in shown
