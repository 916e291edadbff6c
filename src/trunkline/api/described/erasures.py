"""Erasures, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    BAD_REASON,
    MALFORMED,
    NO_RESTAURANT,
    REFUSED,
    RESTAURANT_ID,
    answered,
    documented,
    operation,
)
from trunkline.errors import Conflict, InvalidInput

CALLERS: dict[str, Any] = {"one": {"summary": "A caller", "value": {"caller": "+14155550142"}}}
NO_CALLER = InvalidInput("'12' is not a phone number", field="caller", hint="write it with country code")
LIVES = Conflict(f"restaurant {RESTAURANT_ID} was not deleted", hint="delete it first: its number then cools down")

ERASE_RESTAURANT = operation(
    "eraseRestaurant",
    summary="Erase what is known of a deleted restaurant",
    description="Its name, ids, metadata, callers, and who called it. That it had a number, and when, stays.",
    responses={
        200: answered("Erased.", one=("It had seven calls", {"id": RESTAURANT_ID, "calls": 7})),
        **documented(*REFUSED, BAD_REASON, *NO_RESTAURANT, LIVES),
    },
)

ERASE_CALLER = operation(
    "eraseCaller",
    summary="Erase a caller's number",
    description="Of all calls, and of the restaurants that had registered it. That somebody called, and when, stays.",
    responses={
        200: answered("Erased.", one=("Seven calls", {"calls": 7, "registrations": 1})),
        **documented(*REFUSED, BAD_REASON, *MALFORMED, NO_CALLER),
    },
)
