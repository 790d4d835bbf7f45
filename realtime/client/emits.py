"""Makes envelopes of what the app emits, and settles the futures that wait for the gateway's answer. No sockets.

Threads: any.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from realtime.client.calls import Ack, Call
from realtime.errors import CommandError, ConflictError, EventError, NotConnected, TideboardError
from realtime.protocol.channels import inbox_channel
from realtime.protocol.events import (
    CollectionCreated,
    CollectionDeleted,
    CollectionUpdated,
    Envelope,
    InboxCommand,
    document_id_of,
    event_of,
)
from realtime.protocol.frames import Reply
from realtime.protocol.positions import Position


class _Outcome(msgspec.Struct):
    status: Literal["stored", "duplicate", "refused"]
    channel: str | None = None
    offset: int | None = None
    epoch: str | None = None
    code: str | None = None
    reason: str | None = None


class _Outcomes(msgspec.Struct):
    results: list[_Outcome]


def envelope_of(
    event: str, data: Any, *, identifier: str, source: str, now: float, critical: bool, actor: str | None
) -> Envelope:
    """Make the envelope of an event that happens at `now`."""
    moment = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds")
    return Envelope(
        id=identifier, source=source, type=event, specversion="1.0",
        time=moment, actor=actor, critical=critical, data=data,
    )  # fmt: skip


def ingest_of(envelope: Envelope | msgspec.Raw, *, expected_offset: int | None) -> msgspec.Raw:
    """Make the data of an `ingest` rpc; an envelope that is encoded already goes in as it is."""
    expect = None if expected_offset is None else {"offset": expected_offset}
    return msgspec.Raw(msgspec.json.encode({"events": [envelope], "expect": expect}))


def resolve(call: Call, reply: Reply, *, version_of: Callable[[str, str], int | None]) -> None:
    """Settle a future by the gateway's answer: an Ack, or what it refused and why.

    `version_of` tells a document's version as the store holds it: by the time a conflict is answered, the event that
    caused it has come down the same socket.
    """
    if call.future is None:
        return
    if reply.error is not None:
        error = reply.error
        _fail(call.future, CommandError(error.code, error.message, is_temporary=error.temporary))
        return
    try:
        outcome = msgspec.json.decode(reply.rpc.data if reply.rpc else b"", type=_Outcomes).results[0]
    except (msgspec.DecodeError, IndexError):
        _fail(call.future, CommandError(0, "The gateway's answer to an event can't be read"))
        return
    if outcome.status == "refused":
        _fail(call.future, _refusal(outcome, call, version_of=version_of))
        return
    position = Position(outcome.epoch or "", outcome.offset or 0)
    ack = Ack(outcome.channel or "", position, is_duplicate=outcome.status == "duplicate")
    # Whoever waited may have cancelled it; the event is stored all the same.
    if call.future.set_running_or_notify_cancel():
        call.future.set_result(ack)


def fail(call: Call, reason: str) -> None:
    """Settle a future whose answer will never come."""
    if call.future is not None:
        _fail(call.future, NotConnected(reason))


def _fail(future: Future[Ack], error: TideboardError) -> None:
    try:
        if future.set_running_or_notify_cancel():
            future.set_exception(error)
    except InvalidStateError:  # settled by the other thread that saw the socket break
        return


def _refusal(outcome: _Outcome, call: Call, *, version_of: Callable[[str, str], int | None]) -> TideboardError:
    expected = call.expected_offset
    if outcome.code == "conflict" and expected is not None and call.document is not None:
        actual = outcome.offset or version_of(*call.document)
        if actual != expected:
            return ConflictError(expected=expected, actual=actual)
    return EventError(outcome.code or "refused", outcome.reason or "The gateway gave no reason.")


def document_of(envelope: Envelope) -> tuple[str, str] | None:
    """Return the collection and the id of the document an event is about, None when it is about none.

    For an inbox its channel and nothing: what is done to one inbox has an order, too.
    """
    event = event_of(envelope)
    if isinstance(event, InboxCommand):
        return inbox_channel(event.user), ""
    identifier = document_id_of(event)
    if identifier is None or not isinstance(event, CollectionCreated | CollectionUpdated | CollectionDeleted):
        return None
    return event.collection, identifier
