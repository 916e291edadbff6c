"""Plans that are carried out, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    BAD_CURSOR,
    BEGAN,
    CARRIER_PROBLEMS,
    CURSOR,
    ENDED,
    KEY_REUSED,
    MALFORMED,
    NUMBER,
    REFUSED,
    REPLAYED,
    RESTAURANT_ID,
    answered,
    documented,
    header,
    operation,
)
from trunkline.api.described.reconcile import PLAN_ID
from trunkline.errors import Conflict, InvalidInput, NotFound, PlanChanged

APPLY_ID = "apl_0dm43d1kzt6v9x2p"
CHECKSUM = "5f2b1c7e9d3a4860b1f7c2d4e6a8905b7c3d1e2f4a6b8c0d9e7f5a3b1c2d4e6f"

BODIES: dict[str, Any] = {
    "repairs": {"summary": "Repairs alone", "value": {"checksum": CHECKSUM}},
    "everything": {
        "summary": "Numbers are bought and given back, too",
        "value": {
            "checksum": CHECKSUM,
            "buy": True,
            "release": True,
            "confirm": "k3m9x2",
            "reason": "after the account was moved",
        },
    },
}

APPLY: dict[str, Any] = {
    "id": APPLY_ID,
    "plan_id": PLAN_ID,
    "status": "running",
    "total": 40,
    "counts": {"queued": 12, "running": 4, "done": 23, "skipped": 1, "failed": 0},
    "reason": "after the account was moved",
    "message": None,
    "hint": None,
    "created_at": BEGAN,
    "ended_at": None,
}
DONE = APPLY | {
    "status": "done",
    "counts": {"queued": 0, "running": 0, "done": 39, "skipped": 1, "failed": 0},
    "ended_at": ENDED,
}
CANCELLED = APPLY | {"status": "cancelled", "ended_at": ENDED}

ITEM: dict[str, Any] = {
    "seq": 0,
    "kind": "missing_in_vapi",
    "change": "import_again",
    "number": NUMBER,
    "provider": "twilio",
    "restaurant_id": RESTAURANT_ID,
    "status": "done",
    "message": f"{NUMBER} imported again",
    "updated_at": ENDED,
}
SKIPPED = ITEM | {
    "seq": 1,
    "kind": "orphan",
    "change": "release",
    "restaurant_id": None,
    "status": "skipped",
    "message": f"{NUMBER} is about to be put in service",
}
ITEM_PAGE = {"items": [ITEM, SKIPPED], "next_cursor": CURSOR}

NO_PLAN = NotFound(f"there is no plan {PLAN_ID}")
NO_APPLY = NotFound(f"there is no run {APPLY_ID}", hint="POST /api/reconcile/plans/{id}/apply starts one")
NOT_LEFT = InvalidInput("the plan gives 3 numbers back", field="release", hint="read it, then say release and confirm")
CHANGED = PlanChanged(
    "what differs now is not what the plan shows: 1 change more, 0 less",
    differences=(f"+ release {NUMBER} at twilio (orphan)",),
    hint=f"read the new plan: GET /api/reconcile/plans/{PLAN_ID}",
)
SECOND = Conflict(f"the plan is applied by {APPLY_ID}", hint=f"GET /api/reconcile/applies/{APPLY_ID}")
NOT_RUNNING = Conflict("the run is done", hint="only a running one can be cancelled")
IS_RUNNING = Conflict("the run is under way", hint=f"watch it at GET /api/reconcile/applies/{APPLY_ID}")

APPLY_PLAN = operation(
    "applyPlan",
    summary="Carry a plan out",
    description=(
        "As it was shown: it is made anew first; where it would be another one now, `differences` says how, and "
        "nothing is done. Each change looks before it acts, and is skipped where it does not apply any more. Durable: "
        "after a crash it goes on. A plan is applied once, and one at a time. Nothing is bought or given back unless "
        "`buy` or `release` says so."
    ),
    responses={
        202: answered(
            "It has begun.",
            begun=("It has begun", APPLY),
            headers={"Location": header("the run", f"/api/reconcile/applies/{APPLY_ID}")} | REPLAYED,
        ),
        **documented(*REFUSED, *MALFORMED, NO_PLAN, NOT_LEFT, KEY_REUSED, CHANGED, SECOND, *CARRIER_PROBLEMS),
    },
)

GET_APPLY = operation(
    "getApply",
    summary="Read how far a plan is carried out",
    description="Ask again while its status is `running`.",
    responses={
        200: answered("The run.", running=("It runs", APPLY), done=("It is done", DONE)),
        **documented(*REFUSED, NO_APPLY),
    },
)

LIST_APPLY_ITEMS = operation(
    "listApplyItems",
    summary="List what became of a plan's changes",
    description="In the plan's order.",
    responses={
        200: answered("A page.", page=("One was skipped", ITEM_PAGE)),
        **documented(*REFUSED, BAD_CURSOR, NO_APPLY),
    },
)

CANCEL_APPLY = operation(
    "cancelApply",
    summary="Stop carrying a plan out",
    description="No further change is begun. What was done stays done.",
    responses={
        200: answered("It is cancelled.", cancelled=("It is cancelled", CANCELLED)),
        **documented(*REFUSED, NO_APPLY, NOT_RUNNING),
    },
)

RESUME_APPLY = operation(
    "resumeApply",
    summary="Go on carrying a plan out",
    description="With what was left, and with what failed. Each change looks anew.",
    responses={
        202: answered("It goes on.", running=("It goes on", APPLY), headers=REPLAYED),
        **documented(*REFUSED, NO_APPLY, IS_RUNNING, KEY_REUSED),
    },
)
