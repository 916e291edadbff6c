"""How far a batch is: counts, how the numbers came, what those that were bought cost, and the pace."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import batches
from trunkline.db.models import Batch, utcnow
from trunkline.domain.money import CENT, Money
from trunkline.domain.outcomes import Source
from trunkline.domain.states import RunStatus

WINDOW = timedelta(seconds=30)


@dataclass(frozen=True)
class Progress:
    """`counts` by the items' status and `sources` by how the numbers came; `costs` a month of those that were bought,
    for each currency; `rate` of items that end a second, of late, and the seconds `left` at it: None unless it runs."""

    row: Batch
    counts: dict[str, int]
    sources: dict[str, int]
    costs: list[Money]
    rate: float | None
    left: float | None

    @property
    def total(self) -> int:
        return sum(self.counts.values())


async def progress_of(session: AsyncSession, rows: Sequence[Batch]) -> list[Progress]:
    ids = [row.id for row in rows]
    counts = await batches.counts(session, ids)
    sources: dict[str, dict[str, int]] = {batch_id: defaultdict(int) for batch_id in ids}
    costs: dict[str, list[Money]] = {batch_id: [] for batch_id in ids}
    for batch_id, source, currency, count, total in await batches.sources(session, ids):
        assert source is not None  # every assigned one has it
        sources[batch_id][source] += count
        if source == Source.PURCHASED and currency and total is not None:
            costs[batch_id].append(Money(Decimal(total).quantize(CENT), currency))
    found = []
    for row in rows:
        mine = counts[row.id]
        rate, left = await _pace(session, row, mine.get("queued", 0) + mine.get("running", 0))
        found.append(Progress(row, mine, dict(sources[row.id]), costs[row.id], rate, left))
    return found


async def _pace(session: AsyncSession, row: Batch, left: int) -> tuple[float | None, float | None]:
    """(items a second over the last half minute, seconds for those that are left)."""
    if row.status != RunStatus.RUNNING:
        return None, None
    ended, first = await batches.pace(session, row.id, utcnow() - WINDOW)
    seconds = (utcnow() - first).total_seconds() if first else 0.0
    if ended < 2 or seconds <= 0:
        return None, None
    rate = (ended - 1) / seconds
    return round(rate, 2), round(left / rate, 1)
