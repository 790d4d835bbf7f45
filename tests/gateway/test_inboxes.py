"""Inboxes: folded out of their streams, the same after trimming, restarts and repeats; bounded."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realtime.gateway.inboxes import SNAPSHOT_COMMANDS, Inboxes
from realtime.gateway.log import Along
from realtime.gateway.ports import Log
from realtime.gateway.shelf import Shelf
from realtime.notifications.commands import Command, Meet, Prefer, Set
from realtime.notifications.inbox import apply_all, read_inbox
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.positions import Position
from tests.gateway.inboxing import added, judged, marked, met, posted, preferring
from tests.gateway.making import NOON, Commits, envelope, opened
from tests.gateway.serving import Served, served
from tests.notifications.making import adding, notice
from tests.support.engines import on_each_engine, sqlite_only

pytestmark = on_each_engine
ANN = "inbox#ann"


def adds(count: int, *, first: int = 1) -> list[Command]:
    """Make commands that add notices."""
    return [adding(notice(f"k{n}", offset=n, at=NOON + 60 * n)) for n in range(first, first + count)]


def store(log: Log, user: str, commands: list[Command]) -> None:
    """Store commands for somebody's inbox."""
    log.append([judged(user, command) for command in commands]).result()


def shown(gateway: Served, user: str, **headers: str) -> tuple[Inbox, Position]:
    """Ask for an inbox as anybody would."""
    answer = gateway.http.get(f"/api/inbox/{user}", headers=headers)
    assert answer.status_code == 200, answer.text
    return read_inbox(answer.json()["inbox"]), Position(**answer.json()["position"])


async def kept(log: Log, inboxes: Inboxes) -> None:
    """Let snapshots be taken until none is due."""
    running = asyncio.create_task(inboxes.run())
    async with asyncio.timeout(20):
        while any(log.unfolded(row.name) >= SNAPSHOT_COMMANDS for row in log.channels()):
            await asyncio.sleep(0.005)
    running.cancel()


def test_an_inbox_is_the_fold_of_its_stream(tmp_path: Path) -> None:
    """Whatever was kept in memory before; of somebody never heard of it is empty, at the stream's beginning."""
    with opened(tmp_path) as log:
        inboxes = Inboxes(log)
        assert inboxes.fold("ann").position == Position(log.position(ANN).epoch, 0)
        given_ = adds(7)
        store(log, "ann", given_)
        assert inboxes.fold("ann").inbox == apply_all(Inbox(), given_)
        more: list[Command] = [Set(id="1", at=NOON, keys=("k2",), mark="read"), Meet(id="m", at=NOON)]
        store(log, "ann", more)
        folded = inboxes.fold("ann")
        assert folded.inbox == apply_all(Inbox(), given_ + more) == Inboxes(log).fold("ann").inbox
        assert folded.position == log.position(ANN)
        assert inboxes.fold("bob").inbox == Inbox()


def test_trimming_takes_only_what_a_snapshot_holds(tmp_path: Path) -> None:
    """Ten times what is retained, in one commit and in many: nothing is missing, before and after the snapshot."""
    with opened(tmp_path, retention_events=100) as log:
        given_ = adds(1_000)
        store(log, "ann", given_)
        for command in adds(50, first=1_001):
            store(log, "ann", [command])
        expected = apply_all(Inbox(), given_ + adds(50, first=1_001))
        assert log.read(ANN, limit=1).publications[0].offset == 1
        assert Inboxes(log).fold("ann").inbox == expected
        asyncio.run(kept(log, Inboxes(log)))
        store(log, "ann", adds(1, first=1_051))
        assert log.read(ANN, limit=1).publications[0].offset > 900
        assert Inboxes(log).fold("ann").inbox == apply_all(expected, adds(1, first=1_051))
    with opened(tmp_path, retention_events=100) as log:
        assert Inboxes(log).fold("ann").inbox == apply_all(expected, adds(1, first=1_051))
        assert log.unfolded(ANN) < SNAPSHOT_COMMANDS


def test_a_memory_that_fell_behind_goes_on_from_a_snapshot(tmp_path: Path) -> None:
    """What it would read next is trimmed by then."""
    with opened(tmp_path, retention_events=100) as log:
        slow, quick = Inboxes(log), Inboxes(log)
        store(log, "ann", adds(5))
        slow.fold("ann")
        store(log, "ann", adds(500, first=6))
        asyncio.run(kept(log, quick))
        store(log, "ann", adds(1, first=506))
        assert log.read(ANN, limit=1).publications[0].offset > 6
        assert slow.fold("ann").inbox == apply_all(Inbox(), adds(506))


def test_snapshots_follow_commits(tmp_path: Path) -> None:
    """A long stream never lies far beyond its snapshot while the gateway runs; others aren't written for it."""
    with served(tmp_path) as gateway:
        for first in range(0, 1_000, 250):
            gateway.post([added("ann", n) for n in range(first, first + 250)]).raise_for_status()
        gateway.post([added("bob", 1), envelope(1)])
        log = gateway.gateway.log
        asyncio.run(_until(lambda: log.unfolded(ANN) < SNAPSHOT_COMMANDS))
        assert log.unfolded("inbox#bob") == 1
        assert shown(gateway, "ann")[0] == apply_all(
            Inbox(), [adding(notice(f"k{n}", offset=n, at=NOON + 60 * n)) for n in range(1_000)]
        )


async def _until(claim: Any) -> None:
    async with asyncio.timeout(20):
        while not claim():
            await asyncio.sleep(0.01)


