"""Numbers that are in Vapi without an import, so that a world with very many of them is there at once."""

from __future__ import annotations

from typing import Any

from trunkline.sandbox.vapi.assistants import ASSISTANTS
from trunkline.sandbox.vapi.credentials import FIELDS, credentials_of, made_by_vapi
from trunkline.sandbox.vapi.imports import accounts
from trunkline.sandbox.vapi.numbers import add, numbers_of
from trunkline.sandbox.vapi.wire import Record, common
from trunkline.sandbox.world import Number, World

# How the carriers' records carry the mark that an import takes for a name.
NAMES = ("friendly_name", "customer_reference")


def import_held(world: World, number: Number) -> None:
    """As if the first organisation had imported this held number for its first assistant, with the account's keys."""
    org = accounts(world, "vapi")[0].id
    assistant = next(iter(ASSISTANTS.of(world, org)))
    name = next((number.wire[field] for field in NAMES if number.wire.get(field)), None)
    if number.carrier == "vapi":
        record = next(r for r in numbers_of(world, org).values() if r.wire.get("number") == number.number)
        record.wire["assistantId"] = assistant
        return
    body = {"provider": number.carrier, "number": number.number, "assistantId": assistant, "name": name}
    add(world, org, body | keys_of(world, org, number))


def keys_of(world: World, org: str, number: Number) -> dict[str, Any]:
    """What an import gives as proof: Twilio's own keys, else a credential, made where there is none."""
    account = world.accounts[number.carrier, str(number.account)]
    if number.carrier == "twilio":
        return {"twilioAccountSid": account.id, "twilioAuthToken": account.secret}
    own = {"apiKey": account.secret} if number.carrier == "telnyx" else {"apiKey": account.id}
    own |= {"apiSecret": account.secret} if "apiSecret" in FIELDS[number.carrier] else {}
    for record in credentials_of(world, org).values():
        if own.items() <= record.wire.items():
            return {"credentialId": record.id}
    wire, now = common(world, org, {"provider": number.carrier, **own, **made_by_vapi(world, number.carrier)})
    credentials_of(world, org)[wire["id"]] = Record(wire, now, now)
    return {"credentialId": wire["id"]}
