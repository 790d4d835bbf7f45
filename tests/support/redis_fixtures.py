"""One server for all tests that need a Redis, a prefix of its own for each. tests/conftest.py makes them known."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.support.redis_server import RedisServer, program, programs


@pytest.fixture(scope="session", params=sorted(programs()) or ["redis"])
def redis_server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """Run a server that all tests share, Redis and where there is one also Valkey; leave it as you found it."""
    with RedisServer(server=programs().get(request.param) or program()) as server:
        yield server


@pytest.fixture
def redis_prefix() -> str:
    """Name a prefix that no other test has."""
    return f"test-{secrets.token_hex(6)}"
