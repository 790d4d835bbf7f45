"""Decides what one channel's subscription does next, so that nothing is missed and nothing applied twice. Pure.

Subscribe → buffer what comes → snapshot or resume → merge by offset → check that there is no hole → live
(DESIGN.md, promises 1 to 4). Facts in, effects out; the caller brings the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from realtime.client.loss import lost_between
from realtime.client.steps import Deliver, Install, Join, Leave, Load, Stage, Step
from realtime.protocol.codes import SUBSCRIPTION_INVALIDATED, ErrorCode
from realtime.protocol.frames import Publication, SubscribeResult
from realtime.protocol.positions import Position

BUFFER_EVENTS: Final = 20_000
BUFFER_BYTES: Final = 32 * 1024 * 1024
HISTORY_EVENTS: Final = 200
MOST_HISTORY_EVENTS: Final = 1_000
GRACE_S: Final = 2.0  # that a top may be ahead of what has arrived
_RETRY_BASE_S: Final = 0.2
_RETRY_CAP_S: Final = 10.0
_RESUBSCRIBE_FROM: Final = 2500


class Subscription:
    """One channel's way from subscribing to live, and back there after every hole."""

    def __init__(
        self,
        channel: str,
        *,
        position: Position | None,
        jitter: Callable[[], float],
        seen: Position | None = None,
        number: int = 0,
    ) -> None:
        """Begin outside. `position`: up to where the store holds everything; `seen`: up to where an earlier run did.

        Subscribes and loads are numbered from `number` on: a channel that is left and followed again must not take an
        answer that was meant for the one before.
        """
        self.channel = channel
        self.position = position
        self.joins = number  # the number of the newest subscribe
        self.stage = Stage.OUT
        self.retry_at: float | None = None
        self.awaited_until: float | None = None  # by when the top that was told has to be reached
        self.gaps = 0
        self.reason: str | None = None
        self._jitter = jitter
        self._attempts = 0
        self._loads = number
        self._reached = position  # stays when the position isn't trusted any more: what is beyond it may be lost
        self._seen = seen
        self._stored_at: float | None = None  # when the gateway stored the newest event we have
        self._awaited = 0
        self._promised = Position("", 0)  # up to where the channel is known to go
        self._buffer: list[Publication] = []
        self._buffer_bytes = 0

    @property
    def number(self) -> int:
        """Return the highest number given so far."""
        return max(self.joins, self._loads)

    @property
    def is_settled(self) -> bool:
        """Tell whether there is nothing more to wait for."""
        return self.stage in (Stage.LIVE, Stage.REFUSED)

    @property
    def due_at(self) -> float | None:
        """Return when `tick` has something to do, None if never."""
        return self.retry_at if self.stage is Stage.RETRYING else self.awaited_until

    def join(self) -> list[Step]:
        """Begin to subscribe, from the position reached."""
        self.stage = Stage.JOINING
        self.retry_at = self.awaited_until = None
        self._forget_buffer()
        self.joins += 1
        return [Join(self.channel, self.position)]

    def leave(self) -> list[Step]:
        """Take in that nobody follows the channel any more."""
        is_out = self.stage is Stage.OUT
        self.cut()
        return [] if is_out else [Leave(self.channel)]

    def cut(self) -> None:
        """Take in that the connection is gone."""
        self.stage = Stage.OUT
        self.retry_at = self.awaited_until = None
        self._attempts = 0
        self._loads += 1
        self._forget_buffer()

    def joined(self, result: SubscribeResult) -> list[Step]:
        """Take in the answer to `subscribe`: all that was missed, or the need to load."""
        if self.stage is not Stage.JOINING:
            return []
        position = self.position
        if position is not None and result.recovered and result.epoch == position.epoch:
            self.stage = Stage.LIVE
            steps = self._advance(result.publications, is_resumed=True)
            if not self._has_reached(result.offset):
                self.position = None  # a false claim of recovery: trust a snapshot only
                self.gaps += 1
                return [*steps, Leave(self.channel), *self.join()]
            self._settle()
            return steps
        self._promised = Position(result.epoch, result.offset)
        return self._load()

    def join_refused(self, now: float, *, code: int, reason: str, is_temporary: bool) -> list[Step]:
        """Take in that `subscribe` was answered by an error."""
        if self.stage is not Stage.JOINING:
            return []
        self.reason = reason
        if code == ErrorCode.ALREADY_SUBSCRIBED:
            return self._rejoin()
        if code == ErrorCode.UNRECOVERABLE_POSITION and self.position is not None:
            self.position = None
            return self.join()
        # 112 to a subscribe without a position makes no sense; at once again, it would go on for ever.
        if is_temporary or code == ErrorCode.UNRECOVERABLE_POSITION:
            self._retry(now)
        else:
            self.stage = Stage.REFUSED
        return []

    def told_top(self, top: Position, now: float) -> list[Step]:
        """Take in where the stream ends. Another life is joined anew; what is beyond our position may be on its way."""
        if self.stage is not Stage.LIVE or self.position is None:
            return []
        if top.epoch != self.position.epoch:
            return self._rejoin()
        if top.offset > self.position.offset and self.awaited_until is None:
            self._awaited, self.awaited_until = top.offset, now + GRACE_S
        return []

    def received(self, publications: Sequence[Publication]) -> list[Step]:
        """Take in a run of live events. Raises nothing; a hole leaves and joins anew from the position reached."""
        if self.stage is Stage.LIVE:
            return self._advance(publications)
        if self.stage is Stage.LOADING:
            self._keep(publications)
        return []

    def loaded(self, number: int, now: float, *, position: Position, history: Sequence[Publication]) -> list[Step]:
        """Take in what was loaded as of `position`; `history` oldest first. Then what was buffered since."""
        if number != self._loads or self.stage is not Stage.LOADING:
            return []
        if position.epoch != self._promised.epoch:
            self.position = None
            self.reason = "Snapshot and stream are of different lives of the channel."
            self._retry(now)
            return []
        past = {publication.offset: publication for publication in (*history, *self._buffer)}
        known = [past[offset] for offset in sorted(past) if offset <= position.offset]
        since, self._buffer, self._buffer_bytes = self._buffer, [], 0
        steps: list[Step] = [Install(self.channel, position, known), *self._lost(position, known, now)]
        self.position = self._reached = position
        self._stored_at = known[-1].time / 1000 if known and known[-1].time else now
        self.stage = Stage.LIVE
        steps += self._advance([publication for publication in since if publication.offset > position.offset])
        if not self._has_reached(self._promised.offset):
            return [*steps, *self._rejoin()]
        self._settle()
        return steps

    def load_failed(self, number: int, now: float, *, reason: str) -> None:
        """Take in that loading failed; it is tried again after a while."""
        if number == self._loads and self.stage is Stage.LOADING:
            self.reason = reason
            self._retry(now)

    def unsubscribed(self, now: float, *, code: int, reason: str) -> None:
        """Take in that the server ended the subscription (Centrifugo docs, "Unsubscribe codes").

        While a subscribe is under way, it is the one before that is meant.
        """
        if self.stage not in (Stage.LOADING, Stage.LIVE):
            return
        if code == SUBSCRIPTION_INVALIDATED:
            self.invalidate()
        self.reason = reason
        self.awaited_until = None
        self._loads += 1
        self._forget_buffer()
        if code >= _RESUBSCRIBE_FROM:
            self._retry(now)
        else:
            self.stage = Stage.REFUSED

    def invalidate(self) -> None:
        """Trust no position any more: the next time a snapshot is taken."""
        self.position = None

    def tick(self, now: float) -> list[Step]:
        """Try again what is due; fetch what should have arrived by now."""
        if self.stage is Stage.LIVE:
            return self._look_for_awaited(now)
        is_due = self.retry_at is not None and not now < self.retry_at <= now + _RETRY_CAP_S
        if self.stage is not Stage.RETRYING or not is_due:
            return []
        return [Leave(self.channel), *self.join()]

    def _look_for_awaited(self, now: float) -> list[Step]:
        if self.awaited_until is None:
            return []
        if self._has_reached(self._awaited):
            self.awaited_until = None
        elif not now < self.awaited_until <= now + GRACE_S:
            return self._rejoin()
        return []

    def _advance(self, publications: Sequence[Publication], *, is_resumed: bool = False) -> list[Step]:
        """Deliver what follows the position without a hole; from a hole on, join anew."""
        position = self.position
        assert position is not None
        top, has_gap = position.offset, False
        fresh = []
        for publication in publications:
            if publication.offset == top + 1:
                fresh.append(publication)
                top += 1
            elif publication.offset > top:
                has_gap = True
                break
        steps: list[Step] = []
        if fresh:
            self.position = self._reached = Position(position.epoch, top)
            self._stored_at = fresh[-1].time / 1000 or self._stored_at
            steps.append(Deliver(self.channel, position.epoch, fresh, is_resumed))
        return [*steps, *self._rejoin()] if has_gap else steps

    def _has_reached(self, offset: int) -> bool:
        """Tell whether what was promised has come, or is being fetched anew already."""
        return self.stage is not Stage.LIVE or (self.position is not None and self.position.offset >= offset)

    def _rejoin(self) -> list[Step]:
        self.gaps += 1
        return [Leave(self.channel), *self.join()]

    def _load(self) -> list[Step]:
        self.stage = Stage.LOADING
        self._loads += 1
        return [Load(self.channel, self._loads, self._wanted())]

    def _wanted(self) -> int:
        """Return how many events to load: enough to go on from where the feed ended, within bounds."""
        before = self._reached or self._seen
        if before is None or before.epoch != self._promised.epoch:
            return HISTORY_EVENTS
        # More than was missed by now: what happens until the history is read pushes the oldest of it out.
        return min(max(self._promised.offset - before.offset, 0) + HISTORY_EVENTS, MOST_HISTORY_EVENTS)

    def _lost(self, position: Position, known: Sequence[Publication], now: float) -> list[Step]:
        """Return what this load leaves out of the feed for good. A new process claims nothing before its first."""
        since = min(self._stored_at or now, now)
        return [*lost_between(self._reached, position, channel=self.channel, known=known, since=since, until=now)]

    def _retry(self, now: float) -> None:
        limit = min(_RETRY_CAP_S, _RETRY_BASE_S * 2.0 ** min(self._attempts, 30))
        self._attempts += 1
        self.stage = Stage.RETRYING
        self.retry_at = now + limit * (0.5 + self._jitter() / 2)

    def _settle(self) -> None:
        if self.stage is Stage.LIVE:
            self._attempts = 0
            self.reason = None

    def _keep(self, publications: Sequence[Publication]) -> None:
        self._buffer.extend(publications)
        top = max(publication.offset for publication in publications)
        self._promised = Position(self._promised.epoch, max(top, self._promised.offset))
        self._buffer_bytes += sum(len(memoryview(publication.data)) for publication in publications)
        if len(self._buffer) > BUFFER_EVENTS or self._buffer_bytes > BUFFER_BYTES:
            self._forget_buffer()  # what is missing is still promised, and will be resumed from the position loaded

    def _forget_buffer(self) -> None:
        self._buffer = []
        self._buffer_bytes = 0
