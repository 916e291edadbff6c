"""Prices that nobody has told are asked for, once for each kind of number."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.support.desk import Desk, Opener
from tests.workflows.test_assign_number import own
from trunkline.db.models import Number
from trunkline.workflows.ask_prices import ask_missing_prices

pytestmark = pytest.mark.anyio


async def put(desk: Desk, last: int, carrier: str, kind: str | None = "local", country: str | None = "US") -> None:
    row = Number(
        number=f"+1415555{last:04}", state="idle", carrier=carrier, country=country, number_type=kind, currency=None
    )
    async with desk.services.database.write() as session:
        session.add(row)


async def test_missing_prices_are_asked_for(open_desk: Opener) -> None:
    async with open_desk(carriers=["twilio", "telnyx", "vapi"]) as desk:
        await put(desk, 1, "twilio")
        await put(desk, 2, "twilio")
        await put(desk, 3, "twilio", kind=None)
        await put(desk, 4, "telnyx")
        await put(desk, 5, "vapi")
        await ask_missing_prices(desk.services)
        rows = [await desk.number(f"+1415555{n:04}") for n in range(1, 6)]
        told = [(row.monthly_price, row.currency) for row in rows]
        on_sale = (Decimal("1.00"), "USD")  # Telnyx has no list
        assert told == [(Decimal("1.15"), "USD")] * 2 + [(None, None), on_sale, (Decimal(0), "USD")]
        assert desk.operations().count("twilio pricing.country") == 1


async def test_what_no_record_tells_the_country_of_has_a_price_as_well(desk: Desk) -> None:
    await put(desk, 1, "twilio", country=None)
    await ask_missing_prices(desk.services)
    row = await desk.number("+14155550001")
    assert (row.country, row.monthly_price) == ("US", Decimal("1.15"))


async def test_a_number_that_was_owned_is_of_a_country(desk: Desk) -> None:
    own(desk.sandbox, "+14155550190")
    assigned = await desk.assign("Roma")
    assert (assigned.source, (await desk.number("+14155550190")).country) == ("owned", "US")


async def test_a_carrier_that_does_not_answer_stops_no_other(open_desk: Opener) -> None:
    async with open_desk(carriers=["twilio", "vapi"]) as desk:
        desk.sandbox.fault(provider="twilio", status=503)
        await put(desk, 1, "twilio")
        await put(desk, 2, "vapi")
        await ask_missing_prices(desk.services)
        assert (await desk.number("+14155550001")).monthly_price is None
        assert (await desk.number("+14155550002")).monthly_price == 0
