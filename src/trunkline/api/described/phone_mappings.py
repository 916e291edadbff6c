"""Looking a number up, as the document shows it."""

from __future__ import annotations

from trunkline.api.described import BAD_NUMBER, NUMBER, REFUSED, RESTAURANT_ID, answered, documented, operation
from trunkline.api.described.numbers import UNKNOWN_NUMBER

EXAMPLE = {
    "number": NUMBER,
    "state": "in_service",
    "shared": False,
    "restaurant": {"id": RESTAURANT_ID, "name": "My Restaurant"},
    "restaurants": [{"id": RESTAURANT_ID, "name": "My Restaurant", "active": True}],
    "former_restaurant_id": None,
    "cooling_until": None,
}

GET_PHONE_MAPPING = operation(
    "getPhoneMapping",
    summary="Look up whose number it is",
    description="The restaurant that gets the number's calls, and everyone who shares it.",
    responses={
        200: answered("The number.", one=("In service", EXAMPLE)),
        **documented(*REFUSED, UNKNOWN_NUMBER, BAD_NUMBER),
    },
)
