"""Vonage: numbers are searched, bought at once, configured by replacing everything, and cancelled."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from collections.abc import Callable
from decimal import Decimal
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.app import Handler
from trunkline.sandbox.inventory import Holdings, Shelves
from trunkline.sandbox.vonage_stock import CARRIER, stock
from trunkline.sandbox.world import Account, Number, World

DEFAULT_ACCOUNT = "5a4db0c5"
DEFAULT_SECRET = "SandboxVonageOnly1"  # noqa: S105

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
LABELS = {401: "authentication failed", 420: "method failed", 429: "too many requests"}
ONLY_BY_HAND = (
    "Numbers from this country can be requested from the Dashboard (https://dashboard.nexmo.com/buy-numbers) as they "
    "require a valid local address to be provided before being purchased."
)


NOT_THERE = {"title": "Not Found", "detail": "The requested resource does not exist"}


class Failed(Exception):
    """The catch-all 420, or another status with a label."""

    def __init__(self, status: int = 420, label: str | None = None, body: dict[str, str] | None = None) -> None:
        super().__init__(label)
        self.status = status
        self.body = body or {"error-code": str(status), "error-code-label": label or LABELS.get(status, "failed")}

    def response(self) -> Response:
        return JSONResponse(self.body, self.status)


class Vonage:
    """Vonage's Numbers, Account and Application APIs: all of them on this one host.

    Operations: number.search, number.buy, number.update, number.cancel, account.numbers, account.balance,
    applications.create|get.

    The account's id is the API key. `Account.extra` of a subaccount holds `parent`, the API key that may buy for it.
    """

    name = CARRIER
    hosts: tuple[str, ...] = (
        "/number/{rest:path}",
        "/account/{rest:path}",
        "/accounts/{rest:path}",
        "/v2/applications{rest:path}",
    )
    switches: dict[str, Any] = {  # noqa: RUF012
        # Failures answer 200 with error-code 420 in the body, which the official SDK is ready for.
        "vonage_error_in_200": False,
        # How many listings of the account do not show a number that was just bought.
        "vonage_listing_lag": 0,
        # An order of features that the document does not list finds nothing.
        "vonage_feature_order_matters": True,
        # Whether an account that was never topped up may buy; else 401, as a thread of 2018 reports.
        "vonage_trial_may_buy": True,
    }

    def operations(self) -> list[tuple[str, str, str, Handler]]:
        table: list[tuple[str, str, str, Handler]] = [
            ("number.search", "GET", "/number/search", search),
            ("number.buy", "POST", "/number/buy", buy),
            ("number.update", "POST", "/number/update", update),
            ("number.cancel", "POST", "/number/cancel", cancel),
            ("account.numbers", "GET", "/account/numbers", owned),
            ("account.balance", "GET", "/account/get-balance", balance),
            ("applications.create", "POST", "/v2/applications", create_application),
            ("applications.get", "GET", "/v2/applications/{application}", get_application),
        ]
        return [(operation, method, path, answering(call)) for operation, method, path, call in table]

    def seed(self, world: World) -> None:
        world.add_account(Account(CARRIER, DEFAULT_ACCOUNT, DEFAULT_SECRET, currency="EUR"))
        for number in stock():
            world.add_number(number)

    def hold(self, world: World, number: Number) -> None:
        holdings(world).add(number)

    def error(self, status: int) -> Response:
        return Failed(status).response()

    def offer(self, world: World, number: Number) -> None:
        """Vonage sells without a search before."""

    async def unserved(self, request: Request, world: World) -> Response:
        """The wording for a path that is not there is not published: that of the Application API is taken."""
        return Failed(404, body=NOT_THERE).response()

    def check_auth(self, request: Request, world: World) -> Response | None:
        """Basic, or `api_key` and `api_secret` in the query (the document of 2020; newer ones only say Basic)."""
        query = request.query_params
        key, secret = query.get("api_key", ""), query.get("api_secret", "")
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                key, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return self.error(401)
        account = world.account(CARRIER, key)
        if account is None or not secret or account.secret != secret:
            return self.error(401)
        request.state.vonage_account = account
        return None


def answering(call: Handler) -> Handler:
    """The call with its failures worded and a trace id on whatever comes of it."""

    async def handler(request: Request, world: World) -> Response:
        try:
            response = await call(request, world)
        except Failed as failed:
            told = world.switches["vonage_error_in_200"] and failed.status == 420
            response = JSONResponse(failed.body, 200 if told else failed.status)
        response.headers["x-nexmo-trace-id"] = world.hex(32)
        return response

    return handler


def caller(request: Request) -> Account:
    account: Account = request.state.vonage_account
    return account


def holdings(world: World) -> Holdings:
    found: Holdings = world.vendor(CARRIER).setdefault("holdings", Holdings(CARRIER))
    return found


def shelves(world: World) -> Shelves:
    found: Shelves = world.vendor(CARRIER).setdefault("shelves", Shelves(CARRIER))
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


def whole(request: Request, name: str, default: int, highest: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal() or int(text) > highest:
        raise Failed()
    return int(text)


def pattern(request: Request) -> tuple[str, str, str]:
    """What the E.164 number starts with, contains and ends with: `search_pattern` 0, 1 or 2 says which is `pattern`."""
    text, where = request.query_params.get("pattern", ""), whole(request, "search_pattern", 0, 2)
    if text and not text.isdecimal():
        text = "none"  # msisdns are digits alone, so that a plus or a wildcard matches nothing
    return ("+" + text if where == 0 else "+", text if where == 1 else "", text if where == 2 else "")


def listing(request: Request, items: list[Number], show: Callable[[Number], dict[str, Any]]) -> Response:
    """A page with the count of all; nothing found is `{}` without either key (the official SDK's tests)."""
    size, index = whole(request, "size", 10, 100), whole(request, "index", 1, 10**9)
    if size < 1 or index < 1:
        raise Failed()
    shown = items[(index - 1) * size : index * size]
    return JSONResponse({"count": len(items), "numbers": [show(n) for n in shown]} if shown else {})


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
        for n in shelves(world).candidates(world, country.upper(), start, part)
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


async def form(request: Request) -> dict[str, str]:
    """Only a form body counts: parameters in the query are a 420; missing ones, or another content type, a 400."""
    media = request.headers.get("content-type", "").partition(";")[0].strip()
    text = (await request.body()).decode("utf-8", "replace")
    fields = dict(parse_qsl(text, keep_blank_values=True)) if media == "application/x-www-form-urlencoded" else {}
    missing = [name for name in ("country", "msisdn") if not fields.get(name)]
    if missing and all(name in request.query_params for name in missing):
        raise Failed()
    if missing:
        raise Failed(400, body=dict.fromkeys(missing, "Is required."))
    return fields


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


def success() -> Response:
    return JSONResponse({"error-code": "200", "error-code-label": "success"})


async def buy(request: Request, world: World) -> Response:
    """All at once, and the answer says nothing about the number. The caller pays, also for a subaccount."""
    fields, payer = await form(request), caller(request)
    account, number = target(request, world, fields), named(fields, world)
    if payer.trial and not world.switches["vonage_trial_may_buy"]:
        raise Failed(401)
    if number.address != "none" or number.bundle:
        raise Failed(420, ONLY_BY_HAND)
    price = number.price + setup_price(number)
    if number.account is not None or payer.balance < price:
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
    number.account, number.wire = None, {}
    number.history.append(f"cancelled {World.now().isoformat()}")
    lag(world).pop(number.number, None)
    return success()


async def balance(request: Request, world: World) -> Response:
    return JSONResponse({"value": float(caller(request).balance), "autoReload": False})


def applications(world: World) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = world.vendor(CARRIER).setdefault("applications", {})
    return found


def own_application(request: Request, world: World) -> dict[str, Any]:
    found = applications(world).get(request.path_params["application"])
    if found is None or found["account"] != caller(request).id:
        raise Failed(404, body=NOT_THERE)
    shown: dict[str, Any] = found["shown"]
    return shown


async def create_application(request: Request, world: World) -> Response:
    """JSON, unlike the numbers; the private key is in this answer and never again."""
    try:
        body = json.loads(await request.body())
        shown = {"name": body["name"], "capabilities": body.get("capabilities") or {}}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Failed(400, body={"title": "Bad Request", "detail": "name is required"}) from None
    shown["id"] = str(uuid.UUID(hex=world.hex(32), version=4))
    shown["keys"] = {"public_key": "sandbox public key"}
    applications(world)[shown["id"]] = {"account": caller(request).id, "shown": shown}
    return JSONResponse(shown | {"keys": shown["keys"] | {"private_key": "sandbox private key"}}, 201)


async def get_application(request: Request, world: World) -> Response:
    return JSONResponse(own_application(request, world))
