"""Serves the components' JavaScript and plotly.js from our own port. Reads files once; decides nothing about views.

Threads: any; what is read is never changed.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata, resources
from pathlib import Path
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

PREFIX: Final = "/live/assets"
PLOTLY: Final = "plotly.min.js"
_TYPES: Final = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
_FOREVER: Final = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes out, plain and gzip'd."""

    media_type: str
    plain: bytes
    zipped: bytes


@dataclass(frozen=True)
class Assets:
    """The modules of one folder, under a version that changes with any of them."""

    version: str
    files: Mapping[str, Asset]
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _plotly: list[Asset] = field(default_factory=list, repr=False)

    def url(self, name: str) -> str:
        """Return the address of a file on our own port, without the server's base path."""
        return f"{PREFIX}/{self.version}/{name}"

    def find(self, name: str) -> Asset | None:
        """Return a file, or None. plotly.js is read and zipped at its first request: it takes a good second."""
        if name != PLOTLY:
            return self.files.get(name)
        with self._lock:
            if not self._plotly:
                self._plotly.append(_asset(PLOTLY, _plotly_bytes()))
            return self._plotly[0]

    async def respond(self, request: Request) -> Response:
        """Answer GET /live/assets/{version}/{name}. Of another version only the newest is served, and not kept."""
        name = request.path_params["name"]
        found = await run_in_threadpool(self.find, name) if name == PLOTLY else self.find(name)
        if found is None:
            return PlainTextResponse("No such file", status_code=404, headers={"Cache-Control": "no-store"})
        is_ours = request.path_params["version"] == self.version
        headers = {
            "Cache-Control": _FOREVER if is_ours else "no-store",
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(found.zipped, media_type=found.media_type, headers={**headers, "Content-Encoding": "gzip"})
        return Response(found.plain, media_type=found.media_type, headers=headers)


def load_assets(folder: Path) -> Assets:
    """Read the .js and .css files of a folder, once."""
    contents = {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in _TYPES}
    digest = hashlib.sha256(metadata.version("plotly").encode())
    for name, content in contents.items():
        digest.update(b"%s\0%d\0%s" % (name.encode(), len(content), content))
    return Assets(digest.hexdigest()[:12], {name: _asset(name, content) for name, content in contents.items()})


def _asset(name: str, content: bytes) -> Asset:
    return Asset(_TYPES[Path(name).suffix], content, gzip.compress(content, 6, mtime=0))


def _plotly_bytes() -> bytes:
    return (resources.files("plotly") / "package_data" / PLOTLY).read_bytes()
