"""The callers of a shared number, as the document shows them."""

from __future__ import annotations

from trunkline.api.described import MALFORMED, NO_RESTAURANT, NUMBER, REFUSED, answered, documented, operation
from trunkline.errors import Conflict, InvalidInput

EXAMPLE = {"callers": ["+14155550142"]}
NO_NUMBER = InvalidInput("'12' is not a phone number", field="callers", hint="write it with country code")
TAKEN = Conflict(f"+14155550142 is registered by Chez Panisse, which shares {NUMBER}", hint="take it off there first")

PUT_CALLERS = operation(
    "putCallers",
    summary="Register a restaurant's callers",
    description=(
        "On a number that restaurants of a trial account share, a call from one of these goes to this "
        "restaurant, whichever is the active one. Replaces what was registered; an empty list takes all off."
    ),
    responses={
        200: answered("Registered.", one=("A tester", EXAMPLE)),
        **documented(*REFUSED, *MALFORMED, *NO_RESTAURANT, NO_NUMBER, TAKEN),
    },
)

GET_CALLERS = operation(
    "getCallers",
    summary="Read a restaurant's callers",
    description="Those whose calls go to it on a number that it shares.",
    responses={
        200: answered("Its callers.", one=("A tester", EXAMPLE)),
        **documented(*REFUSED, *NO_RESTAURANT),
    },
)
