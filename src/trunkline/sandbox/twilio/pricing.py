"""Twilio's pricing API: a month's price of a number by country and type."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from trunkline.sandbox.twilio.state import candidates, kinds
from trunkline.sandbox.twilio.stock import CARRIER, COUNTRIES, PATHS, PRICES
from trunkline.sandbox.twilio.wire import Page, answer, not_found
from trunkline.sandbox.world import World


def list_countries(request: Request, world: World) -> Response:
    """The envelope is `meta` with absolute `_url`s, unlike the 2010 API."""
    codes = sorted({country for country, _ in kinds(world)})
    page, host = Page.of(request), f"{request.url.scheme}://{request.url.netloc}"
    shown, more = page.cut_list(codes, str)
    links = page.links(request, shown, more)
    meta = {
        "page": page.page,
        "page_size": page.size,
        "first_page_url": f"{host}{links['first']}",
        "previous_page_url": links["previous"] and f"{host}{links['previous']}",
        "next_page_url": links["next"] and f"{host}{links['next']}",
        "url": f"{host}{links['this']}",
        "key": "countries",
    }
    return answer({"countries": [_country(request, code) for code in shown], "meta": meta})


def fetch_country(request: Request, world: World) -> Response:
    code, offered = request.path_params["country"].upper(), kinds(world)
    prices = {kind: price_of(world, code, kind) for kind in PATHS if (code, kind) in offered}
    if not prices:
        raise not_found(request)
    rows = [_price(kind, price) for kind, (price, _) in prices.items()]
    unit = next(currency for _, currency in prices.values())
    return answer(_country(request, code) | {"price_unit": unit, "phone_number_prices": rows})


def price_of(world: World, country: str, kind: str) -> tuple[Decimal, str]:
    """What the first number of the shelf costs and in which currency, else the list price."""
    first = next(iter(candidates(world, country, kind)), None)
    number = world.number(CARRIER, first) if first else None
    return (number.price, number.currency) if number else (PRICES[country, kind], "USD")


def _country(request: Request, code: str) -> dict[str, Any]:
    url = f"{request.url.scheme}://{request.url.netloc}/v1/PhoneNumbers/Countries/{code}"
    return {"country": COUNTRIES.get(code, code), "iso_country": code, "url": url}


def _price(kind: str, price: Decimal) -> dict[str, str]:
    """The type with a space ("toll free"), prices as strings."""
    return {"number_type": kind.replace("_", " "), "base_price": str(price), "current_price": str(price)}
