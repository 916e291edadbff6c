"""Vapi's phone numbers: both lists, create for every provider, read, change and delete."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.vapi import imports as carriers
from trunkline.sandbox.vapi.wire import (
    Checks,
    Record,
    Refused,
    Window,
    body_of,
    common,
    org_of,
    patched,
    pick,
    shelf,
    whole,
)
from trunkline.sandbox.world import Number, Switch, World

COMMON = ("provider", "name", "assistantId", "squadId", "workflowId", "server", "fallbackDestination", "hooks")
TWILIO = ("number", "twilioAccountSid", *carriers.SECRETS_ON_NUMBERS, "smsEnabled")
CREATE = {
    "byo-phone-number": (*COMMON, "number", "credentialId", "numberE164CheckEnabled"),
    "twilio": (*COMMON, *TWILIO),
    "vonage": (*COMMON, "number", "credentialId"),
    "vapi": (*COMMON, "numberDesiredAreaCode", "sipUri", "authentication"),
    "telnyx": (*COMMON, "number", "credentialId"),
}
UPDATE = CREATE | {"vapi": (*COMMON, "sipUri", "authentication")}
ANY_NUMBER = re.compile(r"\+?[a-zA-Z0-9]+")
FREE = Decimal("0.00")
SECONDS_UNTIL_ACTIVE = {"twilio": 0.0, "vonage": 0.0, "telnyx": 0.0, "byo-phone-number": 0.0, "vapi": 0.3}

Refusal = dict[str, Any]
SWITCHES = {
    "vapi_import_limit": Switch(
        None, int | None, "how many imported numbers a plan allows, for organisations that do not say it themselves"
    ),
    "vapi_import_payment": Switch(True, bool, "off: imports want a payment method, unless the organisation says it"),
    "vapi_import_limit_refusal": Switch(
        {"status": 403, "message": "Your plan's phone number limit is reached."}, Refusal, "not published"
    ),
    "vapi_import_payment_refusal": Switch(
        {"status": 402, "message": "A payment method is required."}, Refusal, "not published"
    ),
    "vapi_duplicate_import": Switch(
        "existing",
        Literal["existing", "conflict", "already_exists", "second_record"],
        "importing a number again: 400 `Existing Phone Number ID`, 409, 400 with `already exists`, or a second record",
    ),
    "vapi_duplicate_across_orgs": Switch(
        "allow", Literal["allow", "refuse"], "whether a number that is in another organisation counts as a duplicate"
    ),
    "vapi_delete_at_twilio": Switch(
        "keep",
        Literal["keep", "blank", "restore"],
        "what deleting a record does to the Twilio number's URLs: nothing, empty Vapi's own, or as before the import",
    ),
    "vapi_patch_needs_provider": Switch(False, bool, "whether a change must name the number's provider"),
    "vapi_patch_null": Switch(
        "clears",
        Literal["clears", "ignored", "refused"],
        "what null does in a change; that it clears is documented for assistantId",
    ),
    "vapi_unknown_assistant": Switch(
        "refuse", Literal["refuse", "accept"], "a phone number with an assistantId that nobody has"
    ),
    "vapi_returns_twilio_secrets": Switch(False, bool, "whether the API shows a number's Twilio secrets"),
    "vapi_seconds_until_active": Switch(
        {}, dict[str, float], "by provider, over the defaults (`vapi` 0.3, all others 0)"
    ),
    "vapi_number_never_arrives": Switch(
        False, bool, "a free number becomes active and stays without a number (seen after a purchase that failed)"
    ),
    "vapi_blocked_numbers": Switch([], list[str], "E.164 numbers that show as blocked"),
    "vapi_listing_lag_seconds": Switch(0, float, "how long lists do not have a new record"),
    "vapi_free_number_limit": Switch(5, int, "how many free numbers an organisation may have"),
    "vapi_payment_method": Switch(True, bool, "off: one free number and no second"),
    "vapi_free_limit_refusal": Switch(
        {"status": 400, "message": "Free phone number limit reached."}, Refusal, "not published"
    ),
    "vapi_payment_refusal": Switch(
        {"status": 402, "message": "A payment method is required for another phone number."}, Refusal, "not published"
    ),
}


@dataclass
class PhoneNumber(Record):
    """`arriving` is the free number that comes at `active_at`; `before`: the Twilio fields before the import.

    `text` is what a search looks at, once it has been put together.
    """

    active_at: float = 0.0
    arriving: str | None = None
    before: dict[str, Any] = field(default_factory=dict)
    text: str | None = None


def numbers_of(world: World, org: str) -> dict[str, PhoneNumber]:
    return shelf(world, org, "numbers")


def settle(world: World, record: PhoneNumber) -> dict[str, Any]:
    """The whole row as of now: activation that is due has happened, and its secrets are still in it."""
    if record.wire["status"] == "activating" and time.time() >= record.active_at:
        record.wire["status"] = "active"
        if record.arriving is not None and not world.switches["vapi_number_never_arrives"]:
            record.wire["number"] = record.arriving
            record.text = None
    blocked = record.wire.get("number") in world.switches["vapi_blocked_numbers"]
    return record.wire | {"status": "blocked"} if blocked else record.wire


def shown(world: World, record: PhoneNumber) -> dict[str, Any]:
    """The row as the API returns it."""
    hidden = () if world.switches["vapi_returns_twilio_secrets"] else carriers.SECRETS_ON_NUMBERS
    return {key: value for key, value in settle(world, record).items() if key not in hidden}


def listed(world: World, org: str) -> dict[str, PhoneNumber]:
    """The records that lists show already; `vapi_listing_lag_seconds` keeps new ones out for a while."""
    records = numbers_of(world, org)
    if not (lag := float(world.switches["vapi_listing_lag_seconds"])):
        return records
    until = (time.time() - lag) * 1000
    return {key: record for key, record in records.items() if record.created <= until}


async def list_v1(request: Request, world: World) -> Response:
    records = Window.of(request).newest(listed(world, org_of(request)))
    return JSONResponse([shown(world, record) for record in records])


async def list_v2(request: Request, world: World) -> Response:
    """With page, sortOrder and search (over name, number and sipUri). For `sortBy`, cost and duration are all equal."""
    window, query = Window.of(request), request.query_params
    wrong: list[str] = []
    page = whole(query.get("page", "1"), "page", 1, None, wrong)
    order, search = query.get("sortOrder", "DESC"), query.get("search", "").lower()
    if order not in ("ASC", "DESC"):
        wrong.append("sortOrder must be one of the following values: ASC, DESC")
    if query.get("sortBy", "createdAt") not in ("createdAt", "duration", "cost"):
        wrong.append("sortBy must be one of the following values: createdAt, duration, cost")
    if len(search) > 100:
        wrong.append("search must be shorter than or equal to 100 characters")
    if wrong:
        raise Refused(400, wrong)
    records = list(listed(world, org_of(request)).values())
    if order == "DESC":
        records.reverse()
    records = [record for record in window.matching(records) if found_by(world, record, search)]
    start, pages = (page - 1) * window.limit, math.ceil(len(records) / window.limit) if window.limit else 0
    metadata = {
        "itemsPerPage": window.limit,
        "totalItems": len(records),
        "currentPage": page,
        "totalPages": pages,
        "hasNextPage": page < pages,
        "sortOrder": order,
    }
    results = [shown(world, record) for record in records[start : start + window.limit]]
    return JSONResponse({"results": results, "metadata": metadata})


def found_by(world: World, record: PhoneNumber, search: str) -> bool:
    if not search:
        return True
    row = settle(world, record)
    if record.text is None:
        record.text = "\n".join(str(row.get(key, "")).lower() for key in ("name", "number", "sipUri"))
    return search in record.text


async def create(request: Request, world: World) -> Response:
    org, body = org_of(request), await body_of(request)
    checked(world, body, str(body.get("provider")))
    known_assistant(world, org, body)
    record = add(world, org, body)
    return JSONResponse(shown(world, record), 201)


def add(world: World, org: str, body: dict[str, Any]) -> PhoneNumber:
    """Do what a valid create asks for, at the carrier and here."""
    provider = body["provider"]
    before: dict[str, Any] = {}
    arriving: Number | None = None
    if provider != "vapi":
        refuse_import(world, org)
    if provider == "twilio":
        number = carriers.find_at_twilio(world, body)
        refuse_duplicate(world, org, body)
        before = carriers.take_at_twilio(world, org, number, body.get("smsEnabled") is not False)
        body = {"smsEnabled": True} | body
    elif provider == "vapi":
        refuse_duplicate(world, org, body)
        arriving = free_number(world, org, body)
    else:
        carriers.credential(
            world, org, body["credentialId"], "byo-sip-trunk" if provider.startswith("byo") else provider
        )
        refuse_duplicate(world, org, body)
        if provider == "telnyx":
            carriers.take_at_telnyx(world, org, body)
        elif provider == "vonage":
            carriers.take_at_vonage(world, org, body)
    return stored(world, org, body, before, arriving)


def stored(
    world: World, org: str, body: dict[str, Any], before: dict[str, Any], arriving: Number | None
) -> PhoneNumber:
    wire, now = common(world, org, body)
    seconds = {**SECONDS_UNTIL_ACTIVE, **world.switches["vapi_seconds_until_active"]}[wire["provider"]]
    record = PhoneNumber(wire, now, now, time.time() + seconds, before=before)
    record.arriving = arriving.number if arriving is not None else None
    wire["status"] = "activating"
    settle(world, record)
    numbers_of(world, org)[record.id] = record
    return record


def free_number(world: World, org: str, body: dict[str, Any]) -> Number | None:
    """The number that a `vapi` create buys; none with a sipUri, and none with neither (observed)."""
    area_code = body.get("numberDesiredAreaCode")
    if body.get("sipUri") is not None:
        return None
    free = [r for r in numbers_of(world, org).values() if r.wire["provider"] == "vapi" and "sipUri" not in r.wire]
    if len(free) >= int(world.switches["vapi_free_number_limit"]):
        raise Refused(**world.switches["vapi_free_limit_refusal"])
    if free and not world.switches["vapi_payment_method"]:
        raise Refused(**world.switches["vapi_payment_refusal"])
    return carriers.take_free_number(world, org, area_code) if area_code is not None else None


def refuse_import(world: World, org: str) -> None:
    """No further imported number for this organisation's plan, or none without a payment method."""
    account = world.account("vapi", org)
    plan = {} if account is None else account.extra
    limit = plan.get("import_limit", world.switches["vapi_import_limit"])
    if limit is not None:
        imported = sum(record.wire["provider"] != "vapi" for record in numbers_of(world, org).values())
        if imported >= int(limit):
            raise Refused(**world.switches["vapi_import_limit_refusal"])
    if not plan.get("import_payment", world.switches["vapi_import_payment"]):
        raise Refused(**world.switches["vapi_import_payment_refusal"])


