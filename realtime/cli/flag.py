"""Shows and switches flags: `python -m realtime flag …`."""

from __future__ import annotations

import getpass
import time
from typing import Any, Final

import click
import httpx

from realtime.cli.address import Address, address_of, address_options
from realtime.errors import NotConnected
from realtime.protocol.flags import EVERYBODY, MOST_WHY_CHARS, USUAL

_TIMEOUT_S: Final = 10.0
_WORDS: Final = {"on": EVERYBODY, "off": 0}
_OK: Final = 200


class _Share(click.ParamType[int]):
    """on, off, or a share such as 25%."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it. Fails with one sentence."""
        text = str(value).strip().lower()
        number = text.removesuffix("%")
        if text in _WORDS:
            return _WORDS[text]
        if not (number.isascii() and number.isdigit() and int(number) <= EVERYBODY):
            self.fail(f"{value!r} isn't on, off, or a share of the people from 0% to 100%.", param, ctx)
        return int(number)


@click.group()
def flag() -> None:
    """Switch parts of a running Tideboard off and on, for all or a share of the people.

    \b
    websocket      sockets of the gateway; off: it refuses them, and apps poll
    realtime       pushing to pages; off: they refresh at an interval
    notifications  toasts, banners and the centre's news
    read_only      on: every change is refused with a sentence

    A change is in effect within two seconds, everywhere, without a restart. Who is in at some share stays in at every
    larger one, so that a part can be brought back a little at a time; the list shows how it goes, now and before.

    \b
    Examples:
      python -m realtime flag list
      python -m realtime flag set websocket off --why "the proxy drops sockets"
      python -m realtime flag set websocket 10%
    """


@flag.command("list")
@address_options
def list_flags(url: str | None, token: str | None) -> None:
    """Show where every flag stands, and how things are now and were before it was changed.

    \b
    Example:
      python -m realtime flag list --url http://127.0.0.1:8501
    """
    _show(_asked(address_of(url, token), "GET"))


@flag.command("set")
@click.argument("name", type=click.Choice(sorted(USUAL)))
@click.argument("share", type=_Share(), metavar="on|off|N%")
@click.option("--why", default="", metavar="TEXT", help=f"Reason; people read it. At most {MOST_WHY_CHARS} characters.")
@address_options
def set_flag(name: str, share: int, why: str, url: str | None, token: str | None) -> None:
    """Switch one flag: on, off, or for a share of the people.

    \b
    Example:
      python -m realtime flag set read_only on --why "moving to another disk"
    """
    _show(_asked(address_of(url, token), "PUT", {"flags": {name: share}, "why": why, "by": _whoami()}))


def _asked(address: Address, method: str, content: Any = None) -> list[dict[str, Any]]:
    """Ask the gateway. Raises NotConnected, ClickException with the gateway's sentence."""
    try:
        answer = httpx.request(
            method, f"{address.url}/api/flags", json=content, headers=address.headers(), timeout=_TIMEOUT_S,
            trust_env=False,
        )  # fmt: skip
        told = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        raise NotConnected(f"{address.url} doesn't answer ({error}). Is Tideboard running there?") from error
    if answer.status_code != _OK:
        reason = told.get("error", {}).get("reason") if isinstance(told, dict) else None
        raise NotConnected(str(reason or f"{address.url} answered HTTP {answer.status_code}."))
    flags: list[dict[str, Any]] = told["flags"]
    return flags


def _show(flags: list[dict[str, Any]]) -> None:
    for one in flags:
        click.echo(f"{one['name']:<15}{_state(one['percent']):<6}{_since(one)}")
        before = one["before"]
        if one["now"]["count"] or before:
            click.echo(f"{'':<15}now    {_figures(one['now'])}")
        if before:
            click.echo(f"{'':<15}before {_figures(before)}")


def _state(percent: int) -> str:
    return {0: "off", EVERYBODY: "on"}.get(percent, f"{percent}%")


def _since(one: dict[str, Any]) -> str:
    if one["changedAt"] is None:
        return "never touched"
    moment = time.strftime("%Y-%m-%d %H:%M:%S %z", time.localtime(one["changedAt"]))
    who = f" by {one['changedBy']}" if one["changedBy"] else ""
    return f"since {moment}{who}" + (f": {one['why']}" if one["why"] else "")


def _figures(figures: dict[str, Any]) -> str:
    count, errors = figures["count"], figures["errors"]
    if not count:
        return f"nothing in {figures['seconds']:.0f} s"
    times = "" if figures["p50Ms"] is None else f", p50 {figures['p50Ms']:.3g} ms, p95 {figures['p95Ms']:.3g} ms"
    return f"{count} in {figures['seconds']:.0f} s, {errors / count:.1%} failed{times}"


def _whoami() -> str:
    """Say who types, for an open gateway; where there are tokens, the token says it."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return ""
