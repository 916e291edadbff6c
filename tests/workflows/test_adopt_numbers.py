"""What the accounts hold is taken over as a whole or not at all, once, and costs what the carriers ask for it."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from tests.support.desk import Desk, Opener
from trunkline.db import figures
from trunkline.db.models import Debt, Mapping, Number, PurchaseIntent, Restaurant
from trunkline.domain.adopting import AdoptionFate
from trunkline.errors import InvalidInput
from trunkline.sandbox import telnyx, twilio, vonage
from trunkline.workflows.adopt_numbers import adopt_numbers, judge_adoption

pytestmark = pytest.mark.anyio
ACCOUNTS = {
    "twilio": (twilio.DEFAULT_ACCOUNT, "+1303556", "1.15", "USD"),
    "telnyx": (telnyx.DEFAULT_ACCOUNT, "+1303557", "1.00", "USD"),
    "vonage": (vonage.DEFAULT_ACCOUNT, "+4420794", "1.25", "EUR"),
}


def put(desk: Desk, carrier: str, count: int, first: int = 0, **more: Any) -> list[str]:
    account, prefix, price, currency = ACCOUNTS[carrier]
    country = "GB" if carrier == "vonage" else "US"
    found = [f"{prefix}{n:04}" for n in range(first, first + count)]
    fields = {"carrier": carrier, "account": account, "country": country, "price": price, "currency": currency}
    rows = [fields | {"number": number} | more for number in found]
    desk.sandbox.control.post("/numbers", json=rows).raise_for_status()
    return found


async def take(desk: Desk, rows: list[dict[str, str]] | None = None, **more: Any) -> Any:
    return await adopt_numbers(desk.services, rows, **more)


async def test_500_numbers_of_a_dashboard_are_ours_by_one_command_and_cost_what_is_billed(open_desk: Opener) -> None:
    async with open_desk(carriers=list(ACCOUNTS), listing_lag_seconds=0) as desk:
        for carrier, count in (("twilio", 300), ("telnyx", 120), ("vonage", 80)):
            put(desk, carrier, count)
        put(desk, "twilio", 1, first=900, wire={"voice_url": "https://pbx.example/v"})
        taken = await take(desk)
        assert Counter(one.fate for one in taken.rows) == {AdoptionFate.IDLE: 500}
        rows = await desk.rows(Number)
        assert Counter(row.state for row in rows) == {"idle": 500}
        billed: dict[str, Decimal] = {}
        for carrier in ACCOUNTS:
            for held in desk.sandbox.held(carrier):
                if held["number"] in {row.number for row in rows}:
                    billed[held["currency"]] = billed.get(held["currency"], Decimal()) + Decimal(held["price"])
        async with desk.services.database.read() as session:
            lines = await figures.billed(session)
        assert [line.unpriced for line in lines] == [0] * len(lines)
        told: dict[str | None, Decimal] = {}
        for line in lines:
            told[line.currency] = told.get(line.currency, Decimal()) + line.monthly
        assert told == billed
        assert (await take(desk)).rows == []


async def test_each_is_marked_imported_and_bought_by_nobody_whatever_is_lost(open_desk: Opener) -> None:
    async with open_desk(carriers=["twilio", "telnyx"]) as desk:
        found = put(desk, "twilio", 2) + put(desk, "telnyx", 2)
        for provider, operation in (
            ("twilio", "incoming_numbers.update"),
            ("telnyx", "phone_numbers.update"),
            ("vapi", "phone_numbers.create"),
        ):
            desk.sandbox.fault(provider=provider, operation=operation, kind="drop", when="after", times=1)
        await take(desk)
        await desk.settle()
        rows = {row.number: row for row in await desk.rows(Number)}
        assert sorted(rows) == sorted(found)
        assert all(row.state == "idle" and row.voice_id for row in rows.values())
        marks = [held["wire"]["friendly_name"] for held in desk.sandbox.held("twilio")]
        marks += [held["wire"]["customer_reference"] for held in desk.sandbox.held("telnyx")]
        assert all(mark.startswith(f"trunkline-{desk.services.installation}") for mark in marks)
        assert len(await desk.services.voice.numbers()) == 4
        assert await desk.rows(PurchaseIntent) == []


async def test_restaurants_get_the_numbers_that_a_file_names_and_again_changes_nothing(desk: Desk) -> None:
    first, second, third = put(desk, "twilio", 3)
    rows = [
        {"phone_number": first, "name": "Roma", "external_id": "1"},
        {"phone_number": second, "name": "Napoli", "external_id": "2"},
        {"phone_number": third},
    ]
    taken = await take(desk, rows)
    assert [one.fate.value for one in taken.rows] == ["new", "new", "idle"]
    assert [(made.row, made.external_id, bool(made.api_key)) for made in taken.imported.created] == [
        (1, "1", True),
        (2, "2", True),
    ]
    await desk.wait(taken.imported.batch_id)
    await desk.settle()
    named = {row.id: row.external_id for row in await desk.rows(Restaurant)}
    assert {named[m.restaurant_id]: m.number for m in await desk.rows(Mapping)} == {"1": first, "2": second}
    again = await take(desk, rows)
    assert [one.fate.value for one in again.rows] == ["same", "same", "ours"]
    assert await desk.rows(PurchaseIntent) == []


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"phone_number": "+13035569999"}, "is in no account at twilio"),
        ({"phone_number": "12"}, "is not a phone number"),
        ({"phone_number": "+13035560000"}, "row 1 has"),
        ({"phone_number": "+13035560901"}, "is used by"),
        ({"phone_number": "+13035560902"}, "carries the mark of the installation other123"),
        ({"phone_number": "+13035560001", "name": " "}, "name"),
    ],
)
async def test_one_refused_row_stops_all(desk: Desk, row: dict[str, str], why: str) -> None:
    put(desk, "twilio", 2)
    put(desk, "twilio", 1, first=901, wire={"voice_url": "https://pbx.example/v"})
    put(desk, "twilio", 1, first=902, wire={"friendly_name": "trunkline-other123-asg_0000000000000001"})
    with pytest.raises(InvalidInput, match=why) as refused:
        await take(desk, [{"phone_number": "+13035560000", "name": "Roma"}, row])
    assert (refused.value.field or "").startswith("rows.1.")
    assert await desk.rows(Number) == await desk.rows(Restaurant) == await desk.rows(Debt) == []


async def test_an_installation_that_is_gone_is_named_to_take_its_numbers(desk: Desk) -> None:
    mark = "trunkline-other123-asg_0000000000000001"
    (number,) = put(desk, "twilio", 1, wire={"friendly_name": mark})
    judged, _ = await judge_adoption(desk.services, [{"phone_number": number}], former="another")
    assert judged[0].fate is AdoptionFate.REFUSED
    await take(desk, [{"phone_number": number}], former="other123")
    await desk.settle()
    (held,) = desk.sandbox.held("twilio")
    assert held["wire"]["friendly_name"].startswith(f"trunkline-{desk.services.installation}")
    assert (await desk.number(number)).voice_id
