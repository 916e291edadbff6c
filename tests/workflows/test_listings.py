"""Long lists are read by one for all and kept for a moment: nothing is taken by what stood on one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.support.desk import Desk
from tests.workflows.test_assign_number import import_number, own, vapi_client
from trunkline.db import numbers
from trunkline.db.models import utcnow
from trunkline.domain.choosing import Criteria
from trunkline.domain.marks import OwnerMark
from trunkline.domain.numbers import NumberState
from trunkline.domain.wishes import Wish
from trunkline.workflows import candidates, inventory, read_lists
from trunkline.workflows.manage_restaurant import create_restaurant, delete_restaurant
from trunkline.workflows.run_batch import BatchRequest, start_batch

pytestmark = pytest.mark.anyio
FIRST, SECOND = "+14155550101", "+14155550102"
LISTS = ("/v2/phone-number", "/IncomingPhoneNumbers.json")


@pytest.fixture
def long_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list counts as long."""
    monkeypatch.setattr(read_lists, "FEW", -1)


def lists_read(desk: Desk, after: int) -> Counter[str]:
    whole = [
        row for row in desk.sandbox.requests(after=after) if row["method"] == "GET" and row["path"].endswith(LISTS)
    ]
    return Counter(row["provider"] for row in whole if "search=" not in row["query"] and "Phone" not in row["query"])


async def age_lists(desk: Desk) -> None:
    """As if those that are kept had been read some seconds ago."""
    carrier = desk.services.carriers["twilio"]
    for kept in (
        await desk.services.listings.voice(lambda: read_lists.read_voice(desk.services)),
        await desk.services.listings.owned(carrier, lambda: read_lists.read_owned(desk.services, carrier)),
    ):
        kept.asked_at -= 10


def marked(desk: Desk, number: str) -> None:
    own(desk.sandbox, number, friendly_name=str(OwnerMark(desk.services.installation, "asg_before")))


@pytest.mark.usefixtures("long_lists")
async def test_a_long_list_is_read_once_for_several(desk: Desk) -> None:
    assert (await desk.assign("Roma")).source == "purchased"
    before = desk.seen()
    assert [(await desk.assign(name)).source for name in ("Napoli", "Bari")] == ["purchased"] * 2
    assert not lists_read(desk, before)


async def test_a_short_list_is_read_each_time(desk: Desk) -> None:
    await desk.assign("Roma")
    own(desk.sandbox, FIRST)
    before = desk.seen()
    assert (await desk.assign("Napoli")).number == FIRST
    assert lists_read(desk, before) == {"vapi": 1, "twilio": 1}


@pytest.mark.usefixtures("long_lists")
@pytest.mark.parametrize("in_vapi", [True, False])
async def test_what_was_set_free_since_a_list_was_read_is_found(desk: Desk, in_vapi: bool) -> None:
    before = await desk.assign("Roma", force_twilio=not in_vapi)
    await delete_restaurant(desk.services, before.restaurant_id)
    await desk.settle()
    if not in_vapi:
        async with desk.services.database.write() as session:
            numbers.in_voice(await numbers.get(session, str(before.number)), None, None, None)
    after = await desk.assign("Napoli", force_twilio=not in_vapi)
    assert (after.number, after.source) == (before.number, "existing" if in_vapi else "owned")


@pytest.mark.usefixtures("long_lists")
async def test_what_was_set_free_and_is_gone_outside_is_looked_at_once(desk: Desk) -> None:
    before = await desk.assign("Roma")
    await delete_restaurant(desk.services, before.restaurant_id)
    await desk.settle()
    row = await desk.number(before.number)
    with vapi_client(desk.sandbox) as client:
        client.delete(f"/phone-number/{row.voice_id}").raise_for_status()
    desk.sandbox.control.post(
        "/numbers", params={"replace": "true"}, json={"carrier": "twilio", "number": before.number}
    ).raise_for_status()
    looked = f"/phone-number/{row.voice_id}"
    for name in ("Napoli", "Bari"):
        assert (await desk.assign(name)).source == "purchased"
    seen = [row["path"] for row in desk.sandbox.requests() if row["method"] == "GET"]
    assert seen.count(looked) == 1


@pytest.mark.usefixtures("long_lists")
async def test_a_record_that_serves_somebody_else_by_now_is_left_alone(desk: Desk) -> None:
    for number in (FIRST, SECOND):
        own(desk.sandbox, number)
    voices = {import_number(desk.sandbox, number): number for number in (FIRST, SECOND)}
    with vapi_client(desk.sandbox) as client:
        for voice_id in voices:  # what has no mark is looked at anyway
            named = {"provider": "twilio", "name": str(OwnerMark(desk.services.installation, "asg_before"))}
            client.patch(f"/phone-number/{voice_id}", json=named).raise_for_status()
    taken = (await desk.assign("Roma")).number
    (left,) = [voice_id for voice_id, number in voices.items() if number != taken]
    with vapi_client(desk.sandbox) as client:
        body = {"provider": "twilio", "assistantId": None, "server": {"url": "https://pbx.example/calls"}}
        client.patch(f"/phone-number/{left}", json=body).raise_for_status()
        await age_lists(desk)
        before = desk.seen()
        assert (await desk.assign("Napoli")).source == "purchased"
        assert client.get(f"/phone-number/{left}").json()["server"]["url"] == "https://pbx.example/calls"
    assert not lists_read(desk, before)


