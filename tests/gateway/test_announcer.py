"""Claims about the way from a commit to the hub: order, slices, introductions, what may be coalesced."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from realtime.gateway.announcer import Announcer, publication_of
from realtime.gateway.log import Stored
from realtime.hub.ports import OutPublication
from realtime.protocol.positions import Position
from tests.gateway.making import accepted


def _stored(offset: int, kind: str = "created", **changes: Any) -> Stored:
    one = accepted(offset, kind, **changes)
    return Stored(one.channel, Position("epoch", offset), False, one, 1)


def test_commits_go_out_in_order_and_let_others_have_their_turn() -> None:
    """A long commit goes in slices, what comes meanwhile waits; new channels and criticals are told of first."""
    heard: list[Any] = []

    async def run() -> None:
        loop = asyncio.get_running_loop()
        announcer = Announcer(
            loop,
            broadcast=lambda stored: heard.append(stored.position.offset),
            introduce=lambda stored: heard.append((stored.channel, stored.position.epoch)),
            expect_ack=lambda stored: heard.append(("ack", stored.position.offset)),
        )
        await asyncio.to_thread(announcer.committed, [_stored(offset) for offset in range(1, 451)])
        await asyncio.to_thread(announcer.committed, [_stored(451, critical=True)])
        loop.call_soon(heard.append, "others")
        while 451 not in heard:
            await asyncio.sleep(0)

    asyncio.run(run())
    heard.remove("others")
    assert heard == [("collection:orders", "epoch"), *range(1, 451), ("ack", 451), 451]


@pytest.mark.parametrize(
    ("kind", "critical", "can_coalesce"),
    [("updated", False, True), ("updated", True, False), ("created", False, False), ("deleted", False, False)],
)
def test_only_an_uncritical_update_may_be_replaced(kind: str, critical: bool, can_coalesce: bool) -> None:
    """Promise 8: never a create, a delete or what is critical."""
    stored = _stored(3, kind, critical=critical)
    assert publication_of(stored) == OutPublication(
        data=stored.accepted.raw, offset=3, key="d3", can_coalesce=can_coalesce, time_ms=1
    )
