"""Ends of things: deleted restaurants, cool-downs, releases and debts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import update

from tests.sandbox.twilio_client import TwilioApi
from tests.support.desk import Desk, Opener
from tests.workflows.test_assign_number import import_number, own, vapi_client
from trunkline.db import debts
from trunkline.db.models import Debt, Mapping, Number, utcnow
from trunkline.db.runs import ASSIGNMENTS, RELEASES
from trunkline.domain.states import DebtKind
from trunkline.domain.wishes import Wish
from trunkline.errors import AlreadyAssigned, AssignmentRunning, Conflict, NotFound, NumberInService
from trunkline.metrics import DEBTS, OVERDUE_DEBTS
from trunkline.workflows.manage_restaurant import delete_restaurant, request_number
from trunkline.workflows.release_number import request_release
from trunkline.workflows.settle_debts import tidy, work_off

pytestmark = pytest.mark.anyio


async def release(desk: Desk, number: str | None, *, give_back: bool, force: bool = False) -> str:
    run = await request_release(desk.services, number or "", give_back=give_back, force=force)
    await desk.wait(run)
    async with desk.services.database.read() as session:
        return (await RELEASES.get(session, run)).status


async def test_a_deleted_restaurant_s_number_is_detached_and_cools_down(open_desk: Opener) -> None:
    async with open_desk(number_cooldown_hours=168) as desk:
        assignment = await desk.assign()
        assert await delete_restaurant(desk.services, assignment.restaurant_id) == assignment.number
        await desk.settle()
        row = await desk.number(assignment.number)
        assert row.state == "cooling_down"
        assert row.cooling_until is not None
        assert timedelta(hours=167) < row.cooling_until - utcnow() <= timedelta(hours=168)
        assert row.former_restaurant_id == assignment.restaurant_id
        with vapi_client(desk.sandbox) as client:
            (record,) = client.get("/phone-number").json()
        assert record.get("assistantId") is None
        (ended,) = await desk.rows(Mapping)
        assert (ended.active, ended.end_reason) == (False, "restaurant_deleted")
        heir = await desk.assign("next")
        assert heir.source == "purchased"
        assert heir.number != assignment.number


async def test_after_the_cool_down_the_number_is_reused(desk: Desk) -> None:
    first = await desk.assign()
    await delete_restaurant(desk.services, first.restaurant_id)
    await desk.settle()
    second = await desk.assign("next")
    assert (second.source, second.number) == ("existing", first.number)


async def test_a_number_is_not_reused_before_it_is_detached(desk: Desk) -> None:
    first = await desk.assign()
    desk.sandbox.fault(provider="vapi", operation="phone_numbers.update", status=503)
    await delete_restaurant(desk.services, first.restaurant_id)
    await work_off(desk.services)
    (debt,) = await desk.debts()
    assert (debt.kind, debt.subject) == ("detach_owed", first.number)
    second = await desk.assign("next")
    assert second.number != first.number


async def test_a_restaurant_is_not_deleted_while_its_assignment_runs(desk: Desk) -> None:
    hold = desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=0.8)
    run = await desk.create()
    async with desk.services.database.read() as session:
        restaurant = (await ASSIGNMENTS.get(session, run)).restaurant_id
    with pytest.raises(AssignmentRunning):
        await delete_restaurant(desk.services, restaurant)
    with pytest.raises(AssignmentRunning):
        await request_number(desk.services, restaurant, Wish())
    desk.sandbox.control.delete(f"/faults/{hold}")
    assert (await desk.end_of(run)).status == "assigned"


async def test_a_restaurant_with_its_own_number_gets_no_second_one(desk: Desk) -> None:
    assignment = await desk.assign()
    with pytest.raises(AlreadyAssigned):
        await request_number(desk.services, assignment.restaurant_id, Wish())
    with pytest.raises(NotFound):
        await request_number(desk.services, "rst_unknown", Wish())


async def test_a_released_number_is_given_back(desk: Desk) -> None:
    assignment = await desk.assign()
    with pytest.raises(NumberInService):
        await request_release(desk.services, assignment.number or "", give_back=True)
    assert await release(desk, assignment.number, give_back=True, force=True) == "done"
    assert desk.sandbox.held("twilio") == []
    assert await desk.mappings() == []
    assert (await desk.number(assignment.number)).state == "released"
    with vapi_client(desk.sandbox) as client:
        assert client.get("/phone-number").json() == []
    with pytest.raises(Conflict):
        await request_release(desk.services, assignment.number or "", give_back=True)


async def test_a_number_kept_in_the_account_has_its_old_settings_back(desk: Desk) -> None:
    urls = {"voice_url": "", "status_callback": "", "sms_url": "https://demo.twilio.com/welcome/sms/reply"}
    number = {"carrier": "twilio", "number": "+14155550199", "account": desk.services.settings.twilio_account_sid}
    desk.sandbox.control.post("/numbers", json=number | {"wire": urls}).raise_for_status()
    assignment = await desk.assign()
    assert assignment.number == "+14155550199"
    (before,) = desk.sandbox.held("twilio")
    assert "vapi" in before["wire"]["voice_url"]
    assert await release(desk, assignment.number, give_back=False, force=True) == "done"
    (after,) = desk.sandbox.held("twilio")
    assert {k: after["wire"][k] or "" for k in urls} == urls


@pytest.mark.parametrize("give_back", [True, False])
async def test_what_the_account_does_not_hold_any_more_is_not_kept(desk: Desk, give_back: bool) -> None:
    assignment = await desk.assign()
    api = TwilioApi(desk.sandbox)
    (held,) = api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"]
    api.http.delete(f"{api.base}/IncomingPhoneNumbers/{held['sid']}.json").raise_for_status()
    assert await release(desk, assignment.number, give_back=give_back, force=True) == "done"
    assert (await desk.number(assignment.number)).state == "released"


@pytest.mark.parametrize("give_back", [True, False])
async def test_what_no_list_shows_yet_is_released_all_the_same(open_desk: Opener, give_back: bool) -> None:
    async with open_desk(listing_lag_seconds=30) as desk:
        lag = {"vapi_listing_lag_seconds": 600, "twilio_listing_lag_seconds": 2}
        desk.sandbox.control.put("/switches", json=lag).raise_for_status()
        assignment = await desk.assign()
        assert await release(desk, assignment.number, give_back=give_back, force=True) == "done"
        desk.sandbox.control.put("/switches", json={"vapi_listing_lag_seconds": 0}).raise_for_status()
        assert await desk.services.voice.numbers() == []
        assert len(desk.sandbox.held("twilio")) == (not give_back)
        assert (await desk.number(assignment.number)).state == ("released" if give_back else "cooling_down")


async def test_what_no_list_shows_yet_is_detached_all_the_same(desk: Desk) -> None:
    desk.sandbox.control.put("/switches", json={"vapi_listing_lag_seconds": 600}).raise_for_status()
    assignment = await desk.assign()
    await delete_restaurant(desk.services, assignment.restaurant_id)
    await desk.settle()
    desk.sandbox.control.put("/switches", json={"vapi_listing_lag_seconds": 0}).raise_for_status()
    with vapi_client(desk.sandbox) as client:
        record = client.get(f"/phone-number/{(await desk.number(assignment.number)).voice_id}").json()
    assert record.get("assistantId") is None


async def test_the_only_number_of_a_trunk_is_given_up_once_it_is_not_listed(open_desk: Opener) -> None:
    number, trunk = "+14155557700", {"byo_gateway_ips": ["203.0.113.7"], "carriers": ["byo"]}
    async with open_desk(**trunk, byo_numbers=[number]) as desk:
        assert (await desk.assign()).number == number
        assert await release(desk, number, give_back=True, force=True) == "owed"
        (debt,) = await desk.debts()
        assert "is not given back by us" in (debt.reason or "")
    async with open_desk(**trunk) as desk:
        await desk.settle()
        assert (await desk.number(number)).state == "released"


async def test_a_release_is_owed_while_the_carrier_is_down(desk: Desk) -> None:
    assignment = await desk.assign()
    fault = desk.sandbox.fault(provider="twilio", operation="incoming_numbers.delete", status=503)
    assert await release(desk, assignment.number, give_back=True, force=True) == "owed"
    (debt,) = await desk.debts()
    assert (debt.kind, debt.subject) == ("release_owed", assignment.number)
    assert debt.reason
    desk.sandbox.control.delete(f"/faults/{fault}")
    async with desk.services.database.write() as session:
        await session.execute(update(Debt).values(next_try_at=utcnow()))
    await desk.settle()
    assert desk.sandbox.held("twilio") == []


async def test_a_number_gone_already_is_released_all_the_same(desk: Desk) -> None:
    assignment = await desk.assign()
    desk.sandbox.fault(provider="twilio", operation="incoming_numbers.delete", kind="drop", when="after", times=1)
    assert await release(desk, assignment.number, give_back=True, force=True) == "done"


async def test_what_was_paid_for_is_put_in_service_without_being_asked(desk: Desk) -> None:
    fault = desk.sandbox.fault(provider="vapi", operation="phone_numbers.create", status=503)
    assignment = await desk.assign()
    assert assignment.status == "failed"
    desk.sandbox.control.delete(f"/faults/{fault}")
    async with desk.services.database.write() as session:
        await session.execute(update(Debt).values(next_try_at=utcnow()))
    await desk.settle()
    (mapping,) = await desk.mappings()
    assert mapping.restaurant_id == assignment.restaurant_id
    assert [h["number"] for h in desk.sandbox.held("twilio")] == [mapping.number]


async def test_what_was_paid_for_is_idle_when_its_restaurant_is_gone(desk: Desk) -> None:
    fault = desk.sandbox.fault(provider="vapi", operation="phone_numbers.create", status=503)
    assignment = await desk.assign()
    await delete_restaurant(desk.services, assignment.restaurant_id)
    desk.sandbox.control.delete(f"/faults/{fault}")
    async with desk.services.database.write() as session:
        await session.execute(update(Debt).values(next_try_at=utcnow()))
    await desk.settle()
    heir = await desk.assign("next")
    (held,) = desk.sandbox.held("twilio")
    assert (heir.source, heir.number) == ("owned", held["number"])


async def test_a_debt_older_than_an_hour_raises_the_alarm(desk: Desk) -> None:
    async with desk.services.database.write() as session:
        await debts.owe(session, DebtKind.RELEASE_OWED, "+14155550100", provider="twilio", wait=3600)
    await tidy(desk.services)
    assert OVERDUE_DEBTS._value.get() == 0
    assert DEBTS.labels("release_owed")._value.get() == 1
    async with desk.services.database.write() as session:
        await session.execute(update(Debt).values(created_at=utcnow() - timedelta(minutes=61)))
    await tidy(desk.services)
    assert OVERDUE_DEBTS._value.get() == 1


async def test_deleting_the_active_sharer_gives_the_calls_to_the_other(open_desk: Opener) -> None:
    async with open_desk() as desk:
        path = f"/accounts/twilio/{desk.services.settings.twilio_account_sid}"
        desk.sandbox.control.put(path, json={"trial": True}).raise_for_status()
        first, second = await desk.assign("first"), await desk.assign("second")
        await delete_restaurant(desk.services, second.restaurant_id)
        (left,) = await desk.mappings()
        assert (left.restaurant_id, left.active) == (first.restaurant_id, True)
        (row,) = await desk.rows(Number, Number.number == first.number)
        assert row.state == "in_service"


async def test_a_number_from_outside_goes_back_and_comes_again(desk: Desk) -> None:
    """Somebody buys it and puts it into Vapi by hand; it serves, is given back, and is bought by hand once more."""
    spare = "+14155550199"
    for _ in range(2):
        own(desk.sandbox, spare)
        import_number(desk.sandbox, spare)
        assignment = await desk.assign()
        assert (assignment.source, assignment.number) == ("existing", spare)
        assert await release(desk, spare, give_back=True, force=True) == "done"
        assert desk.sandbox.held("twilio") == []
        assert (await desk.number(spare)).state == "released"
        async with desk.services.database.write() as session:
            await session.execute(update(Number).values(released_at=utcnow() - timedelta(minutes=2)))


async def test_a_number_that_was_taken_away_by_hand_is_given_to_nobody(desk: Desk) -> None:
    """It is idle with us, and its owner has given it back in the carrier's dashboard: the record in Vapi is all that is
    left of it."""
    spare = "+14155550199"
    own(desk.sandbox, spare)
    import_number(desk.sandbox, spare)
    first = await desk.assign()
    await delete_restaurant(desk.services, first.restaurant_id)
    await desk.settle()
    api = TwilioApi(desk.sandbox)
    (held,) = api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"]
    api.http.delete(f"{api.base}/IncomingPhoneNumbers/{held['sid']}.json").raise_for_status()
    assignment = await desk.assign("next")
    assert (assignment.source, assignment.number != spare) == ("purchased", True)
    assert (await desk.number(spare)).state == "released"
