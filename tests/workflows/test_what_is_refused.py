"""What is refused, gone, or somebody else's: it is put aside or left alone, told, and never stops the others."""

from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest

from tests.crash.scenarios import import_number, vapi_client
from tests.sandbox.twilio_client import TwilioApi
from tests.support.desk import Desk, Opener
from tests.workflows.test_assign_number import own
from trunkline.db import debts
from trunkline.db.models import Batch, Debt, utcnow
from trunkline.db.runs import BATCHES
from trunkline.domain.states import DebtKind
from trunkline.domain.wishes import Wish
from trunkline.errors import ActionRequired
from trunkline.sandbox import twilio
from trunkline.workflows import put_in_service
from trunkline.workflows.accounts import VOICE, accept, keys_of, refuse_changed, take_over
from trunkline.workflows.manage_restaurant import create_restaurant, delete_restaurant
from trunkline.workflows.release_number import request_release
from trunkline.workflows.run_batch import BatchRequest, resume_batch, start_batch

pytestmark = pytest.mark.anyio
REFUSED = {"message": "This number is not supported.", "error": "Bad Request", "statusCode": 400}
NO_BUNDLE = {"code": 21649, "message": "Bundle required and not provided", "status": 400}
UNPAID = {"message": "A payment method is required.", "error": "Payment Required", "statusCode": 402}


def imports_are_refused(desk: Desk, status: int, body: object, **rule: object) -> int:
    return desk.sandbox.fault(
        provider="vapi", operation="phone_numbers.create", kind="status", status=status, body=body, **rule
    )


def subaccount(api: TwilioApi) -> str:
    """A new one; its SID."""
    return str(api.http.post("/2010-04-01/Accounts.json").raise_for_status().json()["sid"])


def suspend_one(api: TwilioApi) -> None:
    """A subaccount whose lists are refused from now on."""
    path = f"/2010-04-01/Accounts/{subaccount(api)}.json"
    api.http.post(path, data={"Status": "suspended"}).raise_for_status()


async def restaurants(desk: Desk, count: int) -> None:
    for n in range(count):
        await create_restaurant(desk.services, f"Restaurant {n}", Wish(), assign=False)


async def test_a_number_whose_import_is_refused_is_put_aside_and_the_next_one_is_taken(desk: Desk) -> None:
    own(desk.sandbox, "+14155550171")
    own(desk.sandbox, "+14155550172")
    imports_are_refused(desk, 400, REFUSED, times=1)
    first = await desk.assign("Roma")
    assert (first.status, first.source) == ("assigned", "owned")
    (aside,) = {"+14155550171", "+14155550172"} - {first.number}
    row = await desk.number(aside)
    assert "not supported" in str(row.put_aside_reason)
    assert row.put_aside_until is not None
    assert row.put_aside_until > utcnow()
    second = await desk.assign("Napoli")
    assert second.source == "purchased"


async def test_an_owned_number_that_cannot_be_marked_is_put_aside_and_others_are_bought(desk: Desk) -> None:
    own(desk.sandbox, "+14155550171")
    desk.sandbox.fault(
        provider="twilio", operation="incoming_numbers.update", kind="status", status=400, body=NO_BUNDLE
    )
    assert [(await desk.assign(name)).source for name in ("Roma", "Napoli")] == ["purchased"] * 2
    assert "bundle" in str((await desk.number("+14155550171")).put_aside_reason)


async def test_an_idle_number_that_is_in_a_subaccount_is_put_aside_and_others_are_bought(desk: Desk) -> None:
    own(desk.sandbox, "+14155550177")
    import_number(desk.sandbox, "+14155550177")
    api = TwilioApi(desk.sandbox)
    below = subaccount(api)
    (held,) = desk.sandbox.held("twilio")
    api.post(f"/IncomingPhoneNumbers/{held['wire']['sid']}.json", AccountSid=below).raise_for_status()
    assert [(await desk.assign(name)).source for name in ("Roma", "Napoli")] == ["purchased"] * 2
    assert below in str((await desk.number("+14155550177")).put_aside_reason)


@pytest.mark.parametrize("number", ["+9991234567", "+12345678"])
async def test_what_is_no_number_in_use_stops_nobody_and_is_given_to_nobody(desk: Desk, number: str) -> None:
    with vapi_client(desk.sandbox) as client:
        trunk = {"provider": "byo-sip-trunk", "gateways": [{"ip": "203.0.113.5"}], "name": "pbx"}
        credential = client.post("/credential", json=trunk).json()["id"]
        odd = {"provider": "byo-phone-number", "number": number, "numberE164CheckEnabled": False}
        client.post("/phone-number", json=odd | {"credentialId": credential}).raise_for_status()
    assignment = await desk.assign()
    assert (assignment.status, assignment.source) == ("assigned", "purchased")


async def test_while_no_import_can_work_nothing_more_is_bought_and_the_batch_waits(open_desk: Opener) -> None:
    async with open_desk() as desk:
        await restaurants(desk, 8)
        fault = imports_are_refused(desk, 402, UNPAID)
        batch = await start_batch(desk.services, BatchRequest(Wish()))
        await desk.wait(batch)
        (row,) = await desk.rows(Batch, Batch.id == batch)
        assert (row.status, len(desk.sandbox.held("twilio"))) == ("paused", 1)
        assert "payment" in str(row.message)
        again = await desk.assign("Later")
        assert (again.status, again.reason) == ("unassigned", "carrier_action_required")
        assert len(desk.sandbox.held("twilio")) == 1
        assert fault


