"""Numbers, offers and releases, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    BAD_CURSOR,
    BAD_FIELD,
    BAD_NUMBER,
    BAD_REASON,
    BEGAN,
    CARRIER_PROBLEMS,
    ENDED,
    INTERNATIONAL,
    KEY_REUSED,
    MALFORMED,
    MOMENT,
    NATIONAL,
    NO_CARRIER,
    NUMBER,
    REFUSED,
    REPLAYED,
    RESTAURANT_ID,
    answered,
    documented,
    header,
    operation,
    step,
)
from trunkline.errors import Conflict, InvalidInput, NotFound, NumberInService, NumberProtected

RELEASE_ID = "rel_0dm41w9gk3v6y8tz"

RELEASES: dict[str, Any] = {
    "keep": {"summary": "Out of Vapi, kept in the carrier's account", "value": {"give_back": False}},
    "give_back": {"summary": "Given back to the carrier", "value": {"give_back": True, "force": False}},
}

NUMBER_ROW: dict[str, Any] = {
    "number": NUMBER,
    "national": NATIONAL,
    "international": INTERNATIONAL,
    "state": "in_service",
    "carrier": "twilio",
    "country": "US",
    "number_type": "local",
    "monthly_price": "1.15",
    "upfront_price": None,
    "currency": "USD",
    "account": "AC0123456789abcdef0123456789abcdef",
    "carrier_ref": "PN0123456789abcdef0123456789abcdef",
    "voice_id": "7ec7b7c3-126b-412a-babf-fd79d002e921",
    "protected": False,
    "labels": [],
    "release_after": None,
    "idle_since": None,
    "last_call_at": "2026-03-02T18:00:01.310000Z",
    "restaurants": [{"id": RESTAURANT_ID, "name": "My Restaurant", "active": True}],
    "cooling_until": None,
    "former_restaurant_id": None,
    "put_aside_until": None,
    "put_aside_reason": None,
    "claimed_by": None,
    "bought_at": MOMENT,
    "released_at": None,
    "created_at": BEGAN,
    "updated_at": ENDED,
}

MAPPING = {
    "restaurant_id": RESTAURANT_ID,
    "restaurant_name": "My Restaurant",
    "source": "purchased",
    "active": True,
    "since": ENDED,
    "ended_at": None,
    "end_reason": None,
}

NUMBER_DETAIL = NUMBER_ROW | {
    "mappings": [MAPPING],
    "releases": [],
}

NUMBER_PAGE = {"items": [NUMBER_ROW], "next_cursor": None}

RELEASE: dict[str, Any] = {
    "id": RELEASE_ID,
    "number": NUMBER,
    "give_back": True,
    "status": "running",
    "message": None,
    "steps": [],
    "created_at": BEGAN,
    "ended_at": None,
}

RELEASED = RELEASE | {
    "status": "done",
    "message": f"{NUMBER} given back to the carrier",
    "steps": [
        step("detach_assistant", "detached"),
        step("delete_import", "deleted 7ec7b7c3-126b-412a-babf-fd79d002e921 from Vapi"),
        step("release_carrier", f"{NUMBER} given back to the carrier", "twilio"),
    ],
    "ended_at": ENDED,
}

OFFER: dict[str, Any] = {
    "carrier": "twilio",
    "number": NUMBER,
    "national": NATIONAL,
    "country": "US",
    "number_type": "local",
    "monthly_price": "1.15",
    "upfront_price": None,
    "currency": "USD",
    "needs": [],
}

REFUSAL = {
    "carrier": "telnyx",
    "code": "carrier_action_required",
    "detail": "telnyx refused our credentials (401)",
    "hint": "check the telnyx keys in the settings; they must belong to an active account",
}

OFFERS = {"items": [OFFER], "refusals": [REFUSAL]}
NO_RELEASE = NotFound(f"there is no release {RELEASE_ID}")
UNKNOWN_NUMBER = NotFound(f"we do not know {NUMBER}", hint="GET /api/numbers lists the numbers that we hold or know")
IN_SERVICE = NumberInService(f"{NUMBER} serves a restaurant", hint="force releases it all the same")
PROTECTED = NumberProtected(f"{NUMBER} is protected", hint="force releases it all the same")
TOO_LONG = InvalidInput("a label has 1 to 40 characters, which can be seen", field="labels", hint="shorten it")
PATCHES: dict[str, Any] = {
    "protect": {"summary": "Never given up by mistake", "value": {"protected": True, "labels": ["vanity"]}},
    "test": {"summary": "A test number, until then", "value": {"release_after": "2026-04-01T00:00:00Z"}},
}
NOT_HELD = Conflict(f"{NUMBER} is released", hint="only a number that we hold can be released")

LIST_NUMBERS = operation(
    "listNumbers",
    summary="List numbers",
    description="All that we hold or know, or those that match; in numerical order, the longest idle first, or the "
    "dearest first.",
    responses={
        200: answered("A page.", page=("The last page", NUMBER_PAGE)),
        **documented(*REFUSED, BAD_CURSOR),
    },
)

COUNTS = {"total": 12, "by_state": {"idle": 2, "in_service": 10}}
BAD_STATE = InvalidInput("should be 'purchasing', 'idle' or another state", field="state")

COUNT_NUMBERS = operation(
    "countNumbers",
    summary="Count numbers by state",
    description="Of all that we hold or know, or of those that match.",
    responses={
        200: answered("The counts.", counts=("Twelve numbers", COUNTS)),
        **documented(*REFUSED, BAD_STATE),
    },
)

SEARCH_NUMBERS = operation(
    "searchNumbers",
    summary="Search what is for sale",
    description="Asks every configured carrier, or the one named. Nothing is reserved.",
    responses={
        200: answered("Offers, each carrier's cheapest first.", offers=("One of two refuses", OFFERS)),
        **documented(*REFUSED, BAD_FIELD, NO_CARRIER, *CARRIER_PROBLEMS),
    },
)

GET_NUMBER = operation(
    "getNumber",
    summary="Read a number",
    description="With everyone whom it ever served, and its releases.",
    responses={
        200: answered("The number.", one=("In service", NUMBER_DETAIL)),
        **documented(*REFUSED, UNKNOWN_NUMBER, BAD_NUMBER),
    },
)

PATCH_NUMBER = operation(
    "changeNumber",
    summary="Change what is said of a number",
    description="Protection, labels, and when it is given back: once it is idle after `release_after`, never before, "
    "and not while somebody else uses it at its carrier or in Vapi.",
    responses={
        200: answered("The number.", one=("In service", NUMBER_DETAIL)),
        **documented(*REFUSED, *MALFORMED, UNKNOWN_NUMBER, BAD_NUMBER, TOO_LONG),
    },
)

RELEASE_NUMBER = operation(
    "releaseNumber",
    summary="Give a number up",
    description=(
        "Takes it off the assistant and out of Vapi; then its old settings are put back at the carrier, or "
        "with `give_back` it is returned, which ends its price. Goes on by itself until it is done; nobody need wait."
    ),
    responses={
        202: answered(
            "The release has begun.",
            begun=("To be given back", RELEASE),
            headers={"Location": header("the release", f"/api/releases/{RELEASE_ID}")} | REPLAYED,
        ),
        **documented(
            *REFUSED,
            BAD_REASON,
            *MALFORMED,
            UNKNOWN_NUMBER,
            BAD_NUMBER,
            IN_SERVICE,
            PROTECTED,
            NOT_HELD,
            KEY_REUSED,
        ),
    },
)

GET_RELEASE = operation(
    "getRelease",
    summary="Read a release",
    description="Ask again while its status is `running`; one that is `owed` is tried again by itself.",
    responses={
        200: answered("The release.", done=("It is done", RELEASED)),
        **documented(*REFUSED, NO_RELEASE),
    },
)
