"""Assignments and the steps of runs; every write of a run is fenced by its epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Assignment, Step, utcnow
from trunkline.errors import NotFound, Superseded

STEP_COLUMNS = [column.name for column in Step.__table__.columns]


async def get(session: AsyncSession, assignment_id: str) -> Assignment:
    row = await session.get(Assignment, assignment_id, populate_existing=True)
    if row is None:
        raise NotFound(f"there is no assignment {assignment_id}")
    return row


async def running(session: AsyncSession, restaurant_id: str) -> Assignment | None:
    query = select(Assignment).where(Assignment.restaurant_id == restaurant_id, Assignment.status == "running")
    return (await session.execute(query)).scalar_one_or_none()


async def all_running(session: AsyncSession) -> Sequence[str]:
    return (await session.execute(select(Assignment.id).where(Assignment.status == "running"))).scalars().all()


async def latest(session: AsyncSession, restaurant_ids: Sequence[str]) -> dict[str, Assignment]:
    """The newest assignment of each restaurant."""
    newest = (
        select(func.max(Assignment.id))
        .where(Assignment.restaurant_id.in_(restaurant_ids))
        .group_by(Assignment.restaurant_id)
    )
    rows = (await session.execute(select(Assignment).where(Assignment.id.in_(newest)))).scalars()
    return {row.restaurant_id: row for row in rows}


async def page(
    session: AsyncSession,
    *,
    before: str | None = None,
    limit: int = 50,
    restaurant_id: str | None = None,
    status: str | None = None,
) -> Sequence[Assignment]:
    """Newest first."""
    query = select(Assignment).order_by(Assignment.id.desc()).limit(limit)
    if before:
        query = query.where(Assignment.id < before)
    if restaurant_id:
        query = query.where(Assignment.restaurant_id == restaurant_id)
    if status:
        query = query.where(Assignment.status == status)
    return (await session.execute(query)).scalars().all()


async def begin(session: AsyncSession, assignment_id: str) -> Assignment | None:
    """Start an execution: the epoch goes up, which shuts out any earlier one. None if the assignment has ended."""
    changed = await session.execute(
        update(Assignment)
        .where(Assignment.id == assignment_id, Assignment.status == "running")
        .values(epoch=Assignment.epoch + 1, started_at=func.coalesce(Assignment.started_at, utcnow()))
    )
    return await get(session, assignment_id) if changed.rowcount else None  # type: ignore[attr-defined]


async def fence(session: AsyncSession, assignment_id: str, epoch: int, **values: Any) -> None:
    """Write to the running assignment as this epoch; Superseded if a later one has begun or it has ended."""
    changed = await session.execute(
        update(Assignment)
        .where(Assignment.id == assignment_id, Assignment.epoch == epoch, Assignment.status == "running")
        .values(**({"epoch": epoch} | values))
    )
    if not changed.rowcount:  # type: ignore[attr-defined]
        raise Superseded(f"assignment {assignment_id} is run by another process now")


async def steps(session: AsyncSession, run_ids: Sequence[str]) -> dict[str, list[Step]]:
    query = select(Step).where(Step.run_id.in_(run_ids)).order_by(Step.run_id, Step.seq)
    found: dict[str, list[Step]] = {run_id: [] for run_id in run_ids}
    for step in (await session.execute(query)).scalars():
        found[step.run_id].append(step)
    return found


async def save_steps(session: AsyncSession, rows: Sequence[Step]) -> None:
    """Insert the steps, or bring those that are there up to date, in one statement."""
    if not rows:
        return
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    upsert = insert(Step)
    changed = {name: upsert.excluded[name] for name in ("status", "attempt", "ended_at", "detail")}
    values = [{name: getattr(row, name) for name in STEP_COLUMNS} for row in rows]
    await session.execute(upsert.on_conflict_do_update(index_elements=["run_id", "seq"], set_=changed), values)


async def interrupt_steps(session: AsyncSession, run_id: str) -> None:
    """What an earlier execution left unfinished, and this one found already done."""
    await session.execute(
        update(Step)
        .where(Step.run_id == run_id, Step.status == "running")
        .values(status="interrupted", ended_at=utcnow())
    )
