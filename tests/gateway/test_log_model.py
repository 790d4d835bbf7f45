"""Holds the log against a model of it: plain lists and dicts that can't be wrong."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from realtime.errors import ConflictError
from realtime.gateway.log import Accepted
from realtime.gateway.ports import Log
from realtime.protocol.channels import collection_channel
from realtime.protocol.positions import Position
from tests.gateway.making import Commits, accepted, open_log
from tests.support.engines import using

RETENTION = 20
COLLECTIONS = ("a", "b")
_ids = st.sampled_from(["x", "y", "z/1"])
_events = st.tuples(
    st.integers(0, 70), st.sampled_from(["created", "updated", "deleted"]), st.sampled_from(COLLECTIONS), _ids
)


class LogModel(RuleBasedStateMachine):
    """Appends, conditional appends, restarts; after each step everything that can be read is compared."""

    ENGINE = "sqlite"

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.streams: dict[str, list[Accepted]] = {name: [] for name in COLLECTIONS}
        self.first: dict[str, tuple[str, int]] = {}
        self.documents: dict[tuple[str, str], tuple[object, int]] = {}
        self.commits = Commits()
        self.log = self._open()
        self.epochs = {name: self.log.position(collection_channel(name)).epoch for name in COLLECTIONS}

    def _open(self) -> Log:
        with using(self.ENGINE):
            return open_log(Path(self.folder.name), retention_events=RETENTION, on_commit=self.commits)

    def teardown(self) -> None:
        """Close the log and drop its folder."""
        self.log.close()
        self.folder.cleanup()

    @rule(drawn=st.lists(_events, max_size=30), expected=st.none() | st.integers(0, 40))
    def append(self, drawn: list[tuple[int, str, str, str]], expected: int | None) -> None:
        """Append a batch, perhaps on a condition, and compare every answer."""
        batch = [accepted(n, kind, collection=name, document=identifier) for n, kind, name, identifier in drawn]
        if expected is not None and batch and batch[0].envelope.id not in self.first:
            actual = self._version(batch[0])
            if actual != (expected or None):
                with pytest.raises(ConflictError):
                    self.log.append(batch, expected=expected).result(10)
                return
        stored = self.log.append(batch, expected=expected).result(10)
        for one, answer in zip(batch, stored, strict=True):
            is_repeat = one.envelope.id in self.first
            if not is_repeat:
                self._apply(one)
            channel, offset = self.first[one.envelope.id]
            assert (answer.is_duplicate, answer.channel, answer.position.offset) == (is_repeat, channel, offset)

    @rule()
    def restart(self) -> None:
        """Close and open again."""
        self.log.close()
        self.log = self._open()

    @rule(name=st.sampled_from(COLLECTIONS), offset=st.integers(0, 80), limit=st.integers(0, 40))
    def resume(self, name: str, offset: int, limit: int) -> None:
        """A resume is all that followed, in order, or nothing."""
        stream = self.streams[name]
        page = self.log.read(collection_channel(name), since=Position(self.epochs[name], offset), limit=limit)
        trimmed_to = max(0, len(stream) - RETENTION)
        assert page.is_complete == (trimmed_to <= offset <= len(stream))
        expected = stream[offset : offset + limit] if page.is_complete else []
        assert [record.raw for record in page.publications] == [one.raw for one in expected]
        assert [record.offset for record in page.publications] == list(range(offset + 1, offset + 1 + len(expected)))
        assert page.reaches_top == (page.is_complete and offset + len(expected) == len(stream))

    @invariant()
    def everything_agrees(self) -> None:
        """Positions, documents, counts and commits are the model's."""
        for name, stream in self.streams.items():
            assert self.log.position(collection_channel(name)) == Position(self.epochs[name], len(stream))
            known = {i: found for (collection, i), found in self.documents.items() if collection == name}
            page = self.log.page(name, limit=100)
            documents = msgspec.json.decode(page.documents)
            listed = {d["id"]: (d, offset) for d, offset in zip(documents, page.offsets, strict=True)}
            assert listed == known
            for identifier in ("x", "y", "z/1"):
                past = self.log.document_history(name, identifier, limit=100).publications
                kept = [n for n, one in enumerate(stream, 1) if one.document_id == identifier]
                assert [one.offset for one in past] == [n for n in kept[::-1] if n > len(stream) - RETENTION]
            mine = [s.position.offset for s in self.commits.stored if s.channel == collection_channel(name)]
            assert mine == list(range(1, len(stream) + 1))
        counts = {row["name"]: row["documents"] for row in self.log.collections()}
        assert counts == {
            name: sum(collection == name for collection, _ in self.documents)
            for name, stream in self.streams.items()
            if stream
        }

    def _apply(self, one: Accepted) -> None:
        name = one.channel.removeprefix("collection:")
        self.streams[name].append(one)
        offset = len(self.streams[name])
        self.first[one.envelope.id] = (one.channel, offset)
        # The log forgets duplicates some time after their event is trimmed; with so few events it never does.
        if one.document_id is not None and one.envelope.type == "collection:deleted":
            self.documents.pop((name, one.document_id), None)
        elif one.document_id is not None:
            self.documents[name, one.document_id] = (one.envelope.data["document"], offset)

    def _version(self, one: Accepted) -> int | None:
        found = self.documents.get((one.channel.removeprefix("collection:"), str(one.document_id)))
        return None if found is None else found[1]


class LogModelOnRedis(LogModel):
    """The same in Redis."""

    ENGINE = "redis"


_settings = settings(stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
TestLogModel = LogModel.TestCase
TestLogModel.settings = settings(_settings, max_examples=40)
TestLogModelOnRedis = LogModelOnRedis.TestCase
TestLogModelOnRedis.settings = settings(_settings, max_examples=15)  # each step asks a server forty times
