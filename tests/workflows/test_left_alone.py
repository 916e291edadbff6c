"""What was ours when its end was said, and is somebody else's by now: it is not given back, and not taken off what
answers it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.sandbox.twilio_client import TwilioApi
from tests.support.desk import Desk
from tests.workflows.test_assign_number import import_number, own, shared_assistant, vapi_client
from trunkline.db import numbers
from trunkline.db.models import Release, utcnow
from trunkline.domain.adopting import AdoptionFate
from trunkline.domain.notes import NumberNotes
from trunkline.domain.numbers import E164
from trunkline.errors import Foreign
from trunkline.workflows.adopt_numbers import judge_adoption
from trunkline.workflows.move_number import unassign
from trunkline.workflows.release_number import release_due, request_release
from trunkline.workflows.stock_number import adopt_number

pytestmark = pytest.mark.anyio
THEIRS = "trunkline-0ther000-asg_1"
SPARE = E164("+14155550199")


async def idle(desk: Desk) -> str:
    number = str((await desk.assign()).number)
    await unassign(desk.services, E164(number))
    await desk.settle()
    async with desk.services.database.write() as session:
        await numbers.end_cool_downs(session)
    return number


def change_at_twilio(desk: Desk, **change: str) -> None:
    """Of the one number that the account holds."""
    api = TwilioApi(desk.sandbox)
    (held,) = api.get("/IncomingPhoneNumbers.json").json()["incoming_phone_numbers"]
    api.post(f"/IncomingPhoneNumbers/{held['sid']}.json", **change).raise_for_status()


def change_in_vapi(desk: Desk, **change: str) -> None:
    with vapi_client(desk.sandbox) as client:
        (record,) = client.get("/phone-number").json()
        client.patch(f"/phone-number/{record['id']}", json={"provider": "twilio"} | change).raise_for_status()


def records(desk: Desk) -> list[tuple[str, str | None]]:
    with vapi_client(desk.sandbox) as client:
        return [(r["number"], r.get("assistantId")) for r in client.get("/phone-number").json()]


def held(desk: Desk) -> list[str]:
    return [row["number"] for row in desk.sandbox.held("twilio")]


async def release_what_is_due(desk: Desk, number: str) -> None:
    async with desk.services.database.write() as session:
        row = (await numbers.lock(session, number))[number]
        numbers.describe(row, NumberNotes(release_after=utcnow() - timedelta(seconds=1)))
    await release_due(desk.services)
    for release in await desk.rows(Release):
        await desk.wait(release.id)


@pytest.mark.parametrize("where", ["at its carrier", "in Vapi", "on both"])
@pytest.mark.parametrize("give_back", [True, False])
async def test_a_release_leaves_to_another_installation_what_carries_its_mark(
    desk: Desk, give_back: bool, where: str
) -> None:
    number, shared = await idle(desk), shared_assistant(desk.sandbox)
    change_in_vapi(desk, assistantId=shared)
    if where != "in Vapi":
        change_at_twilio(desk, FriendlyName=THEIRS)
    if where != "at its carrier":
        change_in_vapi(desk, name=THEIRS)
    release = await request_release(desk.services, number, give_back=give_back)
    await desk.wait(release)
    assert (held(desk), records(desk)) == ([number], [(number, shared)])
    (ended,) = await desk.rows(Release)
    assert (ended.status, "mark of another installation (0ther000)" in ended.message) == ("done", True)
    assert ((await desk.number(number)).state, await desk.debts()) == ("foreign", [])


async def test_what_another_installation_has_by_now_is_not_given_back_when_its_time_is_over(desk: Desk) -> None:
    number = await idle(desk)
    change_at_twilio(desk, FriendlyName=THEIRS)
    change_in_vapi(desk, name=THEIRS, assistantId=shared_assistant(desk.sandbox))
    await release_what_is_due(desk, number)
    assert (held(desk), records(desk)) == ([number], [(number, shared_assistant(desk.sandbox))])


async def test_a_detachment_leaves_the_record_of_another_installation_alone(desk: Desk) -> None:
    assignment = await desk.assign()
    change_in_vapi(desk, name=THEIRS)
    await unassign(desk.services, E164(str(assignment.number)))
    await desk.settle()
    assert records(desk) == [(assignment.number, shared_assistant(desk.sandbox))]


async def test_what_another_assistant_answers_by_now_is_not_given_back_when_its_time_is_over(desk: Desk) -> None:
    number = await idle(desk)
    with vapi_client(desk.sandbox) as client:
        other = client.post("/assistant", json={"name": "Reservations of the hotel"}).json()["id"]
    change_in_vapi(desk, assistantId=other)
    await release_what_is_due(desk, number)
    assert (held(desk), records(desk)) == ([number], [(number, other)])
    row = await desk.number(number)
    assert (row.state, "serves another assistant" in (row.put_aside_reason or "")) == ("idle", True)


async def test_what_an_exchange_answers_by_now_is_not_given_back_when_its_time_is_over(desk: Desk) -> None:
    number = await idle(desk)
    change_at_twilio(desk, VoiceUrl="https://pbx.example.com/voice")
    await release_what_is_due(desk, number)
    assert held(desk) == [number]
    assert "pbx.example.com" in ((await desk.number(number)).put_aside_reason or "")


async def test_what_an_exchange_answers_is_not_taken_over_although_vapi_has_it(desk: Desk) -> None:
    own(desk.sandbox, SPARE)
    import_number(desk.sandbox, SPARE)
    change_at_twilio(desk, VoiceUrl="https://pbx.example.com/voice")
    assert (await judge_adoption(desk.services, None))[0] == []
    ((one,), _) = await judge_adoption(desk.services, [{"phone_number": SPARE}])
    assert (one.fate, one.hint) == (AdoptionFate.REFUSED, "take that off it first, at twilio")
    with pytest.raises(Foreign, match=r"used by pbx\.example\.com"):
        await adopt_number(desk.services, SPARE)
