"""Restaurants, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    ASYNC_HEADERS,
    BAD_CURSOR,
    BAD_FIELD,
    BAD_REASON,
    BEGAN,
    CREATED_HEADERS,
    CURSOR,
    HAS_NUMBER,
    INTERNATIONAL,
    KEY_REUSED,
    MALFORMED,
    NATIONAL,
    NO_RESTAURANT,
    NUMBER,
    OTHER_ID,
    REFUSED,
    RESTAURANT_ID,
    RUNNING,
    answered,
    documented,
    operation,
)
from trunkline.api.described.assignments import (
    ASSIGNMENT,
    ASSIGNMENT_RUNNING,
    ASSIGNMENT_SUMMARY,
    ASSIGNMENT_UNASSIGNED,
)
from trunkline.api.described.keys import BAD_FORCE, ROTATED_JUST_NOW
from trunkline.api.shapes.restaurants import CreatedRestaurant, Restaurant
from trunkline.errors import Conflict, InvalidInput, NumberInService

WAITING = """Waits up to ASSIGN_WAIT_SECONDS for the number; after that the assignment's status is `running` and \
`Location` says where to look. With `Prefer: respond-async` it answers 202 at once."""
NEW_RESTAURANT: dict[str, Any] = {
    "guide": {
        "summary": "An existing number if one is idle, else a new one",
        "value": {"name": "My Restaurant", "assign_phone": True, "force_twilio": False},
    },
    "criteria": {
        "summary": "A number with area code 415",
        "value": {"name": "Chez Panisse", "country": "US", "area_code": "415", "number_type": "local"},
    },
    "picked": {
        "summary": "Exactly this number; once, however often it is asked",
        "value": {"name": "Noma", "external_id": "pos-1234", "phone_number": NUMBER, "metadata": {"city": "Oakland"}},
    },
    "without": {"summary": "No number now", "value": {"name": "Noma", "assign_phone": False}},
}

CHANGES: dict[str, Any] = {
    "name": {"summary": "A new name, which the next caller hears", "value": {"name": "Chez Panisse"}},
    "notes": {
        "summary": "Its id in your system; one key of metadata is deleted",
        "value": {"external_id": "pos-1234", "metadata": {"city": "Oakland", "old": ""}},
    },
    "criteria": {"summary": "What it asks of its next number", "value": {"criteria": {"country": "GB"}}},
    "budget": {"summary": "No more than two numbers a month", "value": {"budget": {"max_purchases": 2}}},
}

WISHES: dict[str, Any] = {
    "any": {"summary": "Whatever number there is", "value": {}},
    "criteria": {"summary": "A British number of Telnyx's", "value": {"country": "GB", "carrier": "telnyx"}},
    "picked": {"summary": "Exactly this one", "value": {"phone_number": NUMBER}},
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
    "external_id": "pos-1234",
    "metadata": {"city": "Oakland"},
    "criteria": {},
    "created_at": BEGAN,
    "deleted_at": None,
}

RESTAURANT = RESTAURANT_SUMMARY | {"assignment": ASSIGNMENT, "budget": None}
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

API_KEY = {"api_key": "trk_" + "0" * 32 + "_" + "0" * 6}
SHOWN_KEY = API_KEY | {"api_key_hint": None}
CREATED = RESTAURANT | SHOWN_KEY
CREATED_SHARED = RESTAURANT_SHARED | SHOWN_KEY
CREATED_RUNNING = RESTAURANT_RUNNING | SHOWN_KEY
CREATED_UNASSIGNED = RESTAURANT_RUNNING | {"assignment": ASSIGNMENT_UNASSIGNED} | SHOWN_KEY
ROTATED = {"id": RESTAURANT_ID} | API_KEY
DELETED = {"id": RESTAURANT_ID, "freed_number": NUMBER}
RESTAURANT_PAGE = {"items": [RESTAURANT_SUMMARY], "next_cursor": CURSOR}
NO_NUMBER = Conflict("the restaurant has no number", hint="POST /api/restaurants/{id}/phone first")

TOLD = "it was told once, to who created the restaurant: POST /api/restaurants/{id}/rotate-key makes another"
THERE = RESTAURANT | {"api_key": None, "api_key_hint": TOLD}
PICK_TAKEN = NumberInService(
    f"{NUMBER} serves Chez Panisse", hint=f"POST /api/numbers/{NUMBER}/move", field="phone_number"
)
ID_TAKEN = Conflict(
    f"restaurant {OTHER_ID} has the external_id pos-1234", hint="give each its own", field="external_id"
)
MUCH = InvalidInput("metadata would have 51 keys, and 50 are kept", field="metadata", hint="delete a key")

