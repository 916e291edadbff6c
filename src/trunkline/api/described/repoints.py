"""Pointing numbers right, as the document shows it."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    BAD_REASON,
    BEGAN,
    ENDED,
    KEY_REUSED,
    MALFORMED,
    NUMBER,
    REFUSED,
    REPLAYED,
    answered,
    documented,
    header,
    operation,
)
from trunkline.api.shapes.repoints import Drift, Repoint
from trunkline.errors import ActionRequired, Conflict, InvalidInput, NotFound, RetryLater

REPOINT_ID = "rpt_0dm43c8fhw2q7r5n"

BODIES: dict[str, Any] = {
    "go": {"summary": "Point them right", "value": {}},
    "look": {"summary": "Only look", "value": {"dry_run": True}},
}

DRIFT = {
    "routing": "server",
    "in_service": 240,
    "right": 12,
    "wrong": 227,
    "missing": 0,
    "left_alone": 1,
    "left_alone_numbers": [NUMBER],
}

BEGUN: dict[str, Any] = {
    "id": REPOINT_ID,
    "status": "running",
    "total": 0,
    "moved": 0,
    "left_alone": 0,
    "failed": 0,
    "message": None,
    "created_at": BEGAN,
    "ended_at": None,
}

DONE = BEGUN | {
    "status": "done",
    "total": 228,
    "moved": 227,
    "left_alone": 1,
    "message": f"1 serve somebody else in Vapi: {NUMBER}",
    "ended_at": ENDED,
}

BAD_BODY = InvalidInput("dry_run must be true or false", field="dry_run")
RUNNING = Conflict("numbers are being re-pointed already", hint="wait for the end of that run")

VAPI_PROBLEMS = (
    ActionRequired("Vapi refused our key", hint="set VAPI_API_KEY to the organisation's private key"),
    RetryLater("vapi cannot be reached (numbers)"),
)

REPOINT_NUMBERS = operation(
    "repointNumbers",
    summary="Point numbers at what is to answer them",
    description=(
        "After a change of the assistant, VAPI_ROUTING, PUBLIC_BACKEND_URL or VAPI_SECRET_KEY: every number in service "
        "that something else of ours answers; one that was deleted in Vapi is imported again. Numbers that serve "
        "somebody else are left alone. Durable: after a crash it goes on by itself."
    ),
    responses={
        200: answered("What it would do.", model=Drift, drift=("Most are to be moved", DRIFT)),
        202: answered(
            "It has begun.",
            model=Repoint,
            begun=("It has begun", BEGUN),
            headers={"Location": header("the run", f"/api/repoints/{REPOINT_ID}")} | REPLAYED,
        ),
        **documented(*REFUSED, BAD_REASON, *MALFORMED, BAD_BODY, KEY_REUSED, RUNNING, *VAPI_PROBLEMS),
    },
)

GET_REPOINT = operation(
    "getRepoint",
    summary="Read a run that re-points numbers",
    description="Ask again while its status is `running`.",
    responses={
        200: answered("The run.", done=("It is done", DONE)),
        **documented(*REFUSED, NotFound(f"there is no run {REPOINT_ID}")),
    },
)
