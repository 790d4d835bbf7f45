"""Of several nodes one judges events for notices: each once, whoever leads, whoever dies, whatever Redis loses."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import pytest

from realtime.config import Settings
from realtime.gateway.inboxes import Inboxes
from realtime.gateway.nodes.copy_file import FILE_NAME
from realtime.gateway.nodes.lease import Lease
from realtime.gateway.nodes.link import Link
from realtime.gateway.nodes.log import RedisLog
from realtime.gateway.nodes.log_keys import NOTIFIER
from realtime.gateway.notifier import Notifier
from realtime.gateway.records import Along, Stored
from realtime.gateway.rights import Rights
from realtime.notifications.commands import Meet
from realtime.notifications.defaults import DEFAULT_RULES
from tests.gateway.inboxing import judged
from tests.gateway.making import NOON, accepted
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

Leads = Callable[[], bool]


class Place:
    """A node: its log, its notifier, its lease."""

    def __init__(self, log: RedisLog, notifier: Notifier, lease: Lease, *, anew: list[int]) -> None:
        self.log = log
        self.anew = anew
        self.notifier = notifier
        self.lease = lease

    def meet(self, *users: str) -> None:
        """Make people known."""
        self.log.append([judged(user, Meet(id=f"meet:{user}", at=NOON)) for user in users]).result(20)

    def delete(self, numbers: Sequence[int]) -> None:
        """Store events that deserve notice, in one commit."""
        self.log.append([accepted(number, "deleted") for number in numbers]).result(20)

    def total(self, user: str = "ann") -> int:
        """Count the events in an inbox."""
        return Inboxes(self.log).fold(user).inbox.total

    def _has(self, user: str, count: int) -> bool:
        return self.total(user) >= count

    def settle(self, count: int, user: str = "ann") -> None:
        """Wait until so many events are in an inbox, and see that none is in twice."""
        until(partial(self._has, user, count), what=f"{count} events in {user}'s inbox")
        assert self.total(user) == count


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """Run a server of one's own, which keeps nothing."""
    with RedisServer() as one:
        yield one


@contextmanager
def place(server: RedisServer, *, leads: Leads | None = None, copy_path: Path | None = None) -> Iterator[Place]:
    """Open a node over the server, and end it in order; by default it leads when it has the lease."""
    followers: list[Notifier] = []
    anew: list[int] = []
    uid = uuid.uuid4().hex
    log = RedisLog.open(
        Link.of(Settings(redis_url=server.url, redis_prefix="nodes")), node=uid, retention_events=10_000,
        on_commit=lambda stored: _pass_on(followers, stored),
        on_anew=lambda: _begin_anew(followers, anew), copy_path=copy_path,
    )  # fmt: skip
    lease = Lease(log.server, NOTIFIER, node=uid)
    notifier = Notifier(log, DEFAULT_RULES, rights=Rights(), leads=leads or lease.is_held, now=lambda: NOON)
    followers.append(notifier)
    with ExitStack() as stack:
        stack.callback(log.close)
        stack.callback(lease.stop)
        stack.callback(notifier.stop)
        if leads is None:
            lease.start()
        notifier.start()
        yield Place(log, notifier, lease, anew=anew)


def _pass_on(followers: Sequence[Notifier], stored: Sequence[Stored]) -> None:
    for follower in followers:
        follower.committed(stored)


def _begin_anew(followers: Sequence[Notifier], anew: list[int]) -> None:
    for follower in followers:
        follower.begin_anew()
    anew.append(1)


def test_one_of_two_judges_and_the_other_goes_on_when_it_ends(server: RedisServer) -> None:
    """What is stored by either, in order, each once; nothing is told again or left out at the change."""
    with place(server) as other:
        until(other.lease.is_held)
        with place(server) as one:
            one.meet("ann", "bob")
            for number in range(20):
                (one, other)[number % 2].delete([number])
            one.settle(20)
            other.settle(20, "bob")
            assert not one.lease.is_held()
            other.notifier.stop()
            other.lease.stop()
            one.delete(range(20, 50))
            one.settle(50)
            one.settle(50, "bob")


def test_one_that_dies_without_a_word_is_followed_when_its_lease_runs_out(server: RedisServer) -> None:
    """What was stored meanwhile is judged then."""
    with place(server) as one:
        until(one.lease.is_held)
        one.meet("ann")
        one.delete([0])
        one.settle(1)
        with place(server) as other:
            one.lease._ending.set()  # it renews nothing any more, and gives nothing up
            one.delete(range(1, 10))
            until(other.lease.is_held)
            other.delete([10])
            other.settle(11)
            assert not one.lease.is_held()


