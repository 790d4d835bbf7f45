"""Sends what a person does to a document, and waits for the gateway's word. What may be saved: views.editing."""

from __future__ import annotations

import uuid
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from realtime.errors import ConflictError, EventError, NotConnected, TideboardError
from realtime.live.runtime import current
from realtime.protocol.events import JsonObject
from realtime.protocol.flags import READ_ONLY
from realtime.ui.person import current_person
from realtime.ui.tracking import COLLECTIONS, track_action
from realtime.views.editing import Verb, envelope, explain

_WAIT_S: Final = 3.0
"""For the gateway's word, while there is a connection. Without one there is nothing to wait for."""
_READ_ONLY: Final = "Read-only: an operator has switched changes off for now. Nothing was saved; try again later."


@dataclass(frozen=True)
class Outcome:
    """What became of a write: stored, refused with a reason, in conflict, kept to be sent, or under way (`future`).

    What is kept is on the disk and needs nobody's attention any more: the outbox's list shows what becomes of it.
    """

    verb: Verb
    identifier: str
    reason: str = ""
    is_conflict: bool = False
    future: Future[Any] | None = None
    is_kept: bool = False

    @property
    def is_stored(self) -> bool:
        """Tell whether the gateway has it on disk."""
        return not self.reason and self.future is None and not self.is_kept


def write(
    verb: Verb, collection: str, document: JsonObject, *, expected_offset: int | None, follows: int | None = None
) -> Outcome:
    """Send one change as `sent` does, and record that the person at this page made it."""
    outcome = sent(verb, collection, document, expected_offset=expected_offset, follows=follows)
    if not outcome.reason:
        about = {"page": COLLECTIONS, "collection": collection, "document": outcome.identifier, "kind": verb}
        track_action("edit", about)
    return outcome


def sent(
    verb: Verb, collection: str, document: JsonObject, *, expected_offset: int | None, follows: int | None = None
) -> Outcome:
    """Send one change and wait a moment for its acknowledgement. Never raises for what the other side says.

    `expected_offset` is the version the person saw; when the document has moved on, the outcome is a conflict.
    `follows` is the number of the waiting change that the person saw and worked on.
    """
    identifier = str(document.get("id", ""))
    client = current().client
    if client is None:
        return Outcome(verb, identifier, reason="This dashboard isn't connected to a gateway, so nothing can be saved.")
    person = current_person().id
    if current().store.flags.is_on(READ_ONLY, person):
        return Outcome(verb, identifier, reason=_READ_ONLY)
    try:
        made = envelope(
            verb,
            collection,
            document=document,
            key=str(uuid.uuid4()),
            time=datetime.now(UTC).isoformat(),
            actor=person,
        )
        future = client.send(made, expected_offset=expected_offset, follows=follows)
    except (EventError, NotConnected) as error:
        return Outcome(verb, identifier, reason=explain(error))
    wait_s = _WAIT_S if current().store.connection.is_connected else 0.0
    outcome = settle(Outcome(verb, identifier, future=future), wait_s=wait_s)
    if client.outbox is None or outcome.is_stored:
        return outcome
    if outcome.future is not None:
        return Outcome(verb, identifier, is_kept=True)
    client.outbox.withdraw(made)  # refused while the person looks on, with the text still before them: told right there
    return outcome


def settle(outcome: Outcome, *, wait_s: float = 0.0) -> Outcome:
    """Look again at a write that was still under way."""
    if outcome.future is None:
        return outcome
    try:
        outcome.future.result(timeout=wait_s)
    except FutureTimeout:
        return outcome
    except ConflictError as error:
        return Outcome(outcome.verb, outcome.identifier, reason=str(error), is_conflict=True)
    except TideboardError as error:
        return Outcome(outcome.verb, outcome.identifier, reason=explain(error))
    return Outcome(outcome.verb, outcome.identifier)
