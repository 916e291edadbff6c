"""Batches: each list read once, every item accounted for, stopped and gone on with."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.desk import Desk, Opener
from tests.workflows.test_assign_number import import_number, own
from trunkline.db import batches
from trunkline.domain.choosing import Criteria
from trunkline.domain.wishes import Wish
from trunkline.errors import Conflict, InvalidInput
from trunkline.workflows.manage_restaurant import create_restaurant
from trunkline.workflows.run_batch import BatchRequest, cancel_batch, plan_batch, resume_batch, start_batch

pytestmark = pytest.mark.anyio


async def restaurants(desk: Desk, count: int) -> None:
    for n in range(count):
        await create_restaurant(desk.services, f"Restaurant {n}", Wish(), assign=False)


async def counts(desk: Desk, batch_id: str) -> dict[str, int]:
    async with desk.services.database.read() as session:
        return (await batches.counts(session, [batch_id]))[batch_id]


async def end_of(desk: Desk, batch_id: str) -> dict[str, int]:
    await desk.wait(batch_id)
    return await counts(desk, batch_id)


@pytest.mark.usefixtures("unhurried")
async def test_every_restaurant_gets_its_number_and_lists_are_read_once(desk: Desk) -> None:
    await restaurants(desk, 12)
    own(desk.sandbox, "+14155550199")
    import_number(desk.sandbox, "+14155550199")
    before = desk.seen()
    batch = await start_batch(desk.services, BatchRequest(Wish()))
    assert await end_of(desk, batch) == {"assigned": 12}
    asked = desk.operations(before)
    assert asked.count("vapi phone_numbers.list_v2") == 1
    assert asked.count("twilio incoming_numbers.list") <= 1 + 2 * 11 + 1  # the list; each number before and after
    assert asked.count("twilio available_numbers.search") == 1
    assert asked.count("twilio incoming_numbers.create") == 11
    held = {h["number"] for h in desk.sandbox.held("twilio")}
    assert held == {m.number for m in await desk.mappings()}
    assert len(held) == 12


@pytest.mark.parametrize(
    ("carrier", "account"),
    [
        ("twilio", {"trial": True, "balance": "0"}),
        ("vonage", {"balance": "0.50", "extra": {"auto_reload": True}}),
    ],
)
async def test_a_trial_and_an_account_that_refills_itself_are_not_called_poor(
    open_desk: Opener, carrier: str, account: dict[str, Any]
) -> None:
    async with open_desk(carriers=[carrier]) as desk:
        settings = desk.services.settings
        name = {"twilio": settings.twilio_account_sid, "vonage": settings.vonage_api_key}[carrier]
        desk.sandbox.control.put(f"/accounts/{carrier}/{name}", json=account).raise_for_status()
        desk.sandbox.control.delete("/numbers", params={"carrier": carrier})
        row = {"carrier": carrier, "number": "+14155550123", "price": "1.00", "upfront": "0"}
        desk.sandbox.control.post("/numbers", json=row).raise_for_status()
        await restaurants(desk, 1)
        assert await end_of(desk, await start_batch(desk.services, BatchRequest(Wish()))) == {"assigned": 1}


async def test_the_plan_says_what_would_be_reused_and_bought_at_what_price(desk: Desk) -> None:
    await restaurants(desk, 3)
    own(desk.sandbox, "+14155550199")
    plan = await plan_batch(desk.services, BatchRequest(Wish()))
    assert (plan.restaurants, plan.reused, plan.bought, plan.short) == (3, 1, 2, 0)
    assert (str(plan.monthly_price.normalize()), plan.currency) == ("2.3", "USD")  # type: ignore[union-attr]
    assert [h["number"] for h in desk.sandbox.held("twilio")] == ["+14155550199"]


async def test_a_plan_says_how_many_would_find_nothing_for_sale(desk: Desk) -> None:
    await restaurants(desk, 3)
    desk.sandbox.control.delete("/numbers")
    desk.sandbox.control.post("/numbers", json={"carrier": "twilio", "number": "+14155550123"})
    plan = await plan_batch(desk.services, BatchRequest(Wish()))
    assert (plan.reused, plan.bought, plan.short) == (0, 1, 2)


async def test_a_cancelled_batch_buys_nothing_more_and_goes_on_when_resumed(desk: Desk) -> None:
    await restaurants(desk, 60)
    desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=0.2)
    batch = await start_batch(desk.services, BatchRequest(Wish()))
    while not desk.sandbox.held("twilio"):
        await asyncio.sleep(0.05)
    await cancel_batch(desk.services, batch)
    after = await end_of(desk, batch)
    held = len(desk.sandbox.held("twilio"))
    assert after["cancelled"] + after["assigned"] == 60
    assert 0 < after["assigned"] == held < 60
    with pytest.raises(Conflict, match="cancelled"):
        await cancel_batch(desk.services, batch)
    desk.sandbox.control.delete("/faults")
    await resume_batch(desk.services, batch)
    with pytest.raises(Conflict, match="running"):
        await resume_batch(desk.services, batch)
    assert await end_of(desk, batch) == {"assigned": 60}
    assert len(desk.sandbox.held("twilio")) == 60
    with pytest.raises(Conflict):
        await resume_batch(desk.services, batch)


async def test_a_number_that_shows_late_is_found_although_the_batch_was_cancelled_meanwhile(
    open_desk: Opener,
) -> None:
    """The reply to the purchase is lost, and the purchase shows in the carrier's list after the usual time, counted
    from its beginning."""
    async with open_desk(listing_lag_seconds=1) as desk:
        await restaurants(desk, 1)
        desk.sandbox.control.put("/switches", json={"twilio_listing_lag_seconds": 1.3}).raise_for_status()
        desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="drop", when="after", times=1)
        batch = await start_batch(desk.services, BatchRequest(Wish()))
        while not desk.sandbox.held("twilio"):
            await asyncio.sleep(0.02)
        await cancel_batch(desk.services, batch)
        assert await end_of(desk, batch) == {"assigned": 1}
        assert [h["number"] for h in desk.sandbox.held("twilio")] == [m.number for m in await desk.mappings()]
        assert desk.operations().count("twilio incoming_numbers.create") == 1


async def test_a_resume_that_overtakes_the_cancellation_leaves_nobody_out(desk: Desk) -> None:
    await restaurants(desk, 44)
    desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=0.2)
    batch = await start_batch(desk.services, BatchRequest(Wish()))
    for _ in range(3):
        await asyncio.sleep(0.1)
        await cancel_batch(desk.services, batch)
        await asyncio.sleep(0.05)
        await resume_batch(desk.services, batch)
    desk.sandbox.control.delete("/faults")
    assert await end_of(desk, batch) == {"assigned": 44}
    assert len(desk.sandbox.held("twilio")) == len(await desk.mappings()) == 44


async def test_each_item_says_why_it_has_no_number(desk: Desk) -> None:
    await restaurants(desk, 4)
    desk.sandbox.control.delete("/numbers")
    desk.sandbox.control.post("/numbers", json={"carrier": "twilio", "number": "+14155550123"})
    batch = await start_batch(desk.services, BatchRequest(Wish()))
    assert await end_of(desk, batch) == {"assigned": 1, "unassigned": 3}
    async with desk.services.database.read() as session:
        items = await batches.items(session, batch, status="unassigned")
    assert {item.reason for item, _, _ in items} == {"no_numbers_found"}


async def test_a_provider_that_is_down_fails_the_items_without_asking_for_each(open_desk: Opener) -> None:
    async with open_desk(retry_for_seconds=0.5) as desk:
        await restaurants(desk, 30)
        before = desk.seen()  # at its start the process has looked itself
        desk.sandbox.fault(provider="vapi", operation="phone_numbers.list_v2", status=503)
        batch = await start_batch(desk.services, BatchRequest(Wish()))
        assert await end_of(desk, batch) == {"failed": 30}
        assert desk.operations(before).count("vapi phone_numbers.list_v2") <= 3
        assert desk.sandbox.held("twilio") == []


async def test_a_filter_that_matches_nobody_starts_nothing(desk: Desk) -> None:
    await restaurants(desk, 2)
    with pytest.raises(InvalidInput):
        await start_batch(desk.services, BatchRequest(Wish(), search="nobody"))
    batch = await start_batch(desk.services, BatchRequest(Wish(Criteria(area_code="415")), search="1"))
    assert await end_of(desk, batch) == {"assigned": 1}


async def test_a_batch_goes_on_after_a_restart(open_desk: Opener) -> None:
    async with open_desk() as desk:
        await restaurants(desk, 30)
        desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=0.3)
        batch = await start_batch(desk.services, BatchRequest(Wish()))
        while not desk.sandbox.held("twilio"):
            await asyncio.sleep(0.05)
    desk.sandbox.control.delete("/faults")
    async with open_desk() as desk:
        for _ in range(600):
            if (await counts(desk, batch)).get("assigned") == 30:
                break
            await asyncio.sleep(0.1)
        assert await counts(desk, batch) == {"assigned": 30}
        assert len(desk.sandbox.held("twilio")) == 30


async def test_what_a_purchase_has_to_know_is_asked_for_side_by_side(open_desk: Opener) -> None:
    async with open_desk(retry_for_seconds=600) as desk:
        await restaurants(desk, 1)
        fault = desk.sandbox.fault(provider="vapi", operation="phone_numbers.list_v2", kind="status", status=503)
        batch = await start_batch(desk.services, BatchRequest(Wish()))
        beside = {
            "vapi assistants.list",
            "vapi credentials.list",
            "twilio incoming_numbers.list",
            "twilio available_numbers.search",
            "twilio balance.fetch",
        }
        async with asyncio.timeout(60):
            while not beside.issubset(desk.operations()):
                await asyncio.sleep(0.05)
        desk.sandbox.control.delete(f"/faults/{fault}").raise_for_status()
        assert await end_of(desk, batch) == {"assigned": 1}
