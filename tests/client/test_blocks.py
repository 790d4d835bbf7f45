"""The app knows who was blocked at the gateway, in its own process or elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
import pytest

from realtime.client.blocks import Blocks
from tests.gateway.serving import served
from tests.gateway.tokens import SECRET, token
from tests.support.waiting import until


@pytest.mark.parametrize("data", [b"", b"rubbish", b'{"flags": {}}', b'{"critical": {}}', b"\xff"])
def test_only_a_nudge_is_a_nudge(data: bytes) -> None:
    """Everything else is somebody else's message."""
    assert not Blocks().pushed(data)
    assert Blocks().pushed(b'{"barred":true}')


def test_who_is_out_at_the_gateway_is_out_here(tmp_path: Path) -> None:
    """Told once each: those of before the start, and those who are nudged about; an outage changes nothing."""
    told: list[str] = []
    made = token(sub="tideboard", roles=["app"])
    headers = {"Authorization": f"Bearer {made}"}
    with served(tmp_path, secret=SECRET) as gateway:

        def administer(path: str, **command: str) -> None:
            httpx.post(gateway.url + path, json=command, headers=headers, trust_env=False).raise_for_status()

        administer("/api/block", user="ann")
        blocks = Blocks()
        blocks.start(gateway.url, headers=lambda: headers, on_out=told.append)
        try:
            until(lambda: blocks.is_blocked("ann"), what="the block of before")
            before = time.time()
            administer("/api/revoke", user="bob")
            administer("/api/revoke", id="some-token")
            blocks.pushed(b'{"barred":true}')
            until(lambda: blocks.is_signed_out("bob", before), what="the revocation")
            assert not blocks.is_signed_out("bob", time.time() + 1)
            assert (blocks.standing("ann"), blocks.standing("carl")) == (None, 0.0)
            assert before < (blocks.standing("bob") or 0.0) < time.time()
            administer("/api/unblock", user="ann")
            blocks.pushed(b'{"barred":true}')
            until(lambda: not blocks.is_blocked("ann"), what="the unblocking")
            assert told == ["ann", "bob"]
        finally:
            blocks.stop()
    blocks.look()
    assert blocks.is_signed_out("bob", before)


def test_a_gateway_that_doesnt_say_changes_nothing(tmp_path: Path) -> None:
    """Without the right to ask, nobody counts as out: the gateway itself keeps them out."""
    with served(tmp_path, secret=SECRET) as gateway:
        blocks = Blocks()
        blocks.start(gateway.url, headers=dict, on_out=lambda _: None)
        blocks.stop()
        assert blocks.standing("ann") == 0.0
