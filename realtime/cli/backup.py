"""Backs the data folder up and restores it: `python -m realtime backup`, `python -m realtime restore`."""

from __future__ import annotations

import time
from pathlib import Path

import click

from realtime import __version__
from realtime.cli.address import current_settings

_DATA = click.option(
    "--data", type=click.Path(file_okay=False, path_type=Path), metavar="DIR",
    help="The data folder.  [default: the setting data_dir]",
)  # fmt: skip


@click.command()
@click.argument("destination", type=click.Path(path_type=Path))
@_DATA
def backup(destination: Path, data: Path | None) -> None:
    """Copy the data folder to DESTINATION, a new folder, also while Tideboard runs.

    Every database is copied as of one moment and read through; the log comes last, so that nothing in the backup is
    ahead of it. The backup is there whole or not at all. It holds what people typed and the key that signs tokens: keep
    it as safe as the data folder.

    \b
    Examples:
      python -m realtime backup /backups/tideboard-$(date +%F)
      python -m realtime backup /backups/now --data /var/lib/tideboard
    """
    from realtime.gateway.backup import back_up

    began = time.monotonic()
    manifest = back_up(
        _folder(data), destination, version=__version__, now=time.time(), tell=lambda name: click.echo(name, err=True)
    )
    size_mb = sum(file.size_bytes for file in manifest.files) / 1e6
    click.echo(f"{len(manifest.files)} files, {size_mb:.1f} MB, in {time.monotonic() - began:.1f} s: {destination}")


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@_DATA
@click.option("--replace", is_flag=True, help="Set what is in the data folder aside, in a folder before-<time> in it.")
@click.option("--check", "is_check", is_flag=True, help="Only read the backup through.")
def restore(source: Path, data: Path | None, replace: bool, is_check: bool) -> None:
    """Put the backup at SOURCE into the data folder. Stop Tideboard first.

    Every file is checked before anything is touched. Streams begin anew after it, so that whoever had seen more than
    the backup holds takes a snapshot instead of believing that nothing was missed.

    \b
    Examples:
      python -m realtime restore /backups/tideboard-2026-01-31
      python -m realtime restore /backups/tideboard-2026-01-31 --replace
      python -m realtime restore /backups/tideboard-2026-01-31 --check
    """
    from realtime.gateway.backup import check
    from realtime.gateway.backup import restore as put_back

    if is_check:
        manifest = check(source)
        click.echo(f"{len(manifest.files)} files of {manifest.taken_at}, Tideboard {manifest.tideboard}: all sound.")
        return
    folder = _folder(data)
    aside = put_back(
        source, folder, now=time.time(), is_replacing=replace, tell=lambda name: click.echo(name, err=True)
    )
    click.echo(f"Restored to {folder}." + (f" What was there is in {aside}." if aside else ""))


def _folder(data: Path | None) -> Path:
    return current_settings().data_dir if data is None else Path.cwd() / data
