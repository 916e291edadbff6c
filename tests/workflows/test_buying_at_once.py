"""Many who buy at one moment in one process: there is an offer for each, and they leave each other's alone."""

from __future__ import annotations

from contextlib import AsyncExitStack
from urllib.parse import parse_qs

import pytest

from tests.support.desk import Desk
from trunkline.domain.ids import new_id
from trunkline.domain.numbers import E164
from trunkline.domain.wishes import Wish
from trunkline.workflows import inventory
from trunkline.workflows.inventory import OFFERS
from trunkline.workflows.manage_restaurant import create_restaurant

pytestmark = pytest.mark.anyio

ONLY = "+14155550123"


def searches(desk: Desk) -> list[int]:
    """How many offers were asked for, each time."""
    asked = desk.sandbox.requests(provider="twilio", operation="available_numbers.search")
    return [int(parse_qs(row["query"])["PageSize"][0]) for row in asked]


async def test_an_offer_is_asked_for_for_each_who_is_at_work(desk: Desk) -> None:
    async with AsyncExitStack() as others:
        for _ in range(5):
            assert await others.enter_async_context(desk.services.gate.place(new_id("asg")))
        assert (await desk.assign()).status == "assigned"
    assert (await desk.assign()).status == "assigned"
    assert searches(desk) == [OFFERS + 6, OFFERS + 1]


async def test_no_more_are_asked_for_than_a_page_has(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "MOST_BESIDE", 0)
    assert (await desk.assign()).status == "assigned"
    assert searches(desk) == [OFFERS]


async def test_what_another_one_is_buying_is_not_tried(desk: Desk) -> None:
    desk.sandbox.control.delete("/numbers")
    desk.sandbox.control.post("/numbers", json={"carrier": "twilio", "number": ONLY})
    desk.services.chosen.add(ONLY)
    assignment = await desk.assign()
    assert (assignment.status, assignment.reason) == ("failed", "carrier_unavailable")
    assert desk.operations().count("twilio incoming_numbers.create") == 0
    desk.services.chosen.clear()
    assert (await desk.again(assignment.restaurant_id)).number == ONLY
    assert desk.services.chosen == set()


async def test_who_names_a_number_asks_for_it_whoever_else_would_buy_it(desk: Desk) -> None:
    """It may be held for who names it, so that the other one cannot have it in the end."""
    desk.sandbox.control.delete("/numbers")
    desk.sandbox.control.post("/numbers", json={"carrier": "twilio", "number": ONLY})
    desk.services.chosen.add(ONLY)
    created = await create_restaurant(desk.services, "Roma", Wish(number=E164(ONLY)))
    assert created.assignment_id is not None
    assert (await desk.end_of(created.assignment_id)).number == ONLY