def refuse_duplicate(world: World, org: str, body: dict[str, Any]) -> None:
    """A second record for one number or sipUri: not documented, so switch vapi_duplicate_import decides."""
    mode, key = world.switches["vapi_duplicate_import"], "sipUri" if body["provider"] == "vapi" else "number"
    wanted = body.get(key)
    if mode == "second_record" or wanted is None:
        return
    orgs = [account.id for account in carriers.accounts(world, "vapi")]
    if world.switches["vapi_duplicate_across_orgs"] == "allow":
        orgs = [org]
    for record in [record for owner in orgs for record in numbers_of(world, owner).values()]:
        if record.wire.get(key) == wanted:
            if mode == "conflict":
                raise Refused(409, f"Phone Number {wanted} Conflicts With An Existing Resource.")
            if mode == "already_exists":
                raise Refused(400, f"Phone number {wanted} already exists.")
            raise Refused(400, f"Existing Phone Number {record.id}")


def checked(world: World, body: dict[str, Any], provider: str) -> None:
    """Refuse the fields of a create, or of a row as an update would leave it, where one is invalid."""
    if provider not in CREATE:
        raise Refused(400, [f"provider must be one of the following values: {', '.join(CREATE)}"])
    checks = Checks(body)
    checks.only(CREATE[provider])
    checks.text("name", longest=40)
    for target in ("assistantId", "squadId", "workflowId"):
        checks.uuid(target)
    checks.server(legacy=bool(world.switches["vapi_legacy_server_secret"]))
    checks.object("fallbackDestination")
    if not isinstance(body.get("hooks"), list | None):
        checks.messages.append("hooks must be an array")
    check_provider(checks, provider)
    checks.done()


