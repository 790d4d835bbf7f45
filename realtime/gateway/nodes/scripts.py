"""Runs the Lua scripts beside it in Redis: a request and a reply, one msgpack value each.

Threads: any.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from redis import Redis
from redis.exceptions import NoScriptError

from realtime.gateway.nodes.dialing import ask

_INCLUDE: Final = re.compile(rb"^--#include (\w+)$", re.MULTILINE)
"""A line that stands for another file of the folder."""
FOLDER: Final = Path(__file__).with_name("lua")


@dataclass(frozen=True)
class _Script:
    source: bytes
    sha: str


class Scripts:
    """The scripts of a folder, by the names of their files without `.lua`.

    In a script `KEYS` are the keys, and `cmsgpack.unpack(ARGV[1])` is the request. It returns `cmsgpack.pack(reply)`.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        files = {path.stem: path.read_bytes() for path in sorted(folder.glob("*.lua"))}
        sources = {name: _INCLUDE.sub(lambda found: files[found[1].decode()], text) for name, text in files.items()}
        self._scripts = {
            name: _Script(source, hashlib.sha1(source, usedforsecurity=False).hexdigest())
            for name, source in sources.items()
        }

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all scripts."""
        return tuple(self._scripts)

    def run(self, client: Redis, name: str, keys: Sequence[str | bytes], request: object, *, reply: Any = Any) -> Any:
        """Run a script once, and return its reply, decoded as the type `reply`.

        Lua knows one kind of string, msgpack's text. So bytes go in by `raw`, and those that may be no UTF-8 come out
        by a field of the type `msgspec.Raw` in `reply`, and `blob`. A server that doesn't know the script gets it
        whole and remembers it. Raises what redis-py raises; then the script has run, or not, and only a later look can
        tell.
        """
        script = self._scripts[name]
        packed = msgspec.msgpack.encode(request)
        arguments: list[str | bytes] = [*keys, packed]
        try:
            answer = ask(client, "EVALSHA", script.sha, len(keys), *arguments)
        except NoScriptError:
            answer = ask(client, "EVAL", script.source, len(keys), *arguments)
        return msgspec.msgpack.decode(answer, type=reply)


def raw(value: bytes) -> msgspec.Raw:
    """Pack bytes as a msgpack text, whatever they are: Redis's cmsgpack can't read binaries."""
    size = len(value)
    if size < 32:
        head = bytes([0xA0 | size])
    elif size < 256:
        head = b"\xd9" + size.to_bytes(1, "big")
    elif size < 65_536:
        head = b"\xda" + size.to_bytes(2, "big")
    else:
        head = b"\xdb" + size.to_bytes(4, "big")
    return msgspec.Raw(head + value)


def blob(left: msgspec.Raw) -> bytes:
    """Return the bytes of a msgpack text or binary that was left as it came. Raises ValueError if it is neither."""
    packed = bytes(left)
    first = packed[0]
    if 0xA0 <= first <= 0xBF:
        return packed[1:]
    header = {0xC4: 2, 0xD9: 2, 0xC5: 3, 0xDA: 3, 0xC6: 5, 0xDB: 5}.get(first)
    if header is None:
        raise ValueError(f"0x{first:02x} begins neither a text nor a binary")
    return packed[header:]
