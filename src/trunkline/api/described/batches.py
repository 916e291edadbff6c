"""Batches, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    ASSIGNMENT_ID,
    BAD_CURSOR,
    BAD_FIELD,
    BAD_REASON,
    BEGAN,
    CARRIER_PROBLEMS,
    CURSOR,
    ENDED,
    KEY_REUSED,
    MALFORMED,
    NUMBER,
    OTHER_ID,
    REFUSED,
    REPLAYED,
    RESTAURANT_ID,
    answered,
    documented,
    header,
    operation,
)
from trunkline.api.shapes.batches import Batch, Plan
from trunkline.errors import Conflict, InvalidInput, NotFound

BATCH_ID = "bat_0dm2r7h1kq3w9v4m"

NEW_BATCHES: dict[str, Any] = {
    "all": {"summary": "Every restaurant without a number", "value": {}},
    "plan": {
        "summary": "What ten numbers of Twilio's would cost",
        "value": {"carrier": "twilio", "limit": 10, "dry_run": True},
    },
}

PLAN = {
    "restaurants": 10,
    "reused": 2,
    "bought": 8,
    "shared": 0,
    "short": 0,
    "beyond_budget": 0,
    "monthly_price": "9.20",
    "currency": "USD",
    "carrier": "twilio",
    "purchases": [
        {"carrier": "twilio", "numbers": 8, "monthly_price": "9.20", "upfront_price": "0.00", "currency": "USD"}
    ],
    "asked": [{"criteria": {}, "restaurants": 7}, {"criteria": {"area_code": "415"}, "restaurants": 3}],
    "notes": [],
}

COUNTS = {"queued": 3, "running": 2, "assigned": 4, "unassigned": 1, "failed": 0, "cancelled": 0}

BATCH: dict[str, Any] = {
    "id": BATCH_ID,
    "status": "running",
    "message": None,
    "hint": None,
    "request": {"search": None, "include_shared": False, "limit": 10, "force_twilio": False, "carrier": "twilio"},
    "total": 10,
    "counts": COUNTS,
    "sources": {"existing": 0, "owned": 2, "purchased": 2, "shared": 0},
    "costs": [{"monthly_price": "2.30", "currency": "USD"}],
    "rate_per_second": 2.5,
    "eta_seconds": 2.0,
    "created_at": BEGAN,
    "ended_at": None,
}

BATCH_DONE = BATCH | {
    "status": "done",
    "counts": COUNTS | {"queued": 0, "running": 0, "assigned": 9},
    "sources": {"existing": 0, "owned": 2, "purchased": 7, "shared": 0},
    "costs": [{"monthly_price": "8.05", "currency": "USD"}],
    "rate_per_second": None,
    "eta_seconds": None,
    "ended_at": ENDED,
}

BATCH_CANCELLED = BATCH | {"status": "cancelled", "counts": COUNTS | {"queued": 0, "cancelled": 3}}
BATCH_PAGE = {"items": [BATCH], "next_cursor": None}

ITEM: dict[str, Any] = {
    "restaurant_id": RESTAURANT_ID,
    "restaurant_name": "My Restaurant",
    "status": "assigned",
    "reason": None,
    "message": f"{NUMBER} is in service",
    "assignment_id": ASSIGNMENT_ID,
    "phone_number": NUMBER,
    "source": "purchased",
    "monthly_price": "1.15",
    "currency": "USD",
    "updated_at": ENDED,
}

ITEM_UNASSIGNED = ITEM | {
    "restaurant_id": OTHER_ID,
    "restaurant_name": "Chez Panisse",
    "status": "unassigned",
    "reason": "no_numbers_found",
    "message": "twilio has no number for sale for area_code 415",
    "phone_number": None,
    "source": None,
    "monthly_price": None,
    "currency": None,
}

ITEM_PAGE = {"items": [ITEM, ITEM_UNASSIGNED], "next_cursor": CURSOR}
EVENTS = f"""id: {ENDED}
event: item
data: {{"restaurant_id": "{RESTAURANT_ID}", "restaurant_name": "My Restaurant", "status": "assigned", ...}}

