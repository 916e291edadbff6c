"""What monitoring is told of our tables: counts and sums, never rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import figures
from trunkline.db.models import Batch, BatchItem, Delivery, Endpoint
from trunkline.db.number_lists import NumberFilter
from trunkline.db.runs import APPLIES, ASSIGNMENTS, BATCHES, MOVES, RELEASES, REPOINTS, STOCK_PURCHASES
from trunkline.domain.endpoints import DeliveryStatus, EndpointStatus
from trunkline.domain.numbers import BILLED, NumberState
from trunkline.domain.states import RunStatus

KINDS = (ASSIGNMENTS, RELEASES, MOVES, REPOINTS, BATCHES, STOCK_PURCHASES, APPLIES)


@dataclass(frozen=True)
class Measures:
    """`monthly` is by carrier and currency, `waiting_since` of the oldest delivery to an endpoint that takes them."""

    numbers: dict[NumberState, int]
    monthly: dict[figures.Source, Decimal]
    unpriced: int
    running: dict[str, int]
    paused_batches: int
    batch_items: dict[str, int]
    waiting: int
    waiting_since: datetime | None
    disabled_endpoints: int


async def measure(session: AsyncSession) -> Measures:
    held = await figures.counted(session, NumberFilter())
    billed = [figure for figure in held if figure.state in BILLED]
    waiting, since = await _waiting(session)
    disabled = select(func.count()).where(Endpoint.status == EndpointStatus.DISABLED, Endpoint.deleted_at.is_(None))
    paused = select(func.count()).where(Batch.status == RunStatus.PAUSED)
    return Measures(
        numbers=figures.by_state(held),
        monthly=figures.monthly(billed),
        unpriced=sum(figure.unpriced for figure in billed),
        running={kind.row.__tablename__: await _running(session, kind.row) for kind in KINDS},
        paused_batches=int((await session.execute(paused)).scalar_one()),
        batch_items=await _items(session),
        waiting=waiting,
        waiting_since=since,
        disabled_endpoints=int((await session.execute(disabled)).scalar_one()),
    )


async def _running(session: AsyncSession, row: type[object]) -> int:
    status = row.status  # type: ignore[attr-defined]
    query = select(func.count()).where(status == RunStatus.RUNNING)
    return int((await session.execute(query)).scalar_one())


async def _items(session: AsyncSession) -> dict[str, int]:
    """Of batches that have not ended."""
    query = (
        select(BatchItem.status, func.count())
        .join(Batch, Batch.id == BatchItem.batch_id)
        .where(Batch.status.in_((RunStatus.RUNNING, RunStatus.PAUSED)))
        .group_by(BatchItem.status)
    )
    return {status: int(count) for status, count in await session.execute(query)}


async def _waiting(session: AsyncSession) -> tuple[int, datetime | None]:
    query = (
        select(func.count(), func.min(Delivery.created_at))
        .join(Endpoint, Endpoint.id == Delivery.endpoint_id)
        .where(Delivery.status == DeliveryStatus.WAITING, Endpoint.status == EndpointStatus.ENABLED)
        .where(Endpoint.deleted_at.is_(None))
    )
    count, since = (await session.execute(query)).one()
    return int(count), since
