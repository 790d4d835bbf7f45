"""Reads the settings: `tideboard.toml`, then `TIDEBOARD_*`, which wins. Changes nothing.

Every key is one field of `Settings`, with its bounds and the line that explains it; nothing else knows the list.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from realtime.errors import ConfigError
from realtime.redis_url import masked, parse_redis_url

FILE_NAME: Final = "tideboard.toml"
CONFIG_VARIABLE: Final = "TIDEBOARD_CONFIG"
_PREFIX: Final = "TIDEBOARD_"
_SECRETS: Final = frozenset({"secret", "api_key", "gateway_token"})
_ENDS: Final[Mapping[str, str]] = {
    "secret": " of at least 32 characters",
    "api_key": " of at least 8 characters",
    "redis_prefix": " of 1 to 64 letters, digits, dots, underscores, colons or hyphens",
}
_ADDRESSES: Final = frozenset({"gateway_url", "token_jwks_url"})
_LongText = Annotated[str, Meta(min_length=32)]  # RFC 7518 section 3.2: an HS256 key has at least 256 bits
_ShortText = Annotated[str, Meta(min_length=8)]
_Prefix = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
_YES: Final = frozenset({"1", "true", "yes", "on"})
_NO: Final = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an operator can choose. Sizes and times carry their unit in the name, or in the explaining line."""

    data_dir: Annotated[Path, Meta(description="Folder of the event log and what else outlives a restart")] = Path(
        "data"
    )
    gateway_url: Annotated[
        str | None, Meta(description="http(s):// address of a gateway elsewhere; unset: the one in this process")
    ] = None
    transport: Annotated[
        Literal["auto", "websocket", "polling"],
        Meta(description="How the app hears of events: auto polls where a WebSocket can't be had"),
    ] = "auto"
    sample: Annotated[
        Literal["auto", "off"], Meta(description="Play the sample day while the data folder holds no real data")
    ] = "auto"
    sample_speed: Annotated[
        float, Meta(gt=0, le=3600, description="How many times faster than life the sample day plays")
    ] = 60.0
    retention_events: Annotated[
        int, Meta(ge=100, le=1_000_000_000, description="Events kept per channel; documents are kept regardless")
    ] = 100_000
    max_body_bytes: Annotated[
        int, Meta(ge=1024, le=1_073_741_824, description="Largest HTTP body, in bytes, after gunzip")
    ] = 1_048_576
    max_event_bytes: Annotated[
        int, Meta(ge=256, le=67_108_864, description="Largest single event, in bytes of JSON")
    ] = 262_144
    max_depth: Annotated[int, Meta(ge=4, le=500, description="Deepest nesting of an event's JSON")] = 64
    max_batch_events: Annotated[int, Meta(ge=1, le=1_000_000, description="Most events in one POST")] = 10_000
    feed_size: Annotated[int, Meta(ge=10, le=100_000, description="Newest events kept in memory for the feed")] = 2000
    refresh_interval_s: Annotated[
        float, Meta(ge=0.5, le=3600, description="Seconds between page refreshes where pages can't be pushed to")
    ] = 5.0
    ping_interval_s: Annotated[
        int, Meta(ge=1, le=3600, description="Seconds between the gateway's heartbeats on a socket")
    ] = 25
    queue_bytes: Annotated[
        int,
        Meta(
            ge=16_384, le=1_073_741_824, description="Bytes that may wait for one slow connection before it is closed"
        ),
    ] = 1_048_576
    outbox_events: Annotated[
        int,
        Meta(ge=1, le=10_000, description="Changes made here that may wait to be sent; more are refused at the click"),
    ] = 1000
    outbox_bytes: Annotated[
        int, Meta(ge=16_384, le=268_435_456, description="Bytes of changes that may wait to be sent")
    ] = 4_194_304
    warnings_kept: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Refused events kept for /api/ingestion-warnings")
    ] = 1000
    critical_kept: Annotated[
        int, Meta(ge=10, le=10_000, description="Critical events one consumer may leave unacknowledged")
    ] = 1000
    redeliver_s: Annotated[
        float, Meta(ge=0.05, le=3600, description="Seconds until a critical event that wasn't acknowledged comes again")
    ] = 10.0
    allowed_origins: Annotated[
        str,
        Meta(description="Origins whose pages may use sockets and API beside ours, as https://wall.example"),
    ] = ""
    trusted_proxies: Annotated[
        str, Meta(description="Addresses and networks of proxies whose X-Forwarded-For, -Proto and -Host are believed")
    ] = ""
    connections_per_address: Annotated[
        int, Meta(ge=4, le=1_000_000, description="Connections that one address may have open at a time")
    ] = 2000
    connections_per_person: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Sockets that one person may have open at a time")
    ] = 500
    subscriptions_per_address: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Subscriptions that all sockets of an address may have")
    ] = 100_000
    subscriptions_per_person: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Subscriptions that all sockets of a person may have")
    ] = 20_000
    commands_per_s: Annotated[
        int, Meta(ge=1, le=1_000_000, description="Commands and requests a second of one person, key or address")
    ] = 2000
    events_per_s: Annotated[
        int, Meta(ge=1, le=10_000_000, description="Events a second that one person, key or address may send")
    ] = 50_000
    audit_kept: Annotated[int, Meta(ge=1000, le=100_000_000, description="Rows of the audit that are kept")] = 200_000
    audit_days: Annotated[int, Meta(ge=1, le=36_500, description="Days that a row of the audit is kept")] = 365
    presence_grace_s: Annotated[
        float, Meta(ge=0.1, le=3600, description="Seconds a person counts as here after their last page closed")
    ] = 15.0
    presence_idle_s: Annotated[
        float, Meta(ge=1, le=86_400, description="Seconds without input until a person counts as idle")
    ] = 300.0
    secret: Annotated[_LongText | None, Meta(description="Key that signs tokens (HS256), 32 characters or more")] = (
        field(default=None, repr=False)
    )
    api_key: Annotated[_ShortText | None, Meta(description="Key for the X-API-Key header, 8 characters or more")] = (
        field(default=None, repr=False)
    )
    require_token: Annotated[
        bool, Meta(description="Refuse who brings no token; so it is anyway once one of the keys around this is set")
    ] = False
    token_public_key: Annotated[
        Path | None, Meta(description="PEM file with the public key (RS256, ES256) of who signs tokens beside us")
    ] = None
    token_jwks_url: Annotated[
        str | None, Meta(description="Address of an identity provider's key set, whose tokens are taken beside ours")
    ] = None
    token_audience: Annotated[str | None, Meta(description="Audience (aud) that tokens have to be for")] = None
    token_issuer: Annotated[str | None, Meta(description="Issuer (iss) that tokens have to be from")] = None
    token_roles_claim: Annotated[
        str, Meta(min_length=1, description="Claim of an identity provider's tokens that holds roles; dots lead inside")
    ] = "roles"  # noqa: S105  # a claim's name
    sign_in_hours: Annotated[
        float, Meta(gt=0, le=720, description="Hours after which a person who signed in has to do so again")
    ] = 12.0
    gateway_token: Annotated[
        str | None, Meta(description="Token to come to a gateway elsewhere with, if it has a secret of its own")
    ] = field(default=None, repr=False)
    redis_url: Annotated[
        str | None, Meta(description="Redis that several gateways share; unset: SQLite, for one gateway")
    ] = field(default=None, repr=False)
    redis_prefix: Annotated[
        _Prefix, Meta(description="What every key there begins with; gateways that share have the same")
    ] = "tideboard"
    redis_replicas: Annotated[
        int, Meta(ge=0, le=5, description="Replicas of Redis that must have a write before it is answered")
    ] = 0
    redis_copy: Annotated[
        bool,
        Meta(description="Keep a copy of what Redis holds in the data folder, and answer writes once it is there, too"),
    ] = True
    redis_ca_file: Annotated[
        Path | None,
        Meta(description="PEM file with the authority that signed Redis's certificate; unset: the system's"),
    ] = None
    redis_cert_file: Annotated[
        Path | None, Meta(description="PEM file with the certificate that we show to Redis, if it asks for one")
    ] = None
    redis_key_file: Annotated[
        Path | None, Meta(description="PEM file with the key of that certificate; unset: it is in the same file")
    ] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe message that is logged")
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"], Meta(description="How the log is written: for people, or one JSON object a line")
    ] = "text"
    paint_hz: Annotated[
        float, Meta(ge=0.2, le=60, description="Most updates a second that one view sends to a tab")
    ] = 10.0
    contact: Annotated[
        str | None, Meta(description="Whom to ask for rights: a name, an address; pages and refusals say it")
    ] = None
    roles: Annotated[
        dict[str, Any], Meta(description="Who may do what, by [roles.<name>] tables; none restrict nobody")
    ] = field(default_factory=dict)
    rules: Annotated[
        list[dict[str, Any]], Meta(description="Which events deserve notice besides the built-in rules, or instead")
    ] = field(default_factory=list)

    @property
    def is_guarded(self) -> bool:
        """Tell whether who comes to the gateway needs a token or the API key; else everybody may do everything."""
        return self.require_token or self.has_key

    @property
    def has_key(self) -> bool:
        """Tell whether the operator has said what to tell friends by, rather than leaving it to the first run."""
        return bool(self.secret or self.api_key or self.token_public_key or self.token_jwks_url)

    @property
    def hidden(self) -> tuple[str | None, ...]:
        """Return what may appear in no log. A password of three letters would take half of every line along."""
        url = self.redis_url
        passwords = [word for word in parse_redis_url(url).secrets if len(word) > 3] if url else []
        return (self.secret, self.api_key, self.gateway_token, url, *passwords)