@pytest.mark.usefixtures("long_lists")
@pytest.mark.parametrize("batch", [True, False])
async def test_a_number_that_is_answered_by_somebody_else_by_now_is_left_alone(desk: Desk, batch: bool) -> None:
    for number in (FIRST, SECOND):
        marked(desk, number)
    taken = (await desk.assign("Roma")).number
    (left,) = {FIRST, SECOND} - {str(taken)}
    wire = {"voice_url": "https://pbx.example/calls"}
    desk.sandbox.control.patch("/numbers", params={"number": left}, json={"wire": wire}).raise_for_status()
    await age_lists(desk)
    if batch:
        created = await create_restaurant(desk.services, "Napoli", Wish(), assign=False)
        await desk.wait(await start_batch(desk.services, BatchRequest(Wish())))
        (mapping,) = [row for row in await desk.mappings() if row.restaurant_id == created.restaurant_id]
        assert mapping.source == "purchased"
    else:
        assert (await desk.assign("Napoli")).source == "purchased"
    (held,) = [row for row in desk.sandbox.held("twilio") if row["number"] == left]
    assert held["wire"]["voice_url"] == "https://pbx.example/calls"


@pytest.mark.usefixtures("long_lists")
async def test_our_mark_on_a_list_says_nothing_of_what_was_given_back_since(desk: Desk) -> None:
    for number in (FIRST, SECOND):
        marked(desk, number)
    taken = (await desk.assign("Roma")).number
    (left,) = {FIRST, SECOND} - {str(taken)}
    async with desk.services.database.write() as session:
        await numbers.ensure(session, left, NumberState.RELEASED, carrier="twilio", released_at=utcnow())
    assert (await desk.assign("Napoli")).source == "purchased"
    assert (await desk.number(left)).state == NumberState.RELEASED


@pytest.mark.parametrize("in_vapi", [True, False])
async def test_those_beyond_the_first_are_tried_as_well(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, in_vapi: bool
) -> None:
    """Where very many are idle, they are not all looked at at once."""
    monkeypatch.setattr(candidates, "ENOUGH", 1)
    monkeypatch.setattr(candidates, "PIECE", 1)
    for number in (FIRST, SECOND):
        own(desk.sandbox, number)
        if in_vapi:
            import_number(desk.sandbox, number)
    gone = {"provider": "twilio", "kind": "status", "status": 404, "times": 1, "body": {"code": 20404, "message": "-"}}
    desk.sandbox.fault(**gone, operation="incoming_numbers.update")
    if in_vapi:
        data = {"carrier": "twilio", "number": FIRST}
        desk.sandbox.control.post("/numbers", params={"replace": "true"}, json=data).raise_for_status()
    assert (await desk.assign("Roma")).source == ("existing" if in_vapi else "owned")


async def test_a_batch_searches_while_there_are_offers_left(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "POOL", 6)
    monkeypatch.setattr(inventory, "AHEAD", 3)
    carrier, lists = desk.services.carriers["twilio"], inventory.BatchInventory(inventory.LiveInventory())

    async def ask(call: Callable[[], Awaitable[Any]]) -> Any:
        return await call()

    async def wait(call: Callable[[], Awaitable[Any]]) -> Any:
        raise AssertionError("an item waits for a search")

    given = []
    for n in range(3):
        [offer] = await lists.offers(ask, carrier, Criteria(), "US")
        given.append(await carrier.buy(offer, OwnerMark(desk.services.installation, f"asg_{n}")))
    more = [(await lists.offers(wait, carrier, Criteria(), "US"))[0] for _ in range(5)]
    assert len({one.number for one in given} | {offer.number for offer in more}) == 8
    await lists.close()


async def test_a_search_ahead_that_fails_is_made_again_by_who_finds_no_offer(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventory, "POOL", 2)
    monkeypatch.setattr(inventory, "AHEAD", 1)
    carrier, lists = desk.services.carriers["twilio"], inventory.BatchInventory(inventory.LiveInventory())

    async def ask(call: Callable[[], Awaitable[Any]]) -> Any:
        desk.sandbox.control.delete("/faults").raise_for_status()
        return await call()

    [one] = await lists.offers(ask, carrier, Criteria(), "US")
    desk.sandbox.fault(provider="twilio", operation="available_numbers.search", kind="status", status=503)
    [other] = await lists.offers(ask, carrier, Criteria(), "US")
    assert one.number != other.number
    await carrier.buy(one, OwnerMark(desk.services.installation, "asg_one"))
    await carrier.buy(other, OwnerMark(desk.services.installation, "asg_other"))
    [third] = await lists.offers(ask, carrier, Criteria(), "US")
    assert third.number not in (one.number, other.number)
    await lists.close()
