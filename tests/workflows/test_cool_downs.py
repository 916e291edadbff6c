"""A number whose mapping has ended is kept from others than the one that had it last, whatever happens meanwhile."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.sandbox.twilio_client import TwilioApi
from tests.support.desk import Desk, Opener
from tests.workflows.test_apply_plan import changes, plan
from tests.workflows.test_assign_number import own, set_trial
from tests.workflows.test_mend_number import end
from trunkline.db import corrections, numbers
from trunkline.db.models import Assignment, Debt, Number, utcnow
from trunkline.db.runs import MOVES, RELEASES
from trunkline.domain.choosing import Criteria
from trunkline.domain.numbers import E164
from trunkline.domain.states import DebtKind
from trunkline.domain.wishes import Wish
from trunkline.workflows.manage_restaurant import request_number
from trunkline.workflows.move_number import request_move, unassign
from trunkline.workflows.release_number import request_release
from trunkline.workflows.request_apply import Wanted, request_apply
from trunkline.workflows.settle_debts import work_off

pytestmark = pytest.mark.anyio
HOURS = 168
ONLY = "+14155550123"  # that is for sale


async def take_off(desk: Desk, number: str | None) -> None:
    await unassign(desk.services, E164(str(number)))
    await desk.settle()


async def cooling(desk: Desk) -> Assignment:
    """What Roma got, after it has lost it."""
    first = await desk.assign("Roma")
    await take_off(desk, first.number)
    return first


async def sell_one(desk: Desk) -> None:
    desk.sandbox.control.put("/switches", json={"twilio_released_for_sale": True}).raise_for_status()
    desk.sandbox.control.delete("/numbers").raise_for_status()
    desk.sandbox.control.post("/numbers", json={"carrier": "twilio", "number": ONLY}).raise_for_status()


async def is_romas(desk: Desk, first: Assignment) -> None:
    """It cools down after Roma, nobody else gets it, and Roma does."""
    row = await desk.number(str(first.number))
    assert row.former_restaurant_id == first.restaurant_id
    assert row.cooling_until is not None
    assert row.cooling_until > utcnow() + timedelta(hours=HOURS - 1)
    assert (await desk.assign("Napoli")).number != first.number
    assert (await desk.again(first.restaurant_id)).number == first.number


async def test_after_a_try_of_its_own_that_failed(open_desk: Opener) -> None:
    async with open_desk(number_cooldown_hours=HOURS) as desk:
        first = await cooling(desk)
        down = desk.sandbox.fault(provider="vapi", operation="phone_numbers.update", status=503)
        assert (await desk.again(first.restaurant_id)).status == "failed"
        desk.sandbox.control.delete(f"/faults/{down}").raise_for_status()
        assert (await desk.number(str(first.number))).state == "cooling_down"
        await is_romas(desk, first)


async def test_after_a_move_that_failed(open_desk: Opener) -> None:
    async with open_desk(number_cooldown_hours=HOURS) as desk:
        first = await cooling(desk)
        other = await desk.assign("Milano")
        await take_off(desk, other.number)
        down = desk.sandbox.fault(provider="vapi", operation="phone_numbers.update", status=503)
        move = await request_move(desk.services, E164(str(first.number)), other.restaurant_id)
        await desk.wait(move)
        desk.sandbox.control.delete(f"/faults/{down}").raise_for_status()
        async with desk.services.database.read() as session:
            assert (await MOVES.get(session, move)).status == "failed"
        await is_romas(desk, first)


async def test_after_it_was_given_back_and_is_for_sale_again(open_desk: Opener) -> None:
    async with open_desk(number_cooldown_hours=HOURS) as desk:
        await sell_one(desk)
        first = await desk.assign("Roma")
        release = await request_release(desk.services, str(first.number), give_back=True, force=True)
        await desk.wait(release)
        async with desk.services.database.read() as session:
            assert (await RELEASES.get(session, release)).status == "done"
        await is_romas(desk, first)


async def test_after_it_was_gone_and_has_come_again(open_desk: Opener) -> None:
    """Given up in the carrier's console by mistake, and taken back there."""
    async with open_desk(number_cooldown_hours=HOURS) as desk:
        first = await desk.assign("Roma")
        number, api = str(first.number), TwilioApi(desk.sandbox)
        (held,) = api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"]
        api.http.delete(f"{api.base}/IncomingPhoneNumbers/{held['sid']}.json").raise_for_status()
        for record in await desk.services.voice.records(E164(number)):
            await desk.services.voice.remove(record.id)
        async with desk.services.database.write() as session:
            row = (await numbers.lock(session, number))[number]
            await corrections.lose(session, row, "gone", HOURS)
        async with desk.services.database.write() as session:
            long_ago = {"released_at": utcnow() - timedelta(minutes=2), "put_aside_until": utcnow()}
            await session.execute(update(Number).values(long_ago))
        own(desk.sandbox, number)
        await is_romas(desk, first)


async def test_after_a_plan_has_adopted_it_again(open_desk: Opener) -> None:
    async with open_desk(number_cooldown_hours=HOURS) as desk:
        first = await desk.assign("Roma")
        number = str(first.number)
        await desk.wait(await request_release(desk.services, number, give_back=True, force=True))
        async with desk.services.database.write() as session:
            await session.execute(update(Number).values(released_at=utcnow() - timedelta(minutes=2)))
        own(desk.sandbox, number)
        made, drifts = await plan(desk)
        assert changes(drifts) == [("still_billed", number, "adopt")]
        await end(desk, await request_apply(desk.services, made.id, Wanted(made.checksum)))
        assert (await desk.number(number)).state == "cooling_down"
        await is_romas(desk, first)


async def test_what_an_assignment_imports_is_not_set_free_by_what_the_one_before_owes(open_desk: Opener) -> None:
    """Its restaurant shares another number meanwhile, so that it seems to need none."""
    async with open_desk() as desk:
        set_trial(desk.sandbox, True)
        await desk.assign("first")
        second = await desk.assign("second")
        assert second.source == "shared"
        set_trial(desk.sandbox, False)
        down = desk.sandbox.fault(provider="vapi", operation="phone_numbers.create", status=503)
        assert (await desk.again(second.restaurant_id)).status == "failed"
        (debt,) = await desk.debts()
        assert debt.kind == DebtKind.BOUGHT_NOT_IMPORTED
        desk.sandbox.control.delete(f"/faults/{down}").raise_for_status()
        desk.sandbox.fault(provider="vapi", operation="phone_numbers.create", kind="latency", seconds=2, times=1)
        begun = desk.seen()
        run = await request_number(desk.services, second.restaurant_id, Wish(Criteria()))
        while "vapi phone_numbers.create" not in desk.operations(begun):
            await asyncio.sleep(0.02)
        async with desk.services.database.write() as session:
            await session.execute(update(Debt).values(next_try_at=Debt.created_at))
        await work_off(desk.services)
        assert (await desk.number(debt.subject)).claimed_by == run
        assert (await desk.assign("third")).number != debt.subject
        ended = await desk.end_of(run)
        assert (ended.status, ended.number) == ("assigned", debt.subject)
