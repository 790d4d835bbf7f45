"""Runs an app without pages: client and store of the product against a gateway, writing down all they do.

A process of its own (`python -m realtime.bench.follower`), to be killed and started again; the only part of the
benchmarks that knows the client and the store. It is told what to do by JSON lines on stdin, and answers on stdout.
Threads: the main one reads stdin, the client's feeds the store; the journal may be written by any.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from realtime.bench.recovery_journal import (
    Applied,
    Claimed,
    Confirmed,
    Heard,
    Installed,
    Line,
    Lost,
    Promised,
    Refused,
    Started,
    encode_line,
)
from realtime.client import Ack, Outbox, WebSocketClient
from realtime.client.consumer import consumer_name
from realtime.client.memory import FILE_NAME as MEMORY
from realtime.client.memory import Memory
from realtime.client.outbox_file import FILE_NAME as OUTBOX
from realtime.errors import NotConnected
from realtime.protocol.channels import SYSTEM, USERS, collection_channel
from realtime.protocol.events import Envelope, event_of, is_critical
from realtime.protocol.positions import Position
from realtime.store import ConnectionStatus, GapNotice, Store
from realtime.store.feed import Feed
from realtime.store.model import FeedEntry

SOURCE: Final = "/tideboard/bench/follower"
EMITS: Final = "emits"
JOURNAL: Final = "journal.ndjson"
_FEED_SIZE: Final = 5_000


class Journal:
    """A file that lines are added to. Nothing is kept back, so that a kill loses no line."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, line: Line) -> None:
        """Add a line. Threads: any (an append is one write)."""
        os.write(self._file, encode_line(line))

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class _JournaledFeed(Feed):
    """A feed that writes down what comes in. It is the one place that every event passes that people get to see."""

    def __init__(self, journal: Journal, *, size: int) -> None:
        super().__init__(size=size)
        self.epoch = ""
        self._journal = journal

    def append(self, entry: FeedEntry) -> None:
        """Add the newest event."""
        super().append(entry)
        self._note(entry)

    def insert(self, entries: Sequence[FeedEntry]) -> None:
        """Add events of the past."""
        super().insert(entries)
        for entry in entries:
            self._note(entry)

    def _note(self, entry: FeedEntry) -> None:
        if not entry.offset:
            return  # the client's own, of no channel
        source, identifier = entry.envelope.source, entry.envelope.id
        epoch, is_replay = self.epoch, entry.is_replay
        self._journal.write(
            Applied(time.time(), entry.channel, epoch, entry.offset, source, identifier, is_replay=is_replay)
        )


class JournaledStore(Store):
    """A store that writes down, before anybody is told, what it took in and from where it goes on."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(feed_size=_FEED_SIZE)
        self._journal = journal
        self._journaled = _JournaledFeed(journal, size=_FEED_SIZE)
        self._contents.feed = self._journaled
        self._claim = ("", 0.0, "")

    def apply(self, *arguments: Any, **named: Any) -> int:
        """Take in a run of events."""
        self._journaled.epoch = named["epoch"]
        return super().apply(*arguments, **named)

    def load_snapshot(self, collection: str, *arguments: Any, position: Position, **named: Any) -> None:
        """Take in a snapshot."""
        self._journaled.epoch = position.epoch
        super().load_snapshot(collection, *arguments, position=position, **named)
        self._journal.write(Installed(time.time(), collection_channel(collection), position.epoch, position.offset))

    def load_history(self, channel: str, *arguments: Any, position: Position, **named: Any) -> None:
        """Take in a channel's newest events."""
        self._journaled.epoch = position.epoch
        super().load_history(channel, *arguments, position=position, **named)
        self._journal.write(Installed(time.time(), channel, position.epoch, position.offset))

    def take_late(self, channel: str, *arguments: Any, **named: Any) -> None:
        """Take in a critical event that a snapshot had skipped."""
        position = self.position(channel)
        self._journaled.epoch = "" if position is None else position.epoch
        super().take_late(channel, *arguments, **named)

    def note_gap(self, notice: GapNotice, *, now: float) -> None:
        """Take in what is lost for good."""
        super().note_gap(notice, now=now)
        self._journal.write(Lost(time.time(), notice.channel, notice.first, notice.last))

    def set_connection(self, status: ConnectionStatus, *, now: float) -> None:
        """Take the connection's status; what it claims is written down when it changes."""
        super().set_connection(status, now=now)
        claim = (status.state.value, status.since, status.transport)
        if claim != self._claim:
            self._claim = claim
            self._journal.write(Claimed(time.time(), *claim))


