"""Who asks, as the document shows it."""

from __future__ import annotations

from trunkline.api.described import REFUSED, answered, documented, operation
from trunkline.api.described.keys import KEY_ID

MINE = {
    "key_id": KEY_ID,
    "name": "the shop's assistant",
    "restaurant_id": None,
    "scopes": ["restaurants:read", "numbers:read", "numbers:buy"],
    "expires_at": None,
    "has_budget": True,
}

GET_IDENTITY = operation(
    "getIdentity",
    summary="Who am I",
    description="Of whoever shows a key or the secret, whatever it may do: its scopes, and whether a budget limits it.",
    responses={200: answered("What the server knows.", key=("A key with a budget", MINE)), **documented(REFUSED[0])},
)
