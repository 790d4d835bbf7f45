"""Gateway and client in faults: nothing is lost, repeated or claimed falsely, whatever happens."""

from __future__ import annotations

import pytest

from realtime.bench.faults import FaultKind
from realtime.bench.recovery import PAUSE_S, Soaked, soak

SHORT_SEED = 2115
"""Its plan has both kills and nearly every other kind in twenty seconds."""

LONG_KINDS = (
    FaultKind.REFUSE, FaultKind.HOLE, FaultKind.KILL_GATEWAY, FaultKind.REFUSE_UPGRADES, FaultKind.SLOW,
)  # fmt: skip
KILLS = {FaultKind.KILL_GATEWAY, FaultKind.KILL_FOLLOWER}


def check(soaked: Soaked, *, is_timed: bool) -> None:
    """Fail with every breach in words; and where nothing happened that could have broken a promise.

    Where the cores are shared with other tests, recovery has to happen, but how fast is left out.
    """
    verdict = soaked.verdict
    breaches = [breach for breach in verdict.breaches if is_timed or breach.promise != "recovery"]
    assert [f"{breach.promise}: {breach.words}" for breach in breaches] == []
    assert [one.kind for one in verdict.recoveries if one.took_s is None] == []
    assert verdict.criticals_applied == verdict.criticals > 10
    assert verdict.emits_stored == verdict.emits > 5
    assert verdict.claims >= 3
    assert {struck.kind for struck in soaked.faults} >= KILLS


def test_every_promise_is_kept_through_a_short_soak() -> None:
    """Twenty seconds, faults close upon each other, both processes killed."""
    check(soak(seconds=20, seed=SHORT_SEED, pause_s=(0.8, 1.2)), is_timed=False)


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_promise_is_kept_through_a_long_soak(seed: int) -> None:
    """Five minutes each; every kind of fault comes several times."""
    soaked = soak(seconds=300, seed=seed, pause_s=PAUSE_S)
    check(soaked, is_timed=True)
    assert {struck.kind for struck in soaked.faults} == set(FaultKind)


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1, 2])
def test_what_is_lost_is_told_exactly(seed: int) -> None:
    """A gateway that keeps next to nothing: snapshots fill in, what the feed lost is said, and criticals come again.

    The follower lives through it: a new process claims no loss of what it never had.
    """
    soaked = soak(seconds=60, seed=seed, rate=300, kinds=LONG_KINDS, pause_s=(1.0, 2.0), retention=100)
    assert [f"{breach.promise}: {breach.words}" for breach in soaked.verdict.breaches] == []
    assert soaked.verdict.resyncs > 0
    assert soaked.verdict.lost > 0
    assert soaked.verdict.redelivered > 0
