"""Groups of connections that get the same bytes."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from realtime.hub import Granted, OutPublication
from realtime.hub.outgoing import Outgoing, outgoing_publication
from tests.hub.making import Wire, dialled, eventually, in_loop, serving


@in_loop
async def test_a_broadcast_reaches_one_group_and_is_encoded_once_for_several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cost follows the groups that get different bytes, not the connections."""
    encoded: list[str] = []

    def counted(channel: str, publication: OutPublication) -> Outgoing:
        encoded.append(channel)
        return outgoing_publication(channel, publication)

    monkeypatch.setattr("realtime.hub.hub.outgoing_publication", counted)
    async with serving() as served:
        wires: list[Wire] = []
        async with AsyncExitStack() as stack:
            for group in ("a", "a", "b"):
                served.backend.granted = Granted(user=group, group=group)
                wires.append(await stack.enter_async_context(dialled(served.url)))
                assert "error" not in await wires[-1].ask("subscribe", channel="orders")
            assert set(served.hub.groups("orders")) == {"a", "b"}
            one, other = OutPublication(b'{"for":"all"}', offset=1), OutPublication(b'{"for":"b"}', offset=2)
            for group in served.hub.groups("orders"):
                served.hub.broadcast("orders", one, group=group)
            served.hub.broadcast("orders", other, group="b")
            served.hub.broadcast("orders", other, group="nobody")
            assert [(await wire.publication())["data"]["for"] for wire in wires] == ["all"] * 3
            assert (await wires[2].publication())["data"]["for"] == "b"
            assert len(encoded) == 2
            assert len(served.hub.presence("orders")) == 3
        await eventually(lambda: not served.hub.groups("orders"))


@in_loop
async def test_a_connection_moves_to_another_group_with_what_may_stay() -> None:
    """A subscription that ends is told with its code; one that is still joining ends once it has joined."""
    async with serving() as served, dialled(served.url) as wire:
        for channel in ("stays", "goes"):
            assert "error" not in await wire.ask("subscribe", channel=channel)
        served.backend.asked.clear()
        served.backend.may_answer.clear()
        await wire.say({"id": 90, "subscribe": {"channel": "joins"}})
        await served.backend.asked.wait()
        [member] = served.hub.members
        member.regroup("b", ending=lambda channel: None if channel == "stays" else (2500, "changed"))
        assert (await wire.hear())["push"] == {"channel": "goes", "unsubscribe": {"code": 2500, "reason": "changed"}}
        served.backend.may_answer.set()
        await wire.answer(90)
        assert (await wire.hear())["push"] == {"channel": "joins", "unsubscribe": {"code": 2500, "reason": "changed"}}
        served.hub.broadcast("stays", OutPublication(b"1", offset=1))
        served.hub.broadcast("stays", OutPublication(b"2", offset=1), group="b")
        assert (await wire.publication())["data"] == 2
        assert served.backend.left == ["goes", "joins"]
