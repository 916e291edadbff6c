"""What Vapi does at the carriers: it looks a number up before an import and points the number at itself."""

from __future__ import annotations

import hmac
from typing import Any

from trunkline.sandbox.vapi.wire import Record, Refused, shelf
from trunkline.sandbox.world import Account, Number, World

# Observed on numbers that Vapi's US hosts imported; that the European host has the same paths is an assumption.
HOSTS = {"us": "https://api.vapi.ai", "eu": "https://api.eu.vapi.ai"}
TWILIO_PATHS = {
    "voice_url": "/twilio/inbound_call",
    "status_callback": "/twilio/status",
    "sms_url": "/twilio/sms",
}
TWILIO_FIELDS = ("voice_url", "voice_method", "status_callback", "status_callback_method", "sms_url", "sms_method")
SECRETS_ON_NUMBERS = ("twilioAuthToken", "twilioApiKey", "twilioApiSecret")


def same(given: Any, secret: str) -> bool:
    return isinstance(given, str) and bool(secret) and hmac.compare_digest(given.encode(), secret.encode())


def find_at_twilio(world: World, fields: dict[str, Any]) -> Number:
    """The number in the account that the raw secrets open; the token wins over a key pair.

    Observed: a wrong account, wrong secrets and a number that is not there are all the same refusal. So are, it seems,
    an account's keys of another region than the one that Vapi asks (us1).
    """
    account = world.account("twilio", str(fields.get("twilioAccountSid")))
    number = world.number("twilio", str(fields.get("number")))
    if account is None or number is None or number.account != account.id or not _opens_twilio(account, fields):
        raise Refused(400, "Number Not Found on Twilio")
    if account.extra.get("region", "us1") != "us1":
        raise Refused(400, "Number Not Found on Twilio")
    return number


def _opens_twilio(account: Account, fields: dict[str, Any]) -> bool:
    if fields.get("twilioAuthToken") is not None:
        return same(fields["twilioAuthToken"], account.secret)
    key = account.extra.get("api_keys", {}).get(fields.get("twilioApiKey"))
    return key is not None and same(fields.get("twilioApiSecret"), key["secret"])


def twilio_urls(world: World, org: str) -> dict[str, str]:
    """What a Twilio number's URLs are while this organisation has it."""
    account = world.account("vapi", org)
    host = HOSTS["us" if account is None else account.extra.get("region", "us")]
    return {field: host + path for field, path in TWILIO_PATHS.items()}


def take_at_twilio(world: World, org: str, number: Number, sms: bool) -> dict[str, Any]:
    """Point the number at Vapi; what its fields were before is returned."""
    before = {field: number.wire.get(field) for field in TWILIO_FIELDS}
    for field, url in twilio_urls(world, org).items():
        if field != "sms_url" or sms:
            number.wire |= {field: url, f"{field.removesuffix('_url')}_method": "POST"}
    return before


def leave_at_twilio(world: World, org: str, number: Number, before: dict[str, Any]) -> None:
    """What deleting the record does to the Twilio number: not documented, so switch vapi_delete_at_twilio decides."""
    mode = world.switches["vapi_delete_at_twilio"]
    if mode == "restore":
        number.wire.update(before)
    elif mode == "blank":
        urls = twilio_urls(world, org)
        number.wire.update({field: "" for field, url in urls.items() if number.wire.get(field) == url})


def credential(world: World, org: str, credential_id: Any, provider: str) -> Record:
    """The org's credential of this provider. The wording of this refusal is not published."""
    record: Record | None = shelf(world, org, "credentials").get(str(credential_id).lower())
    if record is None or record.wire["provider"] != provider:
        raise Refused(400, f"Credential Not Found. Need A `{provider}` Credential.")
    return record


def take_at_telnyx(world: World, org: str, fields: dict[str, Any]) -> None:
    """Assign the number to Vapi's application in the Telnyx account that the credential opens.

    Observed: a number that is not (or not yet) there is refused with Telnyx's 404 inside a text.
    """
    stored = credential(world, org, fields["credentialId"], "telnyx").wire
    account = next((a for a in accounts(world, "telnyx") if same(stored["apiKey"], a.secret)), None)
    number = world.number("telnyx", fields["number"])
    if account is None or account.extra.get("region") is not None:
        raise Refused(400, "Couldn't Update Telnyx Number. Error: Request failed with status code 401")
    if number is None or number.account != account.id or number.wire.get("status", "active") != "active":
        raise Refused(400, "Couldn't Update Telnyx Number. Error: Request failed with status code 404")
    number.wire.update(connection_id=stored["telnyxApplicationId"], connection_name="Vapi")


def take_at_vonage(world: World, org: str, fields: dict[str, Any]) -> None:
    """Link the number to Vapi's application in the Vonage account. The wording of the refusals is not published."""
    stored = credential(world, org, fields["credentialId"], "vonage").wire
    account = world.account("vonage", stored["apiKey"])
    if account is None or not same(stored["apiSecret"], account.secret):
        raise Refused(400, "Couldn't Update Vonage Number. Error: Request failed with status code 401")
    plain = fields["number"].removeprefix("+")
    number = world.number("vonage", "+" + plain) or world.number("vonage", plain)
    if number is None or number.account != account.id:
        raise Refused(400, "Couldn't Update Vonage Number. Error: Request failed with status code 420")
    number.wire["app_id"] = stored["vonageApplicationId"]


def accounts(world: World, carrier: str) -> list[Account]:
    return [account for account in world.accounts.values() if account.carrier == carrier]


def take_free_number(world: World, org: str, area_code: str) -> Number:
    """One free US number of this area code. Observed: no stock is refused with two or three other codes in prose."""
    stock = world.for_sale("vapi")
    number = next((n for n in stock if n.number.startswith(f"+1{area_code}")), None)
    if number is None:
        others = sorted({n.number[2:5] for n in stock})[:3]
        hint = f" Hint: Try {'one of ' if len(others) > 1 else ''}{', '.join(others)}." if others else ""
        raise Refused(400, f"This area code is currently not available.{hint}")
    number.account = org
    return number


def unreachable(world: World, org: str, row: dict[str, Any]) -> str | None:
    """Why a call to this number does not get to Vapi, None if it does."""
    provider, number = row["provider"], str(row.get("number"))
    if row["status"] != "active":
        return f"the phone number is {row['status']}"
    if provider == "byo-phone-number":
        return None
    held = world.number(provider, number) or world.number(provider, number.removeprefix("+"))
    if held is None or held.account is None:
        return f"{provider} has sold the number to nobody"
    wire = held.wire
    if provider == "twilio":
        for field in ("trunk_sid", "voice_application_sid"):
            if wire.get(field):
                return f"twilio ignores voice_url because {field} is set"
        at_vapi = wire.get("voice_url") == twilio_urls(world, org)["voice_url"]
        return None if at_vapi else "twilio's voice_url does not point at Vapi"
    if provider in ("telnyx", "vonage"):
        field = {"telnyx": "connection_id", "vonage": "app_id"}[provider]
        stored = shelf(world, org, "credentials").get(str(row["credentialId"]).lower())
        if stored is None or wire.get(field) != stored.wire[f"{provider}ApplicationId"]:
            return f"{provider}'s {field} is not Vapi's application"
    return None
