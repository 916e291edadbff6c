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

LIST_CALLS = operation(
    "listCalls",
    summary="List calls",
    description="Of all restaurants and of nobody's numbers, newest first.",
    responses={
        200: answered("A page.", page=("The last page", PAGE)),
        **documented(*REFUSED, BAD_CURSOR),
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
