"""Sends what is done to inboxes: shown at once, out through the outbox, taken back when the gateway won't have it.

Threads: any.
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from datetime import UTC, datetime
from functools import partial

from realtime.client.calls import Ack
from realtime.client.client import WebSocketClient
from realtime.errors import EventError, NotConnected, NoticeError, TideboardError
from realtime.notifications.commands import Command, Meet, command_value, read_command
from realtime.protocol.channels import inbox_channel
from realtime.protocol.events import Envelope, InboxCommand, event_of, read_envelope
from realtime.store import OutboxEntry, Store

OnRefused = Callable[[str, str, str], None]
_log = logging.getLogger(__name__)


class InboxSending:
    """The way of a command from here to a person's stream."""

    def __init__(
        self, store: Store, client: WebSocketClient, *, now: Callable[[], float], on_refused: OnRefused | None
    ) -> None:
        self._copies = store.inboxes
        self._client = client
        self._now = now
        self._on_refused = on_refused

    def give(self, person: str, command: Command, *, is_shown: bool = True) -> None:
        """Show a command and send it. Raises NoticeError when it can't be kept; then it shows no more."""
        if is_shown:
            self._copies.predict(person, (command,), now=self._now())
        answer = self._client.send(self._envelope_of(person, command))
        error = answer.exception(0) if answer.done() and not answer.cancelled() else None
        if isinstance(error, TideboardError):
            self._copies.take_back(person, command.id, now=self._now())
            raise NoticeError(str(error)) from error
        answer.add_done_callback(partial(self._answered, person, command.id))

    def try_to_give(self, person: str, command: Command, *, is_shown: bool = True) -> None:
        """Do the same for what nobody asked for: that it can't be kept is logged."""
        try:
            self.give(person, command, is_shown=is_shown)
        except NoticeError as error:
            _log.warning("The inbox of %s misses %s: %s", person, command.id, error)

    def restore(self, person: str) -> None:
        """Show what waits in the outbox since before this inbox was held here."""
        outbox = self._client.outbox
        for entry in () if outbox is None else outbox.waiting_for(inbox_channel(person)):
            envelope, command = _kept(entry)
            if command is None or any(command.id == each.id for each in self._copies.get(person).replica.pending):
                continue
            if not isinstance(command, Meet):
                self._copies.predict(person, (command,), now=self._now(), is_news=False)
            self._client.send(envelope).add_done_callback(partial(self._answered, person, command.id))

    def _answered(self, person: str, command_id: str, answer: Future[Ack]) -> None:
        """Take in what became of a command. Runs on whichever thread settled it."""
        try:
            ack = answer.result(0)
        except (NotConnected, CancelledError):
            return  # it is kept, and sent when the dashboard runs again
        except Exception as error:
            reason = error.reason if isinstance(error, EventError) else str(error)
            self._copies.take_back(person, command_id, now=self._now())
            if self._on_refused is not None:
                self._on_refused(person, command_id, reason)
        else:
            self._copies.stored(person, command_id, ack.position, now=self._now())

    def _envelope_of(self, person: str, command: Command) -> Envelope:
        moment = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        data = {"user": person, "command": command_value(command)}
        return Envelope(
            id=command.id, source=_source_of(person), type=InboxCommand.TYPE, specversion="1.0", time=moment,
            actor=person, data=data,
        )  # fmt: skip


def meeting(person: str, name: str, roles: frozenset[str], *, now: float) -> Meet:
    """Say that a person is here: the same command all day, unless they are called or may do otherwise since."""
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    who = hashlib.sha256(repr((name, sorted(roles))).encode()).hexdigest()[:8]
    return Meet(id=f"meet:{person}:{day}:{who}", at=now, name=name, roles=tuple(sorted(roles)))


def new_id() -> str:
    """Make a name for a command that no other has."""
    return uuid.uuid4().hex


def _kept(entry: OutboxEntry) -> tuple[Envelope, Command | None]:
    envelope = read_envelope(entry.envelope)
    event = event_of(envelope)
    try:
        return envelope, read_command(event.command if isinstance(event, InboxCommand) else event)
    except NoticeError:
        return envelope, None


def _source_of(person: str) -> str:
    """Name where a person's commands come from: ids are told apart per person, whatever somebody calls theirs."""
    return f"/tideboard/inbox/{hashlib.sha256(person.encode()).hexdigest()[:16]}"