def known_assistant(world: World, org: str, body: dict[str, Any]) -> None:
    """The wording of this refusal is not published."""
    assistant = body.get("assistantId") if world.switches["vapi_unknown_assistant"] == "refuse" else None
    if assistant is not None and assistant.lower() not in shelf(world, org, "assistants"):
        raise Refused(400, f"Assistant Not Found. `assistantId` {assistant} Does Not Exist.")


def check_provider(checks: Checks, provider: str) -> None:
    """The fields that only this provider has."""
    if provider == "twilio":
        checks.e164("number")
        checks.text("twilioAccountSid", required=True)
        for secret in carriers.SECRETS_ON_NUMBERS:
            checks.text(secret)
        checks.flag("smsEnabled")
    elif provider == "vapi":
        checks.text("numberDesiredAreaCode", longest=3, shortest=3)
        checks.text("sipUri")
        checks.object("authentication")
    else:
        checks.uuid("credentialId", required=True)
        if provider == "byo-phone-number":
            check_own_number(checks)
        else:
            checks.e164("number")


def check_own_number(checks: Checks) -> None:
    """A number of an own trunk may be absent, and need not be E.164 where numberE164CheckEnabled is false."""
    checks.text("number", longest=40, shortest=3)
    checks.flag("numberE164CheckEnabled")
    number = checks.body.get("number")
    if checks.body.get("numberE164CheckEnabled") is not False:
        checks.e164("number", required=False)
    elif isinstance(number, str) and not ANY_NUMBER.fullmatch(number):
        checks.messages.append("number must match ^\\+?[a-zA-Z0-9]+$ regular expression")


