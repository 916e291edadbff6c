"""Batches and their items."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from collections.abc import Mapping as Columns
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    bindparam,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Assignment, Batch, BatchItem, Number, Restaurant, utcnow
from trunkline.domain.states import ItemStatus, RunStatus
from trunkline.errors import Superseded

BATCHES, ITEMS = cast(Table, Batch.__table__), cast(Table, BatchItem.__table__)
CHUNK = 200
PIECE = 2000
WRITTEN_AT_ONCE = 500  # rows of one transaction, for which others wait
UNFINISHED = (ItemStatus.QUEUED, ItemStatus.RUNNING)
STATUS = select(BATCHES.c.status).where(BATCHES.c.id == bindparam("this_batch")).with_for_update(read=True)
REQUEST = select(BATCHES.c.request).where(BATCHES.c.id == bindparam("this_batch"))
SET_ITEM = update(ITEMS).where(
    ITEMS.c.batch_id == bindparam("this_batch"),
    ITEMS.c.restaurant_id == bindparam("this_restaurant"),
    ITEMS.c.status == bindparam("before"),
)
BEGIN_ITEM = SET_ITEM.where(ITEMS.c.process == bindparam("this_process"))


async def status_of(session: AsyncSession, batch_id: str) -> RunStatus:
    """Running, paused, cancelled or done. On PostgreSQL the batch stays so until the transaction ends."""
    return RunStatus((await session.execute(STATUS, {"this_batch": batch_id})).scalar_one())


async def request_of(session: AsyncSession, batch_id: str) -> Columns[str, Any]:
    """What was asked of it, which never changes."""
    request: Columns[str, Any] = (await session.execute(REQUEST, {"this_batch": batch_id})).scalar_one()
    return request


async def hold(session: AsyncSession, batch_id: str) -> Batch:
    """The batch, kept from every other transaction until this one ends."""
    query = select(Batch).where(Batch.id == batch_id).with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one()


async def page(
    session: AsyncSession, *, before: str | None = None, limit: int = 50, status: str | None = None
) -> Sequence[Batch]:
    """Newest first."""
    query = select(Batch).order_by(Batch.id.desc()).limit(limit)
    if status:
        query = query.where(Batch.status == status)
    return (await session.execute(query.where(Batch.id < before) if before else query)).scalars().all()


async def add_items(
    session: AsyncSession, batch_id: str, restaurant_ids: Sequence[str], picked: dict[str, str | None] | None = None
) -> None:
    """One for each, in their order; `picked` are the exact numbers that some are to have."""
    numbers = picked or {}
    queued = {"batch_id": batch_id, "status": ItemStatus.QUEUED.value, "updated_at": utcnow()}
    for start in range(0, len(restaurant_ids), CHUNK):
        part = enumerate(restaurant_ids[start : start + CHUNK], start)
        rows = [
            {**queued, "restaurant_id": restaurant_id, "seq": n, "picked": numbers.get(restaurant_id)}
            for n, restaurant_id in part
        ]
        await session.execute(insert(ITEMS), rows)


async def last_item(session: AsyncSession, batch_id: str) -> tuple[int, str]:
    """(place, restaurant) of the last item that was written; (-1, "") where there is none."""
    query = select(ITEMS.c.seq, ITEMS.c.restaurant_id).where(ITEMS.c.batch_id == batch_id)
    found = (await session.execute(query.order_by(ITEMS.c.seq.desc()).limit(1))).one_or_none()
    return (found.seq, found.restaurant_id) if found else (-1, "")


async def all_running(session: AsyncSession) -> Sequence[Batch]:
    return (await session.execute(select(Batch).where(Batch.status == RunStatus.RUNNING))).scalars().all()


async def take(
    session: AsyncSession,
    batch_id: str,
    process: str,
    living: Select[Any] | None,
    *,
    picked: bool,
    after: int,
    most: int,
) -> Sequence[BatchItem]:
    """Write the process's name in some of the items that are to be worked on, in the batch's order, from after this
    place on: those that are to have an exact number, or the others; none that another one of the `living` processes has
    (None: there is no other). Of a batch that was stopped only what runs."""
    goes_on = exists().where(BATCHES.c.id == batch_id, BATCHES.c.status == RunStatus.RUNNING.value)
    query = select(BatchItem).where(
        BatchItem.batch_id == batch_id,
        or_(BatchItem.status == ItemStatus.RUNNING, (BatchItem.status == ItemStatus.QUEUED) & goes_on),
        BatchItem.seq > after,
        BatchItem.picked.is_not(None) if picked else BatchItem.picked.is_(None),
    )
    if living is not None:
        mine = BatchItem.process == process
        query = query.where(or_(BatchItem.process.is_(None), mine, BatchItem.process.not_in(living)))
    query = query.order_by(BatchItem.seq).limit(most).with_for_update(skip_locked=True)
    items = (await session.execute(query)).scalars().all()
    for item in items:
        item.process = process
    return items


async def begin_item(session: AsyncSession, item: BatchItem, assignment_id: str) -> bool:
    """Write that a queued item runs as this assignment; False where it does not wait any more, or another process has
    taken it."""
    which = {"this_batch": item.batch_id, "this_restaurant": item.restaurant_id, "this_process": item.process}
    runs = {"status": ItemStatus.RUNNING.value, "assignment_id": assignment_id, "updated_at": utcnow()}
    changed = await session.execute(BEGIN_ITEM, which | {"before": ItemStatus.QUEUED.value} | runs)
    return bool(changed.rowcount)  # type: ignore[attr-defined]


async def held_elsewhere(session: AsyncSession, process: str, living: Select[Any]) -> set[str]:
    """The assignments of items that other living processes work on."""
    query = select(ITEMS.c.assignment_id).where(
        ITEMS.c.status == ItemStatus.RUNNING.value, ITEMS.c.process != process, ITEMS.c.process.in_(living)
    )
    return {assignment_id for (assignment_id,) in await session.execute(query)}


async def has_unfinished(
    session: AsyncSession, batch_id: str, statuses: Sequence[ItemStatus] = UNFINISHED, *, picked: bool = False
) -> bool:
    """Whether an item is queued or runs; one that is to have an exact number (`picked`), or any."""
    query = select(ITEMS.c.seq).where(ITEMS.c.batch_id == batch_id, ITEMS.c.status.in_(statuses)).limit(1)
    if picked:
        query = query.where(ITEMS.c.picked.is_not(None))
    return (await session.execute(query)).first() is not None


async def set_items(
    session: AsyncSession,
    batch_id: str,
    before: Sequence[ItemStatus],
    after: ItemStatus,
    places: range | None = None,
    **values: Any,
) -> None:
    """Move all items of these statuses to another; in these places of the batch, or everywhere."""
    query = update(ITEMS).where(ITEMS.c.batch_id == batch_id, ITEMS.c.status.in_(before))
    if places is not None:
        query = query.where(ITEMS.c.seq >= places.start, ITEMS.c.seq < places.stop)
    await session.execute(query.values(status=after.value, updated_at=utcnow(), **values))


async def set_item(
    session: AsyncSession,
    batch_id: str,
    before: ItemStatus,
    after: ItemStatus,
    restaurant_id: str,
    **values: Any,
) -> bool:
    """Move one restaurant's item from one status to another; False where it has another one."""
    which = {"this_batch": batch_id, "this_restaurant": restaurant_id, "before": before.value}
    values |= {"status": after.value, "updated_at": utcnow()}
    changed = await session.execute(SET_ITEM, which | values)
    return bool(changed.rowcount)  # type: ignore[attr-defined]


