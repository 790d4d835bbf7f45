"""What a profile follows goes on where it was: after a restart, after the file is lost, behind a trimmed stream."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.gateway.roles import ORDERS, Desk, desk, history_of_orders, order, stored, ticket
from tests.hub.making import Wire, dialled, in_loop
from tests.support.engines import on_each_engine

pytestmark = on_each_engine


async def resume(wire: Wire, place: dict[str, Any]) -> dict[str, Any]:
    """Subscribe from a position."""
    reply = await wire.ask("subscribe", channel=ORDERS, recover=True, epoch=place["epoch"], offset=place["offset"])
    found: dict[str, Any] = reply["subscribe"]
    await wire.ask("unsubscribe", channel=ORDERS)
    return found


async def top_of(running: Desk, role: str = "north") -> dict[str, Any]:
    """Return where a role's stream of the orders ends."""
    [listed] = (await running.get("/api/collections", role=role)).json()["collections"]
    position: dict[str, Any] = listed["position"]
    return position


@in_loop
async def test_offsets_outlive_a_restart(tmp_path: Path) -> None:
    """What came meanwhile follows, without a hole; the versions of documents are what they were."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        place = await top_of(running)
        version = (await running.get("/api/collections/orders/documents/n1", role="north")).headers["etag"]
    async with desk(tmp_path) as running:
        await running.post(stored("updated", order("n1", total=50)), stored("updated", order("s1", "south", total=50)))
        async with running.wire("north") as wire:
            found = await resume(wire, place)
        assert found["recovered"]
        assert [each["offset"] for each in found["publications"]] == [place["offset"] + 1]
        back = (await running.get("/api/collections/orders/documents/back", role="north")).headers["etag"]
        assert (version, back) == (f'"{place["offset"]}"', f'"{place["offset"] - 2}"')


@in_loop
async def test_offsets_outlive_the_file_while_the_stream_is_whole(tmp_path: Path) -> None:
    """They are folded anew from the log's first event, to the same."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        place = await top_of(running)
    for path in tmp_path.glob("derived.db*"):
        path.unlink()
    async with desk(tmp_path) as running, running.wire("north") as wire:
        assert await top_of(running) == place
        assert (await resume(wire, place | {"offset": 1}))["recovered"]


@in_loop
async def test_a_crash_before_anything_was_kept_changes_no_offset(tmp_path: Path) -> None:
    """What the file lacks is in the log."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        await running.gateway._current().lens.following.keep()
        await running.post(stored("updated", order("n1", total=50)))
        place = await top_of(running)
        running.gateway._current().lens.following._file = None  # as if the process were gone before it kept any more
    async with desk(tmp_path) as running, running.wire("north") as wire:
        assert await top_of(running) == place
        assert (await resume(wire, place))["recovered"]


@in_loop
async def test_behind_a_trimmed_stream_it_begins_with_what_is_there(tmp_path: Path) -> None:
    """Documents that were left alone since are in view with versions; what is trimmed can't be resumed from."""
    async with desk(tmp_path, retention_events=100) as running:
        await running.post(stored("created", order("old")), stored("created", order("dull", "south")))
        await running.post(*(stored("created", order(f"s{number}", "south")) for number in range(200)))
        place = await top_of(running)
        assert place["offset"] == 1
        page = (await running.get("/api/collections/orders/documents", role="north")).json()
        assert ([each["id"] for each in page["documents"]], page["offsets"]) == (["old"], [1])
        await running.post(stored("updated", order("old", total=60)))
        async with running.wire("north") as wire:
            found = await resume(wire, place)
            assert [each["offset"] for each in found["publications"]] == [2]
            assert "recovered" not in await resume(wire, place | {"offset": 0})
        history = (await running.get("/api/collections/orders/documents/old/history", role="north")).json()
        assert [each["offset"] for each in history["events"]] == [2]
        assert not history["isComplete"]


@in_loop
async def test_a_stream_nobody_followed_for_too_long_begins_anew(tmp_path: Path) -> None:
    """Under another epoch, so that nobody resumes in it by mistake."""
    async with desk(tmp_path, retention_events=100) as running:
        await history_of_orders(running)
        place = await top_of(running)
    async with desk(tmp_path, retention_events=100) as running:
        await running.post(*(stored("created", order(f"n-{number}")) for number in range(200)))
        async with running.wire("north") as wire:
            assert "recovered" not in await resume(wire, place)
        assert (await top_of(running))["epoch"] != place["epoch"]
        page = (await running.get("/api/collections/orders/documents?limit=500", role="north")).json()
        assert len(page["documents"]) == 202


@in_loop
async def test_what_is_hidden_never_looks_like_a_gap(tmp_path: Path) -> None:
    """Live, many hidden events between two that are seen, in one posting and in several."""
    async with desk(tmp_path) as running, running.wire("north") as wire:
        assert "error" not in await wire.ask("subscribe", channel=ORDERS)
        for number in range(5):
            hidden = [stored("created", order(f"s{number}-{each}", "south")) for each in range(30)]
            await running.post(*hidden, stored("created", order(f"n{number}")), *hidden)
        assert [(await wire.publication())["offset"] for _ in range(5)] == [1, 2, 3, 4, 5]
        assert (await wire.ask("history", channel=ORDERS, limit=0))["history"]["offset"] == 5


@in_loop
async def test_what_happens_while_a_stream_is_first_read_is_not_lost(tmp_path: Path) -> None:
    """It was told of while nobody could fold it in; who joins then hears what follows, without a hole."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        loop, log, read = asyncio.get_running_loop(), running.gateway.log, running.gateway.log.read
        told: list[int] = []

        def slowly(*arguments: Any, **options: Any) -> Any:
            page = read(*arguments, **options)
            if not told:
                told.append(1)
                meanwhile = running.post(stored("created", order("meanwhile")))
                asyncio.run_coroutine_threadsafe(meanwhile, loop).result(10)
            return page

        log.read = slowly  # type: ignore[method-assign]  # the log, but for how long it takes
        async with dialled(running.url, is_open=False) as wire:
            assert "error" not in await wire.ask("connect", token=ticket("north"))
            joined = (await wire.ask("subscribe", channel=ORDERS))["subscribe"]
            assert joined["offset"] == 8
            await running.post(stored("created", order("after")))
            assert (await wire.publication())["offset"] == 9


@in_loop
async def test_profiles_with_the_same_rows_share_a_stream(tmp_path: Path) -> None:
    """The same offsets, but epochs apart: what one was shown isn't resumed by the other."""
    async with desk(tmp_path) as running:
        await history_of_orders(running)
        one, other = await top_of(running, "north"), await top_of(running, "northclerk")
        assert one["offset"] == other["offset"]
        assert one["epoch"] != other["epoch"]
        assert len(running.gateway._current().lens.following._streams[ORDERS]) == 1
