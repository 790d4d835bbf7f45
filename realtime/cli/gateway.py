"""Runs the gateway alone: `python -m realtime gateway`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from realtime.cli.address import current_settings
from realtime.logs import set_up


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 is all of them.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8601, show_default=True, help="Port; 0 takes a free one."
)
@click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="Folder of the event log.  [default: the setting data_dir]",
)  # fmt: skip
def gateway(host: str, port: int, data: Path | None) -> None:
    """Run the gateway alone: events in, events out, no pages.

    It serves the HTTP API under /api and the Centrifuge protocol at /connection/websocket, and keeps everything in one
    folder. It prints its address once it answers, and ends on Ctrl-C or SIGTERM.

    \b
    Examples:
      python -m realtime gateway
      python -m realtime gateway --host 0.0.0.0 --port 8601 --data /var/lib/tideboard
    """
    from realtime.gateway.standalone import serve

    settings = current_settings()
    if data is not None:
        settings = replace(settings, data_dir=Path.cwd() / data)
    set_up(
        level=settings.log_level,
        is_json=settings.log_format == "json",
        hidden=settings.hidden,
    )
    serve(settings, host=host, port=port, on_listening=lambda address: click.echo(f"Tideboard's gateway: {address}"))
