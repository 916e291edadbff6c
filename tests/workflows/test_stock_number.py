"""Buying for stock when something happens on the way: the carrier is asked, and nothing is bought twice or lost."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.support.desk import Desk, Opener
from trunkline.db.models import Debt, Number, PurchaseIntent, StockPurchase, utcnow
from trunkline.domain.numbers import E164
from trunkline.errors import Conflict, OutcomeUnknown
from trunkline.workflows.purchase_outcome import look_after, look_for_late_ones
from trunkline.workflows.settle_debts import work_off
from trunkline.workflows.stock_number import buy_number

pytestmark = pytest.mark.anyio
NUMBER = E164("+14155550123")
BUY = {"provider": "twilio", "operation": "incoming_numbers.create"}


async def numbers(desk: Desk) -> dict[str, str]:
    return {row.number: row.state for row in await desk.rows(Number)}


async def look_now(desk: Desk) -> None:
    """The next look for purchases that came to nothing is due."""
    async with desk.services.database.write() as session:
        past = utcnow() - timedelta(seconds=1)
        await session.execute(update(PurchaseIntent).where(PurchaseIntent.look_at.is_not(None)).values(look_at=past))
    await look_for_late_ones(desk.services)


async def look_at_debts(desk: Desk) -> None:
    """The turn of all that is owed has come."""
    async with desk.services.database.write() as session:
        await session.execute(update(Debt).values(next_try_at=utcnow()))
    await work_off(desk.services)


async def test_a_purchase_goes_on_when_nobody_waits_for_it_any_more(desk: Desk) -> None:
    desk.sandbox.fault(**BUY, kind="latency", seconds=0.4)
    asking = asyncio.create_task(buy_number(desk.services, NUMBER))
    while "twilio incoming_numbers.create" not in desk.operations():
        await asyncio.sleep(0.01)
    asking.cancel()
    (run,) = await desk.rows(StockPurchase)
    await desk.wait(run.id)
    row = await desk.number(NUMBER)
    assert (row.state, row.claimed_by, row.monthly_price is not None) == ("idle", None, True)
    assert desk.operations().count("twilio incoming_numbers.create") == 1


async def test_a_lost_reply_is_owed_and_settled_by_a_look(desk: Desk) -> None:
    desk.sandbox.fault(**BUY, kind="drop", when="after", times=1)
    with pytest.raises(OutcomeUnknown):
        await buy_number(desk.services, NUMBER)
    assert await numbers(desk) == {NUMBER: "purchasing"}
    await look_at_debts(desk)
    assert await numbers(desk) == {NUMBER: "purchasing"}  # it may not show yet, for all that is known
    async with desk.services.database.write() as session:
        long_ago = utcnow() - timedelta(seconds=look_after(desk.services))
        await session.execute(update(PurchaseIntent).values(tried_at=long_ago))
    while await desk.debts():  # the services' own worker may have taken it up first
        await look_at_debts(desk)
        await asyncio.sleep(0.05)
    assert await numbers(desk) == {NUMBER: "idle"}
    assert [i.status for i in await desk.rows(PurchaseIntent)] == ["bought"]
    assert desk.operations().count("twilio incoming_numbers.create") == 1


async def test_what_the_carrier_never_answers_is_owed_until_it_says(open_desk: Opener) -> None:
    async with open_desk(retry_for_seconds=0.5, provider_timeout_seconds=0.5) as desk:
        desk.sandbox.fault(**BUY, kind="drop", when="before")
        with pytest.raises(OutcomeUnknown):
            await buy_number(desk.services, NUMBER)
        desk.sandbox.fault(provider="twilio", operation="incoming_numbers.list", status=503)  # still not known
        (debt,) = await desk.debts()
        assert debt.kind == "intent_unknown"
        with pytest.raises(Conflict):  # not bought again meanwhile
            await buy_number(desk.services, NUMBER)
        desk.sandbox.control.delete("/faults").raise_for_status()
        await desk.settle()
        assert [i.status for i in await desk.rows(PurchaseIntent)] == ["gone"]
        assert await numbers(desk) == {}  # a number that was never ours is not kept


async def test_of_two_purchases_at_once_one_is_sent(desk: Desk) -> None:
    results = await asyncio.gather(*[buy_number(desk.services, NUMBER) for _ in range(4)], return_exceptions=True)
    assert results.count(True) == 1
    assert all(isinstance(r, Conflict) for r in results if r is not True)
    assert desk.operations().count("twilio incoming_numbers.create") == 1
    assert (await desk.number(NUMBER)).state == "idle"


@pytest.mark.parametrize("carrier", ["twilio", "telnyx"])
async def test_a_purchase_that_is_carried_out_late_is_found_and_used(open_desk: Opener, carrier: str) -> None:
    """Everything was asked and answered "not held"; the carrier sells the number all the same, minutes later."""
    operation = {"twilio": "incoming_numbers.create", "telnyx": "number_orders.create"}[carrier]
    short = {"retry_for_seconds": 0.5, "provider_timeout_seconds": 0.5, "listing_lag_seconds": 0.1}
    async with open_desk(carriers=[carrier], **short) as desk:
        desk.sandbox.fault(provider=carrier, operation=operation, kind="late", seconds=4)
        first = await desk.assign("Roma")
        assert (first.status, desk.sandbox.held(carrier)) == ("failed", [])
        async with desk.services.database.write() as session:  # nobody asks for it any more
            await session.execute(update(PurchaseIntent).values(status="gone", look_at=utcnow()))
        desk.sandbox.control.delete("/faults").raise_for_status()
        async with asyncio.timeout(60):
            while not desk.sandbox.held(carrier):
                await asyncio.sleep(0.1)
        (held,) = [row["number"] for row in desk.sandbox.held(carrier)]
        await look_now(desk)
        assert (await desk.number(held)).state == "idle"
        second = await desk.assign("Napoli")
        assert (second.number, second.source) == (held, "owned")
