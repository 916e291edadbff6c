"""What happened, as the document shows it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from trunkline.api.described import BAD_CURSOR, ENDED, REFUSED, SAME_NAME, answered, documented, operation
from trunkline.domain.events import NUMBER, TOLD, EventType
from trunkline.domain.telling import tell
from trunkline.errors import InvalidInput, NotFound

EVENT_ID = "evt_0dm2p8v2a7c4h9sw"


def example_of(kind: EventType) -> dict[str, Any]:
    """An event of this type, as it is answered."""
    told = TOLD[kind]
    subjects, before, after = asdict(told.example), dict(told.before), dict(told.after)
    return {
        "id": EVENT_ID,
        "type": kind.value,
        "at": ENDED,
        "text": tell(kind, subjects, before, after),
        **subjects,
        "actor": {"kind": "secret", "id": None, "name": "X-Vapi-Secret"},
        "reason": None,
        "request_id": "req_0dm2p8v1w5j8n2qk",
        "trace_id": None,
        "before": before,
        "after": after,
    }


def webhooks() -> dict[str, Any]:
    """What is sent to endpoints, by type, for the `webhooks` of the document."""
    return {kind.value: {"post": _webhook(kind)} for kind in EventType}


def _webhook(kind: EventType) -> dict[str, Any]:
    message = {"type": kind.value, "timestamp": ENDED, "data": example_of(kind)}
    schema = {"$ref": "#/components/schemas/EventMessage"}
    examples = {"example": {"summary": TOLD[kind].words, "value": message}}
    return {
        "operationId": f"on.{kind.value}",
        "summary": kind.value,
        "description": f"{TOLD[kind].words[0].upper()}{TOLD[kind].words[1:]}.",
        "tags": ["events"],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema, "examples": examples}}},
        "responses": {"2XX": {"description": "Received: it is not sent again."}},
    }


BOUGHT = example_of(EventType.PURCHASE_BOUGHT)
LINE = {
    "at": ENDED,
    "text": BOUGHT["text"],
    "by": "whoever has the operator's secret (X-Vapi-Secret)",
    "reason": None,
    "type": BOUGHT["type"],
    "event_id": EVENT_ID,
}
STREAM = f"id: {EVENT_ID}\nevent: number.idle\ndata: {{...an event...}}\n\n"
BAD_TYPE = InvalidInput("'number.lost' is not a type of event", field="type", hint="the reference lists all types")
UNTOLD = NotFound(f"nothing is told of {NUMBER}", hint="give a number, or the id of a restaurant, an assignment ...")

LIST_EVENTS = operation(
    "listEvents",
    summary="List what happened",
    description=(
        "Newest first, or oldest first; the order is that in which it was committed, and a page misses nothing. Kept "
        "for KEEP_EVENTS_DAYS, and changed by nobody. A restaurant's key sees its own."
    ),
    responses={
        200: answered("A page.", page=("A number was bought", {"items": [BOUGHT], "next_cursor": None})),
        **documented(*REFUSED, BAD_CURSOR),
    },
)

STREAM_EVENTS = operation(
    "streamEvents",
    summary="Follow what happens",
    description=(
        "Server-sent events without an end: each under its type, with its id. `Last-Event-ID` goes on behind that one, "
        "whichever process sent it, and misses nothing that is kept; without it, from `since` on, or from now on."
    ),
    responses={
        200: {"description": "The events.", "content": {"text/event-stream": {"example": STREAM}}},
        **documented(*REFUSED, BAD_TYPE),
    },
)

GET_HISTORY = operation(
    "getHistory",
    summary="Tell the story of a thing",
    description=(
        "Of a number, or of the restaurant, assignment, batch, key ... of this id: all that happened to it, oldest "
        "first, in plain words. A restaurant's external_id or exact name does too."
    ),
    responses={
        200: answered(
            "The story, or the next part of it.", page=("It was bought", {"items": [LINE], "next_cursor": None})
        ),
        **documented(*REFUSED, UNTOLD, SAME_NAME, BAD_CURSOR),
    },
)
