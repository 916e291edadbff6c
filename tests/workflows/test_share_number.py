"""Restaurants that share a trial account's one number: what one more of them costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event, func, select

from tests.support.desk import Desk
from tests.workflows.test_assign_number import set_trial
from trunkline.db import restaurants
from trunkline.db.models import Mapping
from trunkline.domain.notes import RestaurantNotes
from trunkline.domain.wishes import Wish
from trunkline.workflows.manage_restaurant import delete_restaurant, new_restaurant

pytestmark = pytest.mark.anyio


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
