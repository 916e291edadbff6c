"""One durable run over many restaurants: each list is read once, items run side by side under the providers' caps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import batches
from trunkline.db.batch_restaurants import Unserved, Wanting
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
STOPPED = (RunStatus.PAUSED, RunStatus.CANCELLED, RunStatus.DONE)
NOT_SERVED = (ItemStatus.CANCELLED, ItemStatus.FAILED, ItemStatus.UNASSIGNED)


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

    @property
    def unserved(self) -> Unserved:
        return Unserved(self.search, self.include_shared)

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
    until = await _last_to_serve(services, request)

    async def begin(session: AsyncSession) -> Begun:
        batch = await BATCHES.add(session, request=request.plain(), until=until)
        await _write_piece(session, batch)
        await accounts.try_again(services, session)
        return Begun(batch.id)

    batch_id = (await begin_once(services, once, None, begin)).run
    try:
        await write_items(services, batch_id)
    finally:
        await services.engine.start(RunBatch.kind, batch_id)
    return batch_id


async def write_items(services: Services, batch_id: str) -> None:
    """All that the batch still lacks, in pieces between which others write: whoever is killed between two leaves the
    rest to the batch's run. Nothing more where the batch is stopped meanwhile; the rest is then for who resumes it."""
    lacks_some = True
    while lacks_some:
        async with services.database.write() as session:
            batch = await batches.hold(session, batch_id)
            lacks_some = batch.until is not None and batch.status == RunStatus.RUNNING
            if lacks_some:
                await _write_piece(session, batch)
        await asyncio.sleep(0)


async def _write_piece(session: AsyncSession, batch: Batch) -> None:
    unserved = Unserved(batch.request["search"], batch.request["include_shared"])
    place, last = await batches.last_item(session, batch.id)
    most, limit = batches.WRITTEN_AT_ONCE, batch.request["limit"]
    if limit is not None:
        most = min(most, limit - place - 1)
    added = await unserved.add(session, batch.id, after=last, until=batch.until, first=place + 1, most=most)
    if added < batches.WRITTEN_AT_ONCE:
        batches.complete(batch)


async def cancel_batch(services: Services, batch_id: str) -> None:
    """Nothing more is bought: queued items are cancelled, running ones stop before their purchase. Who was killed
    amidst of it is asked again. The first piece is cancelled with the batch, so that of two who cancel a small one at
    once the second is refused."""
    stop = partial(batches.set_items, batch_id=batch_id, before=[ItemStatus.QUEUED], after=ItemStatus.CANCELLED)
    async with services.database.write() as session:
        await BATCHES.get(session, batch_id)
        batch = await batches.hold(session, batch_id)
        left = batch.status == RunStatus.CANCELLED and await batches.has_unfinished(
            session, batch_id, [ItemStatus.QUEUED]
        )
        if batch.status not in (RunStatus.RUNNING, RunStatus.PAUSED) and not left:
            raise Conflict(f"the batch is {batch.status}", hint="only a running batch can be cancelled")
        batches.cancel(batch)
        await stop(session, places=range(batches.WRITTEN_AT_ONCE))
    await _in_pieces(services, batch_id, (RunStatus.CANCELLED,), stop)


async def resume_batch(services: Services, batch_id: str, once: Once | None = None) -> None:
    """A cancelled or paused batch goes on with the items that were not served; one that is done with those that
    failed. Once per idempotency key. It goes on when all of them wait: who is killed before that is asked again."""
    if await find_begun(services, once):
        return
    async with services.database.read() as session:
        await BATCHES.get(session, batch_id)
    again = partial(batches.queue_again, batch_id=batch_id, before=NOT_SERVED)
    await _in_pieces(services, batch_id, STOPPED, again)

    async def begin(session: AsyncSession) -> Begun:
        batch = await batches.hold(session, batch_id)
        if batch.status == RunStatus.RUNNING:
            raise Conflict("the batch is running", hint=f"watch it at GET /api/batches/{batch_id}")
        await again(session)  # what has ended since
        if batch.until is None and not await batches.has_unfinished(session, batch_id):
            raise Conflict("every restaurant of the batch has its number", hint="start a new batch")
        batches.reopen(batch)
        await accounts.try_again(services, session)
        return Begun(batch_id)

    await begin_once(services, once, None, begin)
    await services.engine.ensure(RunBatch.kind, batch_id)


async def _in_pieces(
    services: Services, batch_id: str, statuses: Collection[RunStatus], change: Callable[..., Awaitable[None]]
) -> None:
    """`change` the batch's items, for as long as it has one of these statuses: a transaction for so many places of it,
    between which others write."""
    async with services.database.read() as session:
        items = (await batches.last_item(session, batch_id))[0] + 1
    for start in range(0, items, batches.WRITTEN_AT_ONCE):
        async with services.database.write() as session:
            if (await batches.hold(session, batch_id)).status not in statuses:
                return
            await change(session, places=range(start, start + batches.WRITTEN_AT_ONCE))
        await asyncio.sleep(0)


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
        await write_items(services, batch.id)
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


async def _last_to_serve(services: Services, request: BatchRequest) -> str:
    """The last restaurant that the batch is to serve; InvalidInput where there is none."""
    until, left = "", request.limit
    while True:
        most = batches.PIECE if left is None else min(left, batches.PIECE)
        async with services.database.read() as session:
            last, count = await request.unserved.last(session, until, most)
        until, left = last or until, None if left is None else left - count
        if count < batches.PIECE:
            break
        await asyncio.sleep(0)
    if not until:
        raise nobody_matches()
    return until


async def _matching(services: Services, request: BatchRequest) -> AsyncIterator[Sequence[Wanting]]:
    """In pieces; InvalidInput where there is none."""
    after, left = "", request.limit
    while left is None or left > 0:
        most = batches.PIECE if left is None else min(left, batches.PIECE)
        async with services.database.read() as session:
            part = await request.unserved.part(session, after, most)
        if not part and not after:
            raise nobody_matches()
        if part:
            yield part
        if len(part) < most:
            return
        after, left = part[-1].id, None if left is None else left - len(part)


def nobody_matches() -> InvalidInput:
    return InvalidInput("no restaurant matches", field="search", hint="restaurants without a number are served")
