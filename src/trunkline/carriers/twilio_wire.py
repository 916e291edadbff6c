"""Twilio's records and refusals as we read them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from trunkline.carriers.base import as_e164
from trunkline.carriers.twilio_papers import WANTED
from trunkline.domain.choosing import OwnedNumber
from trunkline.domain.numbers import E164, NumberType
from trunkline.errors import ActionRequired, Missing, OfferGone, ProviderError, Rejected, RetryLater, TrialLimit
from trunkline.providers.http import Reply, short_text

# In the order in which they are tried where the type does not matter and the country sells no local numbers.
TYPES = {
    NumberType.LOCAL: "Local",
    NumberType.MOBILE: "Mobile",
    NumberType.NATIONAL: "National",
    NumberType.TOLL_FREE: "TollFree",
}
# The settings of a number that Vapi's import overwrites, and the form fields that set them.
URLS = {
    "voice_url": "VoiceUrl",
    "voice_method": "VoiceMethod",
    "sms_url": "SmsUrl",
    "sms_method": "SmsMethod",
    "status_callback": "StatusCallback",
    "status_callback_method": "StatusCallbackMethod",
}
METHODS = {"voice_url": "voice_method", "sms_url": "sms_method", "status_callback": "status_callback_method"}
SIDS = {
    "trunk_sid": "the SIP trunk",
    "voice_application_sid": "the application",
    "sms_application_sid": "the application",
}
ANSWERS = {"voice_url": "calls", "sms_url": "texts"}
ADDRESSES = ANSWERS | {
    "voice_fallback_url": "calls that fail",
    "sms_fallback_url": "texts that fail",
    "status_callback": "reports of calls",
}
DEMO = "demo.twilio.com"

ACCOUNT_CODES = {
    10001: "the Twilio account is not active: add funds or settle its state in the Twilio console",
    20003: "check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key); the account must be active",
    20005: "the Twilio account is not active: add funds or settle its state in the Twilio console",
    20006: "give the API key the permission to manage phone numbers, or use the account's auth token",
    20008: "these are Twilio's test credentials: use the live ones",
    22300: "Twilio keeps this account from buying numbers: ask Twilio's support",
    70051: "give the API key the permission to manage phone numbers, or use the account's auth token",
}


def owned_number(row: dict[str, Any]) -> OwnedNumber:
    """Twilio's record of a number that the account holds."""
    trunk, application = row.get("trunk_sid"), row.get("voice_application_sid")
    bypass = {"SIP trunk": trunk, "TwiML application": application}
    by_others, by_vapi = uses(row)
    return OwnedNumber(
        number=as_e164(row["phone_number"]) or E164(str(row["phone_number"])),  # kept as it is: it equals none of ours
        ref=row["sid"],
        mark_text=row.get("friendly_name") or "",
        used_by=next(iter(by_others + by_vapi), None),
        urls={name: row.get(name) or "" for name in URLS},
        warnings=tuple(
            f"calls go to the {what} {sid}, not to Vapi: take it off the number in Twilio"
            for what, sid in bypass.items()
            if sid
        ),
        voice=can(row, "voice") and not takes_faxes(row),
        account=str(row.get("account_sid") or ""),
        number_type=next((kind for kind in TYPES if kind.value == row.get("type")), None),
        by_vapi=bool(by_vapi) and not by_others,
    )


def uses(row: dict[str, Any]) -> tuple[list[str], list[str]]:
    """What answers the number's calls or texts, or goes by them: what is somebody's own, and what is Vapi's. Twilio's
    demo addresses, its default, count as nothing, and so does what reports calls to Vapi where Vapi answers none. Of a
    URL only the host is told: the rest may hold a password."""
    by_others = [f"{what} {row[name]}" for name, what in SIDS.items() if row.get(name)]
    by_vapi = []
    for name, what in ADDRESSES.items():
        host = host_of(row.get(name))
        if not leads_to_vapi(row.get(name)):
            by_others += [f"{host} ({what})"] if host and host != DEMO else []
        elif name in ANSWERS:
            by_vapi.append(f"Vapi ({what})")
    if row.get("emergency_address_sid") or row.get("emergency_address_status") == "registered":
        by_others.append("a registered emergency address")
    if takes_faxes(row):
        by_others.append("a fax")
    return by_others, by_vapi


