"""One durable run over many restaurants: each list is read once, items run side by side under the providers' caps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import batches
from trunkline.db.batches import Wanting
from trunkline.db.models import Batch
from trunkline.db.runs import BATCHES
from trunkline.domain.budgets import SpendingLimits
from trunkline.domain.states import ItemStatus, RunStatus
from trunkline.domain.wishes import Wish
from trunkline.errors import Conflict, InvalidInput
from trunkline.workflows import accounts
from trunkline.workflows.manage_restaurant import check_offered
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.plan_batch import Plan, plan_for
from trunkline.workflows.services import Services
from trunkline.workflows.share_batch import KIND, own_wishes, wish_for, work_on_share

log = structlog.get_logger()
PAUSE = 1.0


@dataclass(frozen=True)
class BatchRequest:
    """Which restaurants (those without a number whose name contains `search`, at most `limit`; `include_shared` adds
    those that share one), what is asked for them beyond what each had asked for (`ignore_wishes`: instead of that), and
    what may be spent."""

    wish: Wish
    search: str | None = None
    include_shared: bool = False
    limit: int | None = None
    bounds: SpendingLimits = field(default_factory=SpendingLimits)
    ignore_wishes: bool = False

    def plain(self) -> dict[str, Any]:
        return {
            "search": self.search,
            "include_shared": self.include_shared,
            "limit": self.limit,
            "force_twilio": self.wish.forced,
            "ignore_wishes": self.ignore_wishes,
            **self.bounds.plain_of_batch(),
            **self.wish.plain(),
        }


async def plan_batch(services: Services, request: BatchRequest) -> Plan:
    """Look and count, change nothing. InvalidInput where no restaurant matches; a ProviderError where a list cannot be
    read."""
    wanted: list[tuple[str | None, Wish]] = []
    async for part in _matching(services, request):
        async with services.database.read() as session:
            own = {} if request.ignore_wishes else await own_wishes(session, part)
        wanted += [(row.id, wish_for(own.get(row.id), request.wish)) for row in part]
    return await plan_for(services, wanted, request.bounds)


async def start_batch(services: Services, request: BatchRequest, once: Once | None = None) -> str:
    """Create the batch with one item for each restaurant, and start it; its id. Once per idempotency key."""
    if before := await find_begun(services, once):
        return before.run
    await check_offered(services, request.wish)
    matching = [row.id async for part in _matching(services, request) for row in part]

    async def begin(session: AsyncSession) -> Begun:
        batch = await BATCHES.add(session, request=request.plain())
        await batches.add_items(session, batch.id, matching)
        await accounts.try_again(services, session)
        return Begun(batch.id)

    return (await begin_once(services, once, RunBatch.kind, begin)).run


async def cancel_batch(services: Services, batch_id: str) -> None:
    """Nothing more is bought: queued items are cancelled, running ones stop before their purchase."""
    async with services.database.write() as session:
        await BATCHES.get(session, batch_id)
        batch = await batches.hold(session, batch_id)
        if batch.status not in (RunStatus.RUNNING, RunStatus.PAUSED):
            raise Conflict(f"the batch is {batch.status}", hint="only a running batch can be cancelled")
        batches.cancel(batch)
        await batches.set_items(session, batch_id, ItemStatus.QUEUED, ItemStatus.CANCELLED)


async def resume_batch(services: Services, batch_id: str, once: Once | None = None) -> None:
    """A cancelled or paused batch goes on with the items that were not served; one that is done with those that
    failed. Once per idempotency key."""
    if await find_begun(services, once):
        return

    async def begin(session: AsyncSession) -> Begun:
        await BATCHES.get(session, batch_id)
        batch = await batches.hold(session, batch_id)
        if batch.status == RunStatus.RUNNING:
            raise Conflict("the batch is running", hint=f"watch it at GET /api/batches/{batch_id}")
        await batches.queue_again(session, batch_id, ItemStatus.CANCELLED, ItemStatus.FAILED, ItemStatus.UNASSIGNED)
        if not await batches.has_unfinished(session, batch_id):
            raise Conflict("every restaurant of the batch has its number", hint="start a new batch")
        batches.reopen(batch)
        await accounts.try_again(services, session)
        return Begun(batch_id)

    await begin_once(services, once, None, begin)
    await services.engine.ensure(RunBatch.kind, batch_id)


class RunBatch:
    """The durable work of one batch: its own share of the items, as every other process has one, and the end of it all.
    After a restart it goes on with what was running and with what is queued."""

    kind = KIND
    runs = BATCHES
    waits_in_line = False

    async def work(self, services: Services, row: Batch) -> None:
        services.lists.pop(row.id, None)
        try:
            while not await self._round(services, row):
                pass  # others have some, a resume has queued items again meanwhile, or an error of ours has stopped one
        finally:
            services.lists.pop(row.id, None)

    async def _round(self, services: Services, batch: Batch) -> bool:
        """Work on all that nobody works on; whether there is nothing more to do anywhere."""
        await work_on_share(services, batch)
        if services.engine.closing:
            return True  # what has not begun is for the next process
        async with services.database.read() as session:
            over = not await batches.has_unfinished(session, batch.id, (ItemStatus.RUNNING,))
        if over:
            async with services.database.write() as session:
                over = await batches.end(session, batch.id, batch.epoch)
        if not over:
            await asyncio.sleep(PAUSE)
        return over


async def _matching(services: Services, request: BatchRequest) -> AsyncIterator[Sequence[Wanting]]:
    """In pieces; InvalidInput where there is none."""
    after, left = "", request.limit
    while left is None or left > 0:
        most = batches.PIECE if left is None else min(left, batches.PIECE)
        async with services.database.read() as session:
            part = await batches.restaurants_without(
                session, include_shared=request.include_shared, search=request.search, after=after, most=most
            )
        if not part and not after:
            raise InvalidInput("no restaurant matches", field="search", hint="restaurants without a number are served")
        if part:
            yield part
        if len(part) < most:
            return
        after, left = part[-1].id, None if left is None else left - len(part)
