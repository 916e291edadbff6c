"""What is owed to a number is looked at before it is done: somebody else may have the number by now, or nobody."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from tests.sandbox.twilio_client import TwilioApi
from tests.support.desk import Desk, Opener
from tests.workflows.test_apply_plan import plan
from tests.workflows.test_assign_number import own, vapi_client
from trunkline.db import debts
from trunkline.db.models import Debt, utcnow
from trunkline.domain.states import DebtKind
from trunkline.workflows.adopt_numbers import adopt_numbers
from trunkline.workflows.settle_debts import work_off

pytestmark = pytest.mark.anyio
SPARE, OF_THE_TRUNK = "+14155550199", "+14155557700"


async def owe_its_connection(desk: Desk, number: str) -> None:
    async with desk.services.database.write() as session:
        await debts.owe(session, DebtKind.CONNECT_OWED, number, provider="vapi", wait=0)


async def work_off_all(desk: Desk) -> None:
    """Also what is put off."""
    async with desk.services.database.write() as session:
        await session.execute(update(Debt).values(next_try_at=utcnow()))
    await work_off(desk.services)


def records(desk: Desk) -> list[tuple[str, str | None]]:
    with vapi_client(desk.sandbox) as client:
        return [(r["id"], r.get("assistantId")) for r in client.get("/phone-number").json()]


def give_up_by_hand(desk: Desk) -> None:
    """The one number that Twilio's account holds."""
    api = TwilioApi(desk.sandbox)
    (held,) = api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"]
    api.http.delete(f"{api.base}/IncomingPhoneNumbers/{held['sid']}.json").raise_for_status()


def lead_nowhere(desk: Desk) -> None:
    """The same number, at its carrier."""
    api = TwilioApi(desk.sandbox)
    (held,) = api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"]
    empty = {"VoiceUrl": "", "SmsUrl": "", "StatusCallback": ""}
    api.post(f"/IncomingPhoneNumbers/{held['sid']}.json", **empty).raise_for_status()


async def test_what_its_carrier_leads_nowhere_is_imported_anew(desk: Desk) -> None:
    number = str((await desk.assign()).number)
    ((before, shared),) = records(desk)
    lead_nowhere(desk)
    await owe_its_connection(desk, number)
    await work_off(desk.services)
    ((after, answers),) = records(desk)
    assert (after != before, answers) == (True, shared)
    assert "vapi" in desk.sandbox.held("twilio")[0]["wire"]["voice_url"]
    assert await desk.debts() == []


async def test_a_record_that_serves_another_assistant_is_not_removed(desk: Desk) -> None:
    number = str((await desk.assign()).number)
    lead_nowhere(desk)
    ((record, _),) = records(desk)
    with vapi_client(desk.sandbox) as client:
        other = client.post("/assistant", json={"name": "Reservations of the hotel"}).json()["id"]
        change = {"provider": "twilio", "assistantId": other}
        client.patch(f"/phone-number/{record}", json=change).raise_for_status()
    await owe_its_connection(desk, number)
    await work_off(desk.services)
    assert records(desk) == [(record, other)]
    (debt,) = await desk.debts()
    assert "serves somebody else in Vapi" in (debt.reason or "")


async def test_the_record_of_a_trunk_s_number_stays(open_desk: Opener) -> None:
    trunk = {"byo_gateway_ips": ["203.0.113.7"], "carriers": ["byo"], "byo_numbers": [OF_THE_TRUNK]}
    async with open_desk(**trunk) as desk:
        await desk.assign()
        before = records(desk)
        await owe_its_connection(desk, OF_THE_TRUNK)
        await work_off(desk.services)
        assert (records(desk), await desk.debts()) == (before, [])


async def test_nothing_is_owed_to_an_adopted_number_that_is_gone(open_desk: Opener) -> None:
    async with open_desk(retry_for_seconds=1) as desk:
        own(desk.sandbox, SPARE)
        down = desk.sandbox.fault(provider="vapi", operation="phone_numbers.create", status=503)
        await adopt_numbers(desk.services, None)
        await work_off(desk.services)
        assert [debt.kind for debt in await desk.debts()] == ["adopt_owed"]
        give_up_by_hand(desk)
        desk.sandbox.control.delete(f"/faults/{down}").raise_for_status()
        await work_off_all(desk)
        assert await desk.debts() == []
        _, drifts = await plan(desk)
        assert [(drift.kind, drift.number) for drift in drifts] == [("ghost", SPARE)]


async def test_nothing_is_owed_to_a_number_in_service_that_is_gone(desk: Desk) -> None:
    own(desk.sandbox, SPARE)
    assert (await desk.assign()).number == SPARE
    ((record, _),) = records(desk)
    with vapi_client(desk.sandbox) as client:
        client.delete(f"/phone-number/{record}").raise_for_status()
    give_up_by_hand(desk)
    await owe_its_connection(desk, SPARE)
    await work_off(desk.services)
    assert await desk.debts() == []
    _, drifts = await plan(desk)
    assert [(drift.kind, drift.number) for drift in drifts] == [("ghost", SPARE)]
