"""Makes plain Redis clients that never retry by themselves: the caller knows what may be sent twice.

Threads: any. Nothing is connected here; a client connects with its first command.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import Any, Final

from redis import Redis
from redis.backoff import NoBackoff
from redis.connection import BlockingConnectionPool, Connection, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from realtime.config import Settings
from realtime.errors import StartError
from realtime.redis_url import Login, RedisUrl

CALL_S: Final = 2.0
CONNECT_S: Final = 1.0
_CONNECTIONS: Final = 16


@dataclass(frozen=True)
class Place:
    """Where one server listens: host and port, or a socket file."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.path or (f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}")


@dataclass(frozen=True)
class Certificates:
    """PEM files for TLS: whom to trust, and what to show."""

    authority: str | None = None
    certificate: str | None = None
    key: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Certificates:
        """Take the files from the settings and see that they can be used. Raises StartError, naming the key."""
        named = [settings.redis_ca_file, settings.redis_cert_file, settings.redis_key_file]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if settings.redis_key_file is not None and settings.redis_cert_file is None:
            raise StartError("redis_key_file is set without redis_cert_file: set that, too, or neither.")
        try:
            if settings.redis_ca_file is not None:
                context.load_verify_locations(cafile=settings.redis_ca_file)
        except OSError as error:
            raise StartError(f"redis_ca_file ({settings.redis_ca_file}) can't be used: {_reason(error)}.") from None
        try:
            if settings.redis_cert_file is not None:
                context.load_cert_chain(settings.redis_cert_file, settings.redis_key_file, password="")
        except OSError as error:
            raise StartError(
                f"redis_cert_file ({settings.redis_cert_file}) and its key can't be used: {_reason(error)}."
            ) from None
        return cls(*(None if path is None else str(path) for path in named))


class Dialing:
    """Makes clients for whatever server the address turns out to mean."""

    def __init__(self, url: RedisUrl, certificates: Certificates) -> None:
        self._url = url
        self._certificates = certificates

    def redis(self, place: Place, *, connections: int = _CONNECTIONS, call_s: float = CALL_S) -> Redis:
        """Make a client of a data server; `call_s` is how long an answer may take."""
        return self._made(place, self._url.login, database=self._url.database, connections=connections, call_s=call_s)

    def sentinel(self, place: Place) -> Redis:
        """Make a client of a Sentinel, for one question."""
        return self._made(place, self._url.sentinel_login, database=0, connections=1, call_s=CONNECT_S)

    def _made(self, place: Place, login: Login, *, database: int, connections: int, call_s: float) -> Redis:
        pool = BlockingConnectionPool(  # type: ignore[no-untyped-call]
            max_connections=connections,
            timeout=call_s,
            connection_class=self._connection_class(place),
            db=database,
            username=login.username,
            password=login.password,
            socket_timeout=call_s,
            decode_responses=False,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            protocol=2,
            driver_info=None,
            **self._way(place),
        )
        return Redis.from_pool(pool)

    def _connection_class(self, place: Place) -> type[Any]:
        if place.path:
            return UnixDomainSocketConnection
        return SSLConnection if self._url.is_encrypted else Connection

    def _way(self, place: Place) -> dict[str, Any]:
        if place.path:
            return {"path": place.path}
        way: dict[str, Any] = {
            "host": place.host, "port": place.port, "socket_connect_timeout": CONNECT_S, "socket_keepalive": True,
        }  # fmt: skip
        if self._url.is_encrypted:
            way |= {
                "ssl_cert_reqs": "required",
                "ssl_check_hostname": True,
                "ssl_ca_certs": self._certificates.authority,
                "ssl_certfile": self._certificates.certificate,
                "ssl_keyfile": self._certificates.key,
                "ssl_min_version": ssl.TLSVersion.TLSv1_2,
            }
        return way


def ask(client: Redis, *command: str | bytes | int | float) -> Any:
    """Send one command as it stands, and return the reply; what redis-py has no types for. Raises RedisError."""
    return client.execute_command(*command)  # type: ignore[no-untyped-call]


def _reason(error: OSError) -> str:
    return (getattr(error, "reason", None) or error.strerror or "it can't be read").replace("_", " ").lower()
