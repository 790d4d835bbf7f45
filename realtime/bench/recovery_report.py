"""Lays a soak's verdict out for people. Judges nothing."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from realtime.bench import report
from realtime.bench.recovery import Soaked
from realtime.bench.recovery_judge import RECOVERY_P95_S, Verdict
from realtime.bench.spread import spread_of


def table_of(outcome: Soaked) -> Table:
    """Lay the outcome out: each promise with what was found, then each kind of fault with its recovery."""
    verdict = outcome.verdict
    words = "every promise was kept" if verdict.is_kept else "PROMISES BROKEN"
    breaches = "".join(f"\n✗ {breach.promise}: {breach.words}" for breach in verdict.breaches)
    return report.table_of(
        f"Recovery · {outcome.seconds:g} s · seed {outcome.seed} · {outcome.rate:g} events/s · "
        f"{len(outcome.faults)} faults · {words}",
        columns=["", "found", "promised"],
        rows=[*_promises(verdict), *_kinds(verdict)],
        caption="Recovery: from a fault's end until all that was stored by then, and the first event after it, "
        f"was applied and the client said so. Seconds.{breaches}",
    )


def _promises(verdict: Verdict) -> Iterable[list[str]]:
    spread = verdict.recovery
    took = "–" if spread is None else " / ".join(f"{ms / 1000:.2f}" for ms in (spread.p50, spread.p95, spread.max))
    yield ["documents that differ", f"{verdict.unequal} of {verdict.documents:,}", "0"]
    yield ["events stored", f"{verdict.events:,}", ""]
    yield ["critical events applied", f"{verdict.criticals_applied:,} of {verdict.criticals:,}", "all"]
    yield ["critical events heard of", f"{verdict.criticals_heard:,} of {verdict.criticals:,}", "all"]
    yield ["gaps", f"{verdict.gaps}", "0"]
    yield ["duplicates", f"{verdict.duplicates}", "0"]
    yield ["false claims", f"{verdict.false_claims} of {verdict.claims}", "0"]
    yield ["emits stored once", f"{verdict.emits_stored} of {verdict.emits}", "all"]
    yield ["resyncs by snapshot", f"{verdict.resyncs}", ""]
    yield ["told to be lost, and lost", f"{verdict.lost:,}", ""]
    yield ["criticals delivered again", f"{verdict.redelivered}", ""]
    yield ["recovery p50 / p95 / max", took, f"p95 < {RECOVERY_P95_S:g}"]


def _kinds(verdict: Verdict) -> Iterable[list[str]]:
    for kind in sorted({one.kind for one in verdict.recoveries}):
        times = [one.took_s for one in verdict.recoveries if one.kind is kind]
        spread = spread_of(took for took in times if took is not None)
        took = "never" if spread is None else f"{spread.p50:.2f}, at most {spread.max:.2f}"
        yield [f"  {kind} × {len(times)}", took, ""]
