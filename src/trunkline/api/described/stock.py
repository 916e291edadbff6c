"""Buying for stock, as the document shows it."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    BAD_FIELD,
    BAD_NUMBER,
    CARRIER_PROBLEMS,
    KEY_REUSED,
    MALFORMED,
    NO_CARRIER,
    NUMBER,
    REFUSED,
    REPLAYED,
    answered,
    documented,
    header,
    operation,
)
from trunkline.api.described.numbers import NUMBER_DETAIL, OFFER
from trunkline.api.shapes.numbers import NumberDetail, Offer
from trunkline.errors import Conflict, Foreign, NotFound, OfferGone, OutcomeUnknown

IDLE: dict[str, Any] = NUMBER_DETAIL | {"state": "idle", "restaurants": [], "mappings": []}
OWNED = Conflict(f"{NUMBER} is ours already", hint=f"GET /api/numbers/{NUMBER}")
IN_USE = Conflict(f"{NUMBER} is in service", hint=f"GET /api/numbers/{NUMBER}")
GONE = OfferGone(f"{NUMBER} is not for sale", hint="search again: GET /api/numbers/search")

UNKNOWN = OutcomeUnknown(
    f"twilio closed the connection (buy); whether {NUMBER} was bought is not known yet",
    hint="nothing: it is found out by itself; GET /api/debts shows it until then",
)

NOT_HELD = NotFound(f"the account at twilio does not hold {NUMBER}", hint="buy it: POST /api/numbers")
USED = Foreign(f"{NUMBER} is used by example.com (calls)", hint="take that off it at twilio first")

PURCHASES: dict[str, Any] = {
    "price": {"summary": "Who sells it, at which price", "value": {"number": NUMBER, "dry_run": True}},
    "buy": {"summary": "Buy it at Twilio", "value": {"number": NUMBER, "carrier": "twilio"}},
    "agreed": {
        "summary": "Buy it for no more than this",
        "value": {"number": NUMBER, "agreed": {"max_monthly_price": "1.15", "currency": "USD"}},
    },
}

IMPORTS: dict[str, Any] = {
    "any": {"summary": "Whichever carrier holds it", "value": {}},
    "twilio": {"summary": "From the Twilio account", "value": {"carrier": "twilio"}},
}

BUY_NUMBER = operation(
    "buyNumber",
    summary="Buy a number for stock",
    description=(
        "One exact number, once, for no restaurant: it is idle, and the next assignment that it suits uses it. "
        "Repeating the request buys nothing twice."
    ),
    responses={
        200: answered(
            "Who sells it, or the number that is ours already.",
            model=NumberDetail | Offer,
            offer=("For sale", OFFER),
            ours=("Ours already", NUMBER_DETAIL),
        ),
        201: answered(
            "It is ours.",
            model=NumberDetail,
            bought=("Idle at the carrier", IDLE | {"voice_id": None}),
            headers={"Location": header("the number", f"/api/numbers/{NUMBER}")} | REPLAYED,
        ),
        **documented(
            *REFUSED,
            *MALFORMED,
            BAD_NUMBER,
            NO_CARRIER,
            OWNED,
            GONE,
            UNKNOWN,
            KEY_REUSED,
            *CARRIER_PROBLEMS,
        ),
    },
)

IMPORT_NUMBER = operation(
    "importNumber",
    summary="Take a number over from a carrier's account",
    description=(
        "Imports it into Vapi, for no restaurant: it is idle, and the next assignment that it suits uses it. A "
        "number that something else answers is left alone. May be repeated."
    ),
    responses={
        200: answered("It is in Vapi.", idle=("Idle", IDLE), headers=REPLAYED),
        **documented(
            *REFUSED,
            *MALFORMED,
            BAD_NUMBER,
            NOT_HELD,
            NO_CARRIER,
            IN_USE,
            USED,
            KEY_REUSED,
            *CARRIER_PROBLEMS,
        ),
    },
)

UNUSED = {
    "items": [
        {
            "number": NUMBER,
            "carrier": "twilio",
            "country": "US",
            "number_type": None,
            "monthly_price": None,
            "currency": None,
        }
    ],
    "refusals": [],
}

LIST_UNUSED = operation(
    "listUnusedNumbers",
    summary="List what the accounts hold and nobody uses",
    description="Bought by hand, or by an older script: none of ours, with no sign of use at the carrier "
    "or in Vapi. Each can be taken over.",
    responses={
        200: answered("The numbers.", one=("One", UNUSED)),
        **documented(*REFUSED, BAD_FIELD, *CARRIER_PROBLEMS),
    },
)
