"""What a number may cost."""

from __future__ import annotations

from decimal import Decimal

import pytest

from trunkline.domain.choosing import Offer, objection
from trunkline.domain.money import Money, PriceLimits
from trunkline.domain.numbers import E164


@pytest.mark.parametrize(
    ("monthly", "currency", "limit", "objection"),
    [
        ("1.50", "USD", "1.50 USD", None),
        ("1.51", "USD", "1.50 USD", "1.51 USD a month is not within MAX_MONTHLY_PRICE=1.50 USD"),
        ("1.40", "KWD", "1.50 USD", "1.40 KWD a month is not within MAX_MONTHLY_PRICE=1.50 USD"),
        ("0.90", "EUR", "1.50 EUR", None),
        (None, None, "1.50 USD", "a price that the carrier does not state is not within MAX_MONTHLY_PRICE=1.50 USD"),
        (None, None, None, None),
        ("99.00", "USD", None, None),
    ],
)
def test_a_month_is_within_its_limit_in_its_currency(
    monthly: str | None, currency: str | None, limit: str | None, objection: str | None
) -> None:
    price = None if monthly is None else Decimal(monthly)
    assert PriceLimits.of(limit, None).objection(price, currency, None) == objection


@pytest.mark.parametrize(
    ("monthly", "at_once", "limit", "may"),
    [
        ("1.00", "1.00", None, True),
        ("1.00", "1.01", None, False),
        ("1.00", "500.00", None, False),
        (None, "1.00", None, False),
        ("1.00", "500.00", "500 USD", True),
        ("1.00", "500.01", "500 USD", False),
        ("1.00", "1.00", "500 EUR", False),
        ("1.00", "0.50", "0 USD", False),
        ("1.00", "0.00", "0 USD", True),
    ],
)
def test_what_is_due_at_once_is_a_months_price_at_most_unless_the_limit_says_more(
    monthly: str | None, at_once: str, limit: str | None, may: bool
) -> None:
    price = None if monthly is None else Decimal(monthly)
    offer = Offer(E164("+14155550100"), "US", monthly_price=price, currency="USD", upfront_price=Decimal(at_once))
    why = objection(offer, PriceLimits.of(None, limit))
    assert (why is None) == may
    assert may or "MAX_UPFRONT_PRICE" in str(why)


def test_a_limit_is_read_from_its_setting() -> None:
    assert Money.of("1.50 EUR") == Money(Decimal("1.50"), "EUR")
    assert str(PriceLimits.of("2 USD", None).monthly) == "2 USD"