@dataclass(frozen=True)
class SettingLine:
    """One setting as `python -m realtime settings` shows it. Secrets are masked."""

    key: str
    variable: str
    default: str
    value: str
    explanation: str


_HINTS: Final[Mapping[str, Any]] = get_type_hints(Settings, include_extras=True)
TABLES: Final[Mapping[str, str]] = {"roles": "[roles.<name>]", "rules": "[[rules]]"}
"""Settings that are tables, in the file only, and how one begins. What is in them is read by the room they are for."""
KEYS: Final = tuple(key for key in _HINTS if key not in TABLES)


def load_settings(*, cwd: Path, environ: Mapping[str, str]) -> Settings:
    """Read the settings of a process started in `cwd`.

    The file is `tideboard.toml` in `cwd`, or what TIDEBOARD_CONFIG names; an environment variable wins over it, and an
    empty one counts as unset. Relative paths start at `cwd`. Raises ConfigError, one sentence naming the culprit.
    """
    found = {**_from_file(cwd, environ), **_from_environment(environ)}
    settings = Settings(**found)
    paths = {key: getattr(settings, key) for key in KEYS if _kind_of(key) is Path}
    return replace(settings, **{key: cwd / path.expanduser() for key, path in paths.items() if path is not None})


def variable_of(key: str) -> str:
    """Name the environment variable of a key."""
    return _PREFIX + key.upper()


