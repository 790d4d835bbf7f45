"""Finds the command that was asked for, and turns Tideboard's errors into one sentence and exit code 2.

A command's modules are imported only when it is asked for: `--help` doesn't wait for a web server's imports.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import click

from realtime import __version__
from realtime.errors import TideboardError


def _gateway() -> click.Command:
    from realtime.cli.gateway import gateway

    return gateway


def _send() -> click.Command:
    from realtime.cli.send import send

    return send


def _tail() -> click.Command:
    from realtime.cli.tail import tail

    return tail


def _flag() -> click.Command:
    from realtime.cli.flag import flag

    return flag


def _token() -> click.Command:
    from realtime.cli.token import token

    return token


def _audit() -> click.Command:
    from realtime.cli.audit import audit

    return audit


def _backup() -> click.Command:
    from realtime.cli.backup import backup

    return backup


def _restore() -> click.Command:
    from realtime.cli.backup import restore

    return restore


def _settings() -> click.Command:
    from realtime.cli.settings import settings

    return settings


def _bench() -> click.Command:
    from realtime.bench.commands import bench

    return bench


_COMMANDS: Final[dict[str, Callable[[], click.Command]]] = {
    "gateway": _gateway,
    "send": _send,
    "tail": _tail,
    "flag": _flag,
    "token": _token,
    "audit": _audit,
    "backup": _backup,
    "restore": _restore,
    "settings": _settings,
    "bench": _bench,
}


class CommandFailed(click.ClickException):
    """One sentence on stderr, and exit code 2."""

    exit_code = 2


class _Lazy(click.Group):
    """A group that imports a command when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        load = _COMMANDS.get(cmd_name)
        return None if load is None else load()

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error of Tideboard's own becomes a sentence."""
        try:
            return super().invoke(ctx)
        except TideboardError as error:
            raise CommandFailed(str(error)) from error


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="tideboard")
def main() -> None:
    """Tideboard: a real-time dashboard over collections of documents.

    The dashboard itself is started by `make run`, or `streamlit run app.py`. The commands here feed it, watch it, and
    run its gateway alone.

    \b
    Send a document to a running Tideboard, and watch it arrive:
      echo '{"id": "o-1", "total": 9.5}' | python -m realtime send --plain --collection orders
      python -m realtime tail collection:orders --since 0
    Run the gateway alone, and let the dashboard use it:
      python -m realtime gateway --port 8601 --data /var/lib/tideboard
      TIDEBOARD_GATEWAY_URL=http://127.0.0.1:8601 make run
    Switch something off while it runs:
      python -m realtime flag set websocket off
    Make a token for a producer, where tokens are required:
      python -m realtime token --role ingest --user till-7
    See every setting there is:
      python -m realtime settings
    """
