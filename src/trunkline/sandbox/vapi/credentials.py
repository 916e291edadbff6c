"""Vapi's credentials, as the last published text of /credential and the current schemas describe them."""

from __future__ import annotations

import ipaddress
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.vapi.wire import (
    Checks,
    Handler,
    Record,
    Refused,
    Window,
    body_of,
    common,
    new_id,
    not_served,
    org_of,
    patched,
    pick,
    shelf,
)
from trunkline.sandbox.world import Switch, World

FIELDS = {
    "twilio": ("accountSid", "authToken", "apiKey", "apiSecret"),
    "vonage": ("apiKey", "apiSecret"),
    "telnyx": ("apiKey",),
    "byo-sip-trunk": (
        "gateways",
        "outboundAuthenticationPlan",
        "outboundLeadingPlusEnabled",
        "techPrefix",
        "sipDiversionHeader",
    ),
    "custom-credential": ("authenticationPlan", "encryptionPlan"),
}
REQUIRED = {"twilio": ("accountSid",), "vonage": ("apiKey", "apiSecret"), "telnyx": ("apiKey",)}
# "This is not returned in the API." A Telnyx credential has no published schema; its key is taken for a secret, too.
SECRETS = {
    "twilio": {"authToken", "apiKey", "apiSecret"},
    "vonage": {"apiSecret", "vonageApplicationPrivateKey"},
    "telnyx": {"apiKey"},
    "byo-sip-trunk": {"authPassword"},
    "custom-credential": {"token", "secretKey", "clientSecret"},
}
# What tells one account from another, for the switch that refuses a second credential.
ACCOUNT_KEY = {"twilio": "accountSid", "vonage": "apiKey", "telnyx": "apiKey"}
PLANS = {
    "bearer": ("token",),
    "hmac": ("secretKey", "algorithm"),
    "oauth2": ("url", "clientId", "clientSecret"),
}

SWITCHES = {
    "vapi_credential_endpoint": Switch(True, bool, "off: there is no /credential, as in the current public document"),
    "vapi_credential_duplicates": Switch(
        "allow", Literal["allow", "refuse"], "a second credential for one carrier account"
    ),
    "vapi_credential_delete_in_use": Switch(
        "refuse", Literal["refuse", "allow"], "deleting a credential that a phone number uses (one author's report)"
    ),
}


def credentials_of(world: World, org: str) -> dict[str, Record]:
    return shelf(world, org, "credentials")


def if_served(handler: Handler) -> Handler:
    async def endpoint(request: Request, world: World) -> Response:
        if not world.switches["vapi_credential_endpoint"]:
            return not_served(request)
        return await handler(request, world)

    return endpoint


def shown(record: Record) -> dict[str, Any]:
    """The credential without its secrets, wherever in it they are."""
    row: dict[str, Any] = without(record.wire, SECRETS[record.wire["provider"]])
    return row


def without(value: Any, secrets: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: without(item, secrets) for key, item in value.items() if key not in secrets}
    return [without(item, secrets) for item in value] if isinstance(value, list) else value


async def list_all(request: Request, world: World) -> Response:
    return JSONResponse([shown(record) for record in Window.of(request).newest(credentials_of(world, org_of(request)))])


async def create(request: Request, world: World) -> Response:
    """Keys are not tried at the carrier here (not documented): a wrong one shows at the import."""
    org, body = org_of(request), await body_of(request)
    provider = checked(body)
    if world.switches["vapi_credential_duplicates"] == "refuse" and (key := ACCOUNT_KEY.get(provider)):
        for record in credentials_of(world, org).values():
            if record.wire["provider"] == provider and record.wire[key] == body[key]:
                raise Refused(409, f"Existing Credential {record.id}")
    wire, now = common(world, org, body | made_by_vapi(world, provider))
    record = Record(wire, now, now)
    credentials_of(world, org)[record.id] = record
    return JSONResponse(shown(record), 201)


def made_by_vapi(world: World, provider: str) -> dict[str, Any]:
    """What Vapi adds: its own application in a Telnyx or Vonage account, an authentication session."""
    if provider == "telnyx":
        return {"telnyxApplicationId": str(world.random.randrange(10**18, 3 * 10**18))}
    if provider == "vonage":
        return {"vonageApplicationId": new_id(world), "vonageApplicationPrivateKey": "kept by Vapi"}
    return {"authenticationSession": {}} if provider == "custom-credential" else {}


