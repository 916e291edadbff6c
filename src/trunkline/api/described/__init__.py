"""How the OpenAPI document describes the API, a file per noun: each operation in words, with requests and answers as
examples. Here: how it is put together, and what several nouns share."""

from __future__ import annotations

from collections import defaultdict
from types import UnionType
from typing import Any

from pydantic import BaseModel

from trunkline.api.problems import MEDIA_TYPE, problem
from trunkline.errors import (
    ActionRequired,
    AlreadyAssigned,
    AssignmentRunning,
    CarrierNotConfigured,
    Conflict,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    MalformedRequest,
    NotFound,
    PayloadTooLarge,
    RetryLater,
    TrunklineError,
    Unauthorized,
)


def documented(*errors: TrunklineError) -> dict[int | str, dict[str, Any]]:
    """The problem responses of an operation, by status, each error with its example."""
    by_status: dict[int, list[TrunklineError]] = defaultdict(list)
    for error in errors:
        by_status[error.status].append(error)
    return {status: _documented(group) for status, group in by_status.items()}


def _documented(group: list[TrunklineError]) -> dict[str, Any]:
    examples = {
        error.code: {"summary": error.detail, "value": problem(error).model_dump(exclude_none=True)} for error in group
    }
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        "description": " or ".join(f"`{code}`" for code in examples),
        "content": {MEDIA_TYPE: {"schema": schema, "examples": examples}},
    }


Example = tuple[str, Any]
RESTAURANT_ID = "rst_0dm2p8v1xk4t9r3q"
OTHER_ID = "rst_0dm2n4c7bz6w1f8h"
ASSIGNMENT_ID = "asg_0dm2p8v1xq7n5c2j"
NUMBER = "+14155550123"
NATIONAL, INTERNATIONAL = "(415) 555-0123", "+1 415-555-0123"
BEGAN, MOMENT, ENDED = "2026-03-02T17:20:05.120000Z", "2026-03-02T17:20:05.160000Z", "2026-03-02T17:20:06.410000Z"


def answered(
    description: str,
    *,
    model: type[BaseModel] | UnionType | None = None,
    headers: dict[str, Any] | None = None,
    **shown: Example,
) -> dict[str, Any]:
    """A documented answer; each keyword is one example as (summary, value)."""
    examples = {name: {"summary": summary, "value": value} for name, (summary, value) in shown.items()}
    found: dict[str, Any] = {"description": description, "content": {"application/json": {"examples": examples}}}
    if model is not None:
        found["model"] = model
    if headers is not None:
        found["headers"] = headers
    return found


def header(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


LOCATION = header("the restaurant, or the assignment while it runs", f"/api/assignments/{ASSIGNMENT_ID}")

REPLAYED = {"Idempotent-Replayed": header("`true` where the same Idempotency-Key was answered before", "true")}
CREATED_HEADERS = {"Location": LOCATION} | REPLAYED

ASYNC_HEADERS = CREATED_HEADERS | {"Preference-Applied": header("what was asked by `Prefer`", "respond-async")}


def step(name: str, detail: str | None, carrier: str | None = None, **changes: Any) -> dict[str, Any]:
    done = {"status": "done", "attempt": 1, "started_at": MOMENT, "duration_ms": 140, "detail": detail}
    return {"name": name, "carrier": carrier, **done, **changes}


CURSOR = "cnN0XzBkbTJwOHYxeGs0dDlyM3E"

REFUSED: tuple[TrunklineError, ...] = (
    Unauthorized("X-Vapi-Secret is missing", hint="send X-Vapi-Secret with VAPI_SECRET_KEY of the server"),
    Forbidden("a restaurant's key reads its own data and nothing else", hint="send the operator's secret"),
)

MALFORMED: tuple[TrunklineError, ...] = (
    MalformedRequest("the body is not JSON", hint="check quotes and commas"),
    PayloadTooLarge("the body has more than 64 KB", hint="send less"),
)

BAD_FIELD = InvalidInput("'XX' is not a country", field="country", hint="use a two-letter ISO code like US")
BAD_CURSOR = InvalidInput("this cursor is not one of ours", field="cursor", hint="use next_cursor of the page before")
BAD_REASON = InvalidInput("reason has more than 500 characters", field="reason", hint="write it shorter")
BAD_NUMBER = InvalidInput("'12' is not a phone number", field="number", hint="write it like +14155550123")

KEY_REUSED = IdempotencyMismatch(
    "this Idempotency-Key was used with another body", hint="use a new key for a new request"
)

SAME_NAME = Conflict(
    f"several restaurants are called Roma: {RESTAURANT_ID}, {OTHER_ID}", hint="name one of them by its id"
)
NO_RESTAURANT: tuple[TrunklineError, ...] = (
    NotFound(f"there is no restaurant {RESTAURANT_ID}", hint="GET /api/restaurants lists them"),
    SAME_NAME,
)

RUNNING = AssignmentRunning(
    f"assignment {ASSIGNMENT_ID} of this restaurant has not ended", hint=f"GET /api/assignments/{ASSIGNMENT_ID}"
)

HAS_NUMBER = AlreadyAssigned(f"the restaurant has {NUMBER}", hint="release the number first if it should get another")
NO_CARRIER = CarrierNotConfigured("telnyx is not configured", hint="set the keys of a carrier and CARRIERS")

CARRIER_PROBLEMS: tuple[TrunklineError, ...] = (
    ActionRequired("twilio refused our credentials (401)", hint="check the twilio keys in the settings"),
    RetryLater("twilio cannot be reached (search)"),
)


def operation(
    operation_id: str, *, summary: str, description: str, responses: dict[int | str, dict[str, Any]]
) -> dict[str, Any]:
    """What the decorator of an endpoint is given of the operation that the document shows."""
    return {
        "operation_id": operation_id,
        "summary": summary,
        "description": description,
        "responses": responses,
    }
