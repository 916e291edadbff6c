"""What the operations of several nouns take."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict
from urllib.parse import quote

if TYPE_CHECKING:
    from trunkline.client.models import Offer


class Criteria(TypedDict, total=False):
    """Which number; what is left out does not matter."""

    country: str | None
    area_code: str | None
    contains: str | None
    number_type: str | None
    carrier: str | None


class Agreed(TypedDict, total=False):
    """What somebody has said yes to for one number: where it would cost more, nothing is bought."""

    max_monthly_price: str | None
    max_upfront_price: str | None
    currency: str | None


class Wish(Criteria, total=False):
    """`force_twilio` skips existing numbers and uses Twilio; nothing dearer is bought than was `agreed` to."""

    force_twilio: bool
    agreed: Agreed | None


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


def price_of(offer: Offer) -> Agreed | None:
    """What somebody says yes to who is told of this offer: its price, and no more. None where nobody tells it."""
    if offer.monthly_price is None or offer.currency is None:
        return None
    at_once = str(offer.upfront_price or 0)
    return {"max_monthly_price": str(offer.monthly_price), "max_upfront_price": at_once, "currency": offer.currency}