async def test_a_batch_goes_on_at_once_when_somebody_has_paid_and_resumes_it(open_desk: Opener) -> None:
    path = f"/accounts/twilio/{twilio.DEFAULT_ACCOUNT}"
    async with open_desk(retry_for_seconds=0.3) as desk:
        desk.sandbox.control.put(path, json={"balance": "2.50"}).raise_for_status()
        await restaurants(desk, 4)
        batch = await start_batch(desk.services, BatchRequest(Wish()))
        await desk.wait(batch)
        async with desk.services.database.read() as session:
            row = await BATCHES.get(session, batch)
        assert (row.status, len(desk.sandbox.held("twilio"))) == ("paused", 2)
        assert f"POST /api/batches/{batch}/resume" in str(row.hint)
        desk.sandbox.control.put(path, json={"balance": "100"}).raise_for_status()
        await resume_batch(desk.services, batch)
        await desk.wait(batch)
        assert len(desk.sandbox.held("twilio")) == 4


async def test_a_number_that_came_by_itself_is_given_back_by_its_reference(desk: Desk) -> None:
    own(desk.sandbox, "+14155550177")
    import_number(desk.sandbox, "+14155550177")
    assert (await desk.assign()).source == "existing"
    assert (await desk.number("+14155550177")).account == twilio.DEFAULT_ACCOUNT
    release = await request_release(desk.services, "+14155550177", give_back=True, force=True)
    await desk.wait(release)
    assert desk.sandbox.held("twilio") == []
    assert (await desk.number("+14155550177")).state == "released"


async def test_a_release_is_done_although_a_subaccount_is_suspended(desk: Desk) -> None:
    number = str((await desk.assign("Roma")).number)
    suspend_one(TwilioApi(desk.sandbox))
    release = await request_release(desk.services, number, give_back=True, force=True)
    await desk.wait(release)
    assert desk.sandbox.held("twilio") == []
    assert ((await desk.number(number)).state, await desk.debts()) == ("released", [])


@pytest.mark.parametrize("suspended", [False, True], ids=["", "beside a suspended subaccount"])
async def test_a_number_that_was_given_up_by_hand_is_not_given_out(desk: Desk, suspended: bool) -> None:
    own(desk.sandbox, "+14155550177")
    import_number(desk.sandbox, "+14155550177")
    api = TwilioApi(desk.sandbox)
    if suspended:
        suspend_one(api)
    (held,) = desk.sandbox.held("twilio")
    api.http.delete(f"{api.base}/IncomingPhoneNumbers/{held['wire']['sid']}.json").raise_for_status()
    assignment = await desk.assign()
    assert (assignment.source, assignment.number != "+14155550177") == ("purchased", True)
    assert (await desk.number("+14155550177")).state == "released"


async def test_a_cooling_number_goes_back_to_the_restaurant_that_had_it_last(open_desk: Opener) -> None:
    async with open_desk(number_cooldown_hours=168) as desk:
        first = await desk.assign("Roma")
        release = await request_release(desk.services, str(first.number), give_back=False, force=True)
        await desk.wait(release)
        other = await desk.assign("Napoli")
        again = await desk.again(first.restaurant_id)
        assert (other.number != first.number, again.number) == (True, first.number)


async def test_numbers_of_another_installation_are_left_alone_and_may_be_taken_over(
    open_desk: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(put_in_service, "GIVING_WAY_SECONDS", 0)  # nobody gives way here
    async with open_desk() as desk:
        number = str((await desk.assign("Roma")).number)
        with vapi_client(desk.sandbox) as client:
            (record,) = [r for r in client.get("/phone-number").json() if r.get("number") == number]
            client.patch(f"/phone-number/{record['id']}", json={"name": "trunkline-0ther000-asg_1"}).raise_for_status()
        await delete_restaurant(desk.services, (await desk.mappings())[0].restaurant_id)
        await desk.settle()
        assignment = await desk.assign("Napoli")
        assert assignment.number != number
        assert "0ther000" in str((await desk.details(assignment))["find_existing"])
        with pytest.raises(Exception, match="knows numbers already"):
            await take_over(desk.services, "0ther000")


async def test_with_keys_of_another_account_nothing_is_bought_until_it_is_accepted(open_desk: Opener) -> None:
    async with open_desk() as desk:
        await desk.assign("Roma")
        desk.sandbox.control.put("/accounts/vapi/other-org", json={"secret": "another-key-0001"}).raise_for_status()
        headers = {"Authorization": "Bearer another-key-0001"}
        made = httpx2.post(
            f"{desk.sandbox.url}/assistant", headers=headers, json={"name": "Restaurant Voice Assistant"}
        )
        made.raise_for_status()
    async with open_desk(vapi_api_key="another-key-0001") as desk:
        held = len(desk.sandbox.held("twilio"))
        refused = await desk.assign("Napoli")
        assert (refused.status, refused.reason) == ("unassigned", "carrier_action_required")
        assert "accounts accept voice" in str(refused.hint)
        assert len(desk.sandbox.held("twilio")) == held
        with pytest.raises(ActionRequired):
            await refuse_changed(desk.services, VOICE)
        await accept(desk.services, VOICE)
        assert not (await keys_of(desk.services, VOICE)).changed
        assert (await desk.assign("Milano")).status == "assigned"


async def test_a_debt_that_a_clock_put_far_off_is_due(desk: Desk) -> None:
    async with desk.services.database.write() as session:
        await debts.owe(session, DebtKind.DETACH_OWED, "+14155550100", provider="vapi", wait=3 * 86_400)
    async with desk.services.database.read() as session:
        assert list(await debts.providers_due(session)) == ["vapi"]
    (row,) = await desk.rows(Debt)
    assert row.next_try_at > utcnow() + timedelta(days=2)