CREATE_RESTAURANT = operation(
    "createRestaurant",
    summary="Create a restaurant and get it a number",
    description=(
        "A carrier that fails never fails the creation: `phone_number` is then null, and `assignment` says why "
        "and what to do. With an `external_id` that a restaurant has, that restaurant is answered, and nothing is "
        f"changed. {WAITING}"
    ),
    responses={
        200: answered(
            "The restaurant with this `external_id` was there.",
            model=CreatedRestaurant,
            there=("Nothing was changed", THERE),
            headers=CREATED_HEADERS,
        ),
        201: answered(
            "Created.",
            bought=("A number was bought for it", CREATED),
            shared=("On a trial account it shares the one number", CREATED_SHARED),
            no_carrier=("No carrier is configured", CREATED_UNASSIGNED),
            running=("The time to wait is over, the assignment goes on", CREATED_RUNNING),
            headers=CREATED_HEADERS,
        ),
        202: answered(
            "Created; the assignment has just begun.",
            model=CreatedRestaurant,
            running=("Asked not to wait", CREATED_RUNNING),
            headers=ASYNC_HEADERS,
        ),
        **documented(*REFUSED, *MALFORMED, BAD_FIELD, KEY_REUSED, PICK_TAKEN),
    },
)

CHANGE_RESTAURANT = operation(
    "changeRestaurant",
    summary="Change a restaurant",
    description="What is left out stays. The next caller hears a new name; `criteria` are for a next number.",
    responses={
        200: answered("Changed.", one=("As it is now", RESTAURANT)),
        **documented(*REFUSED, *MALFORMED, *NO_RESTAURANT, BAD_FIELD, MUCH, ID_TAKEN),
    },
)

LIST_RESTAURANTS = operation(
    "listRestaurants",
    summary="List restaurants",
    description="Oldest first, each with its number and its latest assignment.",
    responses={
        200: answered("A page.", page=("One of several pages", RESTAURANT_PAGE)),
        **documented(*REFUSED, BAD_CURSOR),
    },
)

COUNT_RESTAURANTS = operation(
    "countRestaurants",
    summary="Count restaurants",
    description="Those that were not deleted.",
    responses={
        200: answered("The counts.", counts=("One has no number", {"total": 10, "with_number": 9})),
        **documented(*REFUSED),
    },
)

GET_RESTAURANT = operation(
    "getRestaurant",
    summary="Read a restaurant",
    description="With its latest assignment, step by step; also one that was deleted.",
    responses={
        200: answered("The restaurant.", one=("In service", RESTAURANT)),
        **documented(*REFUSED, *NO_RESTAURANT),
    },
)

DELETE_RESTAURANT = operation(
    "deleteRestaurant",
    summary="Delete a restaurant",
    description=(
        "Its number is taken off the assistant, cools down (NUMBER_COOLDOWN_HOURS) and is idle after that; the "
        "history is kept."
    ),
    responses={
        200: answered("Deleted.", one=("Its number is free", DELETED)),
        **documented(*REFUSED, BAD_REASON, *NO_RESTAURANT, RUNNING),
    },
)

ASSIGN_PHONE = operation(
    "assignPhone",
    summary="Get a restaurant a number, later or again",
    description=f"For a restaurant that has none, or shares one and should get its own. {WAITING}",
    responses={
        201: answered(
            "The assignment has ended, or goes on.",
            bought=("A number was bought for it", RESTAURANT),
            headers=CREATED_HEADERS,
        ),
        202: answered(
            "The assignment has just begun.",
            model=Restaurant,
            running=("Asked not to wait", RESTAURANT_RUNNING),
            headers=ASYNC_HEADERS,
        ),
        **documented(
            *REFUSED,
            *MALFORMED,
            BAD_FIELD,
            KEY_REUSED,
            *NO_RESTAURANT,
            RUNNING,
            HAS_NUMBER,
            PICK_TAKEN,
        ),
    },
)

ACTIVATE_PHONE = operation(
    "activatePhone",
    summary="Let a shared number's calls reach this restaurant",
    description="The restaurants that share the number keep their mappings; exactly one gets the calls.",
    responses={
        200: answered("It gets the calls now.", one=("On a shared number", RESTAURANT_SHARED)),
        **documented(*REFUSED, BAD_REASON, *NO_RESTAURANT, NO_NUMBER),
    },
)

ROTATE_KEY = operation(
    "rotateKey",
    summary="Renew a restaurant's key",
    description=(
        "The key that it had works for 24 h more, so that it can be changed wherever it is kept; with `force` it ends "
        "at once. The new one is shown only here."
    ),
    responses={
        200: answered("Renewed.", one=("The new key", ROTATED)),
        **documented(*REFUSED, BAD_REASON, *MALFORMED, BAD_FORCE, *NO_RESTAURANT, ROTATED_JUST_NOW),
    },
)
