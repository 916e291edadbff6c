"""Keys, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    BAD_CURSOR,
    BAD_REASON,
    BEGAN,
    ENDED,
    KEY_REUSED,
    MALFORMED,
    NO_RESTAURANT,
    REFUSED,
    REPLAYED,
    RESTAURANT_ID,
    answered,
    documented,
    header,
    operation,
)
from trunkline.errors import Conflict, InvalidInput, NotFound

KEY_ID = "key_0dm2p8v1xk4t9r3q"

BODIES: dict[str, Any] = {
    "shop": {
        "summary": "A shop's script, for three months",
        "value": {
            "scopes": ["restaurants:read", "restaurants:write", "numbers:buy"],
            "comment": "the shop's sign-up",
            "expires_at": "2026-06-01T00:00:00Z",
            "budget": {"max_purchases": 20, "max_spending": "50.00"},
        },
    },
    "restaurant": {
        "summary": "One restaurant's",
        "value": {"scopes": ["restaurants:read", "calls:read"], "restaurant": RESTAURANT_ID},
    },
}
ROTATIONS: dict[str, Any] = {
    "grace": {"summary": "Both work for a day", "value": {}},
    "force": {"summary": "It was stolen", "value": {"force": True}},
}

KEY: dict[str, Any] = {
    "id": KEY_ID,
    "prefix": "trk_7Qm2xA",
    "scopes": ["restaurants:read", "restaurants:write", "numbers:buy"],
    "restaurant_id": None,
    "comment": "the shop's sign-up",
    "created_at": BEGAN,
    "expires_at": "2026-06-01T00:00:00Z",
    "rotated_at": None,
    "previous_until": None,
    "revoked_at": None,
    "last_used_at": ENDED,
    "last_used_from": "203.0.113.7",
}
UNUSED = KEY | {"last_used_at": None, "last_used_from": None}
MADE = UNUSED | {"key": "trk_" + "0" * 32 + "_" + "0" * 6}
ROTATED = MADE | {"rotated_at": ENDED, "previous_until": "2026-03-03T17:20:06.410000Z"}

NO_KEY = NotFound(f"there is no key {KEY_ID}", hint="GET /api/keys lists them")
BAD_FORCE = InvalidInput("force must be true or false", field="force")
NO_OWN_BUDGET = Conflict(
    f"{KEY_ID} may raise budgets and make keys: one of its own would not bind it",
    hint="give it to a key without keys:write: trunkline keys create",
)
NO_SCOPE = InvalidInput("there is no scope 'numbers:sell'", field="scopes", hint="scopes are: restaurants:read, ...")
ROTATED_JUST_NOW = Conflict(
    "this key was renewed within a day: the one before works until 2026-03-03 17:20 UTC",
    hint="with force both end at once, and the newest alone works",
    field="force",
)

CREATE_KEY = operation(
    "createKey",
    summary="Make a key",
    description=(
        "The key is shown once; only its SHA-256 is kept. Nobody gives a scope that he has not himself, nor a key of "
        "another restaurant than his own, nor one that outlives his own. "
        "With `budget` the key and its budget are made together, or neither is."
    ),
    responses={
        201: answered(
            "The key.",
            made=("It was made", MADE),
            headers={"Location": header("the key", f"/api/keys/{KEY_ID}")} | REPLAYED,
        ),
        **documented(*REFUSED, *MALFORMED, NO_SCOPE, KEY_REUSED, NO_OWN_BUDGET, *NO_RESTAURANT),
    },
)

LIST_KEYS = operation(
    "listKeys",
    summary="List keys",
    description="Oldest first. A restaurant's key is shown those of its restaurant.",
    responses={
        200: answered("A page.", keys=("One key", {"items": [KEY], "next_cursor": None})),
        **documented(*REFUSED, BAD_CURSOR),
    },
)

GET_KEY = operation(
    "getKey",
    summary="Read a key",
    description="A revoked one stays readable.",
    responses={200: answered("The key.", key=("A key", KEY)), **documented(*REFUSED, NO_KEY)},
)

ROTATE_API_KEY = operation(
    "rotateApiKey",
    summary="Give a key another secret",
    description=(
        "Its id, scopes and comment stay. The secret until now works for 24 h more, so that it can be changed wherever "
        "it is kept; with `force` it ends at once."
    ),
    responses={
        200: answered("The key with its new secret.", rotated=("Both work for a day", ROTATED)),
        **documented(*REFUSED, BAD_REASON, *MALFORMED, BAD_FORCE, NO_KEY, ROTATED_JUST_NOW),
    },
)

REVOKE_KEY = operation(
    "revokeKey",
    summary="Revoke a key",
    description="It opens nothing any more, at once and for good.",
    responses={
        200: answered("The key.", revoked=("It is revoked", KEY | {"revoked_at": ENDED})),
        **documented(*REFUSED, BAD_REASON, NO_KEY),
    },
)
