"""Debts, as the document shows them."""

from __future__ import annotations

from trunkline.api.described import (
    ASSIGNMENT_ID,
    BAD_CURSOR,
    ENDED,
    NUMBER,
    REFUSED,
    RESTAURANT_ID,
    answered,
    documented,
    operation,
)

DEBT = {
    "id": "dbt_0dm2q0e5wn8b3x7k",
    "kind": "bought_not_imported",
    "owed": "import a number that was paid for into Vapi",
    "subject": NUMBER,
    "restaurant_id": RESTAURANT_ID,
    "run_id": ASSIGNMENT_ID,
    "since": ENDED,
    "tries": 3,
    "reason": "vapi answered 503",
    "next_try_at": "2026-03-02T17:21:06.410000Z",
}

DEBT_PAGE = {"items": [DEBT], "next_cursor": None}

LIST_DEBTS = operation(
    "listDebts",
    summary="List what is owed",
    description="Oldest first. Each is worked off by itself, and stays here until it is settled.",
    responses={
        200: answered("A page.", page=("One number waits for Vapi", DEBT_PAGE)),
        **documented(*REFUSED, BAD_CURSOR),
    },
)
