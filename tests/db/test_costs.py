"""What numbers cost is summed by carrier, currency and state."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from trunkline.db import costs, figures
from trunkline.db.models import Mapping, Number, Restaurant, utcnow
from trunkline.db.session import Database

pytestmark = pytest.mark.anyio


def number(last: int, state: str, price: str | None, currency: str | None = "USD", **more: Any) -> Number:
    values = {"carrier": "twilio", "monthly_price": Decimal(price) if price else None, "currency": currency}
    return Number(number=f"+1202555{last:04}", state=state, **(values | more))


@pytest.fixture(autouse=True)
async def books(database: Database) -> None:
    now = utcnow()
    async with database.write() as session:
        session.add_all(
            [
                number(1, "in_service", "1.15", bought_at=now, upfront_price=Decimal("3")),
                number(2, "idle", "0.10", bought_at=now - timedelta(days=90), upfront_price=Decimal("9")),
                number(3, "idle", "0.20"),
                number(4, "idle", None, None),
                number(5, "idle", "1.00", "EUR", carrier="vonage", bought_at=now),
                number(6, "idle", "1.15", put_aside_until=now + timedelta(hours=1)),
                number(7, "idle", "1.15", put_aside_until=now - timedelta(hours=1)),
                number(8, "released", "5.00", bought_at=now),
                number(9, "foreign", "5.00"),
                Restaurant(id="rst_1", name="Roma", api_key_hash="a"),
                Restaurant(id="rst_2", name="Napoli", api_key_hash="b"),
            ]
        )
        await session.flush()
        for place, restaurant in enumerate(["rst_1", "rst_2"]):
            session.add(Mapping(number="+12025550001", restaurant_id=restaurant, active=place == 0, source="purchased"))


async def test_what_is_held_is_summed_by_carrier_currency_and_state(database: Database) -> None:
    async with database.read() as session:
        found = {(c.carrier, c.currency, c.state): c for c in await figures.billed(session)}
    assert {key: (c.numbers, c.monthly, c.unpriced) for key, c in found.items()} == {
        ("twilio", "USD", "in_service"): (1, Decimal("1.15"), 0),
        ("twilio", "USD", "idle"): (3, Decimal("1.45"), 0),
        ("twilio", "USD", "put_aside"): (1, Decimal("1.15"), 0),
        ("twilio", None, "idle"): (1, Decimal(0), 1),
        ("vonage", "EUR", "idle"): (1, Decimal("1.00"), 0),
    }


async def test_what_was_bought_lately_counts_though_it_was_given_back(database: Database) -> None:
    async with database.read() as session:
        found = await costs.bought_since(session, utcnow() - timedelta(days=1))
    assert {(b.currency, b.numbers, b.monthly, b.upfront) for b in found} == {
        ("EUR", 1, Decimal("1.00"), Decimal(0)),
        ("USD", 2, Decimal("6.15"), Decimal("3")),
    }


async def test_a_shared_number_is_shown_with_each_of_its_restaurants(database: Database) -> None:
    async with database.read() as session:
        first = await costs.by_restaurant(session, limit=1)
        second = await costs.by_restaurant(session, after="rst_1")
    assert [(c.id, c.monthly, c.currency, c.shared_by) for c in [*first, *second]] == [
        ("rst_1", Decimal("1.15"), "USD", 2),
        ("rst_2", Decimal("1.15"), "USD", 2),
    ]


async def test_months_are_walked_back_by_what_was_bought_and_given_up_since(database: Database) -> None:
    now = utcnow()
    begins = [now - timedelta(days=100), now - timedelta(days=50), now - timedelta(days=1)]
    async with database.write() as session:
        for last, state, price, bought, released in (
            (20, "in_service", "2.00", 60, None),
            (21, "released", "4.00", 60, 40),
            (22, "released", "7.00", 500, 20),
            (23, "foreign", "9.00", 60, None),
        ):
            at = {"bought_at": now - timedelta(days=bought)}
            at |= {"released_at": now - timedelta(days=released)} if released else {}
            session.add(number(last, state, price, "CAD", carrier="telnyx", **at))
    async with database.read() as session:
        found = await costs.by_month(session, await figures.billed(session), begins)
    assert list(found) == ["CAD", "EUR", "USD"]
    assert [month.began for month in found["CAD"]] == begins
    assert [month.monthly for month in found["CAD"]] == [
        {"telnyx": Decimal("13.00")},
        {"telnyx": Decimal("2.00")},
        {"telnyx": Decimal("2.00")},
    ]
    assert [month.monthly.get("vonage") for month in found["EUR"]] == [None, None, Decimal("1.00")]
