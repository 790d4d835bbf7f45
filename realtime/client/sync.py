"""Decides what one channel's subscription does next, so that nothing is missed and nothing applied twice. Pure.

Subscribe → buffer what comes → snapshot or resume → merge by offset → check that there is no hole → live
(DESIGN.md, promises 1 to 4). Facts in, effects out; the caller brings the time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, TypeAlias

import msgspec

from realtime.protocol.codes import ErrorCode
from realtime.protocol.frames import Publication, SubscribeResult
from realtime.protocol.positions import Position

BUFFER_EVENTS: Final = 20_000
BUFFER_BYTES: Final = 32 * 1024 * 1024
_RETRY_BASE_S: Final = 0.2
_RETRY_CAP_S: Final = 10.0
_RESUBSCRIBE_FROM: Final = 2500


class Stage(Enum):
    """Where a subscription is."""

    OUT = "out"  # no connection
    JOINING = "joining"  # subscribe not answered yet
    LOADING = "loading"  # in, snapshot or history under way, live events buffered
    LIVE = "live"
    RETRYING = "retrying"  # refused for now, or the snapshot failed
    REFUSED = "refused"  # not to be had on this connection


class Join(msgspec.Struct, frozen=True):
    """Send `subscribe`, from `position` on if there is one."""

    channel: str
    position: Position | None


class Leave(msgspec.Struct, frozen=True):
    """Send `unsubscribe`."""

    channel: str


class Load(msgspec.Struct, frozen=True):
    """Fetch the newest history, and a collection's snapshot; report `loaded` or `load_failed` with this number."""

    channel: str
    number: int


class Install(msgspec.Struct, frozen=True):
    """Put what was loaded into the store; `history` is oldest first and ends at `position` at the latest."""

    channel: str
    position: Position
    history: list[Publication]


class Deliver(msgspec.Struct, frozen=True):
    """Apply these to the store. `is_resumed`: they happened while we were away."""

    channel: str
    epoch: str
    publications: Sequence[Publication]
    is_resumed: bool = False


Step: TypeAlias = Join | Leave | Load | Install | Deliver


class Subscription:
    """One channel's way from subscribing to live, and back there after every hole."""

    def __init__(self, channel: str, *, position: Position | None, jitter: Callable[[], float]) -> None:
        self.channel = channel
        self.position = position
        self.stage = Stage.OUT
        self.retry_at: float | None = None
        self.gaps = 0
        self.reason: str | None = None
        self._jitter = jitter
        self._attempts = 0
        self._loads = 0
        self._promised = Position("", 0)  # up to where the channel is known to go
        self._buffer: list[Publication] = []
        self._buffer_bytes = 0

    @property
    def is_settled(self) -> bool:
        """Tell whether there is nothing more to wait for."""
        return self.stage in (Stage.LIVE, Stage.REFUSED)

    def join(self) -> list[Step]:
        """Begin to subscribe, from the position reached."""
        self.stage = Stage.JOINING
        self.retry_at = None
        self._forget_buffer()
        return [Join(self.channel, self.position)]

    def cut(self) -> None:
        """Take in that the connection is gone."""
        self.stage = Stage.OUT
        self.retry_at = None
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
        if code == ErrorCode.UNRECOVERABLE_POSITION:
            self.position = None
            return self.join()
        if is_temporary:
            self._retry(now)
        else:
            self.stage = Stage.REFUSED
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
        self.position = position
        self.stage = Stage.LIVE
        steps: list[Step] = [Install(self.channel, position, known)]
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
        """Take in that the server ended the subscription (Centrifugo docs, "Unsubscribe codes")."""
        self.reason = reason
        self._loads += 1
        self._forget_buffer()
        if code >= _RESUBSCRIBE_FROM:
            self._retry(now)
        else:
            self.stage = Stage.REFUSED

    def tick(self, now: float) -> list[Step]:
        """Try again what is due."""
        is_due = self.retry_at is not None and not now < self.retry_at <= now + _RETRY_CAP_S
        if self.stage is not Stage.RETRYING or not is_due:
            return []
        return [Leave(self.channel), *self.join()]

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
            self.position = Position(position.epoch, top)
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
        return [Load(self.channel, self._loads)]

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
