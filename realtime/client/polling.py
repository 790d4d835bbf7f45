"""Stands in for the socket over plain HTTP: takes the same commands, and answers with the same replies and pushes.

So that subscriptions, positions and merging are the very same code either way. A subscribe becomes the first `history`
since the position, and every poll after it brings what followed; all of one poll travels as one `POST /api/batch`.
Threads: driver only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import msgspec

from realtime.client.loading import Api
from realtime.client.pace import Pace
from realtime.errors import Disconnect, NotConnected
from realtime.metrics import CLIENT_POLLS
from realtime.protocol.channels import collection_channel
from realtime.protocol.codes import DisconnectCode, ErrorCode, UnsubscribeCode
from realtime.protocol.frames import (
    Command,
    Empty,
    ErrorFrame,
    HistoryRequest,
    HistoryResult,
    MessagePush,
    Push,
    Reply,
    RpcResult,
    SubscribeRequest,
    SubscribeResult,
    UnsubscribePush,
)
from realtime.protocol.positions import Position

PAGE_EVENTS: Final = 500
_LEAST_PAGE: Final = 20
_POLL_EVENTS: Final = 10_000  # of all channels together
_AT_ONCE: Final = 500
_LISTING_EVERY: Final = 5
_OK: Final = 200
_FORBIDDEN: Final = 403
_REFUSED: Final = frozenset({401, _FORBIDDEN})
_EXPIRED: Final = "token_expired"
_T = TypeVar("_T")
_TEMPORARY: Final = frozenset({ErrorCode.INTERNAL, ErrorCode.TOO_MANY_REQUESTS, ErrorCode.CONCURRENT_PAGINATION})


class _Answer(msgspec.Struct):
    history: HistoryResult | None = None
    error: ErrorFrame | None = None


class _Answers(msgspec.Struct):
    replies: list[_Answer] = []  # Centrifugo leaves out what is empty


class _Reason(msgspec.Struct):
    code: str
    reason: str = ""


class _Problem(msgspec.Struct):
    error: _Reason


class _Acknowledged(msgspec.Struct):
    criticals: list[msgspec.Raw] = []


class _Acks(msgspec.Struct):
    events: list[msgspec.Raw] = []


_ANSWERS: Final = msgspec.json.Decoder(_Answers)


class Polling:
    """A line to the gateway that is made of polls."""

    def __init__(self, api: Api, *, consumer: str | None, now: Callable[[], float]) -> None:
        self.is_open = False
        self.is_behind = False  # the last poll didn't bring all there was
        self.bytes_in = 0
        self.bytes_out = 0
        self._api = api
        self._consumer = consumer
        self._now = now
        self._pace = Pace(0.0)
        self._polls = 0
        self._asked: list[Command] = []
        self._followed: dict[str, Position] = {}
        self._owed: list[Reply] = []  # critical events that come again

    @property
    def interval_s(self) -> float | None:
        """Return how often it polls now, None when it doesn't."""
        return self._pace.interval_s if self.is_open else None

    @property
    def due_at(self) -> float | None:
        """Return when to poll next, None when it isn't open."""
        if not self.is_open:
            return None
        return 0.0 if self._asked else self._pace.due_at

    def open(self) -> None:
        """Begin, if the gateway answers. Raises NotConnected, and Disconnect when it doesn't let us in.

        A consumer of critical events says at once who it is: what happens from now on is owed to it.
        """
        self._batch([])
        self._owed = [] if self._consumer is None else self._acknowledge([])
        self._pace = Pace(self._now())
        self._polls = 0
        self.is_open = True

    def close(self) -> None:
        """End, and forget what was asked and followed."""
        self.is_open = self.is_behind = False
        self._asked.clear()
        self._followed.clear()
        self._owed.clear()

    def send(self, commands: Iterable[Command]) -> None:
        """Take commands; they are answered by the next poll, which is due at once."""
        self._asked.extend(commands)

    def is_due(self, now: float) -> bool:
        """Tell whether to poll."""
        return self.is_open and (bool(self._asked) or self._pace.is_due(now))

    def poll(self) -> list[Reply]:
        """Ask all that is to be asked; return what the socket would have brought. Raises NotConnected, Disconnect."""
        asked, self._asked = self._asked, []
        for command in asked:
            if command.unsubscribe is not None:
                self._followed.pop(command.unsubscribe.channel, None)
        followed = list(self._followed.items())
        limit = max(_LEAST_PAGE, min(PAGE_EVENTS, _POLL_EVENTS // max(len(followed), 1)))
        questions = [_question(command) for command in asked]
        news = [HistoryRequest(channel=channel, since=position, limit=limit) for channel, position in followed]
        answers = self._batch([one for one in questions if one is not None] + news)
        self.is_behind = False
        replies = []
        for command, question in zip(asked, questions, strict=True):
            reply = self._other(command) if question is None else self._answered(command, answers.pop(0))
            replies.append(msgspec.structs.replace(reply, id=command.id))
        for (channel, position), answer in zip(followed, answers, strict=True):
            replies += self._news(channel, position, answer)
        events = sum(reply.push is not None for reply in replies)
        self._pace.answered(self._now(), events=events, has_more=self.is_behind)
        CLIENT_POLLS.inc()
        return [*replies, *self._look_around()]

    # What a socket would say

    def _answered(self, command: Command, answer: _Answer) -> Reply:
        """Answer a subscribe or a history."""
        error = answer.error
        if command.subscribe is not None:
            return self._joined(command.subscribe, answer)
        if answer.history is None:
            return Reply(error=_refusal(error))
        return Reply(history=answer.history)

    def _joined(self, request: SubscribeRequest, answer: _Answer) -> Reply:
        """Begin to follow a channel: from the position asked for, or from its end."""
        result, is_recovered = answer.history, request.recover
        if result is None and answer.error is not None and answer.error.code == ErrorCode.UNRECOVERABLE_POSITION:
            [answer] = self._batch([HistoryRequest(channel=request.channel)])
            result, is_recovered = answer.history, False
        if result is None:
            return Reply(error=_refusal(answer.error))
        # With more to come, the subscription begins where this page ends; the next poll is due at once.
        reached = self._reach(request.channel, result, since=request.offset if is_recovered else result.offset)
        return Reply(
            subscribe=SubscribeResult(
                epoch=result.epoch, offset=reached.offset, recoverable=True, positioned=True, recovered=is_recovered,
                was_recovering=request.recover, publications=result.publications if is_recovered else [],
            )
        )  # fmt: skip

    def _news(self, channel: str, position: Position, answer: _Answer) -> list[Reply]:
        """Turn what followed a position into pushes; a position that is no good any more ends the subscription."""
        result, error = answer.history, answer.error
        if result is None:
            if error is not None and error.code in _TEMPORARY:
                return []
            self._followed.pop(channel, None)
            is_lost = error is not None and error.code == ErrorCode.UNRECOVERABLE_POSITION
            code = UnsubscribeCode.INSUFFICIENT_STATE if is_lost else UnsubscribeCode.SERVER
            push = UnsubscribePush(code=code, reason="" if error is None else error.message)
            return [Reply(push=Push(channel=channel, unsubscribe=push))]
        self._reach(channel, result, since=position.offset)
        return [Reply(push=Push(channel=channel, pub=one)) for one in result.publications]

    def _reach(self, channel: str, result: HistoryResult, *, since: int) -> Position:
        """Follow a channel from where an answer ends."""
        offset = result.publications[-1].offset if result.publications else since
        self.is_behind |= bool(result.publications) and offset < result.offset
        reached = self._followed[channel] = Position(result.epoch, offset)
        return reached

    def _other(self, command: Command) -> Reply:
        """Answer what needs no stream to be read."""
        if command.unsubscribe is not None:
            return Reply(unsubscribe=Empty())
        if command.rpc is not None and command.rpc.method == "ack":
            self._owed += self._acknowledge(msgspec.json.decode(command.rpc.data, type=_Acks).events)
            return Reply(rpc=RpcResult(data=msgspec.Raw(b"{}")))
        return Reply(error=ErrorFrame(code=ErrorCode.NOT_AVAILABLE, message="not available while polling"))

    def _look_around(self) -> list[Reply]:
        """Every few polls, see which collections there are, and which critical events are still owed."""
        self._polls += 1
        if self._polls % _LISTING_EVERY == 0:
            if self._consumer is not None:
                self._owed += self._acknowledge([])
            self._owed += [
                _message({"channel": collection_channel(one.name), "epoch": one.position.epoch})
                for one in self._api.collections()
                if one.position is not None
            ]
        pushes, self._owed = self._owed, []
        return pushes

    # HTTP

    def _acknowledge(self, events: Sequence[msgspec.Raw]) -> list[Reply]:
        """Acknowledge critical events; the answer brings what is owed as well."""
        body = self._post("/api/ack", {"consumer": self._consumer, "events": events})
        return [_message({"critical": again}) for again in _decode(body, _Acknowledged).criticals]

    def _batch(self, requests: Sequence[HistoryRequest]) -> list[_Answer]:
        """Put `history` commands, as many as one request may carry at a time. Raises NotConnected."""
        answers: list[_Answer] = []
        for start in range(0, max(len(requests), 1), _AT_ONCE):
            part = [{"history": one} for one in requests[start : start + _AT_ONCE]]
            found = _decode(self._post("/api/batch", {"commands": part}), _Answers).replies
            if len(found) != len(part):
                raise NotConnected("The gateway answered another number of commands than it was given.")
            answers += found
        return answers

    def _post(self, path: str, content: object) -> bytes:
        sent = msgspec.json.encode(content)
        status, body = self._api.post(path, sent)
        self.bytes_out += len(sent)
        self.bytes_in += len(body)
        if status in _REFUSED:
            raise _refused(status, body)
        if status != _OK:
            raise NotConnected(f"The gateway answered HTTP {status} to POST {path}.")
        return body


def _question(command: Command) -> HistoryRequest | None:
    """Return what has to be read to answer a command, None if nothing."""
    request = command.subscribe
    if request is None:
        return command.history
    if not request.recover:
        return HistoryRequest(channel=request.channel)
    since = Position(request.epoch, request.offset)
    return HistoryRequest(channel=request.channel, since=since, limit=PAGE_EVENTS)


def _refusal(error: ErrorFrame | None) -> ErrorFrame:
    """Say over again what HTTP leaves out: whether it is worth trying again."""
    if error is None:
        return ErrorFrame(code=0, message="an answer without content", temporary=True)
    return msgspec.structs.replace(error, temporary=error.code in _TEMPORARY)


def _refused(status: int, body: bytes) -> Disconnect | NotConnected:
    """Say what a refusal means to whoever polls: to come back with a fresh token, or not at all."""
    try:
        error = msgspec.json.decode(body, type=_Problem).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return NotConnected(f"The gateway, or what is before it, answered HTTP {status}.")
    if error.code == _EXPIRED:
        return NotConnected("The gateway says that our token has expired.")
    code = DisconnectCode.PERMISSION_DENIED if status == _FORBIDDEN else DisconnectCode.INVALID_TOKEN
    return Disconnect(int(code), f"The gateway doesn't let us in: {error.reason}")


def _message(content: object) -> Reply:
    return Reply(push=Push(message=MessagePush(data=msgspec.Raw(msgspec.json.encode(content)))))


def _decode(body: bytes, cls: type[_T]) -> _T:
    try:
        return msgspec.json.decode(body, type=cls)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotConnected(f"The gateway's answer to a poll can't be read: {error}.") from error
