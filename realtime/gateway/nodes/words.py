"""Says in one sentence what went wrong with Redis and what to do. Pure; no password is ever in a sentence.

Redis's own words are trusted for a line, since they name commands and keys; redis-py's aren't shown.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from typing import Final

from redis import exceptions as redis_errors

from realtime.errors import StorageError, StorageFull

MASK: Final = "•••"
_CODE: Final = re.compile(r"^([A-Z]{3,20}) ")


class NoServer(redis_errors.ConnectionError):
    """No server holds our keys now, as far as those say that were asked. The text is a sentence."""


def words(error: BaseException, *, where: str, secrets: tuple[str, ...] = ()) -> StorageError:
    """Turn an error of Redis, or of the way there, into ours: what happened at `where`, then what to do."""
    made, sentence = _sentence(error, where)
    for secret in secrets:
        sentence = sentence.replace(secret, MASK)
    return made(sentence)


def _sentence(error: BaseException, where: str) -> tuple[type[StorageError], str]:
    if isinstance(error, NoServer):
        return StorageError, str(error)
    for kinds, sentence in _BY_CLASS:
        if isinstance(error, kinds):
            return (StorageFull if kinds is redis_errors.OutOfMemoryError else StorageError), sentence(where, error)
    if isinstance(error, redis_errors.ResponseError):
        return _by_code(str(error), where)
    return StorageError, f"Redis at {where} fails ({type(error).__name__}); it is tried again."


def _by_code(text: str, where: str) -> tuple[type[StorageError], str]:
    """Judge a refusal by its first word. One from inside a script has the script's sha and line behind it."""
    line = " ".join(text.split())[:200]
    found = _CODE.match(line)
    code = found[1] if found else ""
    if code == "OOM":
        return StorageFull, _full(where)
    if code in _BY_CODE:
        return StorageError, _BY_CODE[code](where)
    if re.search(r"user executing the script|ACL failure|no permissions? to|No permissions", line):
        return StorageError, _forbidden(where, line)
    return StorageError, f"Redis at {where} refuses: {line}"


def _full(where: str) -> str:
    return f"Redis at {where} is full: raise its maxmemory or lower retention_events, then it goes on by itself."


def _forbidden(where: str, line: str) -> str:
    return f"Redis at {where} doesn't let our user do that ({line}): give it the ACL line in docs/operations.md."


def _login_refused(where: str, error: BaseException) -> str:
    if "required" in str(error):
        return f"Redis at {where} asks for a login: put user and password of its ACL into redis_url."
    return f"Redis at {where} refuses our login: correct user and password in redis_url, or the user there (ACL LIST)."


def _away(where: str, error: BaseException) -> str:
    cause = error.__cause__ or error.__context__
    if isinstance(cause, ssl.SSLCertVerificationError):
        reason = cause.verify_message or "it can't be verified"
        return f"Redis at {where} shows a certificate that isn't trusted ({reason}): set redis_ca_file, or mend it."
    if isinstance(cause, ssl.SSLError):
        return (
            f"Redis at {where} doesn't agree on TLS ({cause.reason or 'broken off'}): see redis_url and redis_*_file."
        )
    reason = cause.strerror if isinstance(cause, OSError) and cause.strerror else "the connection ended"
    return f"Redis at {where} can't be reached ({reason}): start it, or correct redis_url; it is tried again."


def _late(where: str, _error: BaseException) -> str:
    return f"Redis at {where} doesn't answer in time: see whether it is overloaded or cut off; it is tried again."


def _loading(where: str, _error: BaseException) -> str:
    return f"Redis at {where} is still loading what it keeps: it goes on by itself."


def _replica(where: str, _error: BaseException) -> str:
    return f"Redis at {where} is a replica and can't be written: the one that can is looked for."


def _moved(where: str, _error: BaseException) -> str:
    return f"Redis at {where} doesn't hold our keys (any more): the one that does is looked for."


def _cluster_down(where: str, _error: BaseException) -> str:
    return f"The Redis Cluster at {where} is down for our keys: bring their node or its replica back."


_BY_CLASS: Final[tuple[tuple[type[BaseException], Callable[[str, BaseException], str]], ...]] = (
    (redis_errors.OutOfMemoryError, lambda where, _error: _full(where)),
    (redis_errors.NoPermissionError, lambda where, error: _forbidden(where, " ".join(str(error).split())[:200])),
    (redis_errors.AuthorizationError, _login_refused),
    (redis_errors.AuthenticationError, _login_refused),
    (redis_errors.BusyLoadingError, _loading),
    (redis_errors.ReadOnlyError, _replica),
    (redis_errors.AskError, _moved),
    (redis_errors.MasterDownError, _replica),
    (redis_errors.ClusterDownError, _cluster_down),
    (redis_errors.TimeoutError, _late),
    (redis_errors.ConnectionError, _away),
)
_BY_CODE: Final[dict[str, Callable[[str], str]]] = {
    "MISCONF": lambda where: f"Redis at {where} can't write to its disk: free space there, and see its log.",
    "NOREPLICAS": lambda where: f"Redis at {where} has too few replicas (min-replicas-to-write): bring them back.",
    "BUSY": lambda where: f"Redis at {where} is busy with a script: it goes on by itself, or by SCRIPT KILL there.",
    "LOADING": lambda where: _loading(where, Exception()),
    "READONLY": lambda where: _replica(where, Exception()),
    "MOVED": lambda where: _moved(where, Exception()),
    "MASTERDOWN": lambda where: _replica(where, Exception()),
    "CLUSTERDOWN": lambda where: _cluster_down(where, Exception()),
}