def explain(settings: Settings) -> tuple[SettingLine, ...]:
    """List every key with its variable, default, present value and explanation, in the order of `Settings`."""
    return tuple(
        SettingLine(
            key=each.name,
            variable=f"Tables {TABLES[each.name]} in the file" if each.name in TABLES else variable_of(each.name),
            default="unset" if each.name in TABLES else _shown(each.name, each.default),
            value=_shown(each.name, getattr(settings, each.name)),
            explanation=str(_meta_of(each.name).description),
        )
        for each in fields(Settings)
    )


def _from_file(cwd: Path, environ: Mapping[str, str]) -> dict[str, Any]:
    named = environ.get(CONFIG_VARIABLE)
    path = cwd / (named or FILE_NAME)
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise ConfigError(f"{CONFIG_VARIABLE} names {named!r}, which doesn't exist.") from None
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path.name} can't be read: {error}.") from error
    for key in table:
        if key not in _HINTS:
            raise ConfigError(f"{path.name} has the unknown key {key!r}{_suggestion(key, _HINTS)}")
    return {key: _convert(key, value, name=f"{key!r} in {path.name}") for key, value in table.items()}


def _from_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    keys = {variable_of(key): key for key in KEYS}
    found: dict[str, Any] = {}
    for variable, text in environ.items():
        if not variable.startswith(_PREFIX) or variable == CONFIG_VARIABLE:
            continue
        if variable not in keys:
            raise ConfigError(f"The environment has the unknown {variable}{_suggestion(variable, keys)}")
        if text.strip():
            found[keys[variable]] = _convert(keys[variable], _parsed(keys[variable], text.strip()), name=variable)
    return found


