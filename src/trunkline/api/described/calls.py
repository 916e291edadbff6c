"""Calls, as the document shows them."""

from __future__ import annotations

from trunkline.api.described import (
    BAD_CURSOR,
    NO_RESTAURANT,
    NUMBER,
    REFUSED,
    RESTAURANT_ID,
    answered,
    documented,
    operation,
)
from trunkline.errors import InvalidInput, NotFound

EXAMPLE = {
    "id": "0195d1c4-8c1f-7aa2-9f6e-3f0a8f1c2b7d",
    "restaurant_id": RESTAURANT_ID,
    "former": False,
    "caller": "+14155550142",
    "called": NUMBER,
    "status": "ended",
    "ended_reason": "customer-ended-call",
    "started_at": "2026-03-02T18:00:01Z",
    "ended_at": "2026-03-02T18:01:31Z",
    "duration_seconds": "90",
    "cost": "0.0912",
    "currency": "USD",
    "reported": True,
    "first_seen_at": "2026-03-02T18:00:01.310000Z",
}

PAGE = {"items": [EXAMPLE], "next_cursor": None}

EXPLANATION = {
    "call": EXAMPLE,
    "holders": [
        {
            "restaurant_id": RESTAURANT_ID,
            "name": "Chez Panisse",
            "since": "2026-03-02T17:20:58.420000Z",
            "ended_at": None,
            "registered_caller": False,
        }
    ],
    "because": f"{NUMBER} was Chez Panisse's",
}
BAD_UNTIL = InvalidInput("until is not after since", field="until", hint="give a later one")
NO_CALL = NotFound("there is no call 0195d1c4", hint="GET /api/calls lists them")

LIST_CALLS = operation(
    "listCalls",
    summary="List calls",
    description="Of all restaurants and of nobody's numbers, newest first.",
    responses={
        200: answered("A page.", page=("The last page", PAGE)),
        **documented(*REFUSED, BAD_CURSOR, BAD_UNTIL),
    },
)

EXPLAIN_CALL = operation(
    "explainCall",
    summary="Why a call went where it went",
    description="Who had the called number when the call came, and what decided between them.",
    responses={
        200: answered("The explanation.", one=("The number was one restaurant's", EXPLANATION)),
        **documented(*REFUSED, NO_CALL),
    },
)

LIST_CALLS_OF_RESTAURANT = operation(
    "listCallsOfRestaurant",
    summary="List a restaurant's calls",
    description="Newest first, also of a restaurant that is deleted, and of callers who dial its former number.",
    responses={
        200: answered("A page.", page=("The last page", PAGE)),
        **documented(*REFUSED, BAD_CURSOR, *NO_RESTAURANT),
    },
)
