"""Shows a benchmark's outcome as a table and as JSON. No measuring."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

from realtime.bench.spread import Spread

BEGIN: Final = "<!-- measured -->"
END: Final = "<!-- /measured -->"


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


def markdown_of(table: Table) -> str:
    """Write a table as Markdown, its caption below."""
    rows = [[str(column.header) for column in table.columns], ["---"] * len(table.columns)]
    rows += [list(map(str, cells)) for cells in zip(*(column.cells for column in table.columns), strict=True)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    caption = str(table.caption or "")
    return "\n".join([*lines, *(["", caption] if caption else [])])


def put_under(path: Path, command: str, table: Table) -> None:
    """Put a table into a Markdown page, in place of the one that stands between marks under the same command.

    Raises LookupError when the page doesn't show the command, or no marks behind it.
    """
    text = path.read_text(encoding="utf-8")
    fence = f"```\n{command}\n```\n"
    at = text.find(fence)
    begin, end = text.find(BEGIN, at), text.find(END, at)
    if at < 0 or not at < begin < end or "```" in text[at + len(fence) : begin]:
        raise LookupError(
            f"{path} has no place for `{command}`: show it in a code block, and put {BEGIN} and {END} behind."
        )
    path.write_text(f"{text[: begin + len(BEGIN)]}\n{markdown_of(table)}\n{text[end:]}", encoding="utf-8")


def publish(console: Console, table: Table, *, outcome: Any, json_path: Path | None) -> None:
    """Print the table; write the outcome (a dataclass) with the machine as JSON when a path is given."""
    console.print(table)
    if json_path is None:
        return
    body = asdict(outcome) if is_dataclass(outcome) and not isinstance(outcome, type) else outcome
    json_path.write_text(json.dumps({"machine": machine(), **body}, indent=2) + "\n", encoding="utf-8")
    console.print(f"Written to {json_path}")