def takes_faxes(row: dict[str, Any]) -> bool:
    return str(row.get("voice_receive_mode") or "").lower() == "fax"


@lru_cache(1024)  # most numbers have the same few addresses, and a list has very many numbers
def host_of(url: str | None) -> str:
    try:
        return urlsplit(url or "").hostname or ""
    except ValueError:  # somebody's own text, and surely no address of Vapi's
        return "an address that cannot be read"


def leads_to_vapi(url: str | None) -> bool:
    return host_of(url).endswith(".vapi.ai")


def settings_before(urls: dict[str, str], now: dict[str, str]) -> dict[str, str]:
    """The form that puts a number's settings back to `urls`. Vapi's own addresses are never put back, and what somebody
    else has set since is left alone. A method goes with its address, where it was set."""
    form: dict[str, str] = {}
    for name in ("voice_url", "sms_url", "status_callback"):
        before = "" if leads_to_vapi(urls.get(name)) else urls.get(name, "")
        free = host_of(now[name]) in ("", DEMO) or leads_to_vapi(now[name])
        if before == now[name] or not free:
            continue
        form[URLS[name]] = before
        method = METHODS[name]
        if urls.get(method):
            form[URLS[method]] = urls[method]
    return form


def can(row: dict[str, Any], ability: str) -> bool:
    """Whether the number can do it. Twilio writes the names in different case from one list to the other."""
    return any(name.lower() == ability and able for name, able in (row.get("capabilities") or {}).items())


def rows_of(
    reply: Reply, key: str, operation: str, needed: tuple[str, ...] = ("phone_number",)
) -> list[dict[str, Any]]:
    rows = reply.body.get(key) if isinstance(reply.body, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) and all(map(row.get, needed)) for row in rows):
        raise unreadable(operation)
    return rows


def unreadable(operation: str) -> RetryLater:
    """An answer that is no list, or a page that leads nowhere: an error, never "no numbers"."""
    return RetryLater("Twilio's answer cannot be read", provider="twilio", operation=operation)


def is_own(reply: Reply) -> bool:
    """Twilio names a code in every refusal."""
    return isinstance(reply.body, dict) and isinstance(reply.body.get("code"), int)


def refusal(reply: Reply) -> ProviderError | None:
    """Twilio's error codes by what to do next; the general rule for what is not Twilio's own."""
    body = reply.body if isinstance(reply.body, dict) else {}
    code, text = body.get("code"), short_text(body)
    if not isinstance(code, int):
        return None
    if code == 20404:
        return Missing(f"Twilio has no such thing: {text}", vendor_code=str(code))
    if code == 21422:
        return OfferGone(f"Twilio no longer sells this number: {text}", vendor_code=str(code))
    if code == 21404 and "verify" in text.lower():
        # One code, two messages: this one is not the limit.
        return ActionRequired(
            f"Twilio wants a verified number first: {text}",
            vendor_code=str(code),
            hint="verify a phone number of your own in the Twilio console (Verified Caller IDs), then try again",
            account_wide=True,
        )
    if code in (21404, 10002):
        return TrialLimit(
            f"the Twilio trial account may hold no further number: {text}",
            vendor_code=str(code),
            hint="upgrade the Twilio account, or release its number",
        )
    if code in ACCOUNT_CODES:
        hint = ACCOUNT_CODES[code]
        return ActionRequired(f"Twilio refuses: {text}", vendor_code=str(code), hint=hint, account_wide=True)
    if code in WANTED:
        return ActionRequired(f"Twilio wants {WANTED[code]} for this number: {text}", vendor_code=str(code))
    if reply.status in (401, 403):
        return None
    return Rejected(f"Twilio refused the request ({code}): {text}", vendor_code=str(code))
