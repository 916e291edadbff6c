"""Vonage's numbers: searched, bought at once, configured by replacing everything, and cancelled."""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.inventory import Holdings, Shelves, by_prefix, starting
from trunkline.sandbox.vonage.wire import CARRIER, Failed, caller, form, listing, pattern, success
from trunkline.sandbox.world import Account, Number, World

SETUP = {"US": Decimal("0.00"), "CA": Decimal("0.00")}
OTHER_SETUP = Decimal("1.00")
FEATURES = ("SMS", "VOICE", "SMS,VOICE", "MMS", "SMS,MMS", "VOICE,MMS", "SMS,MMS,VOICE")
SETTINGS = (
    "app_id",
    "moHttpUrl",
    "moSmppSysType",
    "voiceCallbackType",
    "voiceCallbackValue",
    "voiceStatusCallback",
    "messagesCallbackType",
    "messagesCallbackValue",
)
LISTED = ("app_id", "moHttpUrl", *SETTINGS[3:5], *SETTINGS[6:])
ONLY_BY_HAND = (
    "Numbers from this country can be requested from the Dashboard (https://dashboard.nexmo.com/buy-numbers) as they "
    "require a valid local address to be provided before being purchased."
)


def holdings(world: World) -> Holdings:
    found: Holdings = world.vendor(CARRIER).setdefault("holdings", Holdings(CARRIER))
    return found


def shelves(world: World) -> Shelves:
    found: Shelves = world.vendor(CARRIER).setdefault("shelves", Shelves(CARRIER, by_prefix))
    return found


def lag(world: World) -> dict[str, int]:
    """How many listings a freshly bought number stays out of."""
    found: dict[str, int] = world.vendor(CARRIER).setdefault("lag", {})
    return found


def msisdn(number: Number) -> str:
    return number.number.removeprefix("+")


def kind(number: Number) -> str:
    """US and CA local numbers are `mobile-lvn`, too (Vonage's CLI documentation)."""
    if number.type == "toll_free":
        return "landline-toll-free"
    return "mobile-lvn" if number.type == "mobile" or number.country in ("US", "CA") else "landline"


def features(number: Number) -> list[str]:
    mms = number.sms and number.country in ("US", "CA")
    able = (("SMS", number.sms), ("MMS", mms), ("VOICE", number.voice))
    return [name for name, has in able if has]


def setup_price(number: Number) -> Decimal:
    return SETUP.get(number.country, OTHER_SETUP) if number.upfront is None else number.upfront


def offer(number: Number) -> dict[str, Any]:
    return {
        "country": number.country,
        "msisdn": msisdn(number),
        "type": kind(number),
        "cost": f"{number.price:.2f}",
        "initialPrice": f"{setup_price(number):.2f}",
        "features": features(number),
    }


def record(number: Number) -> dict[str, Any]:
    shown = {"country": number.country, "msisdn": msisdn(number), "type": kind(number), "features": features(number)}
    return shown | {name: number.wire[name] for name in LISTED if number.wire.get(name)}


async def search(request: Request, world: World) -> Response:
    query = request.query_params
    country, wanted = query.get("country"), query.get("features")
    if not country:
        raise Failed(400, body={"country": "Is required."})
    if query.get("type") not in (None, "landline", "mobile-lvn", "landline-toll-free"):
        raise Failed()
    asked = set(wanted.split(",")) if wanted else set()
    if not asked <= {"SMS", "VOICE", "MMS"}:
        raise Failed()
    if wanted and wanted not in FEATURES and world.switches["vonage_feature_order_matters"]:
        return JSONResponse({})
    start, part, end = pattern(request)

    @cache
    def fits(number_type: str, sms: bool, voice: bool) -> bool:
        like = Number(CARRIER, "", country=country.upper(), type=number_type, sms=sms, voice=voice)
        return query.get("type") in (None, kind(like)) and asked <= set(features(like))

    found = [
        n
        for n in starting(shelves(world), world, country.upper(), start, part)
        if n.account is None and fits(n.type, n.sms, n.voice) and n.number.endswith(end)
    ]
    return listing(request, found, offer)


async def owned(request: Request, world: World) -> Response:
    query, account = request.query_params, caller(request)
    application, linked = query.get("application_id"), query.get("has_application", "").lower()
    if linked not in ("", "true", "false"):
        raise Failed()
    (start, part, end), late = pattern(request), lag(world)
    found = []
    for number in reversed(holdings(world).newest_first(world, account.id)):
        if late.get(number.number, 0) > 0:
            late[number.number] -= 1
            continue
        app_id = number.wire.get("app_id")
        if (
            number.number.startswith(start)
            and part in number.number
            and number.number.endswith(end)
            and query.get("country", number.country).upper() == number.country
            and application in (None, app_id)
            and (not linked or (linked == "true") == bool(app_id))
        ):
            found.append(number)
    return listing(request, found, record)


def named(fields: dict[str, str], world: World) -> Number:
    """The number of this country that the form names: digits alone, no plus."""
    number = world.number(CARRIER, "+" + fields["msisdn"])
    if number is None or number.country != fields["country"].upper():
        raise Failed()
    return number


def target(request: Request, world: World, fields: dict[str, str]) -> Account:
    """The caller's account, or the subaccount that `target_api_key` names."""
    account, key = caller(request), fields.get("target_api_key")
    if not key or key == account.id:
        return account
    sub = world.account(CARRIER, key)
    if sub is None or sub.extra.get("parent") != account.id:
        raise Failed()
    return sub


async def buy(request: Request, world: World) -> Response:
    """All at once, and the answer says nothing about the number. The caller pays, also for a subaccount."""
    fields, payer = await form(request), caller(request)
    account, number = target(request, world, fields), named(fields, world)
    if payer.trial and not world.switches["vonage_trial_may_buy"]:
        raise Failed(401)
    if number.address != "none" or number.bundle:
        raise Failed(420, ONLY_BY_HAND)
    price = number.price + setup_price(number)
    if number.account is not None or (payer.balance < price and not payer.extra.get("auto_reload")):
        raise Failed()
    payer.balance -= price
    number.account, number.wire = account.id, {}
    number.history.append(f"bought {World.now().isoformat()}")
    holdings(world).add(number)
    if late := int(world.switches["vonage_listing_lag"]):
        lag(world)[number.number] = late
    return success()


async def update(request: Request, world: World) -> Response:
    """Replaces everything: a setting that is not in the form is gone (how Vonage's own CLI unlinks an application)."""
    fields = await form(request)
    number = named(fields, world)
    if number.account != caller(request).id:
        raise Failed()
    voice = fields.get("voiceCallbackType")
    if voice not in (None, "", "sip", "tel", "app", "vxml") or bool(voice) != bool(fields.get("voiceCallbackValue")):
        raise Failed()
    kept = {k: v for k, v in number.wire.items() if k not in SETTINGS}
    number.wire = kept | {k: v for k, v in fields.items() if k in SETTINGS and v}
    return success()


async def cancel(request: Request, world: World) -> Response:
    """Cancelling a number that is not held is the same 420 as any other failure."""
    fields = await form(request)
    number, account = named(fields, world), target(request, world, fields)
    if number.account != account.id:
        raise Failed()
    give_back(world, number)
    return success()


def give_back(world: World, number: Number) -> None:
    number.account, number.wire = None, {}
    number.history.append(f"cancelled {World.now().isoformat()}")
    lag(world).pop(number.number, None)
