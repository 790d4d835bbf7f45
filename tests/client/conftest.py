"""Fixtures of the client's tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.client.scripted import ScriptedGateway
from tests.client.world import World


@pytest.fixture
def scripted() -> Iterator[World]:
    """Give a world and take it away."""
    with ExitStack() as stack:
        gateway = stack.enter_context(ScriptedGateway().running())
        yield World(gateway, stack)
