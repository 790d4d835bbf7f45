"""Prints a channel live: `python -m realtime tail`."""

from __future__ import annotations

import shutil
import sys
from datetime import datetime
from itertools import islice

import click
import msgspec

from realtime.cli.address import address_of, address_options
from realtime.cli.listening import Follower
from realtime.errors import CommandError, EventError
from realtime.protocol.channels import is_known_channel
from realtime.protocol.codes import ErrorCode
from realtime.protocol.events import CollectionDeleted, data_of, document_id_of, event_of, read_envelope
from realtime.protocol.frames import Publication
from realtime.protocol.positions import Position


@click.command()
@click.argument("channel")
@address_options
@click.option("--since", metavar="OFFSET[@EPOCH]", help="First print what is kept after this offset; 0 is everything.")
@click.option("--json", "as_json", is_flag=True, help="Print the CloudEvents as they are, one a line.")
@click.option("--count", type=click.IntRange(1), metavar="N", help="End after N events.")
def tail(channel: str, url: str | None, token: str | None, since: str | None, as_json: bool, count: int | None) -> None:
    """Print a channel's events as they come.

    CHANNEL is collection:NAME, users or system. A connection that is lost is made again, and what was missed meanwhile
    is printed too. Ends on Ctrl-C.

    \b
    Examples:
      python -m realtime tail collection:flights
      python -m realtime tail collection:orders --since 0 --count 10
      python -m realtime tail users --json | jq .data
      python -m realtime tail collection:orders --since 0 --json | python -m realtime send --url http://other:8601
    """
    if not is_known_channel(channel):
        raise click.BadParameter(f"{channel!r} isn't collection:NAME, users or system.", param_hint="CHANNEL")
    follower = Follower(
        address_of(url, token), channel, since=_position(since), say=lambda text: click.echo(text, err=True)
    )
    try:
        for publication in islice(follower.publications(), count):
            click.echo(bytes(publication.data) if as_json else _shown(publication, width=_width()))
    except KeyboardInterrupt:
        sys.exit(130)  # the usual way to end it; no need for a word
    except CommandError as error:
        if error.code == ErrorCode.UNRECOVERABLE_POSITION:
            raise click.BadParameter("that epoch is gone; leave out @EPOCH.", param_hint="--since") from error
        raise


def _position(text: str | None) -> Position | int | None:
    if text is None:
        return None
    offset, _, epoch = text.partition("@")
    if not (offset.isascii() and offset.isdigit() and len(offset) < 17):
        raise click.BadParameter(f"{text!r} isn't an offset such as 0 or 120, or 120@EPOCH.", param_hint="--since")
    return Position(epoch, int(offset)) if epoch else int(offset)


def _shown(publication: Publication, *, width: int | None) -> str:
    """Say an event in one line: when, which, what. Cut to `width` characters when there is one."""
    try:
        envelope = read_envelope(bytes(publication.data))
    except EventError:
        return f"--:--:--  #{publication.offset}  {bytes(publication.data).decode('utf-8', 'replace')}"
    event = event_of(envelope)
    subject = document_id_of(event) or ""
    content = b"" if isinstance(event, CollectionDeleted) else msgspec.json.encode(_content(data_of(event)))
    actor = f"by {envelope.actor}" if envelope.actor else ""
    parts = (_time(envelope.time), f"#{publication.offset}", envelope.type, subject, actor, content.decode())
    line = "  ".join(part for part in parts if part)
    return line if width is None or len(line) <= width else line[: width - 1] + "…"


def _content(data: dict[str, object]) -> object:
    """Leave out what the line says already."""
    return data.get("document", data)


def _time(text: str | None) -> str:
    try:
        return datetime.fromisoformat(text or "").astimezone().strftime("%H:%M:%S")
    except ValueError:
        return "--:--:--"


def _width() -> int | None:
    """Return the terminal's width; None when it isn't one, so that nothing is cut in a file."""
    if not sys.stdout.isatty():
        return None
    return shutil.get_terminal_size().columns