def _suggestion(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.8)
    return f"; did you mean {close[0]}?" if close else "; `python -m realtime settings` lists all."


def _parsed(key: str, text: str) -> Any:
    """Turn a variable's text into the type of its key, or leave it as it is for `_convert` to refuse."""
    kind = _kind_of(key)
    try:
        if kind is bool:
            return True if text.lower() in _YES else False if text.lower() in _NO else text
        return kind(text) if kind in (int, float) else text
    except ValueError:
        return text


def _convert(key: str, value: Any, *, name: str) -> Any:
    try:
        converted = msgspec.convert(value, _HINTS[key], dec_hook=_to_path)
    except (msgspec.ValidationError, ValueError):
        shown = "" if key in _SECRETS or key == "redis_url" else f" is {value!r}; it"
        raise ConfigError(f"{name}{shown} has to be {_expectation(key)}.") from None
    if key in _ADDRESSES and not _is_address(converted):
        raise ConfigError(f"{name} is {converted!r}; it has to be an address such as http://gateway:8601.")
    if key == "redis_url" and converted is not None:
        _require_redis_url(converted, name=name)
    return converted.rstrip("/") if key == "gateway_url" else converted


def _require_redis_url(text: str, *, name: str) -> None:
    try:
        parse_redis_url(text)
    except ValueError as error:
        raise ConfigError(f"{name} {error}.") from None


def _to_path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise ValueError("not a path")


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False


def _kind_of(key: str) -> Any:
    """Return the bare type of a key: int, float, bool, str, Path, or the Literal."""
    bare = get_args(_HINTS[key])[0]
    if get_origin(bare) is Literal:
        return bare
    first = next(iter(get_args(bare)), bare)
    return get_args(first)[0] if get_origin(first) is Annotated else first


def _meta_of(key: str) -> Meta:
    meta = get_args(_HINTS[key])[1]
    assert isinstance(meta, Meta)
    return meta


def _expectation(key: str) -> str:
    if key in TABLES:
        return f"tables: begin each one with {TABLES[key]}"
    kind, meta = _kind_of(key), _meta_of(key)
    if get_origin(kind) is Literal:
        return " or ".join(map(str, get_args(kind)))
    noun = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}.get(kind, "a text")
    if meta.ge is not None:
        return f"{noun} from {meta.ge} to {meta.le}"
    if meta.gt is not None:
        return f"{noun} above {meta.gt}, up to {meta.le}"
    return noun + _ENDS.get(key, "")


def _shown(key: str, value: Any) -> str:
    if value is None:
        return "unset"
    if key in TABLES:
        return (f"{len(value)} of them" if isinstance(value, list) else ", ".join(value)) if value else "unset"
    if key in _SECRETS:
        return "•••"
    if key == "redis_url":
        return masked(value)
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
