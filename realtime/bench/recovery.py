"""Soaks gateway and client in faults, and has a judge say whether every promise was kept.

A gateway, a proxy before it, a follower behind that, and a producer at the gateway: all started here, all stopped here.
Threads: the caller's; the load and the proxy have their own.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from realtime.bench.fault_proxy import FaultProxy
from realtime.bench.faults import Fault, FaultKind, plan
from realtime.bench.launch import start_gateway, temporary_folder
from realtime.bench.process import Process
from realtime.bench.recovery_follower import FollowerProcess
from realtime.bench.recovery_journal import read_journal
from realtime.bench.recovery_judge import Evidence, Struck, Verdict, judge
from realtime.bench.recovery_load import Load, Posting
from realtime.bench.recovery_truth import read_tops, read_truth
from realtime.config import variable_of
from realtime.errors import StartError

PAUSE_S: Final = (2.0, 5.0)
_WARM_UP_S: Final = 30.0
_QUIET_S: Final = 45.0
_FRAME_S: Final = 3.0
_LOOK_S: Final = 0.1
_JUDGE_AGAIN_S: Final = 1.0


@dataclass(frozen=True)
class Soaked:
    """What `bench recovery` found."""

    seed: int
    seconds: float
    rate: float
    faults: tuple[Struck, ...]
    verdict: Verdict


@dataclass
class _Stage:
    """Everything that runs in one soak."""

    folder: Path
    stack: ExitStack
    seed: int
    retention: int | None = None
    emits: int = 0
    struck: list[Struck] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.gateway = self._serve(None)
        self.proxy = self.stack.enter_context(FaultProxy(self.gateway.port, seed=self.seed))
        self.follower = self._follow()

    def _serve(self, port: int | None) -> Process:
        extra = {} if self.retention is None else {variable_of("retention_events"): str(self.retention)}
        gateway = self.stack.enter_context(start_gateway(self.folder / "data", port=port, extra=extra))
        gateway.wait_ready()
        return gateway

    def _follow(self) -> FollowerProcess:
        return self.stack.enter_context(FollowerProcess(self.proxy.base_url, self.folder))

    def strike(self, fault: Fault) -> None:
        """Let one fault happen from begin to end, with an emit when it has begun, and note when that was."""
        began_at = time.time()
        if fault.kind is FaultKind.KILL_GATEWAY:
            self._kill_gateway(fault.lasts_s)
        elif fault.kind is FaultKind.KILL_FOLLOWER:
            self._kill_follower(fault.lasts_s)
        else:
            self.proxy.begin(fault)
            self._emit()
            self._let_pass(fault)
            self.proxy.calm()
        ended_at = time.time()
        self.struck.append(Struck(fault.kind, began_at, ended_at))
        self._emit()

    def _kill_gateway(self, lasts_s: float) -> None:
        self.gateway.kill()
        self._emit()
        time.sleep(lasts_s)
        self.gateway = self._serve(self.gateway.port)

    def _kill_follower(self, lasts_s: float) -> None:
        self._emit()
        self.follower.kill()
        time.sleep(lasts_s)
        self.follower = self._follow()
        self.follower.ask()  # which it answers as soon as it has begun to connect

    def _let_pass(self, fault: Fault) -> None:
        """Wait for as long as it lasts; a fault of one frame lasts until the frame has come."""
        if fault.kind not in (FaultKind.DROP_FRAME, FaultKind.CORRUPT_FRAME):
            time.sleep(fault.lasts_s)
            return
        deadline = time.monotonic() + _FRAME_S
        while self.proxy.is_armed and time.monotonic() < deadline:
            time.sleep(_LOOK_S / 10)

    def _emit(self) -> None:
        self.emits += 1
        self.follower.emit(f"emit-{self.emits}")


def soak(
    *,
    seconds: float,
    seed: int,
    rate: float = 50.0,
    kinds: Sequence[FaultKind] = tuple(FaultKind),
    pause_s: tuple[float, float] = PAUSE_S,
    retention: int | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Soaked:
    """Run one soak and judge it.

    `retention` is how many events the gateway keeps per channel: so few that a resume fails and something is lost for
    the feed, which has to be told then. None keeps them all.
    Raises StartError when it doesn't even begin well, PostFailed when the load can't be posted.
    """
    faults = plan(seed, seconds, kinds=kinds, pause_s=pause_s)
    with _staged(seed, retention) as stage:
        posting = Posting(stage.gateway.base_url, Load(seed), rate=rate)
        posting.start()
        _wait(lambda: stage.follower.ask()["isConnected"], within_s=_WARM_UP_S)
        _strike_all(stage, faults, seconds=seconds, least_pause_s=pause_s[0], say=say)
        posting.stop()
        say("waiting for quiet")
        verdict = _settle(stage, posting)
        return Soaked(seed=seed, seconds=seconds, rate=rate, faults=tuple(stage.struck), verdict=verdict)


@contextlib.contextmanager
def _staged(seed: int, retention: int | None) -> Iterator[_Stage]:
    with temporary_folder() as folder, ExitStack() as stack:
        yield _Stage(folder, stack, seed, retention)


def _strike_all(
    stage: _Stage, faults: Sequence[Fault], *, seconds: float, least_pause_s: float, say: Callable[[str], None]
) -> None:
    """Strike at the moments of the plan; later when the fault before took longer than planned, as a restart may."""
    began = time.monotonic()
    for number, fault in enumerate(faults, 1):
        time.sleep(max(began + fault.at_s - time.monotonic(), least_pause_s))
        say(f"{number} of {len(faults)}: {fault.kind}")
        stage.strike(fault)
    time.sleep(max(began + seconds - time.monotonic(), least_pause_s))


def _settle(stage: _Stage, posting: Posting) -> Verdict:
    """Wait until the follower is as far as the gateway and owed nothing, or doesn't get there, and have it judged.

    A critical event that only a snapshot's history has shown is owed to the handlers until it is delivered again.
    """
    url, deadline = stage.gateway.base_url, time.monotonic() + _QUIET_S
    with contextlib.suppress(StartError):  # the judge says what is missing
        _wait(lambda: _is_level(read_tops(url), stage.follower.ask()), within_s=_QUIET_S)
    while not (verdict := judge(_evidence(stage, posting))).is_kept and time.monotonic() < deadline:
        time.sleep(_JUDGE_AGAIN_S)
    return verdict


def _evidence(stage: _Stage, posting: Posting) -> Evidence:
    truth, held = read_truth(stage.gateway.base_url), stage.follower.ask()
    return Evidence(
        journal=read_journal(stage.follower.journal.read_bytes()), stored=posting.stored, faults=stage.struck,
        documents=truth.documents, tops=truth.tops, history=truth.history,
        held=held["documents"], held_tops=held["tops"],
    )  # fmt: skip


def _is_level(tops: dict[str, int], held: dict[str, Any]) -> bool:
    is_calm = held["isConnected"] and not held["waiting"]
    return is_calm and all(held["tops"].get(channel, 0) == top for channel, top in tops.items())


def _wait(claim: Callable[[], bool], *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while not claim():
        if time.monotonic() > deadline:
            raise StartError(f"The follower wasn't in sync within {within_s:.0f} s.")
        time.sleep(_LOOK_S)