def test_two_that_lead_at_once_tell_nobody_twice(server: RedisServer) -> None:
    """As after a pause that one of them doesn't know of: what is stored again is a repeat."""
    with place(server, leads=lambda: True) as one, place(server, leads=lambda: True) as other:
        one.meet("ann")
        for number in range(40):
            (one, other)[number % 2].delete([number])
        one.delete(range(100, 400))
        one.settle(340)
        until(lambda: one.log.judged().get("collection:orders") == 340)
    with place(server, leads=lambda: True) as late:
        late.delete([1_000])
        late.settle(341)


def test_who_leads_no_more_stops_at_once_and_begins_from_what_others_kept(server: RedisServer) -> None:
    """It doesn't judge again what another has judged meanwhile."""
    turns = {"one": True, "other": False}
    with (
        place(server, leads=lambda: turns["one"]) as one,
        place(server, leads=lambda: turns["other"]) as other,
    ):
        one.meet("ann")
        for number in range(6):
            turns["one"], turns["other"] = number % 2 == 0, number % 2 == 1
            other.delete(range(number * 10, number * 10 + 10))
            one.settle(number * 10 + 10)


def test_after_a_flush_what_comes_is_judged_and_nothing_old(server: RedisServer) -> None:
    """Also what comes before the notifier hears of it; people are met anew, as their inboxes are gone, too."""
    turns = {"one": True}
    with place(server, leads=lambda: turns["one"]) as one:
        one.meet("ann")
        one.delete(range(30))
        one.settle(30)
        turns["one"] = False
        server.flush()
        one.log.append([accepted(number) for number in range(5)]).result(20)
        one.meet("ann")
        one.delete([100, 101])
        until(lambda: one.anew)
        turns["one"] = True
        one.settle(2)
        assert one.log.judged()["collection:orders"] <= 7


def _kill(server: RedisServer) -> None:
    server.kill()
    server.start()


@pytest.mark.parametrize("loses", [RedisServer.flush, _kill])
def test_what_is_put_back_after_a_loss_is_told_once(
    server: RedisServer, tmp_path: Path, loses: Callable[[RedisServer], None]
) -> None:
    """However soon after it was judged; its streams have other epochs then, by which notices are told apart."""
    with place(server, copy_path=tmp_path / FILE_NAME) as one:
        until(one.lease.is_held)
        one.meet("ann")
        for number in range(3):
            one.delete(range(number * 10, number * 10 + 10))
            one.settle(number * 10 + 10)
            loses(server)
            until(partial(_has_begun_anew, one, number + 1))
        one.delete([100, 101])
        one.settle(32)


def _has_begun_anew(one: Place, times: int) -> bool:
    return len(one.anew) >= times and one.log.trouble is None and one.lease.is_held()


@pytest.mark.parametrize(("leader", "kept"), [("mine", 9), ("another's", 5)])
def test_how_far_was_judged_is_kept_by_who_leads_and_only_rises(server: RedisServer, leader: str, kept: int) -> None:
    """One who led before it may still be storing. Where the channel itself has lost its newest, it falls.

    What is beyond a channel's top was judged of what isn't there any more, and says nothing.
    """
    with place(server, leads=lambda: False) as one:
        one.log.append([accepted(number) for number in range(10)]).result(20)
        one.log.append((), along=Along(judged={"collection:orders": 5}, notes={"n": b"old"})).result(20)
        who = one.lease._node if leader == "mine" else "another"
        server.ask("SET", "{nodes}:lease:notifier", who)
        one.log.append((), along=Along(judged={"collection:orders": 9}, notes={"n": b"new"})).result(20)
        assert one.log.judged() == {"collection:orders": kept}
        assert one.log.notes()["n"] == (b"new" if leader == "mine" else b"old")
        server.ask("DEL", "{nodes}:lease:notifier")
        one.log.append((), along=Along(judged={"collection:orders": 3})).result(20)
        assert one.log.judged() == {"collection:orders": kept}
        one.log.append((), along=Along(judged={"collection:orders": 11})).result(20)
        assert one.log.judged() == {"collection:orders": kept}
        server.ask("HSET", "{nodes}:judged", "collection:orders", "900")
        one.log.append((), along=Along(judged={"collection:orders": 8})).result(20)
        assert one.log.judged() == {"collection:orders": 8}
