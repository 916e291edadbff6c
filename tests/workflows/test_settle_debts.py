"""What is owed to a number is looked at before it is done: somebody else may have the number by now."""

from __future__ import annotations

import pytest

from tests.sandbox.twilio_client import TwilioApi
from tests.support.desk import Desk, Opener
from tests.workflows.test_assign_number import vapi_client
from trunkline.db import debts
from trunkline.domain.states import DebtKind
from trunkline.workflows.settle_debts import work_off

pytestmark = pytest.mark.anyio
OF_THE_TRUNK = "+14155557700"


async def owe_its_connection(desk: Desk, number: str) -> None:
    async with desk.services.database.write() as session:
        await debts.owe(session, DebtKind.CONNECT_OWED, number, provider="vapi", wait=0)


def records(desk: Desk) -> list[tuple[str, str | None]]:
    with vapi_client(desk.sandbox) as client:
        return [(r["id"], r.get("assistantId")) for r in client.get("/phone-number").json()]


def lead_nowhere(desk: Desk) -> None:
    """The one number that Twilio's account holds."""
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
