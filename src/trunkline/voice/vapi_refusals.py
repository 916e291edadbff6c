"""What Vapi's refusals mean, by what to do next: it has no error codes, so the status and the words decide."""

from __future__ import annotations

import re

from trunkline.errors import ActionRequired, AlreadyThere, Missing, ProviderError, Rejected, RetryLater, Role
from trunkline.providers.http import Reply, short_text

WRONG_KEY = "401"
SETTINGS = {
    "telnyx": "TELNYX_VAPI_CREDENTIAL_ID",
    "vonage": "VONAGE_VAPI_CREDENTIAL_ID",
    "byo-sip-trunk": "BYO_VAPI_CREDENTIAL_ID",
    "custom-credential": "VAPI_WEBHOOK_CREDENTIAL_ID",
}
DETAILS = {
    "custom-credential": "; a bearer token, the value of VAPI_SECRET_KEY, in the header X-Vapi-Secret, no Bearer prefix"
}
# The wording of a second import is not documented and differs between reports.
ALREADY = re.compile(r"already|duplicate|existing (phone number|credential)", re.IGNORECASE)
WRONG_CARRIER_KEY = re.compile(r"couldn't \w+ \w+ number.* 40[13]\b", re.IGNORECASE)
# Observed for Twilio and Telnyx, also while the carrier does not yet show a number that it has just sold.
NOT_SEEN_YET = re.compile(r"number not found on \w+|couldn't (get|find|update) \w+ number", re.IGNORECASE)
BAD_TRUNK = re.compile(r"couldn't validate sip trunk", re.IGNORECASE)


def by_hand(kind: str, error: ProviderError) -> ActionRequired:
    """What a person does where Vapi does not let us find or create the credential."""
    where = f"Vapi's dashboard (Integrations{DETAILS.get(kind, '')})"
    hint = f"make a {kind} credential in {where} and set {SETTINGS[kind]} to its id"
    if BAD_TRUNK.search(error.detail):
        hint = "check that BYO_GATEWAY_IPS are the public IPv4 addresses of your SIP trunk's gateways"
    return ActionRequired(
        f"Vapi gives no {kind} credential: {error.detail}",
        provider="vapi",
        role=Role.VOICE,
        operation="credential",
        hint=hint,
    )


def no_assistant(which: str, hint: str) -> ActionRequired:
    return ActionRequired(
        f"Vapi has no assistant {which}", provider="vapi", role=Role.VOICE, operation="assistant", hint=hint
    )


def unreadable(operation: str) -> RetryLater:
    return RetryLater(
        "Vapi's answer cannot be read or is incomplete", provider="vapi", role=Role.VOICE, operation=operation
    )


def refusal(reply: Reply) -> ProviderError | None:
    """Vapi has no error codes: the status and the words decide."""
    text = short_text(reply.body)
    if not isinstance(reply.body, dict):
        return None
    if reply.status == 401:
        return ActionRequired(
            f"Vapi refused our key: {text}",
            vendor_code=WRONG_KEY,
            hint="set VAPI_API_KEY to the organisation's private key, not the public one",
        )
    if reply.status == 402:
        return ActionRequired(f"Vapi wants a payment method: {text}", hint="add a payment method in Vapi's dashboard")
    if reply.status == 404:
        return Missing(f"Vapi has no such thing: {text}")
    if reply.status == 409 or (reply.status == 400 and ALREADY.search(text)):
        return AlreadyThere(f"Vapi has it already: {text}")
    if reply.status == 400 and WRONG_CARRIER_KEY.search(text):
        return ActionRequired(
            f"the carrier refused Vapi: {text}",
            hint="correct the carrier's keys in its credential in Vapi's dashboard, or delete that credential",
        )
    if reply.status == 400 and NOT_SEEN_YET.search(text):
        return RetryLater(f"Vapi does not see the number at its carrier: {text}")
    if reply.status == 403:
        return None
    return Rejected(f"Vapi refused the request ({reply.status}): {text}")
