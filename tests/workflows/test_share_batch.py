"""Several processes work on a batch: each on what it has taken, until it beats no more."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from tests.support.desk import Desk, Opener
from tests.support.postgres import PostgresServer
from tests.workflows.test_assign_number import own
from tests.workflows.test_run_batch import counts
from trunkline.db import assignments, batches
from trunkline.db.models import Assignment, Batch, BatchItem, Process, utcnow
from trunkline.db.runs import BATCHES
from trunkline.domain.choosing import Offer
from trunkline.domain.numbers import E164
from trunkline.domain.wishes import Wish
from trunkline.workflows.inventory import own_part
from trunkline.workflows.kinds import start_stray_runs
from trunkline.workflows.manage_restaurant import create_restaurant
from trunkline.workflows.run_batch import BatchRequest, RunBatch

pytestmark = pytest.mark.anyio

OTHER = "another-process"
PICKED = "+14155550199"


@pytest.fixture
def database_url(postgres: PostgresServer) -> Iterator[str]:
    url = postgres.fresh_database()
    yield url
    postgres.drop(url)


async def begin(desk: Desk, taken: int, picked: str | None = None) -> str:
    """A batch of four, the first of which another process that lives has taken."""
    ids = [
        (await create_restaurant(desk.services, f"Restaurant {n}", Wish(), assign=False)).restaurant_id
        for n in range(4)
    ]
    async with desk.services.database.write() as session:
        session.add(Process(id=OTHER, seen_at=utcnow() + timedelta(hours=1)))
        batch = await BATCHES.add(session, request=BatchRequest(Wish()).plain())
        await batches.add_items(session, batch.id, ids, picked={ids[0]: picked})
        await session.execute(update(BatchItem).where(BatchItem.restaurant_id.in_(ids[:taken])).values(process=OTHER))
    await desk.services.engine.start(RunBatch.kind, batch.id)
    return batch.id


async def die(desk: Desk) -> None:
    async with desk.services.database.write() as session:
        await session.execute(update(Process).where(Process.id == OTHER).values(seen_at=utcnow() - timedelta(hours=1)))


async def test_what_another_process_has_taken_is_left_to_it_until_it_dies(desk: Desk) -> None:
    batch = await begin(desk, taken=2)
    while await counts(desk, batch) != {"assigned": 2, "queued": 2}:
        await asyncio.sleep(0.05)
    await die(desk)
    await desk.wait(batch)
    assert await counts(desk, batch) == {"assigned": 4}
    assert len(desk.sandbox.held("twilio")) == 4
    (row,) = await desk.rows(Batch)
    assert row.status == "done"


async def test_what_somebody_is_to_have_is_given_to_nobody_while_another_process_works_on_it(
    open_desk: Opener,
) -> None:
    async with open_desk() as desk:
        own(desk.sandbox, PICKED)
        batch = await begin(desk, taken=1, picked=PICKED)
        while batch not in desk.services.lists:
            await asyncio.sleep(0.02)
        await die(desk)
        await desk.wait(batch)
        first, *others = sorted(await desk.rows(Assignment), key=lambda row: row.id)
        assert (first.number, len(others)) == (PICKED, 3)
        assert {row.status for row in (first, *others)} == {"assigned"}


async def test_what_a_stopped_batch_has_left_is_gone_on_with_once_its_process_is_dead(desk: Desk) -> None:
    created = await create_restaurant(desk.services, "Roma", Wish(), assign=False)
    async with desk.services.database.write() as session:
        session.add(Process(id=OTHER, seen_at=utcnow() + timedelta(hours=1)))
        batch = await BATCHES.add(session, request=BatchRequest(Wish()).plain(), status="cancelled")
        run = await assignments.add(session, created.restaurant_id, batch_id=batch.id, epoch=1)
        await batches.add_items(session, batch.id, [created.restaurant_id])
        await session.execute(update(BatchItem).values(status="running", process=OTHER, assignment_id=run.id))
    await start_stray_runs(desk.services)
    assert not await desk.services.engine.under_way(run.id)
    await die(desk)
    await start_stray_runs(desk.services)
    ended = await desk.end_of(run.id)
    assert (ended.reason, ended.epoch) == ("cancelled", 2)  # before any purchase


async def test_an_item_is_begun_by_the_process_that_has_it_and_by_no_other(desk: Desk) -> None:
    created = await create_restaurant(desk.services, "Roma", Wish(), assign=False)
    living = desk.services.engine.living
    async with desk.services.database.read() as session:  # nothing is committed
        batch = await BATCHES.add(session, request=BatchRequest(Wish()).plain(), status="paused")
        await batches.add_items(session, batch.id, [created.restaurant_id])
        assert not await batches.take(session, batch.id, "dead", living, picked=False, after=-1, most=5)
        await session.execute(update(Batch).values(status="running", epoch=1))
        (mine,) = await batches.take(session, batch.id, "dead", living, picked=False, after=-1, most=5)
        await session.flush()
        session.expunge(mine)
        (theirs,) = await batches.take(session, batch.id, OTHER, living, picked=False, after=-1, most=5)
        await session.flush()
        assert not await batches.begin_item(session, mine, "asg_1")
        assert await batches.begin_item(session, theirs, "asg_2")


def offer(number: int, price: str) -> Offer:
    return Offer(E164(f"+1415555{number:04d}"), "US", monthly_price=Decimal(price), currency="USD")


def test_each_process_has_a_part_of_the_offers_that_are_equally_good() -> None:
    cheap, dear = [offer(n, "1.00") for n in range(40)], [offer(40, "2.00")]
    parts = [own_part(cheap + dear, nth, 3) for nth in range(3)]
    assert own_part(cheap + dear, 0, 1) == cheap + dear
    assert all(part[-1] == dear[0] for part in parts), "who has no part of so few wants the same"
    assert sorted(one.number or "" for part in parts for one in part[:-1]) == [one.number for one in cheap]
