"""Describes the HTTP API as OpenAPI 3.1, from the table of endpoints and the classes of the wire. Pure."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from realtime.gateway.endpoints import ENDPOINTS, Endpoint
from realtime.gateway.http_flags import FlagChange
from realtime.gateway.ingest import Report
from realtime.gateway.records import CriticalAt, DeadLetter, Redelivery, RefusalRow
from realtime.notifications.inbox_state import Inbox
from realtime.protocol.audit import AuditNote, AuditPage, AuditVerdict
from realtime.protocol.channels import NAME_PATTERN
from realtime.protocol.events import Envelope
from realtime.protocol.flags import FlagsTold
from realtime.protocol.frames import HistoryRequest
from realtime.protocol.positions import Position

_Json = dict[str, Any]
_OBJECT: Final[_Json] = {"type": "object"}
_STRING: Final[_Json] = {"type": "string"}
_INTEGER: Final[_Json] = {"type": "integer"}
_PARAMETER: Final = re.compile(r"\{(\w+)(?::\w+)?\}")
_QUERY: Final[dict[str, tuple[_Json, str]]] = {
    "limit": ({"type": "integer", "minimum": 1, "maximum": 1000}, "How many at most"),
    "before": ({"type": "integer", "minimum": 1}, "Go on from here: `before` of the page before this one"),
    "text": (_STRING, "Only rows with this text in any column"),
    "actor": (_STRING, "Only what this person did"),
    "action": (_STRING, "Only this action"),
    "outcome": ({"type": "string", "enum": ["ok", "refused", "failed"]}, "Only these"),
    "since": ({"type": "string", "format": "date-time"}, "Only from this time on"),
    "until": ({"type": "string", "format": "date-time"}, "Only before this time"),
    "of": ({"enum": ["all", "people"]}, "Tokens too, or people only"),
    "cursor": (_STRING, "Go on from here: `cursor` of the page before this one"),
}
_ID: Final[_Json] = {"type": "string", "minLength": 1, "maxLength": 256}
_PATH: Final[dict[str, _Json]] = {"collection": {"type": "string", "pattern": NAME_PATTERN}}
_BODIES: Final = {"application/x-ndjson": "EventLines", "application/cloudevents-batch+json": "EventList"}
_HEADERS: Final = {
    "If-Match": "The version (ETag) that was read; 412 if the document has changed since",
    "If-None-Match": "`*` on a PUT: only if there is none; a version on a GET: 304 if it is still that",
    "Idempotency-Key": "Repeats with the same key are answered with the first one's position and change nothing",
}
_STATUS: Final = {
    200: "Done", 201: "Made", 207: "Some items were refused", 304: "Not changed", 400: "Not readable",
    401: "A key or token is missing", 403: "Not yours to do, or a page of another site", 404: "Not there",
    408: "Too slow", 409: "There already",
    412: "Changed meanwhile", 413: "Too large", 415: "A type that isn't accepted", 422: "Readable, but not acceptable",
    429: "Too many requests; see Retry-After", 503: "Can't be stored now; see Retry-After",
    507: "The disk is full; see Retry-After",
}  # fmt: skip


def describe(*, version: str) -> _Json:
    """Build the description of the HTTP API."""
    paths: dict[str, _Json] = {}
    for endpoint in ENDPOINTS:
        path = _PARAMETER.sub(r"{\1}", endpoint.path)
        paths.setdefault(path, {})[endpoint.method.lower()] = _operation(endpoint)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tideboard gateway", "version": version,
            "description": "Events in, documents and streams out. The WebSocket half is at /connection/websocket.",
        },
        "paths": paths,
        "components": {"schemas": _schemas(), "securitySchemes": _SECURITY},
        "security": [{}, {"apiKey": []}, {"token": []}],
    }  # fmt: skip


_SECURITY: Final = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
}


def _operation(endpoint: Endpoint) -> _Json:
    operation: _Json = {
        "operationId": endpoint.handler.replace(".", "_"),
        "summary": endpoint.summary,
        "parameters": _parameters(endpoint),
        "responses": {str(status): _answer(endpoint, status, schema) for status, schema in _all_answers(endpoint)},
    }
    if endpoint.is_open:
        operation["security"] = []
    if endpoint.body:
        content = {kind: {"schema": _ref(_BODIES.get(kind, endpoint.body))} for kind in endpoint.body_types}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _parameters(endpoint: Endpoint) -> list[_Json]:
    found = [
        {"name": name, "in": "path", "required": True, "schema": _PATH.get(name, _ID)}
        for name in _PARAMETER.findall(endpoint.path)
    ]
    found += [
        {"name": name, "in": "query", "schema": _QUERY[name][0], "description": _QUERY[name][1]}
        for name in endpoint.query
    ]
    found += [
        {"name": name, "in": "header", "schema": _STRING, "description": _HEADERS[name]} for name in endpoint.headers
    ]
    return found


def _all_answers(endpoint: Endpoint) -> list[tuple[int, str]]:
    """Add the answers that any route may give."""
    common = dict.fromkeys((400, 401, 403, 429, 503), "Problem")
    if endpoint.method != "GET":
        common |= {507: "Problem"}
    if endpoint.body:
        common |= dict.fromkeys((408, 413, 415, 422), "Problem")
    if endpoint.method != "POST" or "{" in endpoint.path:
        common |= {422: "Problem"}
    return sorted((common | endpoint.answers).items())


def _answer(endpoint: Endpoint, status: int, schema: str) -> _Json:
    answer: _Json = {"description": _STATUS[status]}
    if schema:
        kind = endpoint.answer_type if status in endpoint.answers else "application/json"
        answer["content"] = {kind: {"schema": _ref(schema)}}
    return answer


def _schemas() -> _Json:
    _, made = msgspec.json.schema_components(
        [
            Envelope,
            Report,
            RefusalRow,
            Position,
            HistoryRequest,
            AuditNote,
            AuditPage,
            AuditVerdict,
            CriticalAt,
            DeadLetter,
            Redelivery,
            Inbox,
            FlagsTold,
            FlagChange,
        ],
        ref_template="#/components/schemas/{name}",
    )
    return {**made, **_WRITTEN}


def _ref(name: str) -> _Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: bool = True, **properties: _Json) -> _Json:
    return {"type": "object", "properties": properties, **({"required": list(properties)} if required else {})}


def _list(schema: _Json) -> _Json:
    return {"type": "array", "items": schema}


def _or_null(schema: _Json) -> _Json:
    return {"anyOf": [schema, {"type": "null"}]}


_WRITTEN: Final[_Json] = {
    "Events": {"oneOf": [_ref("Envelope"), _list(_ref("Envelope"))]},
    "EventList": _list(_ref("Envelope")),
    "EventLines": _STRING,
    "Document": {**_object(id=_ID), "additionalProperties": True},
    "DocumentPut": {**_object(required=False, id=_ID), "additionalProperties": True},
    "Patch": _OBJECT,
    "Problem": _object(error=_object(code=_STRING, reason=_STRING)),
    "Conflict": _object(
        error=_object(code=_STRING, reason=_STRING), document=_or_null(_ref("Document")), offset=_or_null(_INTEGER)
    ),
    "Warnings": _object(warnings=_list(_ref("RefusalRow")), before=_or_null(_INTEGER)),
    "Collections": _object(
        collections=_list(_object(name=_STRING, documents=_INTEGER, position=_ref("Position")))
    ),
    "DocumentPage": _object(
        documents=_list(_ref("Document")), offsets=_list(_INTEGER), cursor=_or_null(_STRING), position=_ref("Position")
    ),
    "DocumentShown": _object(document=_ref("Document"), offset=_INTEGER, position=_ref("Position")),
    "DocumentDeleted": _object(id=_STRING, collection=_STRING, position=_ref("Position")),
    "DocumentHistory": _object(
        events=_list(_object(offset=_INTEGER, storedAt=_STRING, event=_ref("Envelope"))),
        before=_or_null(_INTEGER), isComplete={"type": "boolean"}, position=_ref("Position"),
    ),
    "PublishCommand": _object(channel=_STRING, data=_ref("Envelope")),
    "HistoryCommand": _ref("HistoryRequest"),
    "ChannelCommand": _object(channel=_STRING),
    "ChannelsCommand": _object(required=False, pattern=_STRING),
    "EmptyCommand": _OBJECT,
    "DisconnectCommand": {
        **_object(required=False, user=_STRING, client=_STRING, disconnect=_object(code=_INTEGER, reason=_STRING)),
        "required": ["user"],
    },
    "BatchCommand": _object(commands=_list(_OBJECT)),
    "CommandReply": {"oneOf": [_object(result=_OBJECT), _object(error=_object(code=_INTEGER, message=_STRING))]},
    "BatchReply": {
        "oneOf": [_object(replies=_list(_OBJECT)), _object(error=_object(code=_INTEGER, message=_STRING))]
    },
    "AckCommand": _object(consumer=_STRING, events=_list(_ref("CriticalAt"))),
    "AckReply": _object(acknowledged=_INTEGER, criticals=_list(_ref("Redelivery"))),
    "RevokeCommand": _object(
        required=False, token=_or_null(_STRING), id=_or_null(_ID), user=_or_null(_ID)
    ),
    "UserCommand": _object(user=_STRING),
    "Revocation": _object(kind={"enum": ["token", "user", "block"]}, name=_STRING, at={"type": "number"}),
    "Unblocked": _object(user=_STRING, wasBlocked={"type": "boolean"}),
    "Revocations": _object(revocations=_list(_ref("Revocation"))),
    "DeadLetters": _object(deadLetters=_list(_ref("DeadLetter")), total=_INTEGER, before=_or_null(_INTEGER)),
    "InboxShown": _object(inbox=_ref("Inbox"), position=_ref("Position")),
    "Noted": _object(noted={"type": "boolean"}),
    "Health": _object(live={"type": "boolean"}, ready={"type": "boolean"}, version=_STRING, store=_OBJECT),
    "Live": _object(live={"type": "boolean"}),
    "Ready": _object(ready={"type": "boolean"}, trouble=_or_null(_STRING)),
    "Anything": _OBJECT,
    "Text": _STRING,
}  # fmt: skip
