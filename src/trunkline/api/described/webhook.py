"""Vapi's webhook, as the document shows it."""

from __future__ import annotations

from trunkline.api.described import NUMBER, RESTAURANT_ID, answered, documented, operation
from trunkline.api.proof import no_key, not_vapi, too_large
from trunkline.routing.messages import not_a_message
from trunkline.routing.router import not_stored

ASSISTANT_REQUEST = {
    "message": {
        "type": "assistant-request",
        "call": {"id": "0195d1c4-8c1f-7aa2-9f6e-3f0a8f1c2b7d", "phoneNumberId": "88d8d3f6-5d0f-4c55-9b0f-1f0f3e7d2a11"},
        "phoneNumber": {"id": "88d8d3f6-5d0f-4c55-9b0f-1f0f3e7d2a11", "number": NUMBER},
        "customer": {"number": "+14155550142"},
    }
}

VALUES = {
    "restaurant_id": RESTAURANT_ID,
    "restaurant_name": "My Restaurant",
    "called_number": NUMBER,
}

CONNECTED = {
    "assistantId": "5f1c0f0e-63a4-4c0e-8f4e-6f5a1b1d9c77",
    "assistantOverrides": {"variableValues": VALUES, "metadata": VALUES},
}

VAPI_WEBHOOK = operation(
    "vapiWebhook",
    summary="Receive Vapi's messages",
    description=(
        "The server URL for Vapi. An assistant-request is answered with the shared assistant and the called "
        "restaurant's values, tool-calls with their results; calls are stored. Every other type is accepted."
    ),
    responses={
        200: answered(
            "What Vapi is to do now.",
            connected=("Whose number it is", CONNECTED),
            unmapped=("Nobody's number", {"error": "We are sorry, this number is not in service."}),
            nothing=("Nothing to do", {}),
        ),
        **documented(not_vapi(), no_key(), not_a_message(), too_large(), not_stored()),
    },
)
