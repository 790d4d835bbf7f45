"""Prints every setting: `python -m realtime settings`."""

from __future__ import annotations

import click

from realtime.cli.address import current_settings
from realtime.config import CONFIG_VARIABLE, FILE_NAME, Settings, explain
from realtime.errors import ConfigError
from realtime.notifications.tables import rules_from


@click.command()
def settings() -> None:
    """Print every setting: what it is now, and what it does.

    Settings come from tideboard.toml in the current folder (or the file TIDEBOARD_CONFIG names), and from TIDEBOARD_*
    variables, which win. Secrets are masked.

    \b
    Examples:
      python -m realtime settings
      TIDEBOARD_SAMPLE=off python -m realtime settings
    """
    current, trouble = Settings(), None
    rules = rules_from([])
    try:
        current = current_settings()
        rules = rules_from(current.rules)
    except ConfigError as error:
        trouble = error  # the list is what whoever mistyped a key needs now
    for line in explain(current):
        click.echo(
            f"{line.key} = {line.value}" + ("" if line.value == line.default else f"   (default: {line.default})")
        )
        click.echo(f"    {line.explanation}. {line.variable}")
    click.echo(f"\nKeys go into {FILE_NAME}, or where {CONFIG_VARIABLE} points; variables win over it.")
    if trouble is not None:
        raise trouble
    click.echo(f"{len(rules)} rules say what deserves notice, the built-in ones among them.")
