"""Claims about following a channel of a real gateway."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from realtime.cli.address import Address
from realtime.cli.listening import Follower
from realtime.cli.main import main
from realtime.cli.tail import _shown
from realtime.errors import CommandError, Disconnect, NotConnected
from realtime.protocol.frames import Publication
from realtime.protocol.positions import Position
from tests.support.processes import start_gateway

from .conftest import Run


def _post(url: str, *identifiers: str, collection: str) -> None:
    events = [
        {
            "specversion": "1.0", "id": each, "source": f"/test/{collection}", "type": "collection:created",
            "data": {"collection": collection, "document": {"id": each}},
        }
        for each in identifiers
    ]  # fmt: skip
    httpx.post(f"{url}/api/events", json=events).raise_for_status()


def _ids(publications: Iterator[Publication], count: int) -> list[str]:
    return [json.loads(bytes(next(publications).data))["data"]["document"]["id"] for _ in range(count)]


class _Said:
    """Records what people were told; a fact to wait for."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> None:
        self.texts.append(text)


def _follower(url: str, channel: str, *, since: Position | int | None = None) -> tuple[Follower, _Said]:
    said = _Said()
    return Follower(Address(url, None, None), channel, since=since, say=said, jitter=lambda: 0.5), said


def test_prints_what_is_kept(run: Run, gateway_url: str) -> None:
    """--since 0 prints a channel from its beginning, a line each: when, which, what."""
    _post(gateway_url, "a", "b", "c", collection="kept")
    result = run("tail", "collection:kept", "--since", "0", "--count", "2")
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first[8:] == '  #1  collection:created  a  {"id":"a"}'
    assert second[8:].startswith("  #2  collection:created  b")
    assert run("tail", "collection:kept", "--since", "2", "--count", "1").stdout[10:12] == "#3"


def test_json_can_be_sent_on(run: Run, gateway_url: str) -> None:
    """--json prints the CloudEvents themselves: `send` takes them, and the gateway knows them again."""
    _post(gateway_url, "a", "b", collection="json")
    printed = run("tail", "collection:json", "--since", "0", "--count", "2", "--json").stdout
    assert [json.loads(line)["data"]["document"]["id"] for line in printed.splitlines()] == ["a", "b"]
    assert run("send", input=printed).output == "0 stored, 2 sent before.\n"


def test_follows_what_comes(gateway_url: str) -> None:
    """After what is kept comes what is posted, in order, without a hole."""
    _post(gateway_url, "a", collection="live")
    publications = _follower(gateway_url, "collection:live", since=0)[0].publications()
    assert _ids(publications, 1) == ["a"]
    _post(gateway_url, "b", "c", collection="live")
    assert _ids(publications, 2) == ["b", "c"]


def test_without_since_only_the_new_comes(gateway_url: str) -> None:
    """What was there before isn't printed."""
    _post(gateway_url, "old", collection="fresh")
    publications = _follower(gateway_url, "collection:fresh")[0].publications()
    found: list[str] = []
    reader = threading.Thread(target=lambda: found.extend(_ids(publications, 1)))
    reader.start()
    for number in range(1000):
        _post(gateway_url, f"new-{number}", collection="fresh")
        reader.join(timeout=0.05)
        if not reader.is_alive():
            break
    assert found[0].startswith("new-")


def test_a_long_history_comes_whole(gateway_url: str) -> None:
    """More than a page is read page by page."""
    names = [str(number) for number in range(1200)]
    _post(gateway_url, *names, collection="long")
    publications = _follower(gateway_url, "collection:long", since=0)[0].publications()
    assert _ids(publications, 1200) == names


def test_a_restart_of_the_gateway_loses_nothing(tmp_path: Path) -> None:
    """The connection is made again, from the position where it was lost."""
    with start_gateway(tmp_path / "data") as process:
        process.wait_ready()
        port, url = process.port, process.base_url
        _post(url, "a", collection="again")
        follower, said = _follower(url, "collection:again", since=0)
        publications = follower.publications()
        assert _ids(publications, 1) == ["a"]
    with start_gateway(tmp_path / "data", port=port) as process:
        process.wait_ready()
        _post(url, "b", collection="again")
        assert _ids(publications, 1) == ["b"]
    assert said.texts
    assert all(text.endswith("; trying again.") for text in said.texts)


def test_an_epoch_that_is_gone_begins_with_the_oldest(gateway_url: str) -> None:
    """A position of another epoch is said to be gone; then everything there is comes."""
    _post(gateway_url, "a", "b", collection="epoch")
    follower, said = _follower(gateway_url, "collection:epoch", since=Position("gone", 1))
    assert _ids(follower.publications(), 2) == ["a", "b"]
    assert said.texts == ["That far back nothing is kept any more; beginning with the oldest event there is."]


def test_nobody_there_is_one_sentence() -> None:
    """At the first dial an absent gateway is an error, not a reason to wait."""
    with socket.socket() as placeholder:
        placeholder.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{placeholder.getsockname()[1]}"
        result = CliRunner().invoke(main, ["tail", "users", "--url", url])
    assert result.exit_code == 2
    assert "doesn't answer" in result.stderr


def test_an_address_without_a_gateway_is_one_sentence(gateway_url: str) -> None:
    """Something else answers there: no socket of ours."""
    with pytest.raises(NotConnected, match="doesn't answer"):
        next(_follower(f"{gateway_url}/elsewhere", "users")[0].publications())


def test_a_refused_command_ends_it(gateway_url: str) -> None:
    """A channel the gateway doesn't know is its error, by its code."""
    with pytest.raises(CommandError):
        next(_follower(gateway_url, "no such channel")[0].publications())


def test_a_token_that_isnt_valid_ends_it(tmp_path: Path) -> None:
    """A code that says don't come back is obeyed."""
    secret = {"TIDEBOARD_SECRET": "0123456789abcdef0123456789abcdef", "TIDEBOARD_REQUIRE_TOKEN": "1"}
    with start_gateway(tmp_path / "data", extra=secret) as process:
        process.wait_ready()
        follower = Follower(Address(process.base_url, None, "wrong"), "users", since=None, say=_Said())
        with pytest.raises((Disconnect, CommandError)):
            next(follower.publications())


@pytest.mark.parametrize("arguments", [("orders",), ("users", "--since", "yesterday"), ("users", "--count", "0")])
def test_mistakes_in_the_call_are_code_2(run: Run, arguments: tuple[str, ...]) -> None:
    """A channel, an offset or a count that can't be is told at once."""
    result = run("tail", *arguments)
    assert result.exit_code == 2


def test_a_line_is_cut_to_the_terminal() -> None:
    """Only on a terminal, and with a mark."""
    envelope = {"specversion": "1.0", "id": "1", "source": "/s", "type": "system:error", "actor": "ada"}
    data = json.dumps({**envelope, "data": {"error": "x" * 200, "severity": "low"}}).encode()
    publication = Publication(data=data, offset=7)  # type: ignore[arg-type]  # raw bytes do as well
    assert _shown(publication, width=None).startswith("--:--:--  #7  system:error  by ada  {")
    cut = _shown(publication, width=40)
    assert len(cut) == 40
    assert cut.endswith("…")


def test_what_isnt_an_event_is_printed_as_it_is() -> None:
    """Another server's publications needn't be CloudEvents."""
    publication = Publication(data=b'{"x": 1}', offset=1)  # type: ignore[arg-type]
    assert _shown(publication, width=None) == '--:--:--  #1  {"x": 1}'
