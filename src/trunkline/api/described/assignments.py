"""Assignments, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    ASSIGNMENT_ID,
    ASYNC_HEADERS,
    BAD_CURSOR,
    BEGAN,
    CREATED_HEADERS,
    ENDED,
    HAS_NUMBER,
    KEY_REUSED,
    MOMENT,
    NUMBER,
    REFUSED,
    RESTAURANT_ID,
    RUNNING,
    answered,
    documented,
    operation,
    step,
)
from trunkline.api.shapes.assignments import Assignment
from trunkline.errors import NotFound

STEPS = [
    step("find_existing", "none of 3 numbers in Vapi is idle"),
    step("check_carrier", "twilio"),
    step("get_credential", "known", "twilio"),
    step("list_owned", "twilio account owns 3, 0 idle", "twilio"),
    step("search", "10 for sale in US", "twilio"),
    step("purchase", f"bought {NUMBER} for 1.15 USD a month", "twilio"),
    step("import_number", f"{NUMBER} is in Vapi as 7ec7b7c3-126b-412a-babf-fd79d002e921", "twilio"),
    step("assign_assistant", "connected in the same request as the import"),
    step("create_mapping", f"{NUMBER} is in service"),
]

ASSIGNMENT_SUMMARY: dict[str, Any] = {
    "id": ASSIGNMENT_ID,
    "restaurant_id": RESTAURANT_ID,
    "status": "assigned",
    "source": "purchased",
    "phone_number": NUMBER,
    "reason": None,
    "message": f"{NUMBER} is in service",
    "hint": None,
    "force_twilio": False,
    "criteria": {},
    "batch_id": None,
    "created_at": BEGAN,
    "started_at": MOMENT,
    "ended_at": ENDED,
}

ASSIGNMENT = ASSIGNMENT_SUMMARY | {"steps": STEPS}
RUNNING_STEPS = [step("find_existing", None, status="running", duration_ms=None)]

ASSIGNMENT_RUNNING = ASSIGNMENT | {
    "status": "running",
    "source": None,
    "phone_number": None,
    "message": None,
    "ended_at": None,
    "steps": RUNNING_STEPS,
}

ASSIGNMENT_UNASSIGNED = ASSIGNMENT_RUNNING | {
    "status": "unassigned",
    "reason": "carrier_not_configured",
    "message": "no number is idle and no carrier is configured",
    "hint": f"set the keys of a carrier and CARRIERS; then POST /api/restaurants/{RESTAURANT_ID}/phone",
    "ended_at": ENDED,
    "steps": [step("find_existing", "none of 0 numbers in Vapi is idle"), step("check_carrier", "no carrier")],
}

ASSIGNMENT_PAGE = {"items": [ASSIGNMENT_SUMMARY], "next_cursor": None}
NO_ASSIGNMENT = NotFound(f"there is no assignment {ASSIGNMENT_ID}")

LIST_ASSIGNMENTS = operation(
    "listAssignments",
    summary="List assignments",
    description="Newest first. A restaurant's key sees its own.",
    responses={
        200: answered("A page.", page=("The last page", ASSIGNMENT_PAGE)),
        **documented(*REFUSED, BAD_CURSOR),
    },
)

GET_ASSIGNMENT = operation(
    "getAssignment",
    summary="Read an assignment",
    description="With its steps; ask again while its status is `running`.",
    responses={
        200: answered(
            "The assignment.",
            assigned=("It has ended with a number", ASSIGNMENT),
            running=("It goes on", ASSIGNMENT_RUNNING),
            unassigned=("It has ended without", ASSIGNMENT_UNASSIGNED),
        ),
        **documented(*REFUSED, NO_ASSIGNMENT),
    },
)

RETRY_ASSIGNMENT = operation(
    "retryAssignment",
    summary="Ask again for what an assignment asked for",
    description="Starts a new assignment with the same wish, and waits as `assignPhone` does.",
    responses={
        201: answered(
            "The new assignment has ended, or goes on.",
            assigned=("It has ended with a number", ASSIGNMENT),
            headers=CREATED_HEADERS,
        ),
        202: answered(
            "The new assignment has just begun.",
            model=Assignment,
            running=("Asked not to wait", ASSIGNMENT_RUNNING),
            headers=ASYNC_HEADERS,
        ),
        **documented(*REFUSED, NO_ASSIGNMENT, RUNNING, HAS_NUMBER, KEY_REUSED),
    },
)
