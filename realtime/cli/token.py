"""Makes tokens and takes them back: `python -m realtime token`. Only a minted token goes to stdout."""

from __future__ import annotations

import contextlib
import getpass
import re
import sys
import time
import uuid
from typing import Any, Final

import click
import httpx
import msgspec

from realtime.cli.address import address_of, address_options, current_settings
from realtime.config import Settings
from realtime.errors import NotConnected, TideboardError
from realtime.gateway.audit_file import FILE_NAME as AUDIT_NAME
from realtime.gateway.audit_file import AuditFile
from realtime.gateway.audit_words import Note
from realtime.gateway.secret import secret_of
from realtime.gateway.tokens import mint
from realtime.protocol.roles import ADMIN

_TIMEOUT_S: Final = 10.0
_ERRAND_S: Final = 60.0
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_LIFE: Final = re.compile(r"([0-9]{1,6})([smhdw])")
_ROLE: Final = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")
_PATTERN: Final = re.compile(r"[A-Za-z0-9_.\-*?\[\]!]{1,64}")


class _Life(click.ParamType[float]):
    """A length of time, such as 30d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        found = _LIFE.fullmatch(str(value))
        if found is None or int(found[1]) == 0:
            self.fail(f"{value!r} isn't a time such as 45s, 30m, 12h, 30d or 52w.", param, ctx)
        return float(int(found[1]) * _UNITS_S[found[2]])


@click.group(invoke_without_command=True)
@click.option(
    "--role", "roles", multiple=True, metavar="ROLE",
    help="What it may do: ingest, reader, admin, or a role of your settings. May be given more than once.",
)  # fmt: skip
@click.option("--user", default="", metavar="NAME", help="Whose it is; stands beside what is done with it.")
@click.option("--expires", type=_Life(), default="30d", show_default=True, help="How long it is good for.")
@click.option(
    "--collections", default="", metavar="PATTERNS",
    help="Collections it is good for, as in 'orders,invoices-*'.  [default: all its role allows]",
)  # fmt: skip
@click.pass_context
def token(ctx: click.Context, roles: tuple[str, ...], user: str, expires: float, collections: str) -> None:
    """Make a token, and print it alone on stdout.

    It is signed with TIDEBOARD_SECRET, or with the secret in the data folder, so make it where the gateway's settings
    are. Send it as `Authorization: Bearer …`, never in an address.

    \b
    Examples:
      python -m realtime token --role ingest --user till-7 --expires 52w --collections 'orders,returns'
      python -m realtime token --role reader --user wallboard
      curl -H "Authorization: Bearer $(python -m realtime token --role admin)" http://127.0.0.1:8501/api/collections
      python -m realtime token revoke --user till-7
    """
    if ctx.invoked_subcommand is not None:
        return
    if not roles:
        raise click.UsageError("Say what it may do: --role ingest, --role reader or --role admin.")
    patterns = [each.strip() for each in collections.split(",") if each.strip()]
    _check_all(roles, _ROLE, "a role", "--role")
    _check_all(patterns, _PATTERN, "a pattern of collections", "--collections")
    if len(user) > 200:
        raise click.BadParameter("200 letters at most.", param_hint="--user")
    settings = current_settings()
    made = _minted(settings, user=user, roles=roles, collections=patterns, life_s=expires)
    _note_minted(settings, user=user, roles=roles)
    click.echo(made)


@token.command()
@click.argument("revoked", metavar="[TOKEN]", required=False)
@click.option("--id", "identifier", metavar="JTI", help="The token's id, its `jti`, instead of the token.")
@click.option("--user", metavar="NAME", help="Take back all tokens that this user has so far.")
@address_options
def revoke(revoked: str | None, identifier: str | None, user: str | None, url: str | None, token: str | None) -> None:
    """Take a token back; who is connected with it is cut off at once.

    TOKEN `-` is read from stdin, where no list of processes shows it.

    \b
    Examples:
      python -m realtime token revoke - < lost-token.txt
      python -m realtime token revoke --id 4f0c…
      python -m realtime token revoke --user till-7
    """
    given = {"token": sys.stdin.read().strip() if revoked == "-" else revoked, "id": identifier, "user": user}
    command = {name: value for name, value in given.items() if value}
    if len(command) != 1:
        raise click.UsageError("Name one of TOKEN, --id and --user.")
    bar = _ask("POST", "/api/revoke", command, url=url, token=token)
    whose = f"all tokens that {user} had" if user else f"the token {bar['name']}"
    click.echo(f"Revoked {whose}.", err=True)


@token.command()
@click.argument("user")
@address_options
def block(user: str, url: str | None, token: str | None) -> None:
    """Keep a user out, whatever token they bring; who is connected is cut off at once.

    \b
    Example:
      python -m realtime token block ann@example.org
    """
    _ask("POST", "/api/block", {"user": user}, url=url, token=token)
    click.echo(f"Blocked {user}.", err=True)


@token.command()
@click.argument("user")
@address_options
def unblock(user: str, url: str | None, token: str | None) -> None:
    """Let a blocked user in again.

    \b
    Example:
      python -m realtime token unblock ann@example.org
    """
    answer = _ask("POST", "/api/unblock", {"user": user}, url=url, token=token)
    click.echo(f"Unblocked {user}." if answer["wasBlocked"] else f"{user} wasn't blocked.", err=True)


@token.command(name="list")
@address_options
def list_(url: str | None, token: str | None) -> None:
    """List what is revoked and who is blocked, newest first.

    \b
    Example:
      python -m realtime token list
    """
    for bar in _ask("GET", "/api/revocations", None, url=url, token=token)["revocations"]:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(bar["at"]))
        words = {"token": "token", "user": "tokens so far of", "block": "blocked"}[bar["kind"]]
        click.echo(f"{moment}  {words} {bar['name']}")


def _minted(
    settings: Settings, *, user: str, roles: tuple[str, ...], life_s: float, collections: list[str] | None = None
) -> str:
    return mint(
        secret_of(settings), user=user, identifier=uuid.uuid4().hex, now=time.time(), life_s=life_s, roles=roles,
        collections=collections or [], audience=settings.token_audience, issuer=settings.token_issuer,
    )  # fmt: skip


def _note_minted(settings: Settings, *, user: str, roles: tuple[str, ...]) -> None:
    """Note it in the audit of the data folder, where there is one: a secret may be used elsewhere, too."""
    path = settings.data_dir / AUDIT_NAME
    if not path.exists():
        return
    try:
        audit = AuditFile.open(path)
        with contextlib.closing(audit):
            who, detail = getpass.getuser(), f"for {user or 'nobody in particular'}, as {', '.join(roles)}"
            audit.append([Note(int(time.time() * 1000), who, "token.mint", "ok", origin="command line", detail=detail)])
    except TideboardError as error:
        click.echo(f"This isn't in the audit: {error}", err=True)


def _ask(method: str, path: str, command: dict[str, Any] | None, *, url: str | None, token: str | None) -> Any:
    """Ask the gateway as an administrator: with what was given, or with a token of our own for this errand."""
    settings = current_settings()
    address = address_of(url, token)
    headers = address.headers()
    if not headers:
        made = _minted(settings, user="operator", roles=(ADMIN,), life_s=_ERRAND_S)
        headers = {"Authorization": f"Bearer {made}"}
    try:
        answer = httpx.request(
            method, address.url + path, headers=headers, json=command, timeout=_TIMEOUT_S, trust_env=False
        )
        content = msgspec.json.decode(answer.content, type=dict[str, Any])
    except (httpx.HTTPError, msgspec.DecodeError) as error:
        reason = str(error) or type(error).__name__
        raise NotConnected(f"{address.url} doesn't answer ({reason}). Is Tideboard running there?") from error
    if answer.status_code != httpx.codes.OK:
        reason = content.get("error", {}).get("reason") or f"HTTP status {answer.status_code}"
        raise TideboardError(f"{address.url} refused: {reason}")
    return content


def _check_all(names: tuple[str, ...] | list[str], rule: re.Pattern[str], what: str, option: str) -> None:
    for name in names:
        if rule.fullmatch(name) is None:
            raise click.BadParameter(f"{name!r} can't be {what}.", param_hint=option)
