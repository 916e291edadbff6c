"""Telnyx: numbers are searched, ordered, and some time later they are there."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.app import Handler
from trunkline.sandbox.telnyx import numbers, orders, reservations, search
from trunkline.sandbox.telnyx.drifts import DRIFTS
from trunkline.sandbox.telnyx.wire import CARRIER, Refused, book, caller, hold, not_found
from trunkline.sandbox.world import Account, Drift, Number, Switch, World

DEFAULT_ACCOUNT = "telnyx"
DEFAULT_SECRET = "KEY0SANDBOX0TELNYX0ONLY"  # noqa: S105

STATUS_CODES = {400: "10015", 401: "10009", 402: "20100", 403: "10010", 404: "10005", 409: "10012", 429: "10011"}

US_AREAS = {
    "415": ("San Francisco", "CA"),
    "212": ("New York", "NY"),
    "312": ("Chicago", "IL"),
    "206": ("Seattle", "WA"),
    "617": ("Boston", "MA"),
    "305": ("Miami", "FL"),
}
CA_AREAS = {"416": ("Toronto", "ON"), "604": ("Vancouver", "BC")}


def stock() -> list[Number]:
    """What is for sale in a new world: US and CA without papers, GB, FR and DE with."""

    def block(prefix: str, size: int, price: str, **more: Any) -> list[Number]:
        return [Number(CARRIER, f"{prefix}{i:03d}", price=Decimal(price), **more) for i in range(1, size + 1)]

    papers: dict[str, Any] = {"sms": False, "bundle": True, "address": "local"}
    found: list[Number] = []
    for area, (locality, region) in US_AREAS.items():
        found += block(f"+1{area}5553", 40, "1.00", locality=locality, region=region)
    for area, (locality, region) in CA_AREAS.items():
        found += block(f"+1{area}5553", 20, "1.00", country="CA", locality=locality, region=region)
    found += block("+18885553", 20, "2.00", type="toll_free")
    found += block("+442079463", 20, "1.50", country="GB", locality="London", **papers)
    found += block("+447400123", 20, "2.50", country="GB", type="mobile", **papers | {"sms": True})
    found += block("+3319900", 20, "1.50", country="FR", locality="Paris", **papers)
    found += block("+493023125", 20, "1.50", country="DE", locality="Berlin", **papers)
    return found


SWITCHES = {
    "telnyx_order_polls": Switch(1, int, "how many reads still show a new order as pending"),
    "telnyx_order_result": Switch("success", Literal["success", "failure"], "what becomes of an order then"),
    "telnyx_order_unseen_polls": Switch(0, int, "how many reads of a new order answer 404 (seen by one project)"),
    "telnyx_number_unseen_polls": Switch(
        0, int, "how many reads of /phone_numbers do not show a number whose order has succeeded"
    ),
    "telnyx_list_pending": Switch(
        False, bool, "/phone_numbers shows numbers with purchase-pending before their order has succeeded"
    ),
    "telnyx_reference_on_numbers": Switch(
        True, bool, "an order's customer_reference is written on its numbers, as the guide to bulk orders says"
    ),
    "telnyx_search_seconds": Switch(600, float, "how long a search allows an order (85000 later)"),
    "telnyx_review_seconds": Switch(
        0, float, "how long the papers of a new order (requirement_group_id) are under review; the review is documented"
    ),
    "telnyx_review_result": Switch(
        "approved",
        Literal["approved", "exception"],
        "how a review ends; after requirement-info-exception the order stays pending",
    ),
    "telnyx_trial_error": Switch(
        None,
        str | None,
        "the code of a trial account's refusals; null: 10038 for the kind of number, 10039 for the limit",
    ),
    "telnyx_unverified_error": Switch("20014", str, "the code of an unverified account's orders, with 403"),
    "telnyx_redact_for_trial": Switch(
        True, bool, "trial accounts see masked numbers; unverified ones see nothing else"
    ),
    "telnyx_refusal_status": Switch(
        None, int | None, "the HTTP status of refused orders; null: 422 for 85xxx, 403 for 1003x"
    ),
    "telnyx_cancelled_status": Switch(
        "failure",
        Literal["failure", "cancelled"],
        "an order whose parts are all cancelled: by OpenAPI, or by the guides",
    ),
    "telnyx_plus_in_filter": Switch(
        False, bool, "filter[phone_number] takes a leading plus: no by OpenAPI, yes in Telnyx's own CLI"
    ),
    "telnyx_reservation_seconds": Switch(1800, float, "how long a reserved number is kept (the guide: 30 minutes)"),
    "telnyx_reservation_polls": Switch(0, int, "how many reads still show a new reservation as pending"),
    "telnyx_reservation_limit": Switch(None, int | None, "how many numbers an account may reserve at once, then 85007"),
    "telnyx_reserved_in_search": Switch(
        True,
        bool,
        "an account's search shows what it has reserved, unless exclude_held_numbers; without that is not documented",
    ),
    "telnyx_reserved_needs_search": Switch(
        False, bool, "a reserved number, too, is ordered only after a search (85000); not documented"
    ),
    "telnyx_rate_limit": Switch(5000, int, "requests a second for each operation, then 429"),
}


class Telnyx:
    """Telnyx API v2 under /v2: search, orders, numbers, balance.

    Operations: available_phone_numbers.list, inventory_coverage.list, number_orders.create|list|get|update,
    number_order_phone_numbers.get, sub_number_orders.get|cancel, number_reservations.create|list|get|extend,
    phone_numbers.list|slim|get|update|delete, balance.get.

    A number counts as held from the order on (`Number.account`), but its `wire["status"]` is "purchase-pending" until
    the order has succeeded and the number shows; a failed or cancelled order gives it and the money back. Time passes
    by looking: each read of an order, and each read of the account's numbers, is one poll. `Account.extra` may hold
    `country` (the home country, US), `level` (verified, or paid: only local numbers of the home country, or unverified:
    every number masked and none sold), `refused` (the code, as 20012, with which every call of this account is refused)
    and `region` (not None: keys of another region than the one that Vapi asks, so that its imports are refused).
    """

    name = CARRIER
    hosts: tuple[str, ...] = ("/v2/{rest:path}",)
    extras: tuple[str, ...] = ("country", "level", "refused", "region")
    drifts: tuple[Drift, ...] = DRIFTS
    switches = SWITCHES

    def operations(self) -> list[tuple[str, str, str, Handler]]:
        table: list[tuple[str, str, str, Handler]] = [
            ("available_phone_numbers.list", "GET", "/v2/available_phone_numbers", search.search),
            ("inventory_coverage.list", "GET", "/v2/inventory_coverage", search.coverage),
            ("number_orders.create", "POST", "/v2/number_orders", orders.create_order),
            ("number_orders.list", "GET", "/v2/number_orders", orders.list_orders),
            ("number_orders.get", "GET", "/v2/number_orders/{order}", orders.get_order),
            ("number_orders.update", "PATCH", "/v2/number_orders/{order}", orders.update_order),
            ("number_order_phone_numbers.get", "GET", "/v2/number_order_phone_numbers/{line}", orders.get_line),
            ("sub_number_orders.cancel", "PATCH", "/v2/sub_number_orders/{sub}/cancel", orders.cancel_sub_order),
            ("sub_number_orders.get", "GET", "/v2/sub_number_orders/{sub}", orders.get_sub_order),
            ("number_reservations.create", "POST", "/v2/number_reservations", reservations.create),
            ("number_reservations.list", "GET", "/v2/number_reservations", reservations.list_all),
            ("number_reservations.get", "GET", "/v2/number_reservations/{reservation}", reservations.get),
            (
                "number_reservations.extend",
                "POST",
                "/v2/number_reservations/{reservation}/actions/extend",
                reservations.extend,
            ),
            ("phone_numbers.slim", "GET", "/v2/phone_numbers/slim", numbers.list_slim),
            ("phone_numbers.list", "GET", "/v2/phone_numbers", numbers.list_numbers),
            ("phone_numbers.get", "GET", "/v2/phone_numbers/{id}", numbers.get_number),
            ("phone_numbers.update", "PATCH", "/v2/phone_numbers/{id}", numbers.update_number),
            ("phone_numbers.delete", "DELETE", "/v2/phone_numbers/{id}", numbers.delete_number),
            ("balance.get", "GET", "/v2/balance", balance),
        ]
        return [(operation, method, path, limited(operation, call)) for operation, method, path, call in table]

    def seed(self, world: World) -> None:
        world.add_account(Account(CARRIER, DEFAULT_ACCOUNT, DEFAULT_SECRET))
        for number in stock():
            world.add_number(number)

    def hold(self, world: World, number: Number) -> None:
        hold(world, number)

    def error(self, status: int) -> Response:
        code = STATUS_CODES.get(status, "10015" if status < 500 else "10007")
        return with_rate(Refused(status, code, "The sandbox was told to answer so.").response(), 5000, 0)

    def offer(self, world: World, number: Number) -> None:
        """Every account counts as having just searched it."""
        keys = [account.id for account in world.accounts.values() if account.carrier == CARRIER]
        book(world).searched |= {(key, number.number): time.monotonic() for key in keys}

    async def unserved(self, request: Request, world: World) -> Response:
        return not_found().response()

    def check_auth(self, request: Request, world: World) -> Response | None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and key:
            for account in world.accounts.values():
                if account.carrier == CARRIER and account.secret == key:
                    request.state.telnyx_account = account
                    return None
        limit = int(world.switches["telnyx_rate_limit"])
        return with_rate(
            Refused(401, "10009", "Could not understand the provided credentials.").response(), limit, limit
        )


def with_rate(response: Response, limit: int, remaining: int) -> Response:
    """Every answer carries these; the reset is in seconds."""
    response.headers["x-ratelimit-limit"] = str(limit)
    response.headers["x-ratelimit-remaining"] = str(max(remaining, 0))
    response.headers["x-ratelimit-reset"] = "1"
    return response


def limited(operation: str, call: Handler) -> Handler:
    """The call with its share of the second, its refusals worded, and the rate headers on whatever comes of it."""

    async def handler(request: Request, world: World) -> Response:
        limit = int(world.switches["telnyx_rate_limit"])
        used = book(world).pace.spend(f"{caller(request).id} {operation}")
        try:
            if code := caller(request).extra.get("refused"):
                raise Refused(403, str(code), "This account may not use the API at the moment.")
            if used > limit:
                raise Refused(429, "10011", "You have exceeded the maximum number of allowed requests.")
            reservations.expire(world)
            response = await call(request, world)
        except Refused as refused:
            response = refused.response()
        return with_rate(response, limit, limit - used)

    return handler


async def balance(request: Request, world: World) -> Response:
    account = caller(request)
    data = {
        "record_type": "balance",
        "balance": f"{account.balance:.2f}",
        "credit_limit": "0.00",
        "available_credit": f"{account.balance:.2f}",
        "pending": "0.00",
        "currency": account.currency,
    }
    return JSONResponse({"data": data})
