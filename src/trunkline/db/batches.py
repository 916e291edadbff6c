"""Batches and their items."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Assignment, Batch, BatchItem, Mapping, Number, Restaurant, utcnow
from trunkline.errors import NotFound, Superseded

BATCHES, ITEMS = cast(Table, Batch.__table__), cast(Table, BatchItem.__table__)
CHUNK = 500
EPOCH = select(BATCHES.c.epoch).where(BATCHES.c.id == bindparam("this_batch"))
STATUS = select(BATCHES.c.status).where(BATCHES.c.id == bindparam("this_batch"))


async def get(session: AsyncSession, batch_id: str) -> Batch:
    row = await session.get(Batch, batch_id, populate_existing=True)
    if row is None:
        raise NotFound(f"there is no batch {batch_id}", hint="GET /api/batches lists them")
    return row


async def is_cancelled(session: AsyncSession, batch_id: str) -> bool:
    return bool((await session.execute(STATUS, {"this_batch": batch_id})).scalar_one() == "cancelled")


async def is_current(session: AsyncSession, batch_id: str, epoch: int) -> bool:
    """Whether no later execution has begun."""
    return bool((await session.execute(EPOCH, {"this_batch": batch_id})).scalar_one() == epoch)


async def page(session: AsyncSession, *, before: str | None = None, limit: int = 50) -> Sequence[Batch]:
    """Newest first."""
    query = select(Batch).order_by(Batch.id.desc()).limit(limit)
    return (await session.execute(query.where(Batch.id < before) if before else query)).scalars().all()


async def restaurants_without(
    session: AsyncSession, *, include_shared: bool, search: str | None, limit: int | None
) -> Sequence[str]:
    """The restaurants that a batch would serve, oldest first: without a number and without a running assignment;
    `include_shared` adds those that share a number with others."""
    sharing = select(Mapping.number).where(Mapping.ended_at.is_(None)).group_by(Mapping.number).having(func.count() > 1)
    own = select(Mapping.restaurant_id).where(Mapping.ended_at.is_(None))
    if include_shared:
        own = own.where(Mapping.number.not_in(sharing))
    busy = select(Assignment.restaurant_id).where(Assignment.status == "running")
    query = (
        select(Restaurant.id)
        .where(Restaurant.deleted_at.is_(None), Restaurant.id.not_in(own), Restaurant.id.not_in(busy))
        .order_by(Restaurant.id)
    )
    if search:
        query = query.where(Restaurant.name.icontains(search, autoescape=True))
    return (await session.execute(query.limit(limit) if limit else query)).scalars().all()


async def add_items(session: AsyncSession, batch_id: str, restaurant_ids: Sequence[str]) -> None:
    now = utcnow()
    rows = [
        {"batch_id": batch_id, "restaurant_id": r, "seq": n, "status": "queued", "updated_at": now}
        for n, r in enumerate(restaurant_ids)
    ]
    await session.execute(insert(BatchItem), rows)


async def begin(session: AsyncSession, batch_id: str) -> Batch | None:
    """Start an execution, which shuts out any earlier one. None unless the batch is running."""
    changed = await session.execute(
        update(Batch).where(Batch.id == batch_id, Batch.status == "running").values(epoch=Batch.epoch + 1)
    )
    return await get(session, batch_id) if changed.rowcount else None  # type: ignore[attr-defined]


async def all_running(session: AsyncSession) -> Sequence[str]:
    return (await session.execute(select(Batch.id).where(Batch.status == "running"))).scalars().all()


async def unfinished(session: AsyncSession, batch_id: str) -> Sequence[BatchItem]:
    query = select(BatchItem).where(BatchItem.batch_id == batch_id, BatchItem.status.in_(["queued", "running"]))
    return (await session.execute(query.order_by(BatchItem.seq))).scalars().all()


async def set_items(
    session: AsyncSession, batch_id: str, before: str, after: str, restaurant_id: str | None = None, **values: Any
) -> int:
    """Move items of one status to another; all of them, or one restaurant's. How many were moved."""
    query = update(ITEMS).where(ITEMS.c.batch_id == batch_id, ITEMS.c.status == before)
    if restaurant_id is not None:
        query = query.where(ITEMS.c.restaurant_id == restaurant_id)
    changed = await session.execute(query.values(status=after, updated_at=utcnow(), **values))
    return int(changed.rowcount)  # type: ignore[attr-defined]


async def end(session: AsyncSession, batch_id: str, epoch: int) -> bool:
    """The batch is done, unless items were queued again meanwhile; Superseded if another execution runs it."""
    row = await get(session, batch_id)
    if row.epoch != epoch:
        raise Superseded(f"batch {batch_id} is run by another process now")
    if row.status != "running":
        return True
    # Items that stopped for a cancellation only after the batch had been resumed.
    await set_items(session, batch_id, "cancelled", "queued", reason=None, message=None)
    if await unfinished(session, batch_id):
        return False
    row.status, row.ended_at = "done", utcnow()
    return True


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


async def ended_since(session: AsyncSession, batch_id: str, since: datetime | None) -> Sequence[tuple[str, datetime]]:
    """(restaurant, when) of the items that ended at that time or later, in the order in which they did; of all that
    ended where it is None."""
    query = (
        select(ITEMS.c.restaurant_id, ITEMS.c.updated_at)
        .where(ITEMS.c.batch_id == batch_id, ITEMS.c.status.not_in(["queued", "running"]))
        .order_by(ITEMS.c.updated_at, ITEMS.c.seq)
    )
    if since is not None:
        query = query.where(ITEMS.c.updated_at >= since)
    return [(restaurant_id, at) for restaurant_id, at in await session.execute(query)]


async def items_of(
    session: AsyncSession, batch_id: str, restaurant_ids: Sequence[str]
) -> Sequence[tuple[BatchItem, str, Assignment | None]]:
    """The same as `items`, of these restaurants, in the order in which they ended."""
    found: list[tuple[BatchItem, str, Assignment | None]] = []
    for start in range(0, len(restaurant_ids), CHUNK):
        part = BatchItem.restaurant_id.in_(restaurant_ids[start : start + CHUNK])
        rows = await session.execute(SHOWN.where(BatchItem.batch_id == batch_id, part))
        found += [(item, name, assignment) for item, name, assignment in rows]
    return sorted(found, key=lambda row: (row[0].updated_at, row[0].seq))


async def pace(session: AsyncSession, batch_id: str, since: datetime) -> tuple[int, datetime | None]:
    """(how many items were worked to their end since then, when the first of them was)."""
    query = select(func.count(), func.min(BatchItem.updated_at)).where(
        BatchItem.batch_id == batch_id,
        BatchItem.status.in_(["assigned", "unassigned", "failed"]),
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
        .where(BatchItem.batch_id.in_(batch_ids), BatchItem.status == "assigned")
        .group_by(BatchItem.batch_id, Assignment.source, Number.currency)
    )
    return [(batch, source, currency, n, total) for batch, source, currency, n, total in await session.execute(query)]
