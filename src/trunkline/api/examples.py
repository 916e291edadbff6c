"""Requests and answers as the OpenAPI document shows them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from trunkline.errors import (
    ActionRequired,
    AlreadyAssigned,
    AssignmentRunning,
    CarrierNotConfigured,
    Conflict,
    Forbidden,
    IdempotencyMismatch,
    InvalidInput,
    MalformedRequest,
    NotFound,
    NotReady,
    NumberInService,
    PayloadTooLarge,
    RetryLater,
    TrunklineError,
    Unauthorized,
)

Example = tuple[str, Any]
RESTAURANT_ID = "rst_0dm2p8v1xk4t9r3q"
OTHER_ID = "rst_0dm2n4c7bz6w1f8h"
ASSIGNMENT_ID = "asg_0dm2p8v1xq7n5c2j"
RELEASE_ID = "rel_0dm41w9gk3v6y8tz"
NUMBER = "+14155550123"
NATIONAL, INTERNATIONAL = "(415) 555-0123", "+1 415-555-0123"
BEGAN, MOMENT, ENDED = "2026-03-02T17:20:05.120000Z", "2026-03-02T17:20:05.160000Z", "2026-03-02T17:20:06.410000Z"


def answered(
    description: str, *, model: type[BaseModel] | None = None, headers: dict[str, Any] | None = None, **shown: Example
) -> dict[str, Any]:
    """A documented answer; each keyword is one example as (summary, value)."""
    examples = {name: {"summary": summary, "value": value} for name, (summary, value) in shown.items()}
    found: dict[str, Any] = {"description": description, "content": {"application/json": {"examples": examples}}}
    if model is not None:
        found["model"] = model
    if headers is not None:
        found["headers"] = headers
    return found


def header(description: str, example: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example}


LOCATION = header("the restaurant, or the assignment while it runs", f"/api/assignments/{ASSIGNMENT_ID}")
CREATED_HEADERS = {
    "Location": LOCATION,
    "Idempotent-Replayed": header("`true` where the same Idempotency-Key was answered before", "true"),
}
ASYNC_HEADERS = CREATED_HEADERS | {"Preference-Applied": header("what was asked by `Prefer`", "respond-async")}

# --- requests --------------------------------------------------------------------------------------------------------

NEW_RESTAURANT: dict[str, Any] = {
    "guide": {
        "summary": "An existing number if one is idle, else a new one",
        "value": {"name": "My Restaurant", "assign_phone": True, "force_twilio": False},
    },
    "criteria": {
        "summary": "A number with area code 415",
        "value": {"name": "Chez Panisse", "country": "US", "area_code": "415", "number_type": "local"},
    },
    "without": {"summary": "No number now", "value": {"name": "Noma", "assign_phone": False}},
}
WISHES: dict[str, Any] = {
    "any": {"summary": "Whatever number there is", "value": {}},
    "criteria": {"summary": "A British number of Telnyx's", "value": {"country": "GB", "carrier": "telnyx"}},
}
RELEASES: dict[str, Any] = {
    "keep": {"summary": "Out of Vapi, kept in the carrier's account", "value": {"give_back": False}},
    "give_back": {"summary": "Given back to the carrier", "value": {"give_back": True, "force": False}},
}

# --- answers ---------------------------------------------------------------------------------------------------------


def _step(name: str, detail: str | None, carrier: str | None = None, **changes: Any) -> dict[str, Any]:
    done = {"status": "done", "attempt": 1, "started_at": MOMENT, "duration_ms": 140, "detail": detail}
    return {"name": name, "carrier": carrier, **done, **changes}


STEPS = [
    _step("find_existing", "none of 3 numbers in Vapi is idle"),
    _step("check_carrier", "twilio"),
    _step("get_credential", "known", "twilio"),
    _step("list_owned", "twilio account owns 3, 0 idle", "twilio"),
    _step("search", "10 for sale in US", "twilio"),
    _step("purchase", f"bought {NUMBER} for 1.15 USD a month", "twilio"),
    _step("import_number", f"{NUMBER} is in Vapi as 7ec7b7c3-126b-412a-babf-fd79d002e921", "twilio"),
    _step("assign_assistant", "connected in the same request as the import"),
    _step("create_mapping", f"{NUMBER} is in service"),
]
ASSIGNMENT_SUMMARY: dict[str, Any] = {
    "id": ASSIGNMENT_ID,
    "restaurant_id": RESTAURANT_ID,
    "status": "assigned",
    "source": "purchased",
    "phone_number": NUMBER,
    "reason": None,
    "message": f"{NUMBER} is in service",
    "hint": None,
    "force_twilio": False,
    "criteria": {},
    "batch_id": None,
    "created_at": BEGAN,
    "started_at": MOMENT,
    "ended_at": ENDED,
}
ASSIGNMENT = ASSIGNMENT_SUMMARY | {"steps": STEPS}
RUNNING_STEPS = [_step("find_existing", None, status="running", duration_ms=None)]
ASSIGNMENT_RUNNING = ASSIGNMENT | {
    "status": "running",
    "source": None,
    "phone_number": None,
    "message": None,
    "ended_at": None,
    "steps": RUNNING_STEPS,
}
ASSIGNMENT_UNASSIGNED = ASSIGNMENT_RUNNING | {
    "status": "unassigned",
    "reason": "carrier_not_configured",
    "message": "no number is idle and no carrier is configured",
    "hint": f"set the keys of a carrier and CARRIERS; then POST /api/restaurants/{RESTAURANT_ID}/phone",
    "ended_at": ENDED,
    "steps": [_step("find_existing", "none of 0 numbers in Vapi is idle"), _step("check_carrier", "no carrier")],
}
RESTAURANT_SUMMARY: dict[str, Any] = {
    "id": RESTAURANT_ID,
    "name": "My Restaurant",
    "phone_number": NUMBER,
    "phone_number_national": NATIONAL,
    "phone_number_international": INTERNATIONAL,
    "shared": False,
    "shared_with": [],
    "active": True,
    "assignment": ASSIGNMENT_SUMMARY,
    "created_at": BEGAN,
}
RESTAURANT = RESTAURANT_SUMMARY | {"assignment": ASSIGNMENT}
NO_PHONE = {"phone_number": None, "phone_number_national": None, "phone_number_international": None, "active": False}
RESTAURANT_RUNNING = RESTAURANT | NO_PHONE | {"assignment": ASSIGNMENT_RUNNING}
SHARING = {
    "source": "shared",
    "message": f"shares {NUMBER} with 1 other restaurant: the trial account may hold no further number",
    "hint": "upgrade the carrier account; the next assignment buys a number of its own",
}
RESTAURANT_SHARED = RESTAURANT | {
    "shared": True,
    "shared_with": [{"id": OTHER_ID, "name": "Chez Panisse"}],
    "assignment": ASSIGNMENT | SHARING,
}
API_KEY = {"api_key": "tlr_" + "0" * 48}
CREATED = RESTAURANT | API_KEY
CREATED_SHARED = RESTAURANT_SHARED | API_KEY
CREATED_RUNNING = RESTAURANT_RUNNING | API_KEY
CREATED_UNASSIGNED = RESTAURANT_RUNNING | {"assignment": ASSIGNMENT_UNASSIGNED} | API_KEY
ROTATED = {"id": RESTAURANT_ID} | API_KEY
DELETED = {"id": RESTAURANT_ID, "freed_number": NUMBER}
CURSOR = "cnN0XzBkbTJwOHYxeGs0dDlyM3E"
RESTAURANT_PAGE = {"items": [RESTAURANT_SUMMARY], "next_cursor": CURSOR}
ASSIGNMENT_PAGE = {"items": [ASSIGNMENT_SUMMARY], "next_cursor": None}

NUMBER_ROW: dict[str, Any] = {
    "number": NUMBER,
    "national": NATIONAL,
    "international": INTERNATIONAL,
    "state": "in_service",
    "carrier": "twilio",
    "country": "US",
    "number_type": "local",
    "monthly_price": "1.15",
    "currency": "USD",
    "restaurants": [{"id": RESTAURANT_ID, "name": "My Restaurant", "active": True}],
    "cooling_until": None,
    "former_restaurant_id": None,
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
    "carrier_ref": "PN0123456789abcdef0123456789abcdef",
    "voice_id": "7ec7b7c3-126b-412a-babf-fd79d002e921",
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
        _step("detach_assistant", "detached"),
        _step("delete_import", "deleted 7ec7b7c3-126b-412a-babf-fd79d002e921 from Vapi"),
        _step("release_carrier", f"{NUMBER} given back to the carrier", "twilio"),
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

# --- problems --------------------------------------------------------------------------------------------------------

REFUSED: tuple[TrunklineError, ...] = (
    Unauthorized("X-Vapi-Secret is missing", hint="send X-Vapi-Secret with VAPI_SECRET_KEY of the server"),
    Forbidden("a restaurant's key reads its own data and nothing else", hint="send the operator's secret"),
)
MALFORMED: tuple[TrunklineError, ...] = (
    MalformedRequest("the body is not JSON", hint="check quotes and commas"),
    PayloadTooLarge("the body has more than 64 KB", hint="send less"),
)
BAD_FIELD = InvalidInput("'XX' is not a country", field="country", hint="use a two-letter ISO code like US")
BAD_CURSOR = InvalidInput("this cursor is not one of ours", field="cursor", hint="use next_cursor of the page before")
BAD_NUMBER = InvalidInput("'12' is not a phone number", field="number", hint="write it like +14155550123")
KEY_REUSED = IdempotencyMismatch(
    "this Idempotency-Key was used with another body", hint="use a new key for a new request"
)
NO_RESTAURANT = NotFound(f"there is no restaurant {RESTAURANT_ID}", hint="GET /api/restaurants lists them")
NO_ASSIGNMENT = NotFound(f"there is no assignment {ASSIGNMENT_ID}")
NO_RELEASE = NotFound(f"there is no release {RELEASE_ID}")
UNKNOWN_NUMBER = NotFound(f"we do not know {NUMBER}", hint="GET /api/numbers lists the numbers that we hold or know")
RUNNING = AssignmentRunning(
    f"assignment {ASSIGNMENT_ID} of this restaurant has not ended", hint=f"GET /api/assignments/{ASSIGNMENT_ID}"
)
HAS_NUMBER = AlreadyAssigned(f"the restaurant has {NUMBER}", hint="release the number first if it should get another")
NO_NUMBER = Conflict("the restaurant has no number", hint="POST /api/restaurants/{id}/phone first")
IN_SERVICE = NumberInService(f"{NUMBER} serves a restaurant", hint="force releases it all the same")
NOT_HELD = Conflict(f"{NUMBER} is released", hint="only a number that we hold can be released")
NO_CARRIER = CarrierNotConfigured("telnyx is not configured", hint="set the keys of a carrier and CARRIERS")
CARRIER_PROBLEMS: tuple[TrunklineError, ...] = (
    ActionRequired("twilio refused our credentials (401)", hint="check the twilio keys in the settings"),
    RetryLater("twilio cannot be reached (search)"),
)
NOT_READY = NotReady("the database does not answer", hint="try again in a moment")
