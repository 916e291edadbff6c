"""How the operations on costs are described."""

from __future__ import annotations

from trunkline.api.described import (
    BAD_CURSOR,
    ENDED,
    NUMBER,
    REFUSED,
    RESTAURANT_ID,
    answered,
    documented,
    operation,
)

COSTS = {
    "at": ENDED,
    "totals": [
        {
            "currency": "USD",
            "numbers": 12,
            "monthly": "13.80",
            "idle_monthly": "2.30",
            "new_numbers": 3,
            "new_monthly": "3.45",
            "upfront": "0",
        }
    ],
    "lines": [
        {"carrier": "twilio", "state": "idle", "currency": "USD", "numbers": 2, "monthly": "2.30"},
        {"carrier": "twilio", "state": "in_service", "currency": "USD", "numbers": 10, "monthly": "11.50"},
        {"carrier": "byo", "state": "in_service", "currency": None, "numbers": 1, "monthly": "0"},
    ],
    "unpriced": 1,
}

RESTAURANT_COST_PAGE = {
    "items": [
        {
            "id": RESTAURANT_ID,
            "name": "Chez Panisse",
            "phone_number": NUMBER,
            "carrier": "twilio",
            "monthly_price": "1.15",
            "currency": "USD",
            "shared_by": 1,
        }
    ],
    "next_cursor": None,
}

GET_COSTS = operation(
    "getCosts",
    summary="Read what the numbers cost",
    description="What every number that is paid for costs a month, by carrier, state and currency, and what was bought "
    "since the month began. Prices that nobody has told are asked for at the carrier once a day.",
    responses={200: answered("The costs.", one=("Two carriers", COSTS)), **documented(*REFUSED)},
)

LIST_RESTAURANT_COSTS = operation(
    "listRestaurantCosts",
    summary="List what each restaurant's number costs",
    description="Oldest restaurant first.",
    responses={
        200: answered("A page.", page=("One restaurant", RESTAURANT_COST_PAGE)),
        **documented(*REFUSED, BAD_CURSOR),
    },
)
