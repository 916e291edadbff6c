"""Telnyx's inventory: the search that must precede every order, and the coverage by area."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from trunkline.sandbox.inventory import starting
from trunkline.sandbox.telnyx.wire import CARRIER, Refused, book, caller, count, filters, truth, words
from trunkline.sandbox.world import Account, Number, World

UPFRONT = Decimal("1.00")  # unless the number has its own
DEFAULT_LIMIT, MAX_LIMIT = 10, 50
CALLING_CODES = {"US": "1", "CA": "1", "GB": "44", "FR": "33", "DE": "49", "IE": "353", "NL": "31", "ES": "34"}
NANP_FEATURES = ("sms", "mms", "voice", "fax", "emergency", "hd_voice", "international_sms", "local_calling")
FILTERS = {
    "country_code",
    "national_destination_code",
    "features",
    "phone_number_type",
    "limit",
    "phone_number.starts_with",
    "phone_number.contains",
    "phone_number.ends_with",
    "locality",
    "administrative_area",
    "rate_center",
    "best_effort",
    "quickship",
    "reservable",
    "exclude_held_numbers",
    "only_reserved_numbers",
}
COVERAGE_FILTERS = {
    "country_code",
    "administrative_area",
    "phone_number_type",
    "features",
    "count",
    "groupBy",
    "npa",
    "nxx",
}
Test = Callable[[Number], bool]


def features_of(number: Number) -> tuple[str, ...]:
    if number.country not in ("US", "CA"):
        return tuple(name for name, able in (("voice", number.voice), ("sms", number.sms)) if able)
    without = {name for name in NANP_FEATURES if (name in ("sms", "mms", "international_sms") and not number.sms)}
    without |= {name for name in ("voice", "hd_voice", "emergency", "local_calling", "fax") if not number.voice}
    return tuple(name for name in NANP_FEATURES if name not in without)


def national(number: Number) -> str:
    """The digits after the country code."""
    return number.number.removeprefix("+").removeprefix(CALLING_CODES.get(number.country, ""))


def home(account: Account) -> str:
    return str(account.extra.get("country", "US"))


def level(account: Account) -> str:
    """trial, unverified, paid or verified: how Telnyx grades an account; verified may buy everything."""
    return "trial" if account.trial else str(account.extra.get("level", "verified"))


def tests(want: dict[str, list[str]]) -> tuple[list[Test], list[Test]]:
    """What a number must be, and where it must be: `best_effort` gives up the second."""
    last = {name: values[-1] for name, values in want.items()}
    must: list[Test] = [lambda n: n.country == last["country_code"].upper()]
    if kind := last.get("phone_number_type"):
        must.append(lambda n: n.type == kind)
    if asked := set(words(want.get("features", []))):
        must.append(lambda n: asked <= set(features_of(n)))
    if truth(want.get("quickship")):
        must.append(lambda n: bool(n.wire.get("quickship", True)))
    where: list[Test] = []
    code = last.get("national_destination_code", "").lstrip("0")
    if code:
        where.append(lambda n: national(n).startswith(code))
    for name, matches in (("starts_with", str.startswith), ("contains", str.__contains__), ("ends_with", str.endswith)):
        if text := last.get(f"phone_number.{name}"):
            where.append(lambda n, m=matches, t=text: bool(m(national(n)[len(code) :], t)))  # type: ignore[misc]
    if place := (last.get("locality") or last.get("rate_center")):
        where.append(lambda n: n.locality.lower() == place.lower())
    if area := last.get("administrative_area"):
        where.append(lambda n: n.region.lower() == area.lower())
    return must, where


def common(want: dict[str, list[str]]) -> tuple[str, str, str]:
    """Country, prefix and a text that every find has: enough to leave most of a large stock alone."""
    country = want["country_code"][-1].upper()
    if truth(want.get("best_effort")):
        return country, "", ""
    prefix = "+" + CALLING_CODES.get(country, "")
    if country in CALLING_CODES:
        prefix += want.get("national_destination_code", [""])[-1].lstrip("0")
    texts = [values[-1] for name, values in want.items() if name.startswith("phone_number.")]
    return country, prefix, max(texts, key=len, default="")


def offered(world: World, account: Account, want: dict[str, list[str]]) -> Iterator[Number]:
    """For sale to this account: first what it has reserved, or released itself and still has on hold, unless that is
    excluded."""
    if not truth(want.get("exclude_held_numbers")):
        for text, line in book(world).reserved.items():
            number = world.number(CARRIER, text)
            if number is not None and line.account == account.id and world.switches["telnyx_reserved_in_search"]:
                yield number
        for text in reversed(book(world).released.get(account.id, {})):
            number = world.number(CARRIER, text)
            if number is not None and number.account is None and number.held_for == account.id:
                yield number
    if truth(want.get("only_reserved_numbers")):
        return
    for number in starting(book(world).shelves, world, *common(want)):
        if number.account is None and number.held_for is None:
            yield number


def found(world: World, account: Account, want: dict[str, list[str]], limit: int) -> list[tuple[Number, bool]]:
    """(number, is best effort), exact matches first."""
    must, where = tests(want)
    exact: list[tuple[Number, bool]] = []
    near: list[tuple[Number, bool]] = []
    best_effort = truth(want.get("best_effort")) and want["country_code"][-1].upper() in ("US", "CA")
    for number in offered(world, account, want):
        if not all(test(number) for test in must):
            continue
        if all(test(number) for test in where):
            exact.append((number, False))
            if len(exact) == limit:
                break
        elif best_effort and len(near) < limit:
            near.append((number, True))
    return (exact + near)[:limit]


def redacted(account: Account, number: Number, world: World) -> bool:
    """Trial accounts see only local numbers of their own country in full (Telnyx's guide to account levels), unverified
    ones none."""
    hidden = number.type != "local" or number.country != home(account)
    if level(account) == "unverified":
        return True
    return level(account) == "trial" and hidden and bool(world.switches["telnyx_redact_for_trial"])


def masked(number: Number) -> str:
    """As observed: +1779-------, +49351xxxxxxx, +4474001xxxxx; the area or network stays."""
    area = 5 if (number.country, number.type) == ("GB", "mobile") else 3
    kept = 1 + len(CALLING_CODES.get(number.country, "1")) + area
    sign = "-" if number.country in ("US", "CA") else "x"
    return number.number[:kept] + sign * (len(number.number) - kept)


def upfront(number: Number) -> Decimal:
    """What is due at the purchase, beside the first month."""
    return UPFRONT if number.upfront is None else number.upfront


def offer(number: Number, best_effort: bool, shown: str) -> dict[str, Any]:
    region = [{"region_type": "country_code", "region_name": number.country}]
    if number.locality:
        region.append({"region_type": "rate_center", "region_name": number.locality.upper()})
        region.append({"region_type": "location", "region_name": number.locality})
    if number.region:
        region.append({"region_type": "state", "region_name": number.region})
    return {
        "record_type": "available_phone_number",
        "phone_number": shown,
        "vanity_format": "",
        "best_effort": best_effort,
        "quickship": bool(number.wire.get("quickship", True)),
        "reservable": True,
        "region_information": region,
        "cost_information": {
            "upfront_cost": f"{upfront(number):.2f}",
            "monthly_cost": f"{number.price:.2f}",
            "currency": number.currency,
        },
        "features": [{"name": name} for name in features_of(number)],
    }


async def search(request: Request, world: World) -> Response:
    """The country is always required; what is shown in full may be ordered for a while (error 85000 else)."""
    account, want = caller(request), filters(request, FILTERS)
    if "country_code" not in want:
        parameter = "filter[country_code]"
        raise Refused(400, "10004", f"The parameter {parameter} is required.", parameter=parameter)
    limit = count(want.get("limit", [str(DEFAULT_LIMIT)])[-1], "filter[limit]")
    data, searched = [], book(world).searched
    for number, best_effort in found(world, account, want, min(limit, MAX_LIMIT)):
        shown = number.number
        if redacted(account, number, world):
            shown = masked(number)
        else:
            searched[account.id, number.number] = time.monotonic()
        data.append(offer(number, best_effort, shown))
    meta = {"total_results": len(data), "best_effort_results": sum(item["best_effort"] for item in data)}
    return JSONResponse({"data": data, "meta": meta, "metadata": meta})


async def coverage(request: Request, world: World) -> Response:
    """What is in stock by area code (`npa`, `national_destination_code`) or `locality`; in the US unless asked."""
    want = filters(request, COVERAGE_FILTERS)
    group_by = want.get("groupBy", ["national_destination_code"])[-1]
    if group_by not in ("locality", "npa", "national_destination_code"):
        raise Refused(400, "10015", "Unknown groupBy.", parameter="filter[groupBy]")
    must, where = tests({"country_code": ["US"]} | {k: v for k, v in want.items() if k not in ("count", "groupBy")})
    if npa := want.get("npa"):
        where.append(lambda n: national(n).startswith(npa[-1]))
    groups: Counter[tuple[str, str, str]] = Counter()
    for number in starting(book(world).shelves, world, want.get("country_code", ["US"])[-1]):
        if number.account or number.held_for or not all(test(number) for test in must + where):
            continue
        area = national(number)[:3] if number.country in ("US", "CA") else national(number)[:2]
        groups[number.locality if group_by == "locality" else area, number.region, number.type] += 1
    data = [
        {
            "record_type": "inventory_coverage_group",
            "group": group,
            "group_type": group_by,
            "administrative_area": region,
            "phone_number_type": kind,
            "number_type": "toll-free" if kind == "toll_free" else "did",
            "coverage_type": "number",
            "number_range": 1,
            "advance_requirements": False,
        }
        | ({"count": stock} if truth(want.get("count")) else {})
        for (group, region, kind), stock in sorted(groups.items())
    ]
    return JSONResponse({"data": data, "meta": {"total_results": len(data)}})
