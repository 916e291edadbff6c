"""Short words for the vendors' operations, as people say them and Trunkline logs them."""

from __future__ import annotations

_OF_A_LIST = ("list", "find", "lookup", "owned")
# By provider: the word, and the operation, or the pattern of operations, that it stands for.
WORDS = {
    "twilio": {
        "search": "available_numbers.search",
        "buy": "incoming_numbers.create",
        "mark": "incoming_numbers.update",
        "release": "incoming_numbers.delete",
        "prices": "pricing.country",
        "balance": "balance.fetch",
        **dict.fromkeys(_OF_A_LIST, "incoming_numbers.list"),
    },
    "telnyx": {
        "search": "available_phone_numbers.list",
        "buy": "number_orders.create",
        "hold": "number_reservations.create",
        "mark": "phone_numbers.update",
        "release": "phone_numbers.delete",
        "balance": "balance.get",
        **dict.fromkeys(_OF_A_LIST, "phone_numbers.list"),
    },
    "vonage": {
        "search": "number.search",
        "buy": "number.buy",
        "mark": "number.update",
        "release": "number.cancel",
        "balance": "account.balance",
        **dict.fromkeys(_OF_A_LIST, "account.numbers"),
    },
    "vapi": {
        "import": "phone_numbers.create",
        "buy": "phone_numbers.create",
        "connect": "phone_numbers.update",
        "remove": "phone_numbers.delete",
        "release": "phone_numbers.delete",
        "numbers": "phone_numbers.list_v2",
        "credential": "credentials.*",
        "assistant": "assistants.*",
        **dict.fromkeys(_OF_A_LIST, "phone_numbers.list_v2"),
    },
}


def operation_of(provider: str, word: str) -> str:
    """What the word stands for at this provider; what is no such word stands for itself."""
    return WORDS.get(provider, {}).get(word, word)