class Follower:
    """Client, store and all that outlives a kill, as the app has it; and what they are asked from outside."""

    def __init__(self, base_url: str, folder: Path) -> None:
        self._journal = Journal(folder / JOURNAL)
        self._journal.write(Started(time.time()))
        self.store = JournaledStore(self._journal)
        self._memory = Memory.open(folder / MEMORY)
        self._outbox = Outbox.open(folder / OUTBOX, on_change=self.store.set_outbox)
        self.client = WebSocketClient(
            base_url.replace("http", "ws", 1) + "/connection/websocket",
            http_url=base_url,
            store=self.store,
            outbox=self._outbox,
            consumer=consumer_name(folder),
            resume_from=self._memory.positions(),
        )
        self.client.subscribe("*", self._heard)

    def run(self) -> None:
        """Follow until stdin ends."""
        self._memory.start(self.store)
        self.client.connect()
        for line in sys.stdin:
            order = msgspec.json.decode(line)
            if order["do"] == "emit":
                self.emit(order["id"])
            else:
                sys.stdout.write(msgspec.json.encode(self.dump()).decode() + "\n")
                sys.stdout.flush()
        self.client.disconnect()
        self._outbox.close()
        self._memory.stop()
        self._journal.close()

    def emit(self, identifier: str) -> None:
        """Add a document of this id, as somebody at a page would."""
        document = {"id": identifier, "value": time.time()}
        envelope = Envelope(
            id=identifier, source=SOURCE, type="collection:created", specversion="1.0",
            data={"collection": EMITS, "document": document},
        )  # fmt: skip
        future = self.client.send(envelope)
        if not future.done() or future.exception() is None:
            self._journal.write(Promised(time.time(), identifier))  # it is on the disk
        future.add_done_callback(partial(self._settled, identifier))

    def dump(self) -> dict[str, Any]:
        """Say what the store holds, how far it is and what it claims."""
        store = self.store
        names = [summary.name for summary in store.collections()]
        positions = {channel: store.position(channel) for channel in (USERS, SYSTEM, *map(collection_channel, names))}
        return {
            "documents": {
                name: {key: state.document for key, state in store.collection(name).documents.items()} for name in names
            },
            "tops": {channel: position.offset for channel, position in positions.items() if position is not None},
            "isConnected": store.connection.is_connected,
            "online": [one.user_id for one in store.people() if one.is_online],
            "waiting": sum(entry.is_open for entry in self._outbox.entries),
        }

    def _heard(self, envelope: Envelope) -> None:
        if is_critical(envelope, event_of(envelope)):
            self._journal.write(Heard(time.time(), envelope.source, envelope.id))

    def _settled(self, identifier: str, future: Future[Ack]) -> None:
        now, error = time.time(), future.exception()
        if error is None:
            ack = future.result()
            self._journal.write(Confirmed(now, identifier, ack.channel, ack.position.offset))
        elif not isinstance(error, NotConnected):
            self._journal.write(Refused(now, identifier, str(error)))


@click.command()
@click.option("--url", required=True, help="Root of the gateway's HTTP API.")
@click.option(
    "--data", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of what it keeps."
)
def main(url: str, data: Path) -> None:
    """Follow a gateway and write down what happens in journal.ndjson, until stdin ends."""
    Follower(url, data).run()


if __name__ == "__main__":
    main()
