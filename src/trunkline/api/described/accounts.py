"""Providers' accounts, as the document shows them."""

from __future__ import annotations

from typing import Any

from trunkline.api.described import BAD_REASON, CARRIER_PROBLEMS, MALFORMED, REFUSED, answered, documented, operation
from trunkline.errors import Conflict, InvalidInput, NotFound

NOT_CONFIGURED = NotFound("telnyx is not configured", hint="CARRIERS names those that are, and their keys are set")
IN_USE = Conflict("this database knows numbers already", hint="take over with a new, empty database only")
NO_MARK = InvalidInput("no number in Vapi carries the mark of 'abcd1234'", field="installation")
TWILIO: dict[str, Any] = {"provider": "twilio", "now": "AC0", "accepted": "AC0", "changed": False}

LIST_ACCOUNTS = operation(
    "listAccounts",
    summary="List the providers' accounts",
    description="Asks each provider whose keys these are.",
    responses={
        200: answered("The accounts.", accounts=("Twilio", {"items": [TWILIO]})),
        **documented(*REFUSED, *CARRIER_PROBLEMS),
    },
)

ACCEPT_ACCOUNT = operation(
    "acceptAccount",
    summary="Work with another account",
    description=(
        "The keys in the settings are meant to be of another account than until now. Numbers that the former "
        "one holds stay there, and are not given back with these keys."
    ),
    responses={
        200: answered("The account.", accepted=("Accepted", TWILIO)),
        **documented(*REFUSED, BAD_REASON, NOT_CONFIGURED, *CARRIER_PROBLEMS),
    },
)

TAKE_OVER_INSTALLATION = operation(
    "takeOverInstallation",
    summary="Be the installation whose marks the numbers carry",
    description=(
        "For a new, empty database after the former one was lost: numbers with the marks of that installation "
        "are ours from now on, and idle, as nobody knows any more whom they served."
    ),
    responses={
        200: answered("It is this one now.", taken=("Taken over", {"name": "abcd1234"})),
        **documented(*REFUSED, BAD_REASON, *MALFORMED, IN_USE, NO_MARK, *CARRIER_PROBLEMS),
    },
)
