"""Two logs over real Sentinels and a real Cluster that lose their master: what was answered is there, in other epochs.

With `redis_replicas = 1` a write is answered once the replica has it, so the one that takes over has it, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial

import pytest

from realtime.config import Settings
from realtime.errors import StorageError
from realtime.gateway.nodes.link import Link
from tests.gateway.making import accepted
from tests.gateway.nodes.test_nodes import ORDERS, Node
from tests.support.redis_groups import MASTER, Cluster, Sentinels
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

PREFIX = "failover"


Servers = tuple[str, list[RedisServer]]


@contextmanager
def _sentinels() -> Iterator[Servers]:
    with Sentinels() as group:
        yield group.url, [group.master, group.replica]


@contextmanager
def _cluster() -> Iterator[Servers]:
    with Cluster(replicas=3) as group:
        yield group.url, [*group.nodes, *group.replicas]


def _is_promoted(server: RedisServer, others: list[RedisServer], *, masters: int) -> bool:
    """Tell whether another has taken over: as many masters as before, without the dead one."""
    roles = [other.ask("INFO", "replication")["role"] for other in others if other is not server]
    return roles.count("master") == masters


def _is_in_another_epoch(node: Node, epoch: str) -> bool:
    return node.log.position(ORDERS).epoch != epoch


class _Producer:
    """Stores one event after the other, each again until it is answered; keeps what was answered, and where."""

    def __init__(self, node: Node, name: str) -> None:
        self.answered: dict[str, int] = {}
        self.refused = 0
        self._node, self._name = node, name
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._is_over.set()
        self._thread.join(30)

    def _run(self) -> None:
        number = 0
        while not self._is_over.is_set():
            identifier = f"{self._name}{number}"
            try:
                [stored] = self._node.log.append([accepted(identifier)]).result(20)
            except StorageError:
                self.refused += 1
                self._is_over.wait(0.05)
                continue
            self.answered[identifier] = stored.position.offset
            number += 1


@pytest.mark.parametrize(("group", "masters"), [(_sentinels, 1), (_cluster, 3)], ids=["sentinels", "cluster"])
def test_nothing_that_was_answered_is_lost_when_the_master_dies(
    group: Callable[[], AbstractContextManager[Servers]], masters: int
) -> None:
    """Both nodes find who took over and go on in another epoch, once the dead one is back as its replica."""
    with ExitStack() as stack:
        url, servers = stack.enter_context(group())
        link = Link.of(Settings(redis_url=url, redis_prefix=PREFIX))
        stack.callback(link.close)
        nodes = [Node(url, PREFIX, replicas=1) for _ in range(2)]
        for node in nodes:
            stack.callback(node.log.close)
        producers = [_Producer(node, name) for node, name in zip(nodes, "ab", strict=True)]
        for producer in producers:
            stack.callback(producer.stop)
        until(lambda: all(len(producer.answered) > 20 for producer in producers), what="both are storing")
        epoch = nodes[0].log.position(ORDERS).epoch
        link.client()
        [master] = [server for server in servers if server.address == link.where]
        master.kill()
        until(lambda: all(producer.refused for producer in producers), what="both are refused")
        until(lambda: _is_promoted(master, servers, masters=masters), what="another takes over")
        before = [len(producer.answered) for producer in producers]
        master.start()
        if masters == 1:  # as Sentinels do ten seconds later
            [promoted] = [server for server in servers if server is not master]
            master.ask("REPLICAOF", "127.0.0.1", promoted.port)
        until(
            lambda: all(len(one.answered) > had + 20 for one, had in zip(producers, before, strict=True)),
            what="both are storing again",
        )
        for producer in producers:
            producer.stop()
        answered = {identifier: offset for one in producers for identifier, offset in one.answered.items()}
        assert len(set(answered.values())) == len(answered), "no offset was given twice"
        for node in nodes:
            until(partial(_is_in_another_epoch, node, epoch), what="nobody recovers what only the old master knew")
            assert node.anew
            kept = {identifier: node.log.get("orders", f"d{identifier}") for identifier in answered}
            assert {identifier: row and row.offset for identifier, row in kept.items()} == answered


def test_a_log_leaves_a_master_that_sentinels_have_given_up_though_it_answers() -> None:
    """It hears then of what others store at the new one."""
    with ExitStack() as stack:
        group = stack.enter_context(Sentinels())
        early = Node(group.url, PREFIX)
        stack.callback(early.log.close)
        early.store(1)
        until(lambda: group.replica.ask("EXISTS", "{failover}:tops"), what="the replica has it")
        group.replica.ask("REPLICAOF", "NO", "ONE")
        for sentinel in group.sentinels:
            sentinel.ask("SENTINEL", "REMOVE", MASTER)
            sentinel.ask("SENTINEL", "MONITOR", MASTER, "127.0.0.1", group.replica.port, 2)
        late = Node(group.url, PREFIX)
        stack.callback(late.log.close)
        late.store(2)
        until(lambda: early.anew and early.log.position(ORDERS) == late.log.position(ORDERS), what="both stand there")
        late.store(3)
        until(lambda: early.told[-1] == 3, what="it is told of what is stored there")
