"""Decides what may be saved: checks a person's JSON, and what to tell when the document moved meanwhile. Pure."""

from __future__ import annotations

import json
from typing import Any, Final, Literal

import msgspec

from realtime.errors import EventError
from realtime.protocol.events import Envelope, JsonObject, check_event

SOURCE: Final = "/tideboard/page"
_MAX_DEPTH: Final = 64

Verb = Literal["created", "updated", "deleted"]


class Draft(msgspec.Struct, frozen=True):
    """What a person typed, judged: a `document`, or the `problem` in words."""

    document: JsonObject | None = None
    problem: str = ""


def read_draft(text: str, *, keep_id: str | None = None) -> Draft:
    """Judge JSON text as a document. `keep_id`: the id it must have (None: any, for a new document).

    The problem names the line and column, so that the person can find it.
    """
    try:
        value = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return Draft(problem=f"Line {error.lineno}, column {error.colno}: {error.msg}.")
    except (ValueError, RecursionError) as error:
        return Draft(problem=str(error) if isinstance(error, ValueError) else "This nests too deeply.")
    if not isinstance(value, dict):
        return Draft(problem='A document is an object: {"id": "…", …}.')
    if keep_id is not None and value.get("id", keep_id) != keep_id:
        return Draft(problem=f"The id stays {keep_id!r}. To get another id, create a new document.")
    if keep_id is not None:
        value = {"id": keep_id, **value}
    return Draft(document=value)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} isn't JSON. Use a number or null.")


def write_draft(document: JsonObject) -> str:
    """Write a document as the text a person edits."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def envelope(verb: Verb, collection: str, *, document: JsonObject, key: str, time: str, actor: str | None) -> Envelope:
    """Build the event that a click stands for. `key` is unique per click: sending it twice changes nothing.

    Raises EventError when the gateway would refuse it, so that the person hears it before anything is sent.
    """
    data: dict[str, Any] = {"collection": collection}
    if verb == "created":
        data["document"] = document
    elif verb == "updated":
        data |= {"id": document.get("id"), "document": document}
    else:
        data["id"] = document.get("id")
    candidate: JsonObject = {
        "specversion": "1.0", "id": key, "source": SOURCE, "type": f"collection:{verb}", "time": time, "data": data,
    }  # fmt: skip
    if actor:
        candidate["actor"] = actor
    checked, _ = check_event(candidate, max_depth=_MAX_DEPTH)
    return checked


def explain(error: BaseException) -> str:
    """Say in words why a write was refused."""
    return error.reason if isinstance(error, EventError) else str(error) or type(error).__name__
