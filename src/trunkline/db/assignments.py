"""Assignments and the steps of runs; every write of a run is fenced by its epoch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Assignment, Step, UtcDateTime, utcnow
from trunkline.errors import NotFound, Superseded

# Made once, on the tables themselves: these run with every write of a run, and making a statement costs more than
# running it.
RUNS, STEPS = cast(Table, Assignment.__table__), cast(Table, Step.__table__)
STEP_COLUMNS = [column.name for column in STEPS.columns]
FENCE = (
    update(RUNS)
    .where(RUNS.c.id == bindparam("this_run"), RUNS.c.epoch == bindparam("this_epoch"), RUNS.c.status == "running")
    .values(epoch=RUNS.c.epoch)
)
RUNNING = select(Assignment).where(Assignment.restaurant_id == bindparam("restaurant"), Assignment.status == "running")
BEGIN = (
    update(Assignment)
    .where(Assignment.id == bindparam("this_run"), Assignment.status == "running")
    .values(
        epoch=Assignment.epoch + 1, started_at=func.coalesce(Assignment.started_at, bindparam("now", type_=UtcDateTime))
    )
    .returning(Assignment)
    .execution_options(synchronize_session=False)
)


def _upsert(upsert: Any) -> Any:
    changed = {name: upsert.excluded[name] for name in ("status", "attempt", "ended_at", "detail")}
    return upsert.on_conflict_do_update(index_elements=["run_id", "seq"], set_=changed)


SAVE_STEPS = {"sqlite": _upsert(sqlite.insert(STEPS)), "postgresql": _upsert(postgresql.insert(STEPS))}


async def get(session: AsyncSession, assignment_id: str) -> Assignment:
    row = await session.get(Assignment, assignment_id, populate_existing=True)
    if row is None:
        raise NotFound(f"there is no assignment {assignment_id}")
    return row


async def running(session: AsyncSession, restaurant_id: str) -> Assignment | None:
    return (await session.execute(RUNNING, {"restaurant": restaurant_id})).scalar_one_or_none()


async def all_running(session: AsyncSession) -> dict[str, str | None]:
    """The batch, if any, of each."""
    query = select(Assignment.id, Assignment.batch_id).where(Assignment.status == "running")
    return {run_id: batch_id for run_id, batch_id in await session.execute(query)}


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
    return (await session.execute(BEGIN, {"this_run": assignment_id, "now": utcnow()})).scalar_one_or_none()


async def fence(session: AsyncSession, assignment_id: str, epoch: int, **values: Any) -> None:
    """Write to the running assignment as this epoch; Superseded if a later one has begun or it has ended."""
    change = FENCE if not values else FENCE.values(**values)
    changed = await session.execute(change, {"this_run": assignment_id, "this_epoch": epoch})
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
    values = [{name: getattr(row, name) for name in STEP_COLUMNS} for row in rows]
    await session.execute(SAVE_STEPS[session.get_bind().dialect.name], values)


async def interrupt_steps(session: AsyncSession, run_id: str) -> None:
    """What an earlier execution left unfinished, and this one found already done."""
    await session.execute(
        update(Step)
        .where(Step.run_id == run_id, Step.status == "running")
        .values(status="interrupted", ended_at=utcnow())
    )
