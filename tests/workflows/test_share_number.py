"""Restaurants that share a trial account's one number: what one more of them costs, and what it asks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import event, func, select

from tests.support.desk import Desk, Opener
from tests.workflows.test_assign_number import set_trial
from tests.workflows.test_run_batch import end_of
from tests.workflows.test_run_batch import restaurants as add_restaurants
from trunkline.db import restaurants
from trunkline.db.models import Assignment, Mapping
from trunkline.domain.notes import RestaurantNotes
from trunkline.domain.wishes import Wish
from trunkline.errors import TrialLimit
from trunkline.workflows import inventory
from trunkline.workflows.inventory import BatchInventory, LiveInventory
from trunkline.workflows.manage_restaurant import delete_restaurant, new_restaurant
from trunkline.workflows.release_number import request_release
from trunkline.workflows.run_batch import BatchRequest, start_batch

pytestmark = pytest.mark.anyio

FULL = TrialLimit("one number at most", provider="twilio")
LEVEL = {"errors": [{"code": "10038", "title": "Feature not permitted", "detail": "at this account level"}]}


@contextmanager
def mappings_touched(desk: Desk) -> Iterator[list[int]]:
    """How many mappings each statement has read or changed until the block ends."""
    touched: list[int] = []

    def loaded(*_: Any) -> None:
        touched.append(1)

    def executed(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith("UPDATE mappings"):
            touched.append(cursor.rowcount)

    engine = desk.services.database.engine.sync_engine
    event.listen(Mapping, "load", loaded)
    event.listen(engine, "after_cursor_execute", executed)
    try:
        yield touched
    finally:
        event.remove(Mapping, "load", loaded)
        event.remove(engine, "after_cursor_execute", executed)


async def add_sharers(desk: Desk, number: str, count: int) -> None:
    rows = [new_restaurant(f"Guest {n}", RestaurantNotes(), Wish()) for n in range(count)]
    async with desk.services.database.write() as session:
        await restaurants.add_many(session, rows)
        session.add_all(Mapping(number=number, restaurant_id=row.id, active=False, source="shared") for row in rows)


async def test_a_sharer_comes_asks_again_and_goes_without_a_look_at_all_others(desk: Desk) -> None:
    set_trial(desk.sandbox, True)
    first = await desk.assign("first")
    assert first.number is not None
    costs = []
    for there in (1, 31):
        await add_sharers(desk, first.number, there - 1)
        with mappings_touched(desk) as touched:
            shared = await desk.assign("one more")
            again = await desk.again(shared.restaurant_id)
            await delete_restaurant(desk.services, shared.restaurant_id)
        assert (shared.source, again.source, again.number) == ("shared", "shared", first.number)
        assert shared.message is not None
        assert shared.message.startswith(f"shares {first.number} with {there} other restaurant")
        costs.append(sum(touched))
    assert costs[0] == costs[1]
    async with desk.services.database.read() as session:
        answering = select(func.count()).where(
            Mapping.number == first.number, Mapping.active, Mapping.ended_at.is_(None)
        )
        assert (await session.execute(answering)).scalar_one() == 1


async def test_who_share_a_number_that_is_released_lose_it_at_once_and_it_was_who_answered_whose_it_was(
    desk: Desk,
) -> None:
    set_trial(desk.sandbox, True)
    first = await desk.assign("first")
    assert first.number is not None
    await add_sharers(desk, first.number, 30)
    with mappings_touched(desk) as touched:
        await request_release(desk.services, first.number, give_back=False, force=True)
    assert sum(touched) <= 2 * 31  # each read, and ended
    assert await desk.mappings() == []
    assert (await desk.number(first.number)).former_restaurant_id == first.restaurant_id


async def test_an_account_that_has_several_numbers_is_no_trial_and_shares_none(open_desk: Opener) -> None:
    async with open_desk(carriers=["telnyx"]) as desk:
        first, second = await desk.assign("first"), await desk.assign("second")
        desk.sandbox.fault(provider="telnyx", operation="number_orders.create", kind="status", status=403, body=LEVEL)
        third = await desk.assign("third", number_type="toll_free")
        assert (third.status, third.reason) == ("unassigned", "trial_limit")
        answering = {m.restaurant_id: (m.number, m.active) for m in await desk.mappings()}
        assert answering == {one.restaurant_id: (one.number, True) for one in (first, second)}


async def test_a_trial_that_was_given_a_second_number_by_its_carrier_shares_all_the_same(desk: Desk) -> None:
    await desk.assign("first")
    second = await desk.assign("second")
    set_trial(desk.sandbox, True)
    third = await desk.assign("third")
    assert (third.source, third.number) == ("shared", second.number)


# --- in a batch -------------------------------------------------------------------------------------------------------


async def test_a_full_account_is_not_asked_by_every_restaurant_of_a_batch(open_desk: Opener) -> None:
    async with open_desk(provider_concurrency=1) as desk:
        set_trial(desk.sandbox, True)
        await desk.assign("first")
        await add_restaurants(desk, 12)
        before = desk.seen()
        batch = await start_batch(desk.services, BatchRequest(Wish()))
        assert await end_of(desk, batch) == {"assigned": 12}
        asked = desk.operations(before).count("twilio incoming_numbers.create")
        assert 1 <= asked < 12  # as many as were on their way when it was first said


async def test_what_one_of_a_batch_was_told_holds_for_the_others_while_the_number_serves(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchInventory, "limit_of", lambda *_: FULL)
    for source, bought in ("purchased", 1), ("shared", 0):
        await add_restaurants(desk, 1)
        before = desk.seen()
        batch = await start_batch(desk.services, BatchRequest(Wish()))
        assert await end_of(desk, batch) == {"assigned": 1}
        (assignment,) = await desk.rows(Assignment, Assignment.batch_id == batch)
        assert assignment.source == source
        assert desk.operations(before).count("twilio incoming_numbers.create") == bought
    assert (await desk.details(assignment))["purchase"] == FULL.detail


async def test_what_one_of_a_batch_was_refused_is_its_own_where_the_account_has_several_numbers(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchInventory, "limit_of", lambda *_: FULL)
    for name in ("first", "second"):
        await desk.assign(name)
    await add_restaurants(desk, 1)
    batch = await start_batch(desk.services, BatchRequest(Wish()))
    assert await end_of(desk, batch) == {"assigned": 1}
    (assignment,) = await desk.rows(Assignment, Assignment.batch_id == batch)
    assert assignment.source == "purchased"


def test_a_full_account_is_asked_again_after_a_while_however_many_hear_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(inventory, "time", SimpleNamespace(monotonic=lambda: now[0]))
    lists = BatchInventory(LiveInventory())
    for _ in range(3):
        lists.limited("twilio", FULL)
        assert (lists.limit_of("twilio"), lists.limit_of("telnyx")) == (FULL, None)
        now[0] += 0.4 * inventory.LIMIT_SECONDS
    lists.limited("twilio", FULL)  # by who had heard it before
    assert lists.limit_of("twilio") is None
    lists.limited("twilio", again := TrialLimit("one number at most", provider="twilio"))
    assert lists.limit_of("twilio") is again
