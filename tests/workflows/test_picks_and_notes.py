"""A number that is picked is had or refused, and what is kept with restaurants and numbers does what it says."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.support.desk import Desk, Opener
from tests.workflows.test_assign_number import set_trial
from trunkline.db import numbers
from trunkline.db.models import Number, Release, Restaurant, utcnow
from trunkline.domain.choosing import Criteria
from trunkline.domain.notes import NumberNotes, RestaurantChange, RestaurantNotes
from trunkline.domain.numbers import E164
from trunkline.domain.wishes import Wish
from trunkline.errors import Conflict, InvalidInput, NumberInService, NumberProtected
from trunkline.workflows.manage_restaurant import (
    Created,
    create_restaurant,
    delete_restaurant,
    edit_restaurant,
    request_number,
)
from trunkline.workflows.move_number import unassign
from trunkline.workflows.pick_number import check_pick
from trunkline.workflows.release_number import release_due, request_release

pytestmark = pytest.mark.anyio
FOR_SALE = "+14155550177"


def sell(desk: Desk, number: str) -> E164:
    desk.sandbox.control.post("/numbers", json={"carrier": "twilio", "number": number}).raise_for_status()
    return E164(number)


async def create(desk: Desk, name: str, wish: Wish | None = None, **more: Any) -> Created:
    return await create_restaurant(desk.services, name, wish or Wish(), assign=wish is not None, **more)


async def describe(desk: Desk, number: str, **said: Any) -> None:
    async with desk.services.database.write() as session:
        numbers.describe((await numbers.lock(session, number))[number], NumberNotes(**said))


@pytest.mark.parametrize("strategy", ["reuse_first", "purchase_first"])
async def test_a_number_that_is_for_sale_is_bought_exactly_and_one_of_ours_is_used(
    open_desk: Opener, strategy: str
) -> None:
    async with open_desk(number_strategy=strategy) as desk:
        picked = sell(desk, FOR_SALE)
        first = await create(desk, "Roma", Wish().picking(picked))
        assert first.assignment_id
        ended = await desk.end_of(first.assignment_id)
        assert (ended.status, ended.source, ended.number) == ("assigned", "purchased", picked)
        assert (await desk.rows(Restaurant))[0].wish == {}  # another number is asked for without it
        await delete_restaurant(desk.services, first.restaurant_id)
        await desk.settle()
        second = await create(desk, "Napoli", Wish().picking(picked))
        assert second.assignment_id
        ended = await desk.end_of(second.assignment_id)
        assert (ended.source, ended.number, len(desk.sandbox.held("twilio"))) == ("existing", picked, 1)


async def test_what_cannot_be_had_is_refused_by_its_name_and_nothing_is_created(open_desk: Opener) -> None:
    async with open_desk(number_cooldown_hours=1) as desk:
        picked = sell(desk, FOR_SALE)
        first = await create(desk, "Roma", Wish().picking(picked))
        await desk.end_of(first.assignment_id or "")
        with pytest.raises(NumberInService, match="serves Roma") as serving:
            await create(desk, "Napoli", Wish().picking(picked))
        assert serving.value.field == "phone_number"
        await unassign(desk.services, picked)
        await desk.settle()
        with pytest.raises(Conflict, match="cools down after Roma until"):
            await create(desk, "Napoli", Wish().picking(picked))
        with pytest.raises(InvalidInput, match=r"is not ours, and .* is not for sale"):
            await create(desk, "Napoli", Wish().picking(E164("+14155550178")))
        async with desk.services.database.write() as session:
            row = await numbers.get(session, picked)
            numbers.put_aside(row, "Vapi refuses it")
            row.state, row.cooling_until = "idle", None
        with pytest.raises(Conflict, match=r"put aside until .*: Vapi refuses it"):
            await create(desk, "Napoli", Wish().picking(picked))
        assert [row.name for row in await desk.rows(Restaurant)] == ["Roma"]


@pytest.mark.parametrize("whole", [True, False])
async def test_the_number_of_a_deleted_restaurant_is_had_by_whom_it_is_named_for(
    open_desk: Opener, whole: bool
) -> None:
    async with open_desk(number_cooldown_hours=1) as desk:
        assignment = await desk.assign("Roma")
        number = E164(str(assignment.number))
        heir = await create(desk, "Roma", None)
        await delete_restaurant(desk.services, assignment.restaurant_id)
        wish = Wish(Criteria(contains=number[2:])) if whole else Wish().picking(number)
        await desk.settle()
        ended = await desk.end_of(await request_number(desk.services, heir.restaurant_id, wish))
        assert (ended.status, ended.number, ended.source) == ("assigned", number, "existing")


async def test_who_picks_a_number_shares_no_other_on_a_trial_account(desk: Desk) -> None:
    set_trial(desk.sandbox, True)
    await desk.assign("Roma")
    created = await create(desk, "Napoli", Wish().picking(sell(desk, FOR_SALE)))
    ended = await desk.end_of(created.assignment_id or "")
    assert (ended.status, ended.reason, ended.number) == ("unassigned", "trial_limit", None)


async def test_two_picks_of_one_number_at_once_buy_it_once(desk: Desk) -> None:
    wish = Wish().picking(sell(desk, FOR_SALE))
    made = await asyncio.gather(*(create(desk, name, wish) for name in ("Roma", "Napoli")), return_exceptions=True)
    ends = [await desk.end_of(one.assignment_id or "") for one in made if isinstance(one, Created)]
    assert [end.number for end in ends if end.status == "assigned"] == [FOR_SALE]
    assert [held["number"] for held in desk.sandbox.held("twilio")] == [FOR_SALE]


async def test_a_pick_whose_purchase_came_to_nothing_is_settled_although_nobody_sells_it_any_more(
    open_desk: Opener,
) -> None:
    async with open_desk(retry_for_seconds=1) as desk:
        desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="drop", when="before", times=1)
        down = desk.sandbox.fault(provider="twilio", operation="incoming_numbers.list", status=503, skip=2)
        created = await create(desk, "Roma", Wish().picking(sell(desk, FOR_SALE)))
        assert (await desk.end_of(created.assignment_id or "")).reason == "purchase_unsettled"
        desk.sandbox.control.delete(f"/faults/{down}").raise_for_status()
        desk.sandbox.control.delete("/numbers").raise_for_status()  # somebody else has bought it
        await check_pick(desk.services, Wish().picking(E164(FOR_SALE)), created.restaurant_id, 5)
        await desk.settle()
        assert await desk.open_intents() == []
        assert await desk.rows(Number, Number.number == FOR_SALE) == []


async def test_of_one_external_id_there_is_one_restaurant_also_of_two_at_once(desk: Desk) -> None:
    notes = RestaurantNotes.checked("pos-7", {"city": "Roma"})
    made = await asyncio.gather(*(create(desk, f"Roma {n}", notes=notes) for n in range(8)))
    assert len({one.restaurant_id for one in made}) == 1
    assert sorted(one.found for one in made) == [False] + [True] * 7
    (row,) = await desk.rows(Restaurant)
    assert (row.external_id, row.notes) == ("pos-7", {"city": "Roma"})
    await delete_restaurant(desk.services, row.id)
    assert not (await create(desk, "Roma again", notes=notes)).found  # only of those that live


async def test_a_restaurant_is_changed_field_by_field(desk: Desk) -> None:
    first = await create(desk, "Rome", notes=RestaurantNotes.checked("1", {"a": "x", "b": "y"}))
    second = await create(desk, "Napoli")
    change = RestaurantChange(name=" Roma ", metadata={"a": "", "c": "z"}, wish={"country": "US"})
    await edit_restaurant(desk.services, first.restaurant_id, change)
    (row,) = await desk.rows(Restaurant, Restaurant.id == first.restaurant_id)
    assert (row.name, row.notes, row.wish, row.external_id) == ("Roma", {"b": "y", "c": "z"}, {"country": "US"}, "1")
    with pytest.raises(Conflict, match=f"{first.restaurant_id} has the external_id 1"):
        await edit_restaurant(desk.services, second.restaurant_id, RestaurantChange(external_id="1"))
    await edit_restaurant(desk.services, first.restaurant_id, RestaurantChange(external_id="", forget_metadata=True))
    await edit_restaurant(desk.services, second.restaurant_id, RestaurantChange(external_id="1"))
    rows = {row.name: (row.external_id, row.notes) for row in await desk.rows(Restaurant)}
    assert rows == {"Roma": (None, {}), "Napoli": ("1", {})}


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({str(n): "x" for n in range(51)}, "51 keys"),
        ({"k" * 41: "x"}, "1 to 40 characters"),
        ({"k": "x" * 501}, "501 characters"),
        ({"\u200b": "x"}, "which can be seen"),
    ],
)
def test_metadata_is_bounded_as_at_stripe(metadata: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        RestaurantNotes.checked(None, metadata)
    assert refused.value.field == "metadata"


async def test_a_protected_number_is_released_by_force_alone(desk: Desk) -> None:
    assignment = await desk.assign()
    number = str(assignment.number)
    await describe(desk, number, protected=True, labels=["vip"])
    await delete_restaurant(desk.services, assignment.restaurant_id)
    await desk.settle()
    with pytest.raises(NumberProtected, match="is protected"):
        await request_release(desk.services, number, give_back=True)
    await request_release(desk.services, number, give_back=True, force=True)


async def test_a_number_is_given_back_once_its_time_is_over_and_it_serves_nobody(desk: Desk) -> None:
    assignment = await desk.assign()
    number = str(assignment.number)
    await describe(desk, number, release_after=utcnow() - timedelta(seconds=1))
    await release_due(desk.services)
    assert (await desk.number(number)).state == "in_service"
    await delete_restaurant(desk.services, assignment.restaurant_id)
    await desk.settle()
    async with desk.services.database.write() as session:
        await numbers.end_cool_downs(session)
    await describe(desk, number, protected=True)
    await release_due(desk.services)
    assert await desk.rows(Release) == []
    await describe(desk, number, protected=False)
    await release_due(desk.services)
    (release,) = await desk.rows(Release)
    await desk.wait(release.id)
    row = await desk.number(number)
    assert (row.state, row.release_after, desk.sandbox.held("twilio")) == ("released", None, [])
