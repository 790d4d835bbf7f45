"""Lists every HTTP route of the gateway once, for the routes and for the OpenAPI description. A table, no behaviour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

JSON: Final = "application/json"


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One route. `handler` is `group.method` of the routes' objects; schemas are names in the description.

    `is_open`: needs no key or token.
    `answers`: HTTP status → name of the body's schema ("" for none). Errors common to all are added to it.
    """

    method: str
    path: str
    handler: str
    summary: str
    body: str = ""
    body_types: tuple[str, ...] = (JSON,)
    answers: dict[int, str]
    query: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    answer_type: str = JSON
    is_open: bool = False


_DOCUMENTS: Final = "/api/collections/{collection}/documents"
_DOCUMENT: Final = _DOCUMENTS + "/{id:whole}"
_IF: Final = ("If-Match", "Idempotency-Key")
_EVENT_TYPES: Final = (
    JSON, "application/cloudevents+json", "application/cloudevents-batch+json", "application/x-ndjson",
)  # fmt: skip


def _command(name: str, summary: str, body: str) -> Endpoint:
    return Endpoint(
        method="POST", path=f"/api/{name}", handler=f"channels.{name}", summary=summary, body=body,
        answers={200: "CommandReply"},
    )  # fmt: skip


# The history route stands before the document's own: an id may hold slashes, so the longer one has to be tried first.
ENDPOINTS: Final = (
    Endpoint(
        method="POST", path="/api/events", handler="events.post_events",
        summary="Store events: one CloudEvent, an array, or NDJSON, gzip too; says of each what became of it",
        body="Events", body_types=_EVENT_TYPES,
        answers=dict.fromkeys((200, 207, 400, 412, 413, 415, 422), "Report"),
        headers=("If-Match",),
    ),
    Endpoint(
        method="GET", path="/api/ingestion-warnings", handler="events.list_warnings",
        summary="List refused items with code, reason and excerpt, newest first",
        answers={200: "Warnings"}, query=("limit", "before"),
    ),
    Endpoint(
        method="GET", path="/api/collections", handler="documents.list_collections",
        summary="List collections with their documents' count and position", answers={200: "Collections"},
    ),
    Endpoint(
        method="GET", path=_DOCUMENTS, handler="documents.list_documents",
        summary="Page through documents by id; `cursor` is null at the end, the position was read before the documents",
        answers={200: "DocumentPage"}, query=("limit", "cursor"),
    ),
    Endpoint(
        method="POST", path=_DOCUMENTS, handler="documents.create_document", summary="Make a new document",
        body="Document", answers={201: "DocumentShown", 409: "Problem"}, headers=("Idempotency-Key",),
    ),
    Endpoint(
        method="GET", path=_DOCUMENT + "/history", handler="documents.show_history",
        summary="List the retained events of a document, newest first",
        answers={200: "DocumentHistory"}, query=("limit", "before"),
    ),
    Endpoint(
        method="GET", path=_DOCUMENT, handler="documents.show_document", summary="Show a document and its version",
        answers={200: "DocumentShown", 304: "", 404: "Problem"}, headers=("If-None-Match",),
    ),
    Endpoint(
        method="PUT", path=_DOCUMENT, handler="documents.replace_document",
        summary="Put a document in place of what is there", body="DocumentPut",
        answers={200: "DocumentShown", 201: "DocumentShown", 404: "Problem", 409: "Problem", 412: "Conflict"},
        headers=(*_IF, "If-None-Match"),
    ),
    Endpoint(
        method="PATCH", path=_DOCUMENT, handler="documents.merge_document",
        summary="Change some fields of a document (JSON merge patch, RFC 7396)", body="Patch",
        body_types=(JSON, "application/merge-patch+json"),
        answers={200: "DocumentShown", 404: "Problem", 412: "Conflict"}, headers=_IF,
    ),
    Endpoint(
        method="DELETE", path=_DOCUMENT, handler="documents.delete_document", summary="Delete a document",
        answers={200: "DocumentDeleted", 404: "Problem", 412: "Conflict"}, headers=_IF,
    ),
    _command("publish", "Publish one event (Centrifugo's shape)", "PublishCommand"),
    _command("history", "Read a part of a stream; with `since` it is the polling fallback", "HistoryCommand"),
    _command("presence", "Tell who is subscribed to a channel", "ChannelCommand"),
    _command("presence_stats", "Tell how many are subscribed to a channel", "ChannelCommand"),
    _command("info", "Tell about this node", "EmptyCommand"),
    _command("channels", "List channels with subscribers", "ChannelsCommand"),
    _command("disconnect", "End a user's connections, by default for good (administrators)", "DisconnectCommand"),
    Endpoint(
        method="POST", path="/api/batch", handler="channels.batch", summary="Run several commands in order",
        body="BatchCommand", answers={200: "BatchReply"},
    ),
    Endpoint(
        method="POST", path="/api/ack", handler="criticals.acknowledge",
        summary="Acknowledge critical events as a consumer without a socket; answers what it should have by now",
        body="AckCommand", answers={200: "AckReply"},
    ),
    Endpoint(
        method="GET", path="/api/dead-letters", handler="criticals.list_dead_letters",
        summary="List critical events that a consumer never acknowledged, with the reason, newest first",
        answers={200: "DeadLetters"}, query=("limit", "before"),
    ),
    Endpoint(
        method="GET", path="/api/inbox/{user:whole}", handler="inbox.show",
        summary="Show a person's inbox: all commands of their stream up to the position, applied in order",
        answers={200: "InboxShown", 403: "Problem"},
    ),
    Endpoint(
        method="POST", path="/api/revoke", handler="revocations.revoke",
        summary="Take back a token, or all that a user has so far; ends their connections (administrators)",
        body="RevokeCommand", answers={200: "Revocation", 403: "Problem"},
    ),
    Endpoint(
        method="POST", path="/api/block", handler="revocations.block",
        summary="Keep a user out; ends their connections (administrators)",
        body="UserCommand", answers={200: "Revocation", 403: "Problem"},
    ),
    Endpoint(
        method="POST", path="/api/unblock", handler="revocations.unblock",
        summary="Let a blocked user in again (administrators)",
        body="UserCommand", answers={200: "Unblocked", 403: "Problem"},
    ),
    Endpoint(
        method="GET", path="/api/revocations", handler="revocations.list_revocations",
        summary="List what is revoked and who is blocked, newest first (administrators)",
        answers={200: "Revocations", 403: "Problem"}, query=("of",),
    ),
    Endpoint(
        method="GET", path="/api/flags", handler="flags.show_flags",
        summary="Tell where the flags stand, with error rate and latency now and before the last change",
        answers={200: "FlagsTold", 403: "Problem"},
    ),
    Endpoint(
        method="PUT", path="/api/flags", handler="flags.set_flags",
        summary="Switch flags for a share of the people, 0 to 100; in effect at once, everywhere",
        body="FlagChange", answers={200: "FlagsTold", 403: "Problem", 422: "Problem"},
    ),
    Endpoint(
        method="GET", path="/api/audit", handler="audit.show_audit",
        summary="Search the audit, newest first: who did or tried what, when, from where, how it went (role admin)",
        answers={200: "AuditPage", 403: "Problem"},
        query=("limit", "before", "text", "actor", "action", "outcome", "since", "until"),
    ),
    Endpoint(
        method="POST", path="/api/audit", handler="audit.note_audit",
        summary="Note what an app saw somebody do: signing in, taking an export (role app)",
        body="AuditNote", answers={200: "Noted"},
    ),
    Endpoint(
        method="GET", path="/api/audit/verify", handler="audit.verify_audit",
        summary="Walk the audit's chain: whether any row was changed, removed or moved (role admin)",
        answers={200: "AuditVerdict", 403: "Problem"},
    ),
    Endpoint(
        method="GET", path="/api/health", handler="state.health",
        summary="Tell whether the gateway lives and can store", answers={200: "Health", 503: "Health"},
        is_open=True,
    ),
    Endpoint(
        method="GET", path="/api/health/live", handler="state.live",
        summary="Tell that the process answers: for who decides about restarting it", answers={200: "Live"},
        is_open=True,
    ),
    Endpoint(
        method="GET", path="/api/health/ready", handler="state.ready",
        summary="Tell whether it can take and store events now: for who decides about sending it traffic",
        answers={200: "Ready", 503: "Ready"}, is_open=True,
    ),
    Endpoint(
        method="GET", path="/api/openapi.json", handler="state.description", summary="Answer this description",
        answers={200: "Anything"}, is_open=True,
    ),
    Endpoint(
        method="GET", path="/metrics", handler="state.metrics", summary="Answer the numbers for Prometheus",
        answers={200: "Text"}, answer_type="text/plain", is_open=True,
    ),
)  # fmt: skip
