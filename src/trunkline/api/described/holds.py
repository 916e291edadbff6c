"""Holds of offers, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    BAD_NUMBER,
    BAD_REASON,
    CARRIER_PROBLEMS,
    MALFORMED,
    NO_CARRIER,
    NUMBER,
    REFUSED,
    answered,
    documented,
    operation,
)
from trunkline.api.described.numbers import OFFER
from trunkline.api.described.stock import GONE, OWNED
from trunkline.errors import CannotHold, NotFound

HOLD: dict[str, Any] = {
    "offer": OFFER | {"carrier": "telnyx", "monthly_price": "1.00"},
    "held_until": "2026-03-02T17:30:06.410000Z",
    "carrier_until": "2026-03-02T17:50:06.410000Z",
}
HOLDS: dict[str, Any] = {
    "any": {"summary": "Whoever sells it", "value": {}},
    "telnyx": {"summary": "At Telnyx", "value": {"carrier": "telnyx"}},
}
UNABLE = CannotHold(
    f"twilio sells {NUMBER} and cannot hold it", hint="hold a number of telnyx, or buy this one: POST /api/numbers"
)
NO_PATH = NotFound("there is no such path")
NOT_HELD = NotFound(f"{NUMBER} is not held", hint=f"POST /api/numbers/{NUMBER}/hold")

HOLD_NUMBER = operation(
    "holdNumber",
    summary="Hold a number that is for sale",
    description=(
        "For ten minutes it is bought for nobody but who names it: `phone_number` of a restaurant, or "
        "POST /api/numbers. Its carrier keeps it from its other customers meanwhile. Nothing is bought or paid. "
        "Repeating the request prolongs it."
    ),
    responses={
        200: answered("It is held.", held=("For ten minutes", HOLD)),
        **documented(*REFUSED, *MALFORMED, BAD_NUMBER, NO_PATH, NO_CARRIER, OWNED, GONE, UNABLE, *CARRIER_PROBLEMS),
    },
)

GET_HOLD = operation(
    "getHold",
    summary="Read the hold of a number",
    description="Who sells it at which price, and until when it is held.",
    responses={
        200: answered("It is held.", held=("For ten minutes", HOLD)),
        **documented(*REFUSED, BAD_NUMBER, NOT_HELD),
    },
)

END_HOLD = operation(
    "endHold",
    summary="End the hold of a number",
    description="It may be bought for anybody again. Its carrier keeps it for this account for as long as it said.",
    responses={
        200: answered("It is held no more.", ended=("Ended now", HOLD | {"held_until": "2026-03-02T17:24:00Z"})),
        **documented(*REFUSED, BAD_REASON, BAD_NUMBER, NOT_HELD),
    },
)
