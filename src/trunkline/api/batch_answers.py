"""From the rows of batches to answers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.api import batch_schemas as schemas
from trunkline.api.answers import CENT, price
from trunkline.db import batches, numbers
from trunkline.db.models import Assignment, Batch, BatchItem, utcnow
from trunkline.domain.outcomes import Source
from trunkline.workflows.plan_batch import Plan

WINDOW = timedelta(seconds=30)


def plan(found: Plan) -> schemas.Plan:
    return schemas.Plan(
        restaurants=found.restaurants,
        reused=found.reused,
        bought=found.bought,
        shared=found.shared,
        short=found.short,
        monthly_price=price(found.monthly_price),
        currency=found.currency,
        carrier=found.carrier,
        purchases=[
            schemas.Purchases(
                carrier=p.carrier,
                numbers=p.numbers,
                monthly_price=price(p.monthly_price),
                upfront_price=price(p.upfront_price),
                currency=p.currency,
            )
            for p in found.purchases
        ],
        asked=[schemas.Asked(criteria=wish.plain(), restaurants=count) for wish, count in found.asked.items()],
        notes=found.notes,
    )


async def batches_of(session: AsyncSession, rows: Sequence[Batch]) -> list[schemas.Batch]:
    ids = [row.id for row in rows]
    counts = await batches.counts(session, ids)
    sources: dict[str, dict[str, int]] = {batch_id: defaultdict(int) for batch_id in ids}
    costs: dict[str, list[schemas.Cost]] = {batch_id: [] for batch_id in ids}
    for batch_id, source, currency, count, total in await batches.sources(session, ids):
        assert source is not None  # every assigned one has it
        sources[batch_id][source] += count
        if source == Source.PURCHASED and currency and total is not None:
            costs[batch_id].append(schemas.Cost(monthly_price=Decimal(total).quantize(CENT), currency=currency))
    shown = []
    for row in rows:
        mine = schemas.Counts(**counts[row.id])
        rate, eta = await _pace(session, row, mine.queued + mine.running)
        shown.append(
            schemas.Batch.model_validate(
                {
                    "id": row.id,
                    "status": row.status,
                    "message": row.message,
                    "hint": row.hint,
                    "request": row.request,
                    "total": sum(counts[row.id].values()),
                    "counts": mine,
                    "sources": schemas.Sources(**sources[row.id]),
                    "costs": costs[row.id],
                    "rate_per_second": rate,
                    "eta_seconds": eta,
                    "created_at": row.created_at,
                    "ended_at": row.ended_at,
                }
            )
        )
    return shown


async def _pace(session: AsyncSession, row: Batch, left: int) -> tuple[float | None, float | None]:
    """(items a second over the last half minute, seconds for those that are left)."""
    if row.status != "running":
        return None, None
    ended, first = await batches.pace(session, row.id, utcnow() - WINDOW)
    seconds = (utcnow() - first).total_seconds() if first else 0.0
    if ended < 2 or seconds <= 0:
        return None, None
    rate = (ended - 1) / seconds
    return round(rate, 2), round(left / rate, 1)


async def items_of(
    session: AsyncSession, rows: Sequence[tuple[BatchItem, str, Assignment | None]]
) -> list[schemas.BatchItem]:
    held = [assignment.number for _, _, assignment in rows if assignment is not None and assignment.number]
    prices = await numbers.prices(session, held)
    shown = []
    for item, name, assignment in rows:
        number = assignment.number if assignment is not None and item.status == "assigned" else None
        amount, currency = prices.get(number or "", (None, None))
        shown.append(
            schemas.BatchItem.model_validate(
                {
                    "restaurant_id": item.restaurant_id,
                    "restaurant_name": name,
                    "status": item.status,
                    "reason": item.reason,
                    "message": item.message,
                    "assignment_id": item.assignment_id,
                    "phone_number": number,
                    "source": assignment.source if assignment is not None and number else None,
                    "monthly_price": price(amount),
                    "currency": currency,
                    "updated_at": item.updated_at,
                }
            )
        )
    return shown
