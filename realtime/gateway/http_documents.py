"""Answers the HTTP routes of collections and their documents. ETag and If-Match carry a document's version."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from realtime.config import Settings
from realtime.errors import ConflictError, EventError
from realtime.gateway.documents import Change, Documents, Version
from realtime.gateway.http_access import ACTOR, identity_of
from realtime.gateway.lens import Lens
from realtime.gateway.permits import Permits
from realtime.gateway.records import Record, Stored
from realtime.gateway.requests import condition_in, number_in, problem, read_json, reply
from realtime.gateway.restricted import NOWHERE
from realtime.gateway.rights import Profile
from realtime.protocol.channels import collection_channel
from realtime.protocol.events import MAX_NAME_CHARS, check_document_id

_MOST_DOCUMENTS: Final = 1000
_MOST_HISTORY: Final = 1000


class DocumentRoutes:
    """Lists collections; pages, shows and changes documents."""

    def __init__(self, documents: Documents, *, lens: Lens, permits: Permits, settings: Settings) -> None:
        self._lens = lens
        self._documents = documents
        self._permits = permits
        self._settings = settings

    async def list_collections(self, request: Request) -> Response:
        """List the collections of which something is seen, with their counts and positions."""
        return reply({"collections": await self._lens.collections(self._profile(request))})

    async def list_documents(self, request: Request) -> Response:
        """Answer a page of documents, ordered by id, and the position they are of."""
        collection = _collection(request)
        limit = number_in(request, "limit", default=_MOST_DOCUMENTS, most=_MOST_DOCUMENTS) or _MOST_DOCUMENTS
        cursor = request.query_params.get("cursor")
        sight = self._permits.documents(identity_of(request), collection)
        page = await self._lens.page(sight, collection, limit=limit, cursor=cursor)
        content = {
            "documents": msgspec.Raw(page.documents), "offsets": page.offsets,
            "cursor": page.cursor, "position": page.position,
        }  # fmt: skip
        return reply(content)

    async def show_document(self, request: Request) -> Response:
        """Answer one document."""
        collection = _collection(request)
        self._permits.documents(identity_of(request), collection)
        profile = self._profile(request)
        version = await self._documents.read(collection, _identifier(request), profile=profile)
        if _etag(version.offset) in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers={"ETag": _etag(version.offset)})
        return await self._shown(collection, version, profile=profile)

    async def create_document(self, request: Request) -> Response:
        """Make a new document; 409 when there is one."""
        collection = _collection(request)
        document = await read_json(request, settings=self._settings)
        identifier = document.get("id") if isinstance(document, dict) else None
        if isinstance(document, dict):
            check_document_id(identifier, where="id")
        change = self._change_of(request, collection, str(identifier))
        version, stored = await self._documents.create(change, document)
        location = f"{request.url.path}/{quote(version.id, safe='')}"
        headers = {"Location": location}
        return await self._shown(
            collection, version, profile=change.profile, stored=stored, status=201, headers=headers
        )

    async def replace_document(self, request: Request) -> Response:
        """Put a document in place of what is there."""
        collection, change = self._change(request)
        document = await read_json(request, settings=self._settings)
        if isinstance(document, dict):
            document.setdefault("id", change.id)
        try:
            version, stored, is_new = await self._documents.replace(change, document)
        except ConflictError as conflict:
            return await self._conflicted(change, conflict)
        status = 201 if is_new else 200
        return await self._shown(collection, version, profile=change.profile, stored=stored, status=status)

    async def merge_document(self, request: Request) -> Response:
        """Change some fields of a document (RFC 7396)."""
        collection, change = self._change(request, must_exist=True)
        patch = await read_json(request, settings=self._settings)
        try:
            version, stored = await self._documents.merge(change, patch)
        except ConflictError as conflict:
            return await self._conflicted(change, conflict)
        return await self._shown(collection, version, profile=change.profile, stored=stored)

    async def delete_document(self, request: Request) -> Response:
        """Delete a document."""
        collection, change = self._change(request)
        try:
            stored = await self._documents.delete(change)
        except ConflictError as conflict:
            return await self._conflicted(change, conflict)
        return reply({"id": change.id, "collection": collection, "position": stored.position})

    async def show_history(self, request: Request) -> Response:
        """Answer the retained events of one document, newest first."""
        collection = _collection(request)
        limit = number_in(request, "limit", default=100, most=_MOST_HISTORY) or 100
        before = number_in(request, "before", default=None)
        sight = self._permits.documents(identity_of(request), collection)
        page = await self._lens.document_history(sight, collection, _identifier(request), before=before, limit=limit)
        content = {
            "events": [_told(record) for record in page.publications],
            "before": page.publications[-1].offset if len(page.publications) == limit else None,
            "isComplete": page.is_complete, "position": page.top,
        }  # fmt: skip
        return reply(content)

    def _change(self, request: Request, *, must_exist: bool = False) -> tuple[str, Change]:
        collection = _collection(request)
        return collection, self._change_of(request, collection, _identifier(request), must_exist=must_exist)

    def _change_of(self, request: Request, collection: str, identifier: str, *, must_exist: bool = False) -> Change:
        change = _change(request, collection, identifier, must_exist=must_exist)
        return msgspec.structs.replace(change, profile=self._profile(request))

    def _profile(self, request: Request) -> Profile:
        return self._permits.profile(identity_of(request))

    async def _shown(
        self,
        collection: str,
        version: Version,
        *,
        profile: Profile,
        stored: Stored | None = None,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> Response:
        channel = collection_channel(collection)
        sight = profile.sight(channel)
        if stored is not None or sight is None:
            position = NOWHERE if stored is None else stored.position
        else:
            position = await self._lens.position(sight, channel)
        content = {"document": version.document, "offset": version.offset, "position": position}
        return reply(content, status=status, headers={"ETag": _etag(version.offset), **(headers or {})})

    async def _conflicted(self, change: Change, conflict: ConflictError) -> Response:
        try:
            now = await self._documents.read(change.collection, change.id, profile=change.profile)
        except EventError:
            return problem("conflict", str(conflict), status=412, document=None, offset=None)
        headers = {"ETag": _etag(now.offset)}
        return problem("conflict", str(conflict), status=412, headers=headers, document=now.document, offset=now.offset)


def _collection(request: Request) -> str:
    name: str = request.path_params["collection"]
    collection_channel(name)
    return name


def _identifier(request: Request) -> str:
    identifier: str = request.path_params["id"]
    check_document_id(identifier, where="id")
    return identifier


def _change(request: Request, collection: str, identifier: str, *, must_exist: bool = False) -> Change:
    key = request.headers.get("idempotency-key")
    if key is not None and not 0 < len(key) <= MAX_NAME_CHARS:
        raise EventError("bad_attribute", f"'Idempotency-Key' has to have 1 to {MAX_NAME_CHARS} characters.")
    expected, is_any = condition_in(request)
    return Change(
        collection, identifier, expected=expected, must_exist=must_exist or is_any, key=key,
        actor=request.scope.get(ACTOR),
    )  # fmt: skip


def _etag(offset: int) -> str:
    return f'"{offset}"'


def _told(record: Record) -> dict[str, Any]:
    moment = datetime.fromtimestamp(record.time_ms / 1000, UTC).isoformat(timespec="milliseconds")
    return {"offset": record.offset, "storedAt": moment, "event": msgspec.Raw(record.raw)}