@sqlite_only
def test_what_is_kept_along_is_kept_with_the_append_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that fails leaves neither, also in what the writer remembers."""
    with opened(tmp_path, on_commit=Commits()) as log:
        store(log, "ann", adds(3))

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError("broken")

        along = Along(inboxes={ANN: (2, b"{}")}, notes={"a": b"1"})
        with monkeypatch.context() as patch:
            patch.setattr(Shelf, "keep_notes", broken)
            with pytest.raises(Exception, match="nothing was stored"):
                log.append([judged("ann", adds(1, first=4)[0])], along=along).result()
        assert log.position(ANN).offset == 3
        assert log.unfolded(ANN) == 3
        log.append((), along=along).result()
        assert log.unfolded(ANN) == 1
        assert (log.kept_inbox(ANN), log.notes()) == ((2, b"{}"), {"a": b"1"})


@pytest.mark.parametrize("heard", [Position("another", 3), Position("another", 9), None])
def test_a_stream_that_began_anew_unheard_is_folded_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: Position | None
) -> None:
    """What is in memory may be of the epoch before, or tell of more than there is: neither keeps anybody waiting."""
    with opened(tmp_path) as log:
        store(log, "ann", adds(5))
        inboxes, top = Inboxes(log), log.position(ANN)
        stale = heard or Position(top.epoch, 99)
        with monkeypatch.context() as patch:
            patch.setattr(log, "position", lambda _channel: stale)
            folded = inboxes.fold("ann")
        assert folded.position in (top, Position("another", 0))
        monkeypatch.undo()
        inboxes.begin_anew()
        assert inboxes.fold("ann").position == top
        assert inboxes.fold("ann").inbox.total == 5


def test_memory_is_bounded(tmp_path: Path) -> None:
    """Those asked for lately are kept, the others are folded anew."""
    with opened(tmp_path) as log:
        inboxes = Inboxes(log, kept=2)
        for user in ("ann", "bob", "eve"):
            store(log, user, adds(2))
            assert inboxes.fold(user).inbox.total == 2
        assert len(inboxes._held) == 2
        assert inboxes.fold("ann").inbox.total == 2


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_any_commands_read_back_as_they_were_given(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """In any portions, with repeats, snapshots and restarts at any moment."""
    folder = tmp_path_factory.mktemp("log")
    given_: list[Command] = []
    for _ in range(data.draw(st.integers(1, 3))):
        with opened(folder, retention_events=100) as log:
            inboxes = Inboxes(log)
            for _ in range(data.draw(st.integers(1, 3))):
                fresh: list[Command] = [*adds(data.draw(st.integers(1, 150)), first=len(given_) + 1)]
                fresh.append(Prefer(id=f"p{len(given_)}", at=NOON, preferences={"sound": data.draw(st.booleans())}))
                store(log, "ann", fresh + fresh[:3])
                given_ += fresh
                if data.draw(st.booleans()):
                    asyncio.run(kept(log, inboxes))
            assert inboxes.fold("ann").inbox == apply_all(Inbox(), given_)


def test_an_inbox_is_shown_with_its_position_over_http(tmp_path: Path) -> None:
    """A click is in it at once, a repeat of it changes nothing; ids may hold anything a channel may."""
    with served(tmp_path) as gateway:
        inbox, position = shown(gateway, "nobody")
        assert (inbox, position.offset) == (Inbox(), 0)
        assert gateway.post([added("ann", 1), added("ann", 2), preferring("ann", sound=True)]).status_code == 200
        gateway.post(marked("ann", "k1")).raise_for_status()
        again = gateway.post(marked("ann", "k1")).json()
        assert (again["duplicates"], again["results"][0]["offset"]) == (1, 4)
        inbox, position = shown(gateway, "ann")
        assert (inbox.rows["k1"].marks.state, inbox.rows["k2"].marks.state) == ("read", "unseen")
        assert (inbox.preferences.sound, position.offset) == (True, 4)
        odd = "a/b %ä?#"
        gateway.post(met(odd, name="Odd")).raise_for_status()
        assert shown(gateway, "a%2Fb%20%25%C3%A4%3F%23")[1].offset == 1
        assert gateway.http.get("/api/inbox/" + "x" * 250).status_code == 400


def test_a_command_that_cant_be_applied_is_refused_with_a_sentence(tmp_path: Path) -> None:
    """422 `bad_command`; one whose two ids differ, `id_mismatch`; nothing gets into the stream."""
    with served(tmp_path) as gateway:
        for command, code in (
            ({"id": "1", "at": NOON, "do": "eat"}, "bad_command"),
            ({"id": "1", "at": NOON, "do": "prefer", "preferences": {"sound": 5}}, "bad_command"),
            ({"id": "1", "at": NOON, "do": "meet", "roles": ["r"] * 51}, "bad_command"),
            ({"id": "2", "at": NOON, "do": "meet"}, "id_mismatch"),
        ):
            event = {**posted("ann", Meet(id="1", at=NOON)), "data": {"user": "ann", "command": command}}
            answer = gateway.post(event)
            assert (answer.status_code, answer.json()["results"][0]["code"]) == (422, code)
            assert answer.json()["results"][0]["reason"].endswith(".")
        assert not gateway.gateway.log.has_channel(ANN)


def test_the_gateways_own_sources_are_nobodys(tmp_path: Path) -> None:
    """Else a notice could be made a repeat of something else before it is told."""
    with served(tmp_path) as gateway:
        answer = gateway.post(envelope(1, source="/tideboard/notices/ann"))
        assert answer.json()["results"][0]["code"] == "bad_attribute"
