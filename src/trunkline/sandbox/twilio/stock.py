"""What Twilio sells in the sandbox: countries, places, prices, and the numbers on the shelf at the start."""

from __future__ import annotations

from decimal import Decimal
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

from trunkline.sandbox.world import Number

CARRIER = "twilio"
NANP = ("US", "CA")
TOLL_FREE_CODES = ("800", "888", "877", "866", "855", "844", "833")

# Number.type -> the last part of the path; the order is that of Twilio's documentation.
PATHS = {
    "local": "Local",
    "toll_free": "TollFree",
    "mobile": "Mobile",
    "national": "National",
    "voip": "Voip",
    "shared_cost": "SharedCost",
    "machine_to_machine": "MachineToMachine",
}
TYPES = {path: kind for kind, path in PATHS.items()}

COUNTRIES = {
    "US": "United States",
    "CA": "Canada",
    "GB": "United Kingdom",
    "FR": "France",
    "DE": "Germany",
    "AU": "Australia",
}

# A month's price of each type that a country offers; Australia offers numbers but has none in stock.
PRICES = {
    ("US", "local"): Decimal("1.15"),
    ("US", "toll_free"): Decimal("2.15"),
    ("CA", "local"): Decimal("1.15"),
    ("GB", "local"): Decimal("1.15"),
    ("GB", "mobile"): Decimal("1.30"),
    ("FR", "local"): Decimal("1.50"),
    ("DE", "local"): Decimal("1.50"),
    ("AU", "local"): Decimal("3.00"),
    ("AU", "mobile"): Decimal("6.50"),
}


class Place(NamedTuple):
    """Where an area code is; every number of it is listed there."""

    locality: str
    region: str
    lata: str
    rate_center: str
    latitude: float
    longitude: float
    postal_code: str


PLACES = {
    "212": Place("New York", "NY", "132", "NWYRCYZN01", 40.7128, -74.0060, "10001"),
    "206": Place("Seattle", "WA", "674", "SEATTLE", 47.6062, -122.3321, "98101"),
    "213": Place("Los Angeles", "CA", "730", "LSAN DA 01", 34.0522, -118.2437, "90012"),
    "303": Place("Denver", "CO", "656", "DENVER", 39.7392, -104.9903, "80202"),
    "305": Place("Miami", "FL", "460", "MIAMI", 25.7617, -80.1918, "33128"),
    "312": Place("Chicago", "IL", "358", "CHICAGOZ01", 41.8781, -87.6298, "60604"),
    "404": Place("Atlanta", "GA", "438", "ATLANTA", 33.7490, -84.3880, "30303"),
    "415": Place("San Francisco", "CA", "722", "SNFC CNTRL", 37.7749, -122.4194, "94105"),
    "512": Place("Austin", "TX", "558", "AUSTIN", 30.2672, -97.7431, "78701"),
    "617": Place("Boston", "MA", "128", "BOSTON", 42.3601, -71.0589, "02108"),
    "416": Place("Toronto", "ON", "888", "TORONTO", 43.6532, -79.3832, "M5H"),
    "604": Place("Vancouver", "BC", "888", "VANCOUVER", 49.2827, -123.1207, "V6B"),
}
CANADIAN = ("416", "604")


def area_of(number: Number) -> str | None:
    """The area code of a North American number."""
    return number.number[2:5] if number.country in NANP else None


def place_of(number: Number) -> Place | None:
    return PLACES.get(area_of(number) or "")


def locality_of(number: Number) -> str | None:
    place = place_of(number)
    return number.locality or (place.locality if place else None)


def region_of(number: Number) -> str | None:
    place = place_of(number)
    return number.region or (place.region if place else None)


def miles(here: tuple[float, float], there: tuple[float, float]) -> float:
    """Great-circle distance."""
    (lat1, lon1), (lat2, lon2) = ((radians(p[0]), radians(p[1])) for p in (here, there))
    half = sin((lat2 - lat1) / 2) ** 2 + cos(lat1) * cos(lat2) * sin((lon2 - lon1) / 2) ** 2
    return 2 * 3958.8 * asin(sqrt(half))


def friendly(number: str) -> str:
    """Twilio's default name: North American numbers with brackets, all others as they are."""
    if number.startswith("+1") and len(number) == 12:
        return f"({number[2:5]}) {number[5:8]}-{number[8:]}"
    return number


def default_stock() -> list[Number]:
    """A few hundred numbers that nobody has in real life, as far as such ranges exist."""
    stock = [
        _number(f"+1{area}55501{i:02}", "CA" if area in CANADIAN else "US", "local", place.locality, place.region)
        for area, place in PLACES.items()
        for i in range(40)
    ]
    stock += [_number(f"+1{code}55501{i:02}", "US", "toll_free") for code in ("833", "844", "855") for i in range(10)]
    # Seen at GB local: a local address. GB mobile is left free of papers so that one foreign number sells without any.
    stock += [_number(f"+442079460{i:03}", "GB", "local", "London", address="local") for i in range(20)]
    stock += [_number(f"+4474001234{i:02}", "GB", "mobile") for i in range(20)]
    # German numbers are regulated (a bundle and a local address); for French ones that is our assumption.
    stock += [_number(f"+493023125{i:03}", "DE", "local", "Berlin", address="local", bundle=True) for i in range(10)]
    stock += [_number(f"+331990012{i:02}", "FR", "local", "Paris", address="any", bundle=True) for i in range(10)]
    return stock


def _number(
    number: str,
    country: str,
    kind: str,
    locality: str = "",
    region: str = "",
    address: str = "none",
    bundle: bool = False,
) -> Number:
    return Number(
        CARRIER,
        number,
        country,
        kind,
        locality,
        region,
        price=PRICES[country, kind],
        sms=country in NANP or kind == "mobile",
        address=address,
        bundle=bundle,
    )
