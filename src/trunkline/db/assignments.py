"""Assignments: which one runs, which is the latest, and pages of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Assignment
from trunkline.domain.ids import first_id

RUNNING = select(Assignment).where(Assignment.restaurant_id == bindparam("restaurant"), Assignment.status == "running")
LATEST = select(func.coalesce(func.max(Assignment.nth), 0)).where(Assignment.restaurant_id == bindparam("restaurant"))

_NTH = (
    select(Assignment.restaurant_id, func.max(Assignment.nth).label("nth"))
    .where(Assignment.restaurant_id.in_(bindparam("restaurants", expanding=True)))
    .group_by(Assignment.restaurant_id)
    .subquery()
)
NEWEST = select(Assignment).join(
    _NTH, (Assignment.restaurant_id == _NTH.c.restaurant_id) & (Assignment.nth == _NTH.c.nth)
)


async def add(session: AsyncSession, restaurant_id: str, **columns: Any) -> Assignment:
    """Write the next assignment of a restaurant, whose row the caller holds. IntegrityError if one runs."""
    nth = (await session.execute(LATEST, {"restaurant": restaurant_id})).scalar_one() + 1
    assignment = Assignment(restaurant_id=restaurant_id, nth=nth, **columns)
    session.add(assignment)
    await session.flush()
    return assignment


async def running(session: AsyncSession, restaurant_id: str) -> Assignment | None:
    return (await session.execute(RUNNING, {"restaurant": restaurant_id})).scalar_one_or_none()


async def all_running(session: AsyncSession) -> dict[str, str | None]:
    """The batch, if any, of each."""
    query = select(Assignment.id, Assignment.batch_id).where(Assignment.status == "running")
    return {run_id: batch_id for run_id, batch_id in await session.execute(query)}


async def latest(session: AsyncSession, restaurant_ids: Sequence[str]) -> dict[str, Assignment]:
    """The newest assignment of each restaurant, whatever the clocks said."""
    if not restaurant_ids:
        return {}
    rows = await session.execute(NEWEST, {"restaurants": restaurant_ids})
    return {row.restaurant_id: row for row in rows.scalars()}


async def page(
    session: AsyncSession,
    *,
    before: str | None = None,
    limit: int = 50,
    restaurant_id: str | None = None,
    status: str | None = None,
    reason: str | None = None,
    since: datetime | None = None,
) -> Sequence[Assignment]:
    """Newest first; `since`: those that were asked for then or later."""
    query = select(Assignment).order_by(Assignment.id.desc()).limit(limit)
    if before:
        query = query.where(Assignment.id < before)
    if restaurant_id:
        query = query.where(Assignment.restaurant_id == restaurant_id)
    if status:
        query = query.where(Assignment.status == status)
    if reason:
        query = query.where(Assignment.reason == reason)
    if since is not None:
        query = query.where(Assignment.id >= first_id("asg", since))
    return (await session.execute(query)).scalars().all()
