"""What a person does where Vapi does not let us find or create a credential."""

from __future__ import annotations

import re

from trunkline.errors import ActionRequired, ProviderError

SETTINGS = {
    "telnyx": "TELNYX_VAPI_CREDENTIAL_ID",
    "vonage": "VONAGE_VAPI_CREDENTIAL_ID",
    "byo-sip-trunk": "BYO_VAPI_CREDENTIAL_ID",
    "custom-credential": "VAPI_WEBHOOK_CREDENTIAL_ID",
}
DETAILS = {
    "custom-credential": "; a bearer token, the value of VAPI_SECRET_KEY, in the header X-Vapi-Secret, no Bearer prefix"
}
BAD_TRUNK = re.compile(r"couldn't validate sip trunk", re.IGNORECASE)


def by_hand(kind: str, error: ProviderError) -> ActionRequired:
    """`kind` is Vapi's word for the credential. Nothing can be imported without it, so it concerns the account."""
    where = f"Vapi's dashboard (Integrations{DETAILS.get(kind, '')})"
    hint = f"make a {kind} credential in {where} and set {SETTINGS[kind]} to its id"
    if BAD_TRUNK.search(error.detail):
        hint = "check that BYO_GATEWAY_IPS are the public IPv4 addresses of your SIP trunk's gateways"
    return ActionRequired(f"Vapi gives no {kind} credential: {error.detail}", hint=hint, account_wide=True)
