"""A large batch is written in pieces, between which others write, and who dies between two leaves nothing half."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support.desk import Desk
from tests.workflows.test_run_batch import counts, end_of, restaurants
from trunkline.db import batches
from trunkline.db.models import Batch
from trunkline.db.runs import BATCHES
from trunkline.domain.states import ItemStatus
from trunkline.domain.wishes import Wish
from trunkline.errors import Conflict
from trunkline.workflows import run_batch
from trunkline.workflows.once import Begun, Once, begin_once
from trunkline.workflows.run_batch import BatchRequest, RunBatch, cancel_batch, resume_batch, start_batch

pytestmark = pytest.mark.anyio
PIECE = 3


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "WRITTEN_AT_ONCE", PIECE)


async def places(desk: Desk, batch: str) -> list[int]:
    async with desk.services.database.read() as session:
        assert (await BATCHES.get(session, batch)).until is None
        return [item.seq for item, _, _ in await batches.items(session, batch)]


@pytest.mark.parametrize("limit", [None, 5, 6])
async def test_a_batch_has_every_restaurant_once_up_to_its_limit(desk: Desk, limit: int | None) -> None:
    await restaurants(desk, 8)
    batch = await start_batch(desk.services, BatchRequest(Wish(), limit=limit))
    assert await places(desk, batch) == list(range(limit or 8))
    assert await end_of(desk, batch) == {"assigned": limit or 8}


async def test_what_a_dead_process_had_not_written_is_written_by_the_batchs_run(desk: Desk) -> None:
    await restaurants(desk, 8)
    request, once = BatchRequest(Wish()), Once.asked("a-key", "startBatch")

    async def begin(session: AsyncSession) -> Begun:
        last, _ = await request.unserved.last(session, "", 100)
        batch = await BATCHES.add(session, request=request.plain(), until=last)
        await request.unserved.add(session, batch.id, after="", until=last, first=0, most=PIECE)
        return Begun(batch.id)

    batch = (await begin_once(desk.services, once, None, begin)).run
    assert await start_batch(desk.services, request, once) == batch
    await desk.services.engine.ensure(RunBatch.kind, batch)
    assert await end_of(desk, batch) == {"assigned": 8}
    assert await places(desk, batch) == list(range(8))


async def test_a_batch_that_is_stopped_amidst_of_its_start_has_the_rest_when_it_is_resumed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await restaurants(desk, 8)
    write, stopped = run_batch._write_piece, list[str]()

    async def stop_first(session: AsyncSession, batch: Batch) -> None:
        await write(session, batch)
        if not stopped:
            stopped.append(batch.id)
            batches.cancel(batch)

    monkeypatch.setattr(run_batch, "_write_piece", stop_first)
    batch = await start_batch(desk.services, BatchRequest(Wish()))
    assert await counts(desk, batch) == {"queued": PIECE}
    await cancel_batch(desk.services, batch)
    assert await counts(desk, batch) == {"cancelled": PIECE}
    await resume_batch(desk.services, batch)
    assert await end_of(desk, batch) == {"assigned": 8}


async def test_who_died_amidst_of_a_cancellation_or_a_resumption_asks_again(desk: Desk) -> None:
    await restaurants(desk, 8)
    request = BatchRequest(Wish())
    async with desk.services.database.write() as session:
        row = await BATCHES.add(session, request=request.plain())
        batches.cancel(row)
        await request.unserved.add(session, row.id, after="", until=None, first=0, most=8)
    await cancel_batch(desk.services, row.id)
    assert await counts(desk, row.id) == {"cancelled": 8}
    with pytest.raises(Conflict, match="cancelled"):
        await cancel_batch(desk.services, row.id)
    async with desk.services.database.write() as session:
        await batches.queue_again(session, row.id, [ItemStatus.CANCELLED], range(PIECE))
    await resume_batch(desk.services, row.id)
    assert await end_of(desk, row.id) == {"assigned": 8}