async def queue_again(
    session: AsyncSession, batch_id: str, before: Sequence[ItemStatus], places: range | None = None
) -> None:
    """Items that ended so wait for whichever process takes them."""
    forgotten = {"reason": None, "message": None, "process": None}
    await set_items(session, batch_id, before, ItemStatus.QUEUED, places, **forgotten)


async def end(session: AsyncSession, batch_id: str, epoch: int) -> bool:
    """The batch, which the caller holds and runs as this epoch, is done, unless items were queued again meanwhile;
    Superseded if another execution runs it."""
    row = await hold(session, batch_id)
    if row.epoch != epoch:
        raise Superseded(f"batch {batch_id} is run by another process now")
    if row.status != RunStatus.RUNNING:
        return True
    # Items that stopped for a cancellation only after the batch had been resumed.
    await queue_again(session, batch_id, [ItemStatus.CANCELLED])
    if row.until is not None or await has_unfinished(session, batch_id):
        return False
    row.status, row.ended_at = RunStatus.DONE.value, utcnow()
    return True


def cancel(batch: Batch) -> None:
    batch.status = RunStatus.CANCELLED.value


def pause(batch: Batch, message: str | None, hint: str | None) -> None:
    batch.status, batch.message, batch.hint = RunStatus.PAUSED.value, message, hint


def complete(batch: Batch) -> None:
    """All its items are written."""
    batch.until = None


def reopen(batch: Batch) -> None:
    """It runs again, whatever had ended or stopped it."""
    batch.status, batch.ended_at, batch.message, batch.hint = RunStatus.RUNNING.value, None, None, None


