"""Puts what subscriptions deliver where it belongs: the store, handlers, the critical events. Decides nothing.

Threads: driver only.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from realtime.client.answers import documents_told, envelope_in, local_envelope
from realtime.client.criticals import Criticals
from realtime.client.handlers import Handlers
from realtime.client.loading import Loading
from realtime.client.steps import Deliver, Install, Lost
from realtime.errors import NoticeError
from realtime.metrics import CLIENT_LOST
from realtime.notifications.commands import read_command
from realtime.notifications.inbox import apply_all
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.channels import inbox_of
from realtime.protocol.events import Envelope, InboxCommand, event_of
from realtime.store import GapNotice, Store
from realtime.store.gaps import event_of_gap
from realtime.store.inbox_copy import Arrived

_log = logging.getLogger(__name__)


class Applying:
    """Where a client's events go."""

    def __init__(self, *, store: Store, handlers: Handlers, criticals: Criticals, now: Callable[[], float]) -> None:
        self._store = store
        self._handlers = handlers
        self._criticals = criticals
        self._now = now

    def install(self, install: Install, loading: Loading) -> None:
        """Put what was loaded into the store."""
        now, channel, position = self._now(), install.channel, install.position
        history = [(envelope_in(one, channel), one.offset) for one in install.history]
        times = [one.time / 1000 or now for one in install.history]
        if loading.person is not None:
            told = (each.command for each in _commands(history, times))
            inbox = apply_all(Inbox(), told) if loading.inbox is None else loading.inbox
            self._store.inboxes.load(loading.person, inbox, position=position, now=now)
            return
        before = self._store.position(channel)
        if not loading.has_documents and loading.collection is not None:
            loading.documents = documents_told(history)
        if loading.collection is None:
            self._store.load_history(channel, history, position=position, now=now, published_at=times)
        else:
            self._store.load_snapshot(
                loading.collection, loading.documents,
                position=position, now=now, history=history, published_at=times,
            )  # fmt: skip
        self._criticals.installed(channel, position, history, before=before)

    def deliver(self, deliver: Deliver) -> None:
        """Apply a run of events, and call whoever waits for them."""
        now, channel, publications = self._now(), deliver.channel, deliver.publications
        envelopes = [(envelope_in(one, channel), one.offset) for one in publications]
        times = [one.time / 1000 or now for one in publications]
        person = inbox_of(channel)
        if person is not None:
            commands = _commands(envelopes, times if deliver.is_resumed else [now] * len(times))
            self._store.inboxes.apply(person, commands, epoch=deliver.epoch, now=now)
            return
        newest = publications[-1].time
        lag_s = max(now - newest / 1000, 0.0) if newest and not deliver.is_resumed else None
        published_at = times if deliver.is_resumed else None
        self._store.apply(channel, envelopes, epoch=deliver.epoch, now=now, published_at=published_at, lag_s=lag_s)
        self._call([envelope for envelope, _ in envelopes])
        self._criticals.applied(channel, deliver.epoch, envelopes)

    def tell_lost(self, lost: Lost) -> None:
        """Tell people of a hole in the feed that nothing can fill. An inbox has none: it comes whole."""
        if inbox_of(lost.channel) is not None:
            return
        _log.warning("Events %d to %d of %s are lost for the feed", lost.first, lost.last, lost.channel)
        CLIENT_LOST.inc()
        now = self._now()
        notice = GapNotice(lost.channel, lost.first, lost.last, lost.count, lost.since, lost.until)
        self._store.note_gap(notice, now=now)
        self._call([local_envelope(event_of_gap(notice, now=now), identifier=f"gap-{lost.channel}-{lost.last}")])

    def _call(self, envelopes: Sequence[Envelope]) -> None:
        if self._handlers:
            self._handlers.call(envelopes)


def _commands(envelopes: Sequence[tuple[Envelope, int]], times: Sequence[float]) -> list[Arrived]:
    """Read what happened to an inbox. What this version doesn't know is left out; the next snapshot has it."""
    commands = []
    for (envelope, offset), at in zip(envelopes, times, strict=True):
        event = event_of(envelope)
        try:
            command = read_command(event.command if isinstance(event, InboxCommand) else event)
        except NoticeError as error:
            _log.warning("An inbox can't take in %s at %d: %s", envelope.type, offset, error)
            continue
        commands.append(Arrived(command, offset, at))
    return commands
