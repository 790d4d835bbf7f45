"""Claims about a lease: one holds it, another gets it when that one ends or dies, and nobody trusts it for too long."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from realtime.gateway.nodes.lease import LASTS_S, Lease
from realtime.gateway.nodes.server import Server
from tests.gateway.nodes.sharing import reached
from tests.support.redis_server import RedisServer
from tests.support.waiting import until


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """Run a server for all of them."""
    with RedisServer() as one:
        yield one


@pytest.fixture
def way(server: RedisServer) -> Iterator[Server]:
    """Give a way to ask it."""
    server.flush()
    with reached(server.port) as one:
        yield one


def test_of_two_one_holds_it_and_the_other_gets_it_when_that_one_ends(way: Server) -> None:
    """At once: it is given up, not waited for."""
    one, other = Lease(way, "notifier", node="one"), Lease(way, "notifier", node="other")
    one.start()
    until(one.is_held)
    other.renew()
    assert not other.is_held()
    one.stop()
    assert not one.is_held()
    other.renew()
    assert other.is_held()
    other.stop()


def test_who_ends_without_holding_it_takes_it_from_nobody(way: Server) -> None:
    """Only its holder gives it up."""
    one, other = Lease(way, "notifier", node="one"), Lease(way, "notifier", node="other")
    one.renew()
    other.stop()
    assert way.run("lease", [way.keys.lease("notifier")], ["", "other", 0], bool) is False
    other.renew()
    assert (one.is_held(), other.is_held()) == (True, False)


def test_one_that_died_holds_it_until_it_runs_out(way: Server) -> None:
    """Redis forgets it by itself."""
    one, other = Lease(way, "notifier", node="one"), Lease(way, "notifier", node="other")
    one.renew()
    other.start()
    until(other.is_held)
    other.stop()


def test_it_is_trusted_no_longer_than_redis_keeps_it(way: Server, server: RedisServer) -> None:
    """Counted from before it was asked for, by a clock that nobody sets; a frozen Redis renews nothing."""
    now = [100.0]
    one = Lease(way, "notifier", node="one", clock=lambda: now[0])
    one.renew()
    now[0] += LASTS_S - 0.01
    assert one.is_held()
    now[0] += 0.01
    assert not one.is_held()
    one.renew()
    assert one.is_held()
    server.freeze()
    try:
        one.renew()
        assert one.is_held(), "it is known to be held for a while yet"
        now[0] += LASTS_S
        one.renew()
        assert not one.is_held()
    finally:
        server.thaw()


def test_a_redis_that_has_lost_it_gives_it_to_who_asks_next(way: Server, server: RedisServer) -> None:
    """Two believe to hold it for a moment; the one who asks second learns that it doesn't."""
    one, other = Lease(way, "notifier", node="one"), Lease(way, "notifier", node="other")
    one.renew()
    server.flush()
    other.renew()
    assert one.is_held()
    assert other.is_held()
    one.renew()
    assert (one.is_held(), other.is_held()) == (False, True)
