"""Reads the address of a Redis: one server, a socket file, Sentinels or a Cluster. Pure, and imports nothing of ours.

A password is in no text that comes from here: not in a refusal, not in `repr`, not in what `masked` returns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

MOST_HOSTS: Final = 16
_PORT: Final = 6379
_SENTINEL_PORT: Final = 26379
_DATABASE: Final = re.compile(r"[0-9]{1,4}")
_FORMS: Final = (
    "redis://host:6379/0, rediss:// for TLS, unix:///path/to/redis.sock, "
    "redis+sentinel://host-1:26379,host-2:26379/name-of-master or redis+cluster://host-1:6379,host-2:6379"
)


class Kind(Enum):
    """How the server that holds our keys is found."""

    SERVER = "server"
    SOCKET = "socket"
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


_SCHEMES: Final = {
    "redis": (Kind.SERVER, False),
    "rediss": (Kind.SERVER, True),
    "unix": (Kind.SOCKET, False),
    "redis+sentinel": (Kind.SENTINEL, False),
    "rediss+sentinel": (Kind.SENTINEL, True),
    "redis+cluster": (Kind.CLUSTER, False),
    "rediss+cluster": (Kind.CLUSTER, True),
}
_QUERIES: Final = {
    Kind.SOCKET: frozenset({"db"}),
    Kind.SENTINEL: frozenset({"sentinel_username", "sentinel_password"}),
}


@dataclass(frozen=True)
class Login:
    """A user of Redis's access control list; without a name it is `default`."""

    username: str | None = None
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class RedisUrl:
    """One address, in parts. `hosts` are Sentinels or nodes to ask where there are several."""

    kind: Kind
    is_encrypted: bool = False
    hosts: tuple[tuple[str, int], ...] = ()
    path: str = ""
    database: int = 0
    master: str = ""
    login: Login = Login()
    sentinel_login: Login = Login()

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the passwords in it, for whoever hides them."""
        return tuple(one.password for one in (self.login, self.sentinel_login) if one.password)


def parse_redis_url(text: str) -> RedisUrl:
    """Take an address apart. Raises ValueError, half a sentence that says what is wrong with it and what to write.

    redis://user:password@host:port/database, rediss:// the same with TLS, unix://user:password@/path/to.sock?db=0,
    redis+sentinel://user:password@host:port,host:port/master/database (and rediss+sentinel://), with
    ?sentinel_username=…&sentinel_password=… where Sentinels have a login of their own,
    redis+cluster://user:password@host:port,host:port (and rediss+cluster://). In user and password, `@`, `:`, `/` and
    `%` are written as %40, %3A, %2F and %25.
    """
    scheme, _, _ = text.partition("://")
    if "://" not in text or scheme not in _SCHEMES:
        raise ValueError(f"has to begin like {_FORMS}")
    kind, is_encrypted = _SCHEMES[scheme]
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(f"can't be read as an address: write {_FORMS}") from None
    if parts.fragment:
        raise ValueError("has a # in it: in user and password write it as %23")
    userinfo, _, hosts = parts.netloc.rpartition("@")
    asked = _query(parts.query, allowed=_QUERIES.get(kind, frozenset()))
    login = _login(userinfo)
    if kind is Kind.SOCKET:
        return _socket(hosts, unquote(parts.path), login=login, database=asked.get("db", "0"))
    default = _SENTINEL_PORT if kind is Kind.SENTINEL else _PORT
    addresses = tuple(_host(each, default=default) for each in hosts.split(","))
    if kind is Kind.SERVER and len(addresses) > 1:
        raise ValueError("names several hosts: begin it with redis+sentinel:// or redis+cluster://")
    if len(addresses) > MOST_HOSTS:
        raise ValueError(f"names more than {MOST_HOSTS} hosts: a few of them are enough to find the others")
    master, database = _path(kind, parts.path)
    sentinel = Login(asked.get("sentinel_username"), asked.get("sentinel_password"))
    return RedisUrl(
        kind=kind, is_encrypted=is_encrypted, hosts=addresses, database=database, master=master,
        login=login, sentinel_login=sentinel,
    )  # fmt: skip


def masked(text: str) -> str:
    """Return the address without its passwords, whatever else is wrong with it."""
    text = re.sub(r"(sentinel_password=)[^&#]*", r"\1•••", text)
    return re.sub(r"(?<=://)([^:]*):.*(?=@)", r"\1:•••", text, flags=re.DOTALL)


def _query(text: str, *, allowed: frozenset[str]) -> dict[str, str]:
    asked = dict(parse_qsl(text, keep_blank_values=True))
    if len(asked) > len(allowed) or not set(asked) <= allowed:
        known = " and ".join(sorted(allowed)) or "nothing"
        raise ValueError(f"asks for something after the ?, where there may be {known}")
    return asked


def _login(userinfo: str) -> Login:
    if "@" in userinfo or "/" in userinfo:
        raise ValueError("has an @ or a / in user or password: write them as %40 and %2F")
    username, _, password = userinfo.partition(":")
    return Login(unquote(username) or None, unquote(password) or None)


def _host(text: str, *, default: int) -> tuple[str, int]:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or port == 0 or parts.path or "?" in text:
        raise ValueError("has a host or a port that can't be one: write it as host:6379, an IPv6 address in brackets")
    return host, default if port is None else port


def _path(kind: Kind, path: str) -> tuple[str, int]:
    """Return the master's name and the number of the database."""
    steps = [unquote(step) for step in path.strip("/").split("/")] if path.strip("/") else []
    master = ""
    if kind is Kind.SENTINEL:
        if not steps:
            raise ValueError("doesn't say which master: add /its-name behind the Sentinels, as in …:26379/mymaster")
        master = steps.pop(0)
    if kind is Kind.CLUSTER and steps not in ([], ["0"]):
        raise ValueError("names a database: a Cluster has number 0 alone, so leave it out")
    if len(steps) > 1 or not all(_DATABASE.fullmatch(step) for step in steps):
        raise ValueError("has to end with the number of a database, as /0, or without one")
    return master, int(steps[0]) if steps else 0


def _socket(host: str, path: str, *, login: Login, database: str) -> RedisUrl:
    if host or len(path) < 2:
        raise ValueError("has to name a file from the root on: unix:///run/redis/redis.sock")
    if not _DATABASE.fullmatch(database):
        raise ValueError("has to end with the number of a database, as ?db=0, or without one")
    return RedisUrl(kind=Kind.SOCKET, path=path, database=int(database), login=login)
