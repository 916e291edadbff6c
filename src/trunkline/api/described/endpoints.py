"""Endpoints, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    BAD_CURSOR,
    BAD_REASON,
    BEGAN,
    ENDED,
    KEY_REUSED,
    MALFORMED,
    REFUSED,
    REPLAYED,
    answered,
    documented,
    header,
    operation,
)
from trunkline.api.described.events import BAD_TYPE, EVENT_ID
from trunkline.errors import Conflict, InvalidInput, NotFound

ENDPOINT_ID = "ep_0dm9s3t6yw1d4k8m"
ENDPOINT: dict[str, Any] = {
    "id": ENDPOINT_ID,
    "url": "https://example.com/trunkline",
    "types": ["debt.opened", "batch.paused"],
    "format": "json",
    "description": "pages whoever is on duty",
    "status": "enabled",
    "disabled_reason": None,
    "failing_since": None,
    "previous_secret_until": None,
    "created_at": BEGAN,
}
MADE = ENDPOINT | {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="}
RENEWED = MADE | {"previous_secret_until": "2026-03-03T17:20:06.410000Z"}
DISABLED = ENDPOINT | {"status": "disabled", "disabled_reason": "it answered 410: it is not there any more"}
ATTEMPT = {"at": ENDED, "status": 503, "answer": "come again", "error": None, "duration_ms": 84}
SENT = {"at": None, "status": 200, "answer": "ok", "error": None, "duration_ms": None}
DELIVERY = {
    "event_id": EVENT_ID,
    "status": "waiting",
    "next_try_at": "2026-03-02T17:25:06.410000Z",
    "attempts": [ATTEMPT],
    "created_at": ENDED,
}
BODIES: dict[str, Any] = {
    "debts": {
        "summary": "What a person has to look at",
        "value": {"url": ENDPOINT["url"], "types": ENDPOINT["types"], "description": ENDPOINT["description"]},
    },
    "slack": {
        "summary": "Everything, to Slack",
        "value": {"url": "https://hooks.slack.com/services/T0/B0/secret", "format": "slack"},
    },
}
CHANGES: dict[str, Any] = {"enable": {"summary": "It is there again", "value": {"enabled": True}}}
EXAMPLES: dict[str, Any] = {"any": {"summary": "A debt", "value": {"type": "debt.opened"}}}
SINCE: dict[str, Any] = {"noon": {"summary": "Since it broke", "value": {"since": BEGAN}}}
NO_ENDPOINT = NotFound(f"there is no endpoint {ENDPOINT_ID}", hint="GET /api/endpoints lists them")
PRIVATE = InvalidInput("localhost leads to a private address", field="url", hint="give a public address")
NOT_SENT = NotFound(f"event {EVENT_ID} was not sent to {ENDPOINT_ID}", hint="list what was sent there")
IS_DISABLED = Conflict("the endpoint is disabled: it has failed since 2026-03-02", hint="enable it first")

CREATE_ENDPOINT = operation(
    "createEndpoint",
    summary="Have events sent somewhere",
    description=(
        "What happens from now on is sent there, signed as Standard Webhooks say; at least once, and in order where it "
        "is about the same thing. The secret is shown this once."
    ),
    responses={
        201: answered(
            "It is there.",
            made=("Shown once", MADE),
            headers={"Location": header("the endpoint", f"/api/endpoints/{ENDPOINT_ID}")} | REPLAYED,
        ),
        **documented(*REFUSED, *MALFORMED, PRIVATE, KEY_REUSED),
    },
)
LIST_ENDPOINTS = operation(
    "listEndpoints",
    summary="List endpoints",
    description="Oldest first.",
    responses={
        200: answered("A page.", page=("One", {"items": [ENDPOINT], "next_cursor": None})),
        **documented(*REFUSED, BAD_CURSOR),
    },
)
GET_ENDPOINT = operation(
    "getEndpoint",
    summary="Read an endpoint",
    description="Never its secret.",
    responses={
        200: answered("The endpoint.", on=("It works", ENDPOINT), off=("It does not", DISABLED)),
        **documented(*REFUSED, NO_ENDPOINT),
    },
)
CHANGE_ENDPOINT = operation(
    "changeEndpoint",
    summary="Change an endpoint",
    description="What is left out stays. Once it is enabled again it gets what has happened since it was disabled.",
    responses={
        200: answered("As it is now.", on=("Enabled", ENDPOINT)),
        **documented(*REFUSED, *MALFORMED, NO_ENDPOINT, PRIVATE),
    },
)
DELETE_ENDPOINT = operation(
    "deleteEndpoint",
    summary="Send nothing there any more",
    description="What waits is not sent.",
    responses={
        200: answered("As it was.", gone=("It is gone", ENDPOINT)),
        **documented(*REFUSED, NO_ENDPOINT, BAD_REASON),
    },
)
ROTATE_ENDPOINT = operation(
    "rotateEndpoint",
    summary="Give an endpoint another secret",
    description="For 24 h what is sent is signed with that until now as well.",
    responses={
        200: answered("Its new secret.", renewed=("Shown once", RENEWED)),
        **documented(*REFUSED, NO_ENDPOINT, BAD_REASON),
    },
)
SEND_EXAMPLE = operation(
    "sendExample",
    summary="Send an example",
    description="At once, and once; what came of it. Nothing has happened, and it is not kept.",
    responses={
        200: answered("What came of it.", sent=("It arrived", SENT)),
        **documented(*REFUSED, *MALFORMED, NO_ENDPOINT, BAD_TYPE),
    },
)
RECOVER_ENDPOINT = operation(
    "recoverEndpoint",
    summary="Send again what has not arrived",
    description="Since a moment: what has failed for good, and what waits for its next try.",
    responses={
        200: answered("How much that is.", some=("Three", {"events": 3})),
        **documented(
            *REFUSED,
            *MALFORMED,
            NO_ENDPOINT,
            IS_DISABLED,
            InvalidInput("since is not a moment", field="since", hint="write it like 2026-03-02T17:20:05Z"),
        ),
    },
)
LIST_DELIVERIES = operation(
    "listDeliveries",
    summary="List what was sent to an endpoint",
    description="Of the newest events first, each with its attempts.",
    responses={
        200: answered("A page.", page=("One waits", {"items": [DELIVERY], "next_cursor": None})),
        **documented(*REFUSED, NO_ENDPOINT, BAD_CURSOR),
    },
)
RESEND_EVENT = operation(
    "resendEvent",
    summary="Send one event again",
    description="Whatever came of it before, under the same `webhook-id`.",
    responses={
        200: answered("It waits to be sent.", again=("It waits", DELIVERY)),
        **documented(*REFUSED, NO_ENDPOINT, NOT_SENT, IS_DISABLED),
    },
)
