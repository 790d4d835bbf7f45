"""A soak's verdict as people read it."""

from __future__ import annotations

from dataclasses import replace

from realtime.bench.faults import FaultKind
from realtime.bench.recovery import Soaked
from realtime.bench.recovery_judge import Struck, judge
from realtime.bench.recovery_report import table_of
from tests.bench.test_recovery_judge import HONEST, line_of
from tests.bench.test_report import printed


def _soaked(*, is_kept: bool) -> Soaked:
    journal = HONEST.journal if is_kept else [line for line in HONEST.journal if line is not line_of(4)]
    faults = (*HONEST.faults, Struck(FaultKind.CUT, 9.0, 11.0))
    verdict = judge(replace(HONEST, journal=journal, faults=faults))
    return Soaked(seed=3, seconds=10.0, rate=50.0, faults=tuple(faults), verdict=verdict)


KEPT, BROKEN = _soaked(is_kept=True), _soaked(is_kept=False)


def test_each_promise_stands_beside_what_was_found() -> None:
    """With the time each kind of fault took to get over."""
    text = printed(table_of(KEPT))
    assert "every promise was kept" in text
    for row in (
        "documents that differ │ 0 of 1 │ 0",
        "critical events applied │ 2 of 2 │ all",
        "gaps │ 0 │ 0",
        "false claims │ 0 of 2 │ 0",
        "emits stored once │ 1 of 1 │ all",
        "recovery p50 / p95 / max │ 0.00 / 1.00 / 1.00 │ p95 < 5",
        "cut × 1 │ 0.00, at most 0.00",
        "refuse × 1 │ 1.00, at most 1.00",
    ):
        assert row in text, text


def test_a_broken_promise_is_said_first_and_explained() -> None:
    """The title says so, and under the table stands what shows it."""
    text = printed(table_of(BROKEN))
    assert "PROMISES BROKEN" in text
    assert "✗ gaps 0: collection:orders goes from 3 to 5" in text