def checked(body: dict[str, Any]) -> str:
    """The provider of a valid body."""
    provider = str(body.get("provider"))
    if provider not in FIELDS:
        raise Refused(400, [f"provider must be one of the following values: {', '.join(FIELDS)}"])
    checks = Checks(body)
    checks.only(("provider", "name", *FIELDS[provider]))
    checks.text("name", longest=40, shortest=1)
    if provider == "byo-sip-trunk":
        check_trunk(checks)
    elif provider == "custom-credential":
        check_plan(checks)
    else:
        for name in FIELDS[provider]:
            checks.text(name, shortest=1, required=name in REQUIRED[provider])
    checks.done()
    if provider == "byo-sip-trunk":
        reach_gateways(body["gateways"])
    return provider


def check_trunk(checks: Checks) -> None:
    gateways = checks.body.get("gateways")
    if not isinstance(gateways, list) or not gateways:
        checks.messages.append("gateways must be an array")
        return
    for at, gateway in enumerate(gateways):
        if not isinstance(gateway, dict) or not isinstance(gateway.get("ip"), str):
            checks.messages.append(f"gateways.{at}.ip must be a string")
            continue
        netmask, port = gateway.get("netmask", 32), gateway.get("port", 5060)
        if not isinstance(netmask, int) or not 24 <= netmask <= 32:
            checks.messages.append(f"gateways.{at}.netmask must not be less than 24 or greater than 32")
        if not isinstance(port, int) or not 1 <= port <= 65535:
            checks.messages.append(f"gateways.{at}.port must not be less than 1 or greater than 65535")
    checks.object("outboundAuthenticationPlan")
    checks.flag("outboundLeadingPlusEnabled")


def reach_gateways(gateways: list[dict[str, Any]]) -> None:
    """Documented: a gateway for inbound calls (the default) needs a numeric IPv4 address."""
    for gateway in gateways:
        try:
            ipaddress.IPv4Address(gateway["ip"])
        except ValueError:
            if gateway.get("inboundEnabled", True):
                text = "Couldn't validate SIP trunk credential. SIP gateway creation failed."
                raise Refused(400, text) from None


def check_plan(checks: Checks) -> None:
    plan = checks.body.get("authenticationPlan")
    if not isinstance(plan, dict) or plan.get("type") not in PLANS:
        checks.messages.append(f"authenticationPlan.type must be one of the following values: {', '.join(PLANS)}")
        return
    inner = Checks(plan)
    for name in PLANS[plan["type"]]:
        inner.text(name, shortest=1, required=True)
    if plan["type"] == "hmac" and plan.get("algorithm") not in ("sha256", "sha512", "sha1"):
        inner.messages.append("algorithm must be one of the following values: sha256, sha512, sha1")
    checks.messages += [f"authenticationPlan.{message}" for message in inner.messages]


async def get(request: Request, world: World) -> Response:
    return JSONResponse(shown(pick(request, credentials_of(world, org_of(request)), "Credential")))


async def update(request: Request, world: World) -> Response:
    org, body = org_of(request), await body_of(request)
    record = pick(request, credentials_of(world, org), "Credential")
    provider = record.wire["provider"]
    if body.get("provider", provider) != provider:
        raise Refused(400, [f"provider must be {provider}, as the credential was created"])
    row = patched(record.wire, body)
    checked({key: value for key, value in row.items() if key in body or key in ("provider", "name", *FIELDS[provider])})
    record.wire = row
    record.touch(world)
    return JSONResponse(shown(record))


async def delete(request: Request, world: World) -> Response:
    """Answers 200 with the deleted credential."""
    org = org_of(request)
    record = pick(request, credentials_of(world, org), "Credential")
    users = [n.id for n in shelf(world, org, "numbers").values() if n.wire.get("credentialId") == record.id]
    if users and world.switches["vapi_credential_delete_in_use"] == "refuse":
        raise Refused(400, f"Credential Is Used By Phone Number {users[0]}.")
    del credentials_of(world, org)[record.id]
    return JSONResponse(shown(record))