async def get(request: Request, world: World) -> Response:
    return JSONResponse(shown(world, pick(request, numbers_of(world, org_of(request)), "Phone Number")))


async def update(request: Request, world: World) -> Response:
    """Replace the given fields; null clears one. One bad field rejects the whole change."""
    org, body = org_of(request), await body_of(request)
    record = pick(request, numbers_of(world, org), "Phone Number")
    provider = record.wire["provider"]
    if "provider" not in body and world.switches["vapi_patch_needs_provider"]:
        raise Refused(400, [f"provider must be one of the following values: {', '.join(CREATE)}"])
    if body.get("provider", provider) != provider:
        raise Refused(400, [f"provider must be {provider}, as the phone number was created"])
    if unknown := [key for key in body if key not in UPDATE[provider]]:
        raise Refused(400, [f"property {key} should not exist" for key in unknown])
    body = nulled(world, body)
    row = patched(record.wire, body)
    own = {key: value for key, value in row.items() if key in CREATE[provider]}
    checked(world, own, provider)
    known_assistant(world, org, body)
    if provider == "twilio" and set(body) & {"number", "twilioAccountSid", *carriers.SECRETS_ON_NUMBERS}:
        carriers.find_at_twilio(world, own)
    record.wire, record.text = row, None
    record.touch(world)
    return JSONResponse(shown(world, record))


def nulled(world: World, body: dict[str, Any]) -> dict[str, Any]:
    """A change as switch vapi_patch_null has it."""
    nulls = [key for key, value in body.items() if value is None]
    if nulls and world.switches["vapi_patch_null"] == "refused":
        raise Refused(400, [f"{key} must not be null" for key in nulls])
    ignored = nulls if world.switches["vapi_patch_null"] == "ignored" else ()
    return {key: value for key, value in body.items() if key not in ignored}


async def delete(request: Request, world: World) -> Response:
    """Answers 200 with the deleted row. A free number is given up; a carrier's number stays at the carrier."""
    org = org_of(request)
    record = pick(request, numbers_of(world, org), "Phone Number")
    row = shown(world, record)
    del numbers_of(world, org)[record.id]
    provider, number = record.wire["provider"], record.wire.get("number") or record.arriving
    held = world.number(provider, str(number))
    if held is not None and provider == "twilio":
        carriers.leave_at_twilio(world, org, held, record.before)
    elif held is not None and provider == "vapi":
        held.account = None
    return JSONResponse(row)


def hold(world: World, number: Number) -> None:
    """A free number that the control API gives to an org gets its record, active at once."""
    assert number.account is not None
    body = {"provider": "vapi", "numberDesiredAreaCode": number.number[2:5]}
    record = stored(world, number.account, body, {}, number)
    record.active_at = 0.0
    settle(world, record)
