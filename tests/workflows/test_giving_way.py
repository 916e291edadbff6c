"""Two installations mark one number at the same moment: the one whose mark stands gets it from the other."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2
import pytest

from tests.support.desk import Desk
from tests.workflows.test_assign_number import import_number, own, vapi_client
from tests.workflows.test_fences import SPARE, Limiter
from trunkline.sandbox import twilio
from trunkline.workflows import put_in_service

pytestmark = pytest.mark.anyio


async def looked_at(desk: Desk, after: int) -> None:
    """Until the record that the other one imported has been seen, and is looked at again."""
    async with asyncio.timeout(60):
        while desk.operations(after).count("vapi phone_numbers.list_v2") < 2:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize(("owned", "given"), [(True, True), (False, True), (True, False)])
async def test_a_number_that_carries_our_mark_is_waited_for(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, owned: bool, given: bool
) -> None:
    monkeypatch.setattr(put_in_service, "GIVING_WAY_SECONDS", 60 if given else 0)
    limiter = Limiter("import")
    limiter.hold(monkeypatch)
    if owned:
        own(desk.sandbox, SPARE)
    wanted = await desk.create("Roma")
    async with asyncio.timeout(60):
        await limiter.reached.wait()
    (number,) = [held["number"] for held in desk.sandbox.held("twilio")]
    theirs = import_number(desk.sandbox, number)
    with vapi_client(desk.sandbox) as client:
        client.patch(f"/phone-number/{theirs}", json={"name": "trunkline-0ther000-asg_1"}).raise_for_status()
        seen = desk.seen()
        limiter.opened.set()
        if given:
            await looked_at(desk, seen)
            client.delete(f"/phone-number/{theirs}").raise_for_status()
    assignment = await desk.end_of(wanted)
    assert (assignment.number == number, assignment.source) == (given, "owned" if owned and given else "purchased")


@pytest.mark.parametrize("taken_off", [True, False])
async def test_a_mark_that_a_second_purchase_overwrote_is_written_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, taken_off: bool
) -> None:
    monkeypatch.setattr(put_in_service, "TAKING_OFF_SECONDS", 60 if taken_off else 0)
    limiter = Limiter("import")
    limiter.hold(monkeypatch)
    wanted = await desk.create("Roma")
    async with asyncio.timeout(60):
        await limiter.reached.wait()
    (bought,) = desk.sandbox.held("twilio")
    seen = desk.seen()
    name_at_twilio(desk, bought, "trunkline-0ther000-asg_1")
    limiter.opened.set()
    if taken_off:
        async with asyncio.timeout(60):
            while desk.operations(seen).count("twilio incoming_numbers.list") < 2:
                await asyncio.sleep(0.02)
        name_at_twilio(desk, bought, "as it was")
    assignment = await desk.end_of(wanted)
    assert (assignment.number == bought["number"]) is taken_off
    (held,) = [h for h in desk.sandbox.held("twilio") if h["number"] == assignment.number]
    assert held["wire"]["friendly_name"] == f"trunkline-{desk.services.installation}-{assignment.id}"
    with vapi_client(desk.sandbox) as client:
        assert [record["number"] for record in client.get("/phone-number").json()] == [assignment.number]


def name_at_twilio(desk: Desk, held: dict[str, Any], name: str) -> None:
    account = f"{desk.sandbox.url}/2010-04-01/Accounts/{twilio.DEFAULT_ACCOUNT}"
    path = f"{account}/IncomingPhoneNumbers/{held['wire']['sid']}.json"
    login = (twilio.DEFAULT_ACCOUNT, twilio.DEFAULT_SECRET)
    httpx2.post(path, data={"FriendlyName": name}, auth=login).raise_for_status()
