"""Holds two nodes with copies against a model of what was acknowledged, whatever Redis loses and whoever is stopped."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.gateway.making import accepted
from tests.gateway.nodes.copies import ORDERS, Node, flush, kill
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

_events = st.lists(
    st.tuples(st.sampled_from(["created", "updated", "deleted"]), st.sampled_from(["x", "y", "z"])),
    min_size=1,
    max_size=5,
)
_nodes = st.sampled_from([0, 1])


class RefillModel(RuleBasedStateMachine):
    """Appends at either node, losses and restarts; after each step both nodes tell what was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.server = RedisServer()
        self.nodes = [self._node(number) for number in range(2)]
        self.count = 0
        self.stream: list[str] = []
        self.documents: dict[str, int] = {}

    def _node(self, number: int) -> Node:
        return Node(self.server.url, Path(self.folder.name) / str(number))

    def teardown(self) -> None:
        """Close everything."""
        for node in self.nodes:
            node.log.close()
        self.server.close()
        self.folder.cleanup()

    @rule(number=_nodes, drawn=_events)
    def append(self, number: int, drawn: list[tuple[str, str]]) -> None:
        """Store some events."""
        batch = []
        for kind, identifier in drawn:
            self.count += 1
            batch.append(accepted(self.count, kind, document=identifier))
            one = batch[-1]
            self.stream.append(one.envelope.id)
            if kind == "deleted":
                self.documents.pop(identifier, None)
            else:
                self.documents[str(one.document_id)] = self.count
        self.nodes[number].store(*batch)

    @rule()
    def save(self) -> None:
        """Let Redis keep what it has now."""
        self.server.ask("SAVE")

    @rule(is_flushed=st.booleans())
    def lose(self, is_flushed: bool) -> None:
        """Lose everything, or what wasn't saved."""
        (flush if is_flushed else kill)(self.server)

    @rule(number=_nodes)
    def restart(self, number: int) -> None:
        """Stop a node, and start it again on its folder."""
        self.nodes[number].log.close()
        self.nodes[number] = self._node(number)

    @rule(number=_nodes)
    def stop_while_redis_loses(self, number: int) -> None:
        """A node is away while Redis loses everything."""
        self.nodes[number].log.close()
        flush(self.server)
        self.nodes[number] = self._node(number)

    @invariant()
    def all_is_there(self) -> None:
        """Events in order, at their offsets, and documents, at both nodes."""
        for node in self.nodes:
            until(lambda: node.is_settled and node.log.position(ORDERS).offset == len(self.stream), within_s=30)  # noqa: B023
            assert node.ids() == self.stream
            assert {name: one["number"] for name, one in node.documents().items()} == self.documents


TestRefillModel = RefillModel.TestCase
TestRefillModel.settings = settings(
    max_examples=4, stateful_step_count=10, deadline=None, suppress_health_check=list(HealthCheck)
)
