"""Moves of numbers, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import (
    ASSIGNMENT_ID,
    BAD_NUMBER,
    BAD_REASON,
    BEGAN,
    ENDED,
    KEY_REUSED,
    MALFORMED,
    NO_RESTAURANT,
    NUMBER,
    OTHER_ID,
    REFUSED,
    REPLAYED,
    RESTAURANT_ID,
    RUNNING,
    answered,
    documented,
    header,
    operation,
    step,
)
from trunkline.api.described.numbers import NUMBER_DETAIL, UNKNOWN_NUMBER
from trunkline.api.shapes.moves import Move
from trunkline.errors import AlreadyAssigned, Conflict, Foreign, NotFound, RetryLater

MOVE_ID = "mov_0dm41w9gk3v6y8tz"
WAITING = """Waits up to ASSIGN_WAIT_SECONDS for the end; after that its status is `running` and `Location` says where \
to look. With `Prefer: respond-async` it answers at once."""

MOVES: dict[str, Any] = {
    "plain": {"summary": "To a restaurant that has none", "value": {"to": OTHER_ID}},
    "replace": {
        "summary": "To one that has a number, which ends; the old restaurant gets another",
        "value": {"to": "Chez Panisse", "replace": True, "new_number_for_old": True, "reason": "the house was sold"},
    },
}
SWAPS: dict[str, Any] = {"swap": {"summary": "Two that were mixed up", "value": {"other": "Chez Panisse"}}}
UNASSIGNMENTS: dict[str, Any] = {
    "only": {"summary": "From the one that it serves", "value": {}},
    "shared": {"summary": "From one of those that share it", "value": {"restaurant": OTHER_ID}},
}
MOVE: dict[str, Any] = {
    "id": MOVE_ID,
    "number": NUMBER,
    "from_restaurant_id": RESTAURANT_ID,
    "to_restaurant_id": OTHER_ID,
    "own_number": "refuse",
    "new_number_for_old": False,
    "reason": None,
    "status": "done",
    "message": f"{NUMBER} serves Chez Panisse",
    "code": None,
    "hint": None,
    "assignment_id": None,
    "steps": [
        step("check_connection", f"what answers {NUMBER} was right"),
        step("hand_over", f"{NUMBER} is handed over"),
    ],
    "created_at": BEGAN,
    "ended_at": ENDED,
}
BEGUN = MOVE | {"status": "running", "message": None, "steps": [], "ended_at": None}
RENEWED = MOVE | {"new_number_for_old": True, "assignment_id": ASSIGNMENT_ID}
SWAPPED = MOVE | {"own_number": "swap"}
UNASSIGNED = NUMBER_DETAIL | {
    "state": "cooling_down",
    "restaurants": [],
    "former_restaurant_id": RESTAURANT_ID,
    "cooling_until": "2026-03-09T17:20:06.410000Z",
    "idle_since": ENDED,
    "mappings": [NUMBER_DETAIL["mappings"][0] | {"active": False, "ended_at": ENDED, "end_reason": "unassigned"}],
}
LOCATION = {"Location": header("the move", f"/api/moves/{MOVE_ID}")} | REPLAYED
NO_MOVE = NotFound(f"there is no move {MOVE_ID}")
HAS_OWN = AlreadyAssigned(
    "Chez Panisse has +14155550142", hint="replace ends that one, which cools down; or swap the two"
)
SHARED = Conflict(
    f"{NUMBER} is shared by Chez Panisse, My Restaurant",
    hint="choose whose calls it gets: POST /api/restaurants/{id}/activate-phone of that restaurant",
)
NO_OTHER = Conflict("Chez Panisse has no number to be swapped", hint=f"move {NUMBER} to it instead")
NOBODY = Conflict(f"{NUMBER} does not serve a restaurant")
OUTSIDE = (
    Foreign(f"{NUMBER} serves somebody else in Vapi", provider="vapi"),
    RetryLater("vapi cannot be reached (find)", provider="vapi"),
)

MOVE_NUMBER = operation(
    "moveNumber",
    summary="Give a number to another restaurant",
    description=(
        "What answers it is looked at first; then the old mapping ends and the new one begins in one moment, and it "
        "goes on in service. One that serves nobody is put in service for the restaurant, also while it cools down. "
        f"{WAITING}"
    ),
    responses={
        200: answered(
            "It serves the restaurant.",
            moved=("It has moved", MOVE),
            renewed=("The old restaurant is getting another", RENEWED),
            headers=LOCATION,
        ),
        202: answered("The move goes on.", model=Move, begun=("Asked not to wait", BEGUN), headers=LOCATION),
        **documented(
            *REFUSED,
            *MALFORMED,
            UNKNOWN_NUMBER,
            *NO_RESTAURANT,
            BAD_NUMBER,
            HAS_OWN,
            SHARED,
            RUNNING,
            *OUTSIDE,
            KEY_REUSED,
        ),
    },
)

SWAP_PHONE = operation(
    "swapPhone",
    summary="Swap two restaurants' numbers",
    description=f"Each has the other's from one moment to the next. {WAITING}",
    responses={
        200: answered("Each has the other's.", swapped=("They are swapped", SWAPPED), headers=LOCATION),
        202: answered("The move goes on.", model=Move, begun=("Asked not to wait", BEGUN), headers=LOCATION),
        **documented(*REFUSED, *MALFORMED, *NO_RESTAURANT, NO_OTHER, RUNNING, *OUTSIDE, BAD_NUMBER, KEY_REUSED),
    },
)

UNASSIGN_NUMBER = operation(
    "unassignNumber",
    summary="Take a number off its restaurant",
    description="It stays ours, cools down (NUMBER_COOLDOWN_HOURS) and is idle after that.",
    responses={
        200: answered("It serves the restaurant no more.", one=("It cools down", UNASSIGNED)),
        **documented(*REFUSED, BAD_REASON, *MALFORMED, UNKNOWN_NUMBER, *NO_RESTAURANT, BAD_NUMBER, NOBODY),
    },
)

GET_MOVE = operation(
    "getMove",
    summary="Read a move",
    description="Ask again while its status is `running`.",
    responses={
        200: answered("The move.", done=("It is done", MOVE)),
        **documented(*REFUSED, NO_MOVE),
    },
)
