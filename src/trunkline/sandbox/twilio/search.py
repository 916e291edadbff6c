"""AvailablePhoneNumbers: which countries and types Twilio offers, and the search with all its filters."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import compress, islice, repeat
from operator import contains
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from trunkline.sandbox.twilio.state import candidates, kinds
from trunkline.sandbox.twilio.stock import (
    CARRIER,
    COUNTRIES,
    NANP,
    PATHS,
    PLACES,
    TOLL_FREE_CODES,
    TYPES,
    friendly,
    locality_of,
    miles,
    place_of,
    region_of,
)
from trunkline.sandbox.twilio.wire import ROOT, Page, Refused, answer, flag, not_found
from trunkline.sandbox.world import Number, World

Test = Callable[[Number], bool]
KEYPAD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "22233344455566677778889999")
NO_PATTERN = "Invalid Pattern Provided"


def list_countries(request: Request, world: World) -> Response:
    offered = kinds(world)
    codes = sorted({country for country, _ in offered})
    return answer({"countries": [_country(request, code, offered) for code in codes], "uri": request.url.path})


def fetch_country(request: Request, world: World) -> Response:
    code, offered = request.path_params["country"].upper(), kinds(world)
    if not any(country == code for country, _ in offered):
        raise not_found(request)
    return answer(_country(request, code, offered))


def _country(request: Request, code: str, offered: set[tuple[str, str]]) -> dict[str, Any]:
    base = f"{ROOT}/Accounts/{request.path_params['account']}/AvailablePhoneNumbers/{code}"
    return {
        "country_code": code,
        "country": COUNTRIES.get(code, code),
        "beta": False,
        "uri": f"{base}.json",
        "subresource_uris": {kind: f"{base}/{path}.json" for kind, path in PATHS.items() if (code, kind) in offered},
    }


def search(request: Request, world: World) -> Response:
    """All seven types, with identical parameters.

    The answer has no paging keys, as recorded; a type that the country lacks is 404/20404 (recorded for US/Mobile).
    Filters for the US and Canada alone have no effect elsewhere.
    """
    country, kind = request.path_params["country"].upper(), TYPES.get(request.path_params["type"])
    if kind is None or (country, kind) not in kinds(world):
        raise not_found(request)
    query = {name: value.strip() for name, value in request.query_params.items() if value.strip()}
    if country not in NANP:
        query = {name: value for name, value in query.items() if name not in NANP_ONLY}
    named = {name: query.get(name) for name in ("AreaCode", "InLocality", "InRegion")}
    literal, tests = _contains(query.get("Contains"))
    tests += [*_area(kind, query), *_must_have(query), *_addresses(query), *_named(query)]
    shelf = candidates(world, country, kind, _areas(query), **named)
    found = (
        number
        for digits in compress(shelf, map(contains, shelf, repeat(literal)))  # 100,000 numbers in 3 ms
        if (number := _for_sale(world, digits, country, kind)) and all(test(number) for test in tests)
    )
    rows = [_row(number) for number in islice(found, Page.of(request).size)]
    return answer({"available_phone_numbers": rows, "uri": request.url.path})


def _for_sale(world: World, digits: str, country: str, kind: str) -> Number | None:
    number = world.number(CARRIER, digits)
    if number is None or number.account is not None or number.held_for is not None:
        return None
    return number if (number.country, number.type) == (country, kind) else None


NANP_ONLY = ("AreaCode", "NearNumber", "NearLatLong", "Distance", "InPostalCode", "InRegion", "InRateCenter", "InLata")


def _contains(pattern: str | None) -> tuple[str, list[Test]]:
    """The digits that must occur, and the test of the whole pattern.

    2 to 16 characters: digits, letters (as on a keypad), `*` one digit, `%` any digits, `+` the start, `$` the end; at
    least two that are no wildcards, and no wildcard between them ("206*55*" and "5" are refused).
    """
    if pattern is None:
        return "", []
    parts = re.fullmatch(r"(\+?)([*%]*)([0-9A-Za-z]{2,})([*%]*)(\$?)", pattern)
    if parts is None or len(pattern) > 16:
        raise Refused(20001, NO_PATTERN)
    start, before, literal, after, end = parts.groups()
    literal = literal.lower().translate(KEYPAD)
    wild = {"*": r"\d", "%": r"\d*"}
    text = "".join(wild[c] for c in before) + literal + "".join(wild[c] for c in after)
    regex = re.compile((r"^\+" if start else "") + text + ("$" if end else ""))
    return literal, [lambda number: regex.search(number.number) is not None]


def _area(kind: str, query: dict[str, str]) -> list[Test]:
    code = query.get("AreaCode")
    if code is None:
        return []
    if not re.fullmatch(r"\d{3}", code) or (kind == "toll_free" and code not in TOLL_FREE_CODES):
        raise Refused(21451, "Invalid area code")
    return [lambda number: number.number[2:5] == code]


def _must_have(query: dict[str, str]) -> list[Test]:
    """ "Must have": `false` filters nothing. `Beta` is the other way round and on unless refused."""
    able: dict[str, Test] = {
        "VoiceEnabled": lambda number: number.voice,
        "SmsEnabled": lambda number: number.sms,
        "MmsEnabled": lambda number: number.sms and number.country in NANP,
        "FaxEnabled": lambda number: False,
    }
    tests = [test for name, test in able.items() if flag(query, name, default=False)]
    if not flag(query, "Beta", default=True):
        tests.append(lambda number: not number.wire.get("beta", False))
    return tests


def _addresses(query: dict[str, str]) -> list[Test]:
    refused: set[str] = set()
    if flag(query, "ExcludeAllAddressRequired", default=False):
        refused |= {"any", "local", "foreign"}
    if flag(query, "ExcludeLocalAddressRequired", default=False):
        refused.add("local")
    if flag(query, "ExcludeForeignAddressRequired", default=False):
        refused.add("foreign")
    return [lambda number: number.address not in refused] if refused else []


def _near(query: dict[str, str]) -> set[str] | None:
    """The area codes within Distance miles of NearNumber or NearLatLong; None where neither is asked for."""
    near, at = query.get("NearNumber"), query.get("NearLatLong")
    if near is None and at is None:
        return None
    reach = query.get("Distance", "25")
    if not reach.isdecimal() or int(reach) > 500:
        raise Refused(20001, "Distance is not valid")
    if at is not None:
        parts = re.fullmatch(r"(-?\d+(?:\.\d+)?)\s*,\s*(-?\d+(?:\.\d+)?)", at)
        if parts is None:
            raise Refused(20001, "NearLatLong is not valid")
        centre = float(parts[1]), float(parts[2])
    else:
        here = PLACES.get((near or "").removeprefix("+").removeprefix("1")[:3])
        if here is None:
            return set()
        centre = here.latitude, here.longitude
    return {area for area, place in PLACES.items() if miles(centre, (place.latitude, place.longitude)) <= int(reach)}


def _areas(query: dict[str, str]) -> set[str] | None:
    """The area codes that all geographic filters leave, None where there is no such filter.

    A number whose place is not known is near nothing and has no postal code, rate centre or LATA.
    """
    if "InRateCenter" in query and "InLata" not in query:
        raise Refused(20001, "InRateCenter requires InLata")
    areas = _near(query)
    for name, field in (("InPostalCode", "postal_code"), ("InRateCenter", "rate_center"), ("InLata", "lata")):
        if wanted := query.get(name, "").lower():
            fit = {area for area, place in PLACES.items() if getattr(place, field).lower() == wanted}
            areas = fit if areas is None else areas & fit
    return areas


def _named(query: dict[str, str]) -> list[Test]:
    tests: list[Test] = []
    if locality := query.get("InLocality", "").lower():
        tests.append(lambda number: (locality_of(number) or "").lower() == locality)
    if region := query.get("InRegion", "").lower():
        tests.append(lambda number: (region_of(number) or "").lower() == region)
    return tests


def capabilities(number: Number) -> dict[str, bool]:
    """As an owned number shows them, in lower case; MMS exists in North America only, fax nowhere any more."""
    return {"voice": number.voice, "sms": number.sms, "mms": number.sms and number.country in NANP, "fax": False}


def _row(number: Number) -> dict[str, Any]:
    """One offer. Coordinates are strings, and the capabilities SMS and MMS in capitals, as recorded."""
    place, able = place_of(number), capabilities(number)
    return {
        "friendly_name": friendly(number.number),
        "phone_number": number.number,
        "lata": place and place.lata,
        "locality": locality_of(number),
        "rate_center": place and place.rate_center,
        "latitude": place and f"{place.latitude:.6f}",
        "longitude": place and f"{place.longitude:.6f}",
        "region": region_of(number),
        "postal_code": place and place.postal_code,
        "iso_country": number.country,
        "address_requirements": number.address,
        "beta": bool(number.wire.get("beta", False)),
        "capabilities": {"voice": able["voice"], "SMS": able["sms"], "MMS": able["mms"]},
    }
