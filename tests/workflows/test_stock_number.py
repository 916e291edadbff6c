"""Buying for stock when the process ends on the way: the carrier is asked, nothing is bought twice, nothing is lost."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.desk import Desk
from trunkline.db.models import Number, PurchaseIntent
from trunkline.domain.numbers import E164
from trunkline.errors import Conflict
from trunkline.workflows import stock_number
from trunkline.workflows.stock_number import buy_number, find_offer

pytestmark = pytest.mark.anyio
NUMBER = E164("+14155550123")


async def settled(desk: Desk) -> Number:
    for _ in range(100):
        if not await desk.debts():
            return await desk.number(NUMBER)
        await asyncio.sleep(0.05)
    raise AssertionError("still owed")


@pytest.mark.parametrize(("when", "state", "status"), [("after", "idle", "bought"), ("before", "foreign", "gone")])
async def test_a_purchase_whose_sender_died_is_settled_by_asking_the_carrier(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, when: str, state: str, status: str
) -> None:
    monkeypatch.setattr(stock_number, "SETTLE_SECONDS", 1.4)
    desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="hold", when=when)
    buying = asyncio.create_task(buy_number(desk.services, NUMBER))
    while "twilio incoming_numbers.create" not in desk.operations():
        await asyncio.sleep(0.01)
    buying.cancel()
    (intent,) = await desk.open_intents()
    assert (intent.number, intent.restaurant_id) == (NUMBER, None)
    row = await settled(desk)
    assert (row.state, row.claimed_by) == (state, None)
    assert row.monthly_price is not None or state == "foreign"
    assert [i.status for i in await desk.rows(PurchaseIntent)] == [status]
    assert desk.operations().count("twilio incoming_numbers.create") == 1


async def test_of_two_purchases_at_once_one_is_sent(desk: Desk) -> None:
    results = await asyncio.gather(*[buy_number(desk.services, NUMBER) for _ in range(4)], return_exceptions=True)
    assert [r for r in results if r is None] == [None]
    assert all(isinstance(r, Conflict) for r in results if r is not None)
    assert desk.operations().count("twilio incoming_numbers.create") == 1
    assert (await desk.number(NUMBER)).state == "idle"


async def test_a_reply_that_comes_after_the_carrier_said_no_is_kept_all_the_same(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process was frozen between the intent and the request for longer than anyone waits."""
    monkeypatch.setattr(stock_number, "SETTLE_SECONDS", 1.4)
    chosen = await find_offer(desk.services, NUMBER)
    buy = chosen.carrier.buy

    async def frozen(*args: object) -> object:
        assert (await settled(desk)).state == "foreign"
        return await buy(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(chosen.carrier, "buy", frozen)
    await buy_number(desk.services, NUMBER)
    row = await desk.number(NUMBER)
    assert (row.state, row.monthly_price is not None, await desk.debts()) == ("idle", True, [])


async def test_a_reply_that_comes_after_the_number_is_in_service_changes_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stock_number, "SETTLE_SECONDS", 1.4)
    chosen = await find_offer(desk.services, NUMBER)
    buy = chosen.carrier.buy

    async def slow(*args: object) -> object:
        owned = await buy(*args)  # type: ignore[arg-type]
        assert (await settled(desk)).state == "idle"
        assert (await desk.assign(contains="5550123")).number == NUMBER
        return owned

    monkeypatch.setattr(chosen.carrier, "buy", slow)
    await buy_number(desk.services, NUMBER)
    assert (await desk.number(NUMBER)).state == "in_service"