event: progress
data: {{"id": "{BATCH_ID}", "status": "running", "counts": {{"queued": 3, ...}}, ...}}

event: end
data: {{"id": "{BATCH_ID}", "status": "done", ...}}
"""

NO_MATCH = InvalidInput("no restaurant matches", field="search", hint="restaurants without a number are served")
NO_BATCH = NotFound(f"there is no batch {BATCH_ID}", hint="GET /api/batches lists them")
NOT_RUNNING = Conflict("the batch is cancelled", hint="only a running batch can be cancelled")
IS_RUNNING = Conflict("the batch is running", hint=f"watch it at GET /api/batches/{BATCH_ID}")

START_BATCH = operation(
    "startBatch",
    summary="Get numbers for many restaurants",
    description=(
        "For all that have none, or those that match. The batch is durable: after a crash it goes on by "
        "itself. With `dry_run` it only says what it would do, and what that would cost."
    ),
    responses={
        200: answered("What it would do.", model=Plan, plan=("Two are reused", PLAN)),
        202: answered(
            "It has begun.",
            model=Batch,
            begun=("It has begun", BATCH),
            headers={"Location": header("the batch", f"/api/batches/{BATCH_ID}")} | REPLAYED,
        ),
        **documented(
            *REFUSED,
            *MALFORMED,
            BAD_FIELD,
            NO_MATCH,
            KEY_REUSED,
            *CARRIER_PROBLEMS,
        ),
    },
)

LIST_BATCHES = operation(
    "listBatches",
    summary="List batches",
    description="Newest first.",
    responses={
        200: answered("A page.", page=("The last page", BATCH_PAGE)),
        **documented(*REFUSED, BAD_CURSOR),
    },
)

GET_BATCH = operation(
    "getBatch",
    summary="Read a batch",
    description="How far it is, at which rate, and what it has bought. Ask again while its status is `running`.",
    responses={
        200: answered("The batch.", running=("It runs", BATCH), done=("It is done", BATCH_DONE)),
        **documented(*REFUSED, NO_BATCH),
    },
)

LIST_BATCH_ITEMS = operation(
    "listBatchItems",
    summary="List a batch's restaurants",
    description="In the order in which they are served.",
    responses={
        200: answered("A page.", page=("One without a number", ITEM_PAGE)),
        **documented(*REFUSED, BAD_CURSOR, NO_BATCH),
    },
)

CANCEL_BATCH = operation(
    "cancelBatch",
    summary="Stop a batch",
    description=(
        "Nothing more is bought: what is queued is cancelled, what runs stops before its purchase. What was "
        "bought already is put in service."
    ),
    responses={
        200: answered("It is cancelled.", cancelled=("It is cancelled", BATCH_CANCELLED)),
        **documented(*REFUSED, BAD_REASON, NO_BATCH, NOT_RUNNING),
    },
)

RESUME_BATCH = operation(
    "resumeBatch",
    summary="Go on with a batch",
    description="With what was cancelled; once it is done, with those that got no number.",
    responses={
        202: answered("It goes on.", running=("It goes on", BATCH), headers=REPLAYED),
        **documented(*REFUSED, NO_BATCH, IS_RUNNING, KEY_REUSED),
    },
)

WATCH_BATCH = operation(
    "watchBatch",
    summary="Watch a batch",
    description=(
        "Server-sent events: `item` for each restaurant that ended (the body of an item), `progress` with the batch "
        "whenever it changed, and `end` with the batch when it is cancelled or done, after which the stream ends. "
        "Begins with everything that ended so far; `Last-Event-ID` goes on from there, and may repeat an item."
    ),
    responses={
        200: {"description": "The events.", "content": {"text/event-stream": {"example": EVENTS}}},
        **documented(*REFUSED, NO_BATCH),
    },
)
