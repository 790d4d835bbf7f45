"""Claims about giving committed events to those who may see them: what it costs, and for whom."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from realtime.gateway import lens, rights
from realtime.hub import OutPublication, hub
from realtime.hub.outgoing import Outgoing, outgoing_publication
from tests.gateway.roles import ORDERS, Desk, desk, order, stored
from tests.gateway.tokens import token
from tests.hub.making import Wire, dialled, in_loop
from tests.support.engines import on_each_engine

pytestmark = on_each_engine


class Counted:
    """Counts how often a publication is encoded, and how often an envelope is looked into for what is kept back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.encoded = 0
        self.redacted = 0
        redact = rights.redacted

        def encode(channel: str, publication: OutPublication) -> Outgoing:
            self.encoded += 1
            return outgoing_publication(channel, publication)

        def look(*arguments: Any) -> bytes | None:
            self.redacted += 1
            return redact(*arguments)

        monkeypatch.setattr(hub, "outgoing_publication", encode)
        monkeypatch.setattr(lens, "redacted", look)


async def listen(running: Desk, roles: Sequence[str], *, events: int) -> None:
    """Let somebody with each of the roles hear some events."""
    async with AsyncExitStack() as stack:
        wires: list[Wire] = []
        for role in roles:
            wire = await stack.enter_async_context(dialled(running.url, is_open=False))
            connect = await wire.ask("connect", token=token(sub=f"a-{role}", roles=[role]))
            assert "error" not in connect
            assert "error" not in await wire.ask("subscribe", channel=ORDERS)
            wires.append(wire)
        answer = await running.http.post(
            "/api/events", json=[stored("created", order(f"o{number}", "south")) for number in range(events)],
            headers={"Authorization": f"Bearer {token(sub='till', roles=['admin'])}"},
        )  # fmt: skip
        assert answer.json()["stored"] == events
        for wire in wires:
            for _ in range(events):
                await wire.publication()


@in_loop
async def test_without_roles_an_event_is_encoded_once_and_never_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever listens, and however many."""
    counted = Counted(monkeypatch)
    async with desk(tmp_path, roles={}, require_token=True) as running:
        await listen(running, ["anybody", "anybody", "anything", "admin", "reader"], events=10)
    assert (counted.encoded, counted.redacted) == (10, 0)


@in_loop
async def test_the_cost_grows_with_profiles_not_with_connections(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sees everything shares one encoding, whatever their role; each other profile has one of its own."""
    counted = Counted(monkeypatch)
    async with desk(tmp_path) as running:
        await listen(running, ["admin", "admin", *["clerk"] * 4, "reader", *["mixed"] * 3], events=10)
    assert (counted.encoded, counted.redacted) == (30, 20)
