"""Shows a benchmark's outcome as a table and as JSON. No measuring."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from realtime.bench.spread import Spread


def table_of(title: str, *, columns: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> Table:
    """Build a table whose first column is a name and whose others are numbers."""
    table = Table(title=title, caption=caption or None, title_justify="left", caption_justify="left")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    return table


def milliseconds(value: float | None) -> str:
    """Write a time the way the tables do: `4.2`, `17`, `1,343`, or `–` for none."""
    if value is None:
        return "–"
    return f"{value:.1f}" if abs(value) < 10 else f"{value:,.0f}"


def spread_cells(spread: Spread | None) -> list[str]:
    """Return the cells p50, p95, p99, max."""
    if spread is None:
        return ["–"] * 4
    return [milliseconds(value) for value in (spread.p50, spread.p95, spread.p99, spread.max)]


def percent(part_of_core: float) -> str:
    """Write a share of one core: `2.4 %`."""
    return f"{part_of_core * 100:.1f} %"


def machine() -> dict[str, Any]:
    """Say what the figures were measured on, without naming the host."""
    return {
        "cores": psutil.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def publish(console: Console, table: Table, *, outcome: Any, json_path: Path | None) -> None:
    """Print the table; write the outcome (a dataclass) with the machine as JSON when a path is given."""
    console.print(table)
    if json_path is None:
        return
    body = asdict(outcome) if is_dataclass(outcome) and not isinstance(outcome, type) else outcome
    json_path.write_text(json.dumps({"machine": machine(), **body}, indent=2) + "\n", encoding="utf-8")
    console.print(f"Written to {json_path}")
