"""Plans of reconciling, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    BAD_CURSOR,
    BEGAN,
    CURSOR,
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
from trunkline.api.shapes.reconcile import ReconcilePlan
from trunkline.errors import Conflict, InvalidInput, NotFound

PLAN_ID = "pln_0dm43c8fhw2q7r5n"

BODIES: dict[str, Any] = {
    "repair": {"summary": "Repairs alone", "value": {}},
    "buy": {"summary": "And other numbers for those that are gone", "value": {"buy": True}},
    "release": {"summary": "And giving back what nobody needs", "value": {"release": True}},
}

PLAN: dict[str, Any] = {
    "id": PLAN_ID,
    "status": "differs",
    "checksum": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "changes": 2,
    "counts": {"orphan": 1, "misrouted": 1, "foreign": 3},
    "monthly": {"USD": "-1.15"},
    "lists": [
        {"provider": "twilio", "read": 240, "whole": True, "doubt": None, "hint": None},
        {"provider": "voice", "read": 238, "whole": True, "doubt": None, "hint": None},
    ],
    "policy": {"buy": False, "release": True, "force": False},
    "watched": False,
    "created_at": BEGAN,
}

DRIFT: dict[str, Any] = {
    "kind": "misrouted",
    "what": "answered in Vapi by something else than we set",
    "provider": "twilio",
    "number": NUMBER,
    "restaurant_id": RESTAURANT_ID,
    "carrier_says": "held",
    "voice_says": "answered by nothing",
    "books_say": "in service, 1.15 USD a month",
    "since": BEGAN,
    "change": "connect",
    "mend": "point it at what is to answer",
    "monthly": None,
    "currency": None,
    "left_alone": None,
}

BAD_BODY = InvalidInput("buy must be true or false", field="buy")
NO_PLAN = NotFound(f"there is no plan {PLAN_ID}", hint="GET /api/reconcile/plans lists them")
TOO_MANY = Conflict(
    "31 numbers would be given back, of 240 in the books; more than 24 at once are forced",
    hint="look at the plan without release first; then: --force",
)


MAKE_PLAN = operation(
    "makePlan",
    summary="Compare carriers, Vapi and our tables",
    description=(
        "Reads the pages of all lists, and says what differs and what would mend it. Changes nothing outside. A list "
        "that cannot be read to its end, is of another account, or lacks suddenly more than half of our numbers is not "
        "believed: nothing is concluded from it, nothing of that provider is changed, and the status is `failed`."
    ),
    responses={
        201: answered(
            "The plan, which is kept.",
            model=ReconcilePlan,
            made=("Two drifts would be mended", PLAN),
            headers={"Location": header("the plan", f"/api/reconcile/plans/{PLAN_ID}")} | REPLAYED,
        ),
        **documented(
            *REFUSED, *MALFORMED, InvalidInput("buy must be true or false", field="buy"), KEY_REUSED, TOO_MANY
        ),
    },
)

LIST_PLANS = operation(
    "listPlans",
    summary="List plans",
    description="Newest first, those of the watch among them.",
    responses={
        200: answered("A page.", page=("One plan", {"items": [PLAN], "next_cursor": CURSOR})),
        **documented(*REFUSED, BAD_CURSOR),
    },
)

GET_PLAN = operation(
    "getPlan",
    summary="Read a plan",
    description="As it was shown when it was made.",
    responses={200: answered("The plan.", plan=("It differs", PLAN)), **documented(*REFUSED, NO_PLAN)},
)

LIST_DRIFTS = operation(
    "listDrifts",
    summary="List the drifts of a plan",
    description="In the plan's order: what each side says, since when, and the change that would mend it.",
    responses={
        200: answered("A page.", page=("One drift", {"items": [DRIFT], "next_cursor": CURSOR})),
        **documented(*REFUSED, NO_PLAN, BAD_CURSOR),
    },
)
