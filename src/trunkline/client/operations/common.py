"""What the operations of several nouns take."""

from __future__ import annotations

from typing import TypedDict
from urllib.parse import quote


class Criteria(TypedDict, total=False):
    """Which number; what is left out does not matter."""

    country: str | None
    area_code: str | None
    contains: str | None
    number_type: str | None
    carrier: str | None


class Wish(Criteria, total=False):
    """`force_twilio` skips existing numbers and uses Twilio."""

    force_twilio: bool


class Spending(TypedDict, total=False):
    """What a batch may buy, and for how much a month together."""

    max_purchases: int | None
    max_monthly_price: str | None
    currency: str | None


def headers_of(key: str | None, wait: bool = True) -> dict[str, str]:
    return ({} if wait else {"Prefer": "respond-async"}) | ({"Idempotency-Key": key} if key else {})


def part(text: str) -> str:
    """One part of a path, whatever characters it has."""
    return quote(text, safe="")
