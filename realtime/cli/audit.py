"""Reads the audit of a data folder: `python -m realtime audit verify|list|export`. Changes nothing in it."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from realtime.cli.address import current_settings
from realtime.gateway.audit_chain import Link
from realtime.gateway.audit_file import FILE_NAME, AuditReader, Search
from realtime.protocol.audit import AuditRow

_COLUMNS: Final = ("number", "time", "actor", "action", "outcome", "target", "origin", "times", "detail", "hash")
_F = TypeVar("_F", bound=Callable[..., Any])

_DATA = click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Folder of the gateway.  [default: the setting data_dir]",
)  # fmt: skip


class _Noted(click.ParamType[Link]):
    """A place in the chain as `verify` prints it: number:hash."""

    name = "number:hash"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Link:
        """Read it."""
        number, _, digest = str(value).partition(":")
        try:
            if len(digest) != 64:
                raise ValueError
            return Link(int(number), bytes.fromhex(digest))
        except ValueError:
            self.fail("has to be what `verify` printed as the end of the chain, such as 120:9f…", param, ctx)


def _searching(command: _F) -> _F:
    """Add the options that choose rows."""
    for option in (
        click.option("--until", type=click.DateTime(), metavar="TIME", help="Only before this time (UTC)."),
        click.option("--since", type=click.DateTime(), metavar="TIME", help="Only from this time on (UTC)."),
        click.option("--outcome", type=click.Choice(["ok", "refused", "failed"]), default=None, help="Only these."),
        click.option("--action", default="", help="Only this action, such as write, connect, flag.set."),
        click.option("--actor", default="", help="Only what this person did."),
        click.option("--text", default="", help="Only rows with this text in any column."),
        _DATA,
    ):
        command = option(command)
    return command


@click.group()
def audit() -> None:
    """See who did or tried what, and whether the audit is still what it was.

    Every row's hash is over the one before it and the row itself, so that a changed, missing or moved row is found.
    Who can write the file could forge all of it anew: note the end that `verify` prints now and then somewhere else,
    and give it to a later `verify --noted`.

    \b
    Examples:
      python -m realtime audit verify
      python -m realtime audit list --outcome refused --since 2026-01-31
      python -m realtime audit export --format csv > audit.csv
    """


@audit.command()
@_DATA
@click.option("--noted", type=_Noted(), default=None, help="An end of the chain that was printed earlier.")
def verify(data: Path | None, noted: Link | None) -> None:
    """Walk the whole chain. Exit code 0: nothing was changed; 1: something was, and it says where."""
    found, head, rows = _reader(data).verify(noted)
    for one in found:
        click.echo(f"broken: {one.reason}", err=True)
    if found:
        click.echo("The audit is not what was written. Compare with a backup, or with an export.", err=True)
        sys.exit(1)
    click.echo(f"whole: {rows} rows, the chain ends at {head}")


@audit.command("list")
@_searching
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True, help="How many at most.")
def show(limit: int, data: Path | None, **chosen: Any) -> None:
    """Print the newest rows that match, newest last."""
    for row in reversed(_reader(data).page(_search(**chosen), limit=limit)):
        times = f" ×{row.times}" if row.times > 1 else ""
        words = [_moment(row), row.outcome.ljust(7), row.action, row.actor or "-", row.target or "-", row.origin or "-"]
        click.echo("  ".join(words) + times + (f"  {row.detail}" if row.detail else ""))


@audit.command()
@_searching
@click.option("--format", "kind", type=click.Choice(["csv", "jsonl"]), default="jsonl", show_default=True)
def export(kind: str, data: Path | None, **chosen: Any) -> None:
    """Write every row that matches with its hash to stdout, oldest first."""
    lines = ({**msgspec.to_builtins(row), "time": _moment(row), "hash": digest.hex()}
             for row, digest in _reader(data).all(_search(**chosen)))  # fmt: skip
    write = _write_csv if kind == "csv" else _write_lines
    write(lines)


def _write_lines(lines: Iterable[dict[str, Any]]) -> None:
    for line in lines:
        click.echo(msgspec.json.encode({name: line[name] for name in _COLUMNS}).decode())


def _write_csv(lines: Iterable[dict[str, Any]]) -> None:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, _COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({name: _harmless(line[name]) for name in _COLUMNS})
        click.echo(text.getvalue(), nl=False)
        text.seek(0)
        text.truncate()


def _harmless(value: Any) -> Any:
    """Keep a spreadsheet from taking a text for a formula (OWASP, "CSV Injection")."""
    return "'" + value if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


def _reader(data: Path | None) -> AuditReader:
    folder = current_settings().data_dir if data is None else Path.cwd() / data
    return AuditReader(folder / FILE_NAME)


def _search(
    *, text: str, actor: str, action: str, outcome: str | None, since: datetime | None, until: datetime | None
) -> Search:
    return Search(text, actor, action, outcome or "", since_ms=_ms(since), until_ms=_ms(until))


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.replace(tzinfo=UTC).timestamp() * 1000)


def _moment(row: AuditRow) -> str:
    return datetime.fromtimestamp(row.time_ms / 1000, UTC).isoformat(timespec="milliseconds")
