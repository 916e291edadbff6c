"""Plans that are carried out, and what became of each of their changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Table, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Apply, ApplyItem, PlannedDrift, utcnow
from trunkline.domain.drifts import ChangeKind
from trunkline.domain.states import ChangeStatus, RunStatus

ITEMS = cast(Table, ApplyItem.__table__)
COPIED = ("seq", "kind", "change", "number", "provider", "restaurant_id")
CHUNK = 500
OPEN = (ChangeStatus.QUEUED, ChangeStatus.RUNNING)


async def add_items(session: AsyncSession, apply_id: str, drifts: Sequence[PlannedDrift]) -> None:
    """One for each that has a change."""
    queued = {"apply_id": apply_id, "status": ChangeStatus.QUEUED.value, "updated_at": utcnow()}
    rows = [{**queued, **{name: getattr(one, name) for name in COPIED}} for one in drifts if one.change is not None]
    for start in range(0, len(rows), CHUNK):
        await session.execute(insert(ApplyItem), rows[start : start + CHUNK])


async def hold(session: AsyncSession, apply_id: str) -> Apply:
    """The run, kept from every other transaction until this one ends."""
    query = select(Apply).where(Apply.id == apply_id).with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one()


async def of_plan(session: AsyncSession, plan_id: str) -> Apply | None:
    return (await session.execute(select(Apply).where(Apply.plan_id == plan_id))).scalar_one_or_none()


async def running(session: AsyncSession) -> Apply | None:
    return (await session.execute(select(Apply).where(Apply.status == RunStatus.RUNNING))).scalar_one_or_none()


async def unfinished(session: AsyncSession, apply_id: str) -> Sequence[ApplyItem]:
    query = select(ApplyItem).where(ApplyItem.apply_id == apply_id, ApplyItem.status.in_(OPEN))
    return (await session.execute(query.order_by(ApplyItem.seq))).scalars().all()


async def page(
    session: AsyncSession, apply_id: str, *, after: int = -1, limit: int = 200, status: str | None = None
) -> Sequence[ApplyItem]:
    """In the plan's order."""
    query = select(ApplyItem).where(ApplyItem.apply_id == apply_id, ApplyItem.seq > after)
    if status:
        query = query.where(ApplyItem.status == status)
    return (await session.execute(query.order_by(ApplyItem.seq).limit(limit))).scalars().all()


async def set_item(
    session: AsyncSession, apply_id: str, seq: int, status: ChangeStatus, message: str | None = None
) -> None:
    here = (ITEMS.c.apply_id == apply_id, ITEMS.c.seq == seq)
    await session.execute(update(ITEMS).where(*here).values(status=status.value, message=message, updated_at=utcnow()))


async def queue_failed(session: AsyncSession, apply_id: str) -> None:
    """What could not be done is to be tried again."""
    failed = (ITEMS.c.apply_id == apply_id, ITEMS.c.status == ChangeStatus.FAILED.value)
    again = {"status": ChangeStatus.QUEUED.value, "message": None, "updated_at": utcnow()}
    await session.execute(update(ITEMS).where(*failed).values(**again))


async def counts(session: AsyncSession, apply_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many changes of each status, by run."""
    query = (
        select(ApplyItem.apply_id, ApplyItem.status, func.count())
        .where(ApplyItem.apply_id.in_(apply_ids))
        .group_by(ApplyItem.apply_id, ApplyItem.status)
    )
    found: dict[str, dict[str, int]] = {apply_id: {} for apply_id in apply_ids}
    for apply_id, status, number in await session.execute(query):
        found[apply_id][status] = int(number)
    return found


def cancel(row: Apply) -> None:
    row.status, row.ended_at = RunStatus.CANCELLED.value, utcnow()


async def reopen(session: AsyncSession, row: Apply) -> None:
    """It runs again, whatever had ended or stopped it. IntegrityError while another one runs."""
    row.status, row.ended_at, row.message, row.hint = RunStatus.RUNNING.value, None, None, None
    await session.flush()


async def through_with(session: AsyncSession, apply_id: str, change: ChangeKind) -> set[str]:
    """The providers of which no change of this kind is left, of those that had one."""
    query = select(ApplyItem.provider, ApplyItem.status).where(
        ApplyItem.apply_id == apply_id, ApplyItem.change == change.value
    )
    rows = [(provider, status) for provider, status in await session.execute(query)]
    ended = (ChangeStatus.DONE, ChangeStatus.SKIPPED)
    return {provider for provider, _ in rows} - {provider for provider, status in rows if status not in ended}
