"""Budgets, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    BAD_CURSOR,
    MALFORMED,
    NO_RESTAURANT,
    REFUSED,
    RESTAURANT_ID,
    answered,
    documented,
    operation,
)
from trunkline.errors import Conflict, InvalidInput, NotFound

FOR_ALL: dict[str, Any] = {
    "budget": "all",
    "kind": "all",
    "name": None,
    "max_numbers": 200,
    "max_monthly_price": "250.00",
    "max_purchases": None,
    "max_spending": None,
    "currency": "USD",
    "used": {"numbers": 180, "monthly_price": "207.00", "purchases": None, "spending": None},
    "percent": 90.0,
    "unpriced": 0,
}
FOR_ONE = FOR_ALL | {
    "budget": RESTAURANT_ID,
    "kind": "restaurant",
    "name": "Chez Panisse",
    "max_numbers": None,
    "max_monthly_price": None,
    "max_purchases": 2,
    "currency": None,
    "used": {"numbers": None, "monthly_price": None, "purchases": 1, "spending": None},
    "percent": 50.0,
}
LIMITS: dict[str, Any] = {
    "held": {
        "summary": "What is held at once",
        "value": {"max_numbers": 200, "max_monthly_price": "250.00", "currency": "USD"},
    },
    "month": {"summary": "What is bought in a month", "value": {"max_purchases": 20, "max_spending": "50.00"}},
}
NO_BUDGET = NotFound("all has no budget", hint="GET /api/budgets lists those that there are")
STRANGE = InvalidInput(
    "numbers are paid for in USD, and nothing says what USD is worth in EUR",
    field="currency",
    hint="write the limits in USD, or set BUDGET_RATES: what one of each is worth in USD",
)
RAISES_ITSELF = Conflict(
    "key_0dm2p8v1xk4t9r3q may raise budgets and make keys: one of its own would not bind it",
    hint="give it to a key without keys:write: trunkline keys create",
)
RULE = (
    "Each purchase is checked against every budget that binds it, in the transaction that writes its intent: what is "
    "being bought counts, and counts no more once it came to nothing. A purchase that a limit refuses ends with the "
    "reason `budget_exceeded`."
)

LIST_BUDGETS = operation(
    "listBudgets",
    summary="List the budgets",
    description="That for all first, each with what counts against it now.",
    responses={
        200: answered("A page.", page=("Two budgets", {"items": [FOR_ALL, FOR_ONE], "next_cursor": None})),
        **documented(*REFUSED, BAD_CURSOR),
    },
)

GET_BUDGET = operation(
    "getBudget",
    summary="Read a budget",
    description="With what counts against it now.",
    responses={
        200: answered("The budget.", all=("That for all", FOR_ALL)),
        **documented(*REFUSED, *NO_RESTAURANT, NO_BUDGET),
    },
)

SET_BUDGET = operation(
    "setBudget",
    summary="Set a budget",
    description=f"These limits and no others, from the next purchase on; nothing is given back for them. {RULE}",
    responses={
        200: answered("As it is now.", all=("That for all", FOR_ALL)),
        **documented(*REFUSED, *MALFORMED, *NO_RESTAURANT, STRANGE, RAISES_ITSELF),
    },
)

REMOVE_BUDGET = operation(
    "removeBudget",
    summary="Remove a budget",
    description="It limits nothing any more.",
    responses={
        200: answered("As it was.", all=("That for all", FOR_ALL)),
        **documented(*REFUSED, *NO_RESTAURANT, NO_BUDGET),
    },
)
