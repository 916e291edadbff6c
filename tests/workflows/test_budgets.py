"""What counts against a budget, and for whom it goes on to count."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.support.desk import Desk, Opener
from tests.support.retold import untold
from trunkline.db.budgets import month_began
from trunkline.db.models import Assignment, Number, PurchaseIntent
from trunkline.domain.acting import Acting, ActorKind, acting_as
from trunkline.domain.budgets import ALL, SpendingLimits
from trunkline.workflows.manage_budgets import set_budget

pytestmark = pytest.mark.anyio


async def test_what_was_refused_or_bought_in_an_earlier_month_counts_no_more(desk: Desk) -> None:
    await set_budget(desk.services, ALL, SpendingLimits(max_purchases=1))
    refusal = desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="status", status=400)
    assert (await desk.assign()).reason not in (None, "budget_exceeded")
    desk.sandbox.control.delete(f"/faults/{refusal}")
    assert (await desk.assign()).status == "assigned"
    assert (await desk.assign()).reason == "budget_exceeded"
    async with desk.services.database.write() as session:
        before = await month_began(session) - timedelta(seconds=1)
        await session.execute(update(PurchaseIntent).values(closed_at=before))
    assert (await desk.assign()).status == "assigned"


async def test_what_a_carrier_sold_instead_was_paid_for(desk: Desk) -> None:
    await set_budget(desk.services, ALL, SpendingLimits(max_purchases=1))
    other = desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="other_number")
    run = await desk.assign()
    assert (run.status, run.number) == ("unassigned", None)
    desk.sandbox.control.delete(f"/faults/{other}")
    (debt,) = await desk.debts()
    assert debt.kind == "sold_other"
    (intent,) = await desk.rows(PurchaseIntent)
    assert (intent.status, intent.number) == ("bought", debt.subject)
    assert intent.offer["number"] != debt.subject
    assert [n.number for n in await desk.rows(Number)] == [debt.subject]
    assert (await desk.number(debt.subject)).state == "idle"
    assert (await desk.assign("Napoli")).number == debt.subject
    assert (await desk.assign("Milano")).reason == "budget_exceeded"
    assert untold(desk.services.settings.database_url) == []


async def test_what_is_owed_is_finished_for_the_key_that_began_it(open_desk: Opener) -> None:
    async with open_desk(retry_for_seconds=0.8) as desk:
        desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="drop", when="before", times=1)
        listing = desk.sandbox.fault(provider="twilio", operation="incoming_numbers.list", status=503, skip=1)
        with acting_as(Acting(ActorKind.KEY, id="key_a", key_id="key_a")):
            assignment = await desk.assign()
        assert assignment.reason == "purchase_unsettled"
        desk.sandbox.control.delete(f"/faults/{listing}")
        async with asyncio.timeout(60):
            while not (done := await desk.rows(Assignment, Assignment.status == "assigned")):
                await asyncio.sleep(0.05)
        assert done[0].restaurant_id == assignment.restaurant_id
        assert (await desk.number(done[0].number)).key_id == "key_a"
