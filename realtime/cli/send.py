"""Sends events from a file or a pipe: `python -m realtime send`."""

from __future__ import annotations

import os
import stat
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any, Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from realtime.cli.address import address_of, address_options
from realtime.cli.lines import Line, LineReader
from realtime.cli.posting import Poster, Refusal, Tally
from realtime.errors import EventError, NotConnected
from realtime.protocol.channels import is_collection_name
from realtime.protocol.events import Envelope, check_document_id, encode_envelope

_BATCH_BYTES: Final = 524_288
SOURCE: Final = "/tideboard/send"


@click.command()
@click.argument("file", type=click.File("rb"), default="-")
@address_options
@click.option("--plain", is_flag=True, help="Lines are bare documents, not CloudEvents; needs --collection.")
@click.option("--collection", metavar="NAME", help="Collection that --plain documents go to.")
@click.option("--source", default=SOURCE, show_default=True, help="CloudEvents source of --plain documents.")
@click.option(
    "--batch", type=click.IntRange(1, 10_000), default=500, show_default=True, help="Most events in one POST."
)
@click.option(
    "--retry-for", type=click.FloatRange(0, 86_400), default=30.0, show_default=True, metavar="SECONDS",
    help="How long to keep trying while the gateway is away.",
)  # fmt: skip
def send(
    file: IO[bytes], url: str | None, token: str | None, plain: bool, collection: str | None, source: str, batch: int,
    retry_for: float,
) -> None:  # fmt: skip
    """Send events, one JSON object a line, from FILE or from a pipe.

    A line is a CloudEvent, or with --plain a bare document with a string "id". What is refused is printed with its
    line; the others are stored all the same. Exit code 0: everything is stored; 1: something was refused; 2: it
    couldn't be sent.

    \b
    Examples:
      python -m realtime send events.ndjson
      echo '{"id": "o-1", "total": 9.5}' | python -m realtime send --plain --collection orders
      some-program | python -m realtime send --url http://gateway:8601
    """
    if plain and (collection is None or not is_collection_name(collection)):
        raise click.UsageError("--plain needs --collection NAME: letters, digits, '_', '-' or '.', 64 at most.")
    if collection is not None and not plain:
        raise click.UsageError("--collection goes with --plain; a CloudEvent names its collection itself.")
    address = address_of(url, token)
    poster = Poster(address.url, headers=address.headers(), retry_for_s=retry_for)
    wrap = _wrapper(collection, source) if collection is not None else None
    tally, reader = Tally(), LineReader(file)
    try:
        with _bar(file) as advance:
            for lines in reader.batches(most_lines=batch, most_bytes=_BATCH_BYTES):
                before = len(tally.refusals)
                _send_batch(lines, wrap, poster, tally)
                advance(tally, reader.read_bytes, tally.refusals[before:])
    except NotConnected as error:
        # Bare documents get new event ids with each run, so of them it isn't true.
        advice = "" if plain else " Sending again is safe: repeats are recognised."
        raise NotConnected(f"{error} {_summary(tally)}{advice}") from error
    finally:
        poster.close()
    click.echo(_summary(tally))
    sys.exit(1 if tally.refusals else 0)


def _send_batch(lines: list[Line], wrap: Callable[[Line], Line] | None, poster: Poster, tally: Tally) -> None:
    ready: list[Line] = []
    for line in lines:
        try:
            ready.append(line if wrap is None else wrap(line))
        except EventError as error:
            tally.refusals.append(Refusal(line.number, error.code, error.reason))
    poster.post(ready, tally)


def _wrapper(collection: str, source: str) -> Callable[[Line], Line]:
    """Return what makes an event of a bare document. Ids are of this run: the same file may be sent again."""
    run = uuid.uuid4().hex

    def wrap(line: Line) -> Line:
        try:
            document = msgspec.json.decode(line.raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EventError("bad_json", f"Not JSON: {error}.") from error
        if not isinstance(document, dict):
            raise EventError("not_an_object", "A document is a JSON object.")
        check_document_id(document.get("id"), where="id")
        # Passed through as it came, so that a number keeps its digits.
        data: Any = {"collection": collection, "document": msgspec.Raw(line.raw)}
        envelope = Envelope(
            id=f"{run}-{line.number}", source=source, type="collection:created", specversion="1.0", data=data
        )
        return Line(line.number, encode_envelope(envelope))

    return wrap


@contextmanager
def _bar(file: IO[bytes]) -> Iterator[Callable[[Tally, int, Iterable[Refusal]], None]]:
    """Show how far it is, on a terminal; print refusals as they come, on stderr."""
    console = Console(stderr=True, soft_wrap=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Sending", total=_size_of(file))

        def advance(tally: Tally, read_bytes: int, refusals: Iterable[Refusal]) -> None:
            for refusal in refusals:
                text = f"line {refusal.line}: {refusal.code}: {refusal.reason}"
                console.print(text, markup=False, highlight=False)
            progress.update(task, completed=read_bytes, description=f"{tally.total:,} events")

        yield advance


def _size_of(file: IO[bytes]) -> int | None:
    """Return the size of a plain file; None for a pipe."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _summary(tally: Tally) -> str:
    parts = [f"{tally.stored:,} stored"]
    parts += [f"{tally.duplicates:,} sent before"] if tally.duplicates else []
    parts += [f"{len(tally.refusals):,} refused"] if tally.refusals else []
    return ", ".join(parts) + "."
