"""Starts several real Redis servers that belong together: a master with its replica under Sentinels, a Cluster."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from realtime.gateway.nodes.keys import SLOTS
from tests.support.certificates import Certificates
from tests.support.processes import free_port
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

MASTER: Final = "board"
_DOWN_MS: Final = 500


class _Group:
    """Servers that end together."""

    def __init__(self) -> None:
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


class Sentinels(_Group):
    """A master, a replica, and three Sentinels that watch them, with TLS if there are certificates."""

    def __init__(self, *, certificates: Certificates | None = None) -> None:
        super().__init__()
        self._scheme = _scheme(certificates)
        with ExitStack() as stack:
            self.master = stack.enter_context(RedisServer(certificates=certificates))
            following = [f"replicaof 127.0.0.1 {self.master.port}"]
            self.replica = stack.enter_context(RedisServer(lines=following, certificates=certificates))
            until(lambda: _is_synced(self.replica), what="the replica follows its master")
            watching = [
                f"sentinel monitor {MASTER} 127.0.0.1 {self.master.port} 2",
                f"sentinel down-after-milliseconds {MASTER} {_DOWN_MS}",
                f"sentinel failover-timeout {MASTER} 2000",
            ]
            self.sentinels = [
                stack.enter_context(RedisServer(lines=watching, certificates=certificates, is_sentinel=True))
                for _ in range(3)
            ]
            until(lambda: all(map(_knows_the_others, self.sentinels)), what="the Sentinels know one another")
            self._stack = stack.pop_all()

    @property
    def url(self) -> str:
        """Return the address that leads through the Sentinels."""
        return f"{self._scheme}+sentinel://{','.join(each.address for each in self.sentinels)}/{MASTER}"


class Cluster(_Group):
    """Three nodes that share the slots, with TLS if there are certificates; the first `replicas` have a replica."""

    def __init__(self, *, replicas: int = 0, certificates: Certificates | None = None) -> None:
        super().__init__()
        self._scheme = _scheme(certificates)
        with ExitStack() as stack:
            self.nodes = [stack.enter_context(_node(certificates)) for _ in range(3)]
            self.replicas = [stack.enter_context(_node(certificates)) for _ in range(replicas)]
            self._join()
            self._stack = stack.pop_all()

    @property
    def url(self) -> str:
        """Return the address that names its nodes."""
        return f"{self._scheme}+cluster://{','.join(each.address for each in self.nodes)}"

    def owner(self, slot: int) -> RedisServer:
        """Return the node that was given a slot in the beginning."""
        return self.nodes[slot * len(self.nodes) // SLOTS]

    def _join(self) -> None:
        count = len(self.nodes)
        for number, node in enumerate(self.nodes):
            first, behind = (-(-SLOTS * edge // count) for edge in (number, number + 1))
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            node.ask("CLUSTER", "ADDSLOTSRANGE", first, behind - 1)
        everyone = [*self.nodes, *self.replicas]
        for other in everyone[1:]:
            self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", other.port, _bus_port(other))
        until(lambda: all(_known_to(each) == len(everyone) for each in everyone), what="the nodes know one another")
        for node, replica in zip(self.nodes, self.replicas, strict=False):
            replica.ask("CLUSTER", "REPLICATE", node.ask("CLUSTER", "MYID"))
        until(lambda: all(map(_is_synced, self.replicas)), what="the replicas follow their nodes")
        until(lambda: all(map(_is_whole, everyone)), what="the Cluster is whole")


def _scheme(certificates: Certificates | None) -> str:
    return "rediss" if certificates else "redis"


def _node(certificates: Certificates | None) -> RedisServer:
    settings = {
        "cluster-enabled": "yes",
        "cluster-node-timeout": str(_DOWN_MS),
        "cluster-port": str(free_port()),
        "cluster-replica-validity-factor": "0",
    }
    return RedisServer(settings=settings, certificates=certificates)


def _bus_port(node: RedisServer) -> int:
    return int(node.ask("CONFIG", "GET", "cluster-port")[1])


def _known_to(node: RedisServer) -> int:
    lines = bytes(node.ask("CLUSTER", "NODES")).decode().splitlines()
    return sum("handshake" not in line for line in lines)


def _is_whole(node: RedisServer) -> bool:
    return b"cluster_state:ok" in bytes(node.ask("CLUSTER", "INFO"))


def _is_synced(replica: RedisServer) -> bool:
    return bool(replica.ask("INFO", "replication").get("master_link_status") == "up")


def _knows_the_others(sentinel: RedisServer) -> bool:
    words = [bytes(word) for word in sentinel.ask("SENTINEL", "MASTER", MASTER)]
    told = dict(zip(words[::2], words[1::2], strict=True))
    return told[b"num-other-sentinels"] == b"2" and told[b"num-slaves"] == b"1"
