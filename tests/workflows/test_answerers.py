"""What answers a number at its carrier: Vapi's own application, told by Vapi's credentials, or somebody's own."""

from __future__ import annotations

import pytest

from tests.support.desk import Desk, Opener
from trunkline.domain.numbers import E164
from trunkline.voice.base import Target
from trunkline.workflows.release_number import request_release

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("carrier", ["telnyx", "vonage"])]

NUMBER = E164("+14155550177")
SETTING = {"telnyx": "connection_id", "vonage": "app_id"}


async def import_by_hand(desk: Desk, carrier: str) -> None:
    """Somebody has imported a number of the account in Vapi's dashboard; nothing answers it there."""
    source = desk.services.carriers[carrier].import_source()
    account = "telnyx" if carrier == "telnyx" else source.account
    row = {"carrier": carrier, "number": NUMBER, "account": account, "country": "US"}
    desk.sandbox.control.post("/numbers", json=row).raise_for_status()
    credential = await desk.services.voice.credential(source)
    await desk.services.voice.import_number(NUMBER, source, credential, Target(), "by hand")


def wire(desk: Desk, carrier: str) -> dict[str, str]:
    (held,) = [row for row in desk.sandbox.held(carrier) if row["number"] == NUMBER]
    return dict(held["wire"])


async def test_a_number_that_vapi_answers_is_used_and_vapi_is_taken_off_when_it_is_given_up(
    open_desk: Opener, carrier: str
) -> None:
    async with open_desk(carriers=[carrier]) as desk:
        await import_by_hand(desk, carrier)
        assignment = await desk.assign()
        assert (assignment.number, assignment.source) == (NUMBER, "existing")
        run = await request_release(desk.services, NUMBER, give_back=False, force=True)
        await desk.wait(run)
        assert not wire(desk, carrier).get(SETTING[carrier])


async def test_a_number_that_somebody_has_pointed_elsewhere_is_left_alone(open_desk: Opener, carrier: str) -> None:
    async with open_desk(carriers=[carrier]) as desk:
        await import_by_hand(desk, carrier)
        owned = await desk.services.carriers[carrier].lookup(NUMBER)
        assert owned is not None
        await desk.services.carriers[carrier].restore(owned, {SETTING[carrier]: "1234567"})
        assignment = await desk.assign()
        assert (assignment.source, assignment.number == NUMBER) == ("purchased", False)
        assert wire(desk, carrier)[SETTING[carrier]] == "1234567"


async def test_where_vapi_does_not_show_its_applications_a_number_that_it_has_is_taken_for_its(
    open_desk: Opener, carrier: str
) -> None:
    known = {f"{carrier}_vapi_credential_id": "11111111-2222-4333-8444-555555555555"}
    async with open_desk(carriers=[carrier]) as desk:
        await import_by_hand(desk, carrier)
    async with open_desk(carriers=[carrier], **known) as desk:
        body = {"message": "Cannot GET /credential", "error": "Not Found", "statusCode": 404}
        desk.sandbox.fault(provider="vapi", operation="credentials.list", kind="status", status=404, body=body)
        assignment = await desk.assign()
        assert (assignment.number, assignment.source) == (NUMBER, "existing")
