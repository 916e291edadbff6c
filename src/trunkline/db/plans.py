"""Plans: what a comparison has shown, kept as it was shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import PlannedDrift, ReconcilePlan, utcnow
from trunkline.domain.drifts import ChangeKind, Drift, DriftKind, Policy, checksum
from trunkline.errors import NotFound

CHUNK = 500
COLUMNS = ("provider", "number", "restaurant_id", "carrier_says", "voice_says", "books_say", "monthly", "currency")


async def add(
    session: AsyncSession, drifts: Sequence[Drift], policy: Policy, lists: list[dict[str, Any]], *, watched: bool
) -> ReconcilePlan:
    """Keep a plan; each drift with the moment at which a plan has first shown it."""
    before = await newest(session)
    since = {drift.key: drift.since for drift in await drifts_of(session, before.id)} if before is not None else {}
    now = utcnow()
    plan = ReconcilePlan(
        policy=vars(policy),
        checksum=checksum(drifts),
        lists=lists,
        counts=dict(Counter(drift.kind.value for drift in drifts)),
        failed=not all(listed["whole"] for listed in lists),
        changes=sum(drift.change is not None for drift in drifts),
        differs=any(drift.differs for drift in drifts),
        watched=watched,
        created_at=now,
    )
    session.add(plan)
    await session.flush()
    rows = [
        {name: getattr(drift, name) for name in COLUMNS}
        | {"plan_id": plan.id, "seq": seq, "kind": drift.kind.value, "left_alone": drift.left_alone}
        | {"change": drift.change.value if drift.change else None, "since": since.get(drift.key) or now}
        for seq, drift in enumerate(drifts)
    ]
    for start in range(0, len(rows), CHUNK):
        await session.execute(insert(PlannedDrift), rows[start : start + CHUNK])
    return plan


async def get(session: AsyncSession, plan_id: str) -> ReconcilePlan:
    plan = await session.get(ReconcilePlan, plan_id)
    if plan is None:
        raise NotFound(f"there is no plan {plan_id}", hint="GET /api/reconcile/plans lists them")
    return plan


async def newest(session: AsyncSession) -> ReconcilePlan | None:
    query = select(ReconcilePlan).order_by(ReconcilePlan.id.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none()


async def page(session: AsyncSession, *, before: str | None = None, limit: int = 50) -> Sequence[ReconcilePlan]:
    """The newest first."""
    query = select(ReconcilePlan).order_by(ReconcilePlan.id.desc()).limit(limit)
    if before is not None:
        query = query.where(ReconcilePlan.id < before)
    return (await session.execute(query)).scalars().all()


async def monthly(session: AsyncSession, plan_ids: Sequence[str]) -> dict[str, dict[str, Decimal]]:
    """What all changes of each plan add to a month, by currency."""
    query = (
        select(PlannedDrift.plan_id, PlannedDrift.currency, func.sum(PlannedDrift.monthly))
        .where(PlannedDrift.plan_id.in_(plan_ids), PlannedDrift.change.is_not(None), PlannedDrift.monthly.is_not(None))
        .group_by(PlannedDrift.plan_id, PlannedDrift.currency)
    )
    sums: dict[str, dict[str, Decimal]] = {plan_id: {} for plan_id in plan_ids}
    for plan_id, currency, amount in await session.execute(query):
        sums[plan_id][str(currency)] = Decimal(amount or 0)
    return sums


async def drifts_of(session: AsyncSession, plan_id: str) -> list[Drift]:
    """All, in the order in which they were shown."""
    return [drift_of(row) for row in await rows_of(session, plan_id)]


async def rows_of(
    session: AsyncSession,
    plan_id: str,
    *,
    after: int = -1,
    limit: int | None = None,
    kinds: Sequence[DriftKind] = (),
) -> Sequence[PlannedDrift]:
    query = select(PlannedDrift).where(PlannedDrift.plan_id == plan_id, PlannedDrift.seq > after)
    if kinds:
        query = query.where(PlannedDrift.kind.in_(kinds))
    return (await session.execute(query.order_by(PlannedDrift.seq).limit(limit))).scalars().all()


def drift_of(row: PlannedDrift) -> Drift:
    told = {name: getattr(row, name) for name in COLUMNS}
    change = ChangeKind(row.change) if row.change else None
    return Drift(DriftKind(row.kind), **told, since=row.since, change=change, left_alone=row.left_alone)


async def forget(session: AsyncSession, before: datetime, limit: int) -> int:
    """Delete plans that are older, a few at once; how many."""
    query = select(ReconcilePlan.id).where(ReconcilePlan.created_at < before).limit(limit)
    old = (await session.execute(query)).scalars().all()
    await session.execute(delete(PlannedDrift).where(PlannedDrift.plan_id.in_(old)))
    await session.execute(delete(ReconcilePlan).where(ReconcilePlan.id.in_(old)))
    return len(old)
