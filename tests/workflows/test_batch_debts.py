"""What a batch leaves owed is settled as a part of it: within its bounds, and not after its end."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.desk import Desk, Opener
from tests.workflows.test_run_batch import restaurants
from trunkline.db.models import Assignment, PurchaseIntent
from trunkline.domain.budgets import SpendingLimits
from trunkline.domain.wishes import Wish
from trunkline.workflows.run_batch import BatchRequest, cancel_batch, resume_batch, start_batch

pytestmark = pytest.mark.anyio


def lose_the_purchase(desk: Desk) -> int:
    """The request is lost before Twilio does anything, and its list is away: nobody knows. The fault of the list."""
    desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="drop", when="before", times=1)
    return desk.sandbox.fault(provider="twilio", operation="incoming_numbers.list", status=503, skip=1)


async def settle(desk: Desk) -> None:
    await desk.settle()
    for assignment in await desk.rows(Assignment):
        await desk.end_of(assignment.id)


async def test_a_cancelled_batch_buys_nothing_by_its_debt(open_desk: Opener) -> None:
    async with open_desk(retry_for_seconds=1.0) as desk:
        await restaurants(desk, 1)
        listing = lose_the_purchase(desk)
        batch = await start_batch(desk.services, BatchRequest(Wish()))
        while "twilio incoming_numbers.create" not in desk.operations():
            await asyncio.sleep(0.02)
        await cancel_batch(desk.services, batch)
        await desk.wait(batch)
        assert [debt.kind for debt in await desk.debts()] == ["intent_unknown"]
        desk.sandbox.control.delete(f"/faults/{listing}").raise_for_status()
        await settle(desk)
        assert desk.sandbox.held("twilio") == []
        assert {(run.batch_id, run.number) for run in await desk.rows(Assignment)} == {(batch, None)}


async def test_a_batch_that_may_buy_one_buys_one(open_desk: Opener) -> None:
    """The number that was asked for is gone when its debt is settled, and others are for sale."""
    async with open_desk(retry_for_seconds=1.0) as desk:
        await restaurants(desk, 2)
        listing = lose_the_purchase(desk)
        batch = await start_batch(desk.services, BatchRequest(Wish(), bounds=SpendingLimits(max_purchases=1)))
        await desk.wait(batch)
        assert desk.sandbox.held("twilio") == []
        (intent,) = await desk.rows(PurchaseIntent)
        gone = {"code": 21422, "message": f"{intent.number} is not available", "status": 400}
        desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", status=400, body=gone, times=1)
        desk.sandbox.control.delete(f"/faults/{listing}").raise_for_status()
        await settle(desk)
        assert len(desk.sandbox.held("twilio")) == 1
        await resume_batch(desk.services, batch)
        await desk.wait(batch)
        assert len(desk.sandbox.held("twilio")) == 1