async def counts(session: AsyncSession, batch_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many items of each status, by batch."""
    query = (
        select(BatchItem.batch_id, BatchItem.status, func.count())
        .where(BatchItem.batch_id.in_(batch_ids))
        .group_by(BatchItem.batch_id, BatchItem.status)
    )
    found: dict[str, dict[str, int]] = {batch_id: {} for batch_id in batch_ids}
    for batch_id, status, number in await session.execute(query):
        found[batch_id][status] = int(number)
    return found


SHOWN = (
    select(BatchItem, Restaurant.name, Assignment)
    .join(Restaurant, Restaurant.id == BatchItem.restaurant_id)
    .outerjoin(Assignment, Assignment.id == BatchItem.assignment_id)
)


async def items(
    session: AsyncSession, batch_id: str, *, after: int = -1, limit: int = 200, status: str | None = None
) -> Sequence[tuple[BatchItem, str, Assignment | None]]:
    """(item, restaurant's name, its assignment) in the batch's order."""
    query = SHOWN.where(BatchItem.batch_id == batch_id, BatchItem.seq > after).order_by(BatchItem.seq).limit(limit)
    if status:
        query = query.where(BatchItem.status == status)
    return [(item, name, assignment) for item, name, assignment in await session.execute(query)]


async def ended_since(
    session: AsyncSession, batch_id: str, since: datetime | None
) -> AsyncIterator[Sequence[tuple[str, datetime]]]:
    """(restaurant, when) of the items that ended at that time or later, in the order in which they did, in pieces; of
    all that ended where it is None."""
    place: tuple[datetime, int] | None = None
    ended = ITEMS.c.batch_id == batch_id, ITEMS.c.status.not_in(UNFINISHED)
    query = select(ITEMS.c.restaurant_id, ITEMS.c.updated_at, ITEMS.c.seq).where(*ended)
    if since is not None:
        query = query.where(ITEMS.c.updated_at >= since)
    query = query.order_by(ITEMS.c.updated_at, ITEMS.c.seq).limit(PIECE)
    while True:
        after = query if place is None else query.where(tuple_(ITEMS.c.updated_at, ITEMS.c.seq) > _place(*place))
        rows = (await session.execute(after)).all()
        if rows:
            yield [(restaurant_id, at) for restaurant_id, at, _ in rows]
        if len(rows) < PIECE:
            return
        place = rows[-1][1], rows[-1][2]


def _place(at: datetime, seq: int) -> ColumnElement[Any]:
    return tuple_(literal(at, ITEMS.c.updated_at.type), literal(seq))


async def items_of(
    session: AsyncSession, batch_id: str, restaurant_ids: Sequence[str]
) -> Sequence[tuple[BatchItem, str, Assignment | None]]:
    """The same as `items`, of a piece of its restaurants, in the order in which they ended."""
    rows = await session.execute(
        SHOWN.where(BatchItem.batch_id == batch_id, BatchItem.restaurant_id.in_(restaurant_ids))
    )
    found = [(item, name, assignment) for item, name, assignment in rows]
    return sorted(found, key=lambda row: (row[0].updated_at, row[0].seq))


async def pace(session: AsyncSession, batch_id: str, since: datetime) -> tuple[int, datetime | None]:
    """(how many items were worked to their end since then, when the first of them was)."""
    query = select(func.count(), func.min(BatchItem.updated_at)).where(
        BatchItem.batch_id == batch_id,
        BatchItem.status.in_([ItemStatus.ASSIGNED, ItemStatus.UNASSIGNED, ItemStatus.FAILED]),
        BatchItem.updated_at >= since,
    )
    ended, first = (await session.execute(query)).one()
    return int(ended), first


async def sources(
    session: AsyncSession, batch_ids: Sequence[str]
) -> Sequence[tuple[str, str | None, str | None, int, Decimal | None]]:
    """(batch, source, currency, how many items, their monthly price): where the numbers came from."""
    query = (
        select(BatchItem.batch_id, Assignment.source, Number.currency, func.count(), func.sum(Number.monthly_price))
        .join(Assignment, Assignment.id == BatchItem.assignment_id)
        .join(Number, Number.number == Assignment.number)
        .where(BatchItem.batch_id.in_(batch_ids), BatchItem.status == ItemStatus.ASSIGNED)
        .group_by(BatchItem.batch_id, Assignment.source, Number.currency)
    )
    return [(batch, source, currency, n, total) for batch, source, currency, n, total in await session.execute(query)]
