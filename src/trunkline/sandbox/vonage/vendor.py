"""Vonage: the Numbers, Account and Application APIs on one host."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.app import Handler
from trunkline.sandbox.inventory import Pace
from trunkline.sandbox.vonage import numbers
from trunkline.sandbox.vonage.drifts import DRIFTS
from trunkline.sandbox.vonage.wire import CARRIER, NOT_THERE, Failed, caller
from trunkline.sandbox.world import Account, Drift, Number, Switch, World

DEFAULT_ACCOUNT = "5a4db0c5"
DEFAULT_SECRET = "SandboxVonageOnly1"  # noqa: S105
US_AREAS = ("415", "212", "312", "206", "617", "305")
CA_AREAS = ("416", "604")
SWITCHES = {
    "vonage_error_in_200": Switch(
        False, bool, "failures answer 200 with error-code 420 in the body, which the official SDK is ready for"
    ),
    "vonage_listing_lag": Switch(0, int, "how many listings do not show a number that was just bought"),
    "vonage_feature_order_matters": Switch(
        True, bool, "an order of features that the document does not list finds nothing"
    ),
    "vonage_trial_may_buy": Switch(
        True, bool, "off: an account that was never topped up is answered 401 when it buys (a thread of 2018)"
    ),
    "vonage_rate_limit": Switch(0, int, "requests a second for each key, then 429; 0: no limit"),
}


def stock() -> list[Number]:
    """US, CA and GB; FR and DE are sold in the dashboard only."""

    def block(prefix: str, size: int, price: str, **more: Any) -> list[Number]:
        return [
            Number(CARRIER, f"{prefix}{i:03d}", price=Decimal(price), currency="EUR", **more)
            for i in range(1, size + 1)
        ]

    found: list[Number] = []
    for area in US_AREAS:
        found += block(f"+1{area}5554", 40, "0.90")
    for area in CA_AREAS:
        found += block(f"+1{area}5554", 20, "0.90", country="CA")
    found += block("+18885554", 20, "2.10", type="toll_free", sms=False)
    found += block("+442079464", 20, "1.25", country="GB", sms=False)
    found += block("+447400124", 20, "1.25", country="GB", type="mobile")
    found += block("+3319901", 20, "3.00", country="FR", sms=False, address="local")
    found += block("+493023126", 20, "1.50", country="DE", sms=False, address="local")
    return found


class Vonage:
    """Vonage's Numbers, Account and Application APIs: all of them on this one host.

    Operations: number.search, number.buy, number.update, number.cancel, account.numbers, account.balance,
    applications.create|get.

    The account's id is the API key. `Account.extra` of a subaccount holds `parent`, the API key that may buy for it;
    `auto_reload` is what the balance says of itself.
    """

    name = CARRIER
    hosts: tuple[str, ...] = (
        "/number/{rest:path}",
        "/account/{rest:path}",
        "/accounts/{rest:path}",
        "/v2/applications{rest:path}",
    )
    extras: tuple[str, ...] = ("parent", "auto_reload")
    drifts: tuple[Drift, ...] = DRIFTS
    switches = SWITCHES

    def operations(self) -> list[tuple[str, str, str, Handler]]:
        table: list[tuple[str, str, str, Handler]] = [
            ("number.search", "GET", "/number/search", numbers.search),
            ("number.buy", "POST", "/number/buy", numbers.buy),
            ("number.update", "POST", "/number/update", numbers.update),
            ("number.cancel", "POST", "/number/cancel", numbers.cancel),
            ("account.numbers", "GET", "/account/numbers", numbers.owned),
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
        numbers.holdings(world).add(number)

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
        limit = int(world.switches["vonage_rate_limit"])
        pace: Pace = world.vendor(CARRIER).setdefault("pace", Pace())
        used = pace.spend(caller(request).id)
        try:
            if limit and used > limit:
                raise Failed(429)
            response = await call(request, world)
        except Failed as failed:
            told = world.switches["vonage_error_in_200"] and failed.status == 420
            response = JSONResponse(failed.body, 200 if told else failed.status)
        response.headers["x-nexmo-trace-id"] = world.hex(32)
        return response

    return handler


async def balance(request: Request, world: World) -> Response:
    account = caller(request)
    return JSONResponse({"value": float(account.balance), "autoReload": bool(account.extra.get("auto_reload"))})


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
