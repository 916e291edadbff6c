"""One durable run over many restaurants: each list is read once, items run side by side under the providers' caps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db import assignments, batches, restaurants
from trunkline.db.batches import Wanting
from trunkline.db.models import Batch, BatchItem, Restaurant, utcnow
from trunkline.db.runs import BATCHES
from trunkline.domain.acting import ActorKind, acting, acting_as
from trunkline.domain.budgets import SpendingLimits
from trunkline.domain.choosing import Criteria
from trunkline.domain.numbers import E164
from trunkline.domain.outcomes import TRY_AGAIN, Outcome
from trunkline.domain.states import ItemStatus, RunStatus
from trunkline.domain.wishes import Wish
from trunkline.errors import Cancelled, Conflict, InvalidInput, TrunklineError
from trunkline.providers.pace import Urgency, urgent
from trunkline.workflows import accounts
from trunkline.workflows.assign_number import AssignNumber, work_on
from trunkline.workflows.assignment_run import AssignmentRun
from trunkline.workflows.inventory import BatchInventory, LiveInventory
from trunkline.workflows.look_ahead import look_ahead
from trunkline.workflows.manage_restaurant import add_held_assignment, check_offered
from trunkline.workflows.once import Begun, Once, begin_once, find_begun
from trunkline.workflows.plan_batch import Plan, plan_for
from trunkline.workflows.run import Job, go_on, side_by_side
from trunkline.workflows.services import Services

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


def asked_of_all(request: Mapping[str, Any]) -> Wish:
    """What a stored request asks for every restaurant."""
    names = ("country", "area_code", "contains", "number_type", "carrier")
    return Wish.stored({name: request.get(name) for name in names}, bool(request.get("force_twilio")))


def wish_for(own: Mapping[str, Any] | None, asked: Wish) -> Wish:
    """What a restaurant had asked for, but for what is asked of all; that alone where the two do not go together."""
    given = {name: value for name, value in vars(asked.criteria).items() if value is not None}
    try:
        criteria = Criteria.checked(**{**(own or {}), **given})
    except InvalidInput:
        criteria = asked.criteria
    return replace(asked, criteria=criteria)


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


async def pause_batch(services: Services, batch_id: str, outcome: Outcome) -> None:
    """A whole account refuses, so that every other restaurant would be refused as well: what is queued waits until
    somebody has acted and resumes the batch."""
    async with services.database.write() as session:
        batch = await batches.hold(session, batch_id)
        if batch.status == RunStatus.RUNNING:
            log.warning("batch paused", batch=batch_id, reason=outcome.message)
            resume = f"resume the batch: POST /api/batches/{batch_id}/resume"
            batches.pause(batch, outcome.message, (outcome.hint or TRY_AGAIN).replace(TRY_AGAIN, resume))


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
        for status in (ItemStatus.CANCELLED, ItemStatus.FAILED, ItemStatus.UNASSIGNED):
            await batches.set_items(session, batch_id, status, ItemStatus.QUEUED, reason=None, message=None)
        if not await batches.has_unfinished(session, batch_id):
            raise Conflict("every restaurant of the batch has its number", hint="start a new batch")
        batches.reopen(batch)
        await accounts.try_again(services, session)
        return Begun(batch_id)

    await begin_once(services, once, None, begin)
    await services.engine.ensure(RunBatch.kind, batch_id)


class RunBatch:
    """The durable work of one batch. Its items' assignments are worked on as part of it: after a restart it goes on
    with those that were running and with what is queued."""

    kind = "run_batch"
    runs = BATCHES
    waits_in_line = False

    async def work(self, services: Services, row: Batch) -> None:
        services.lists[row.id] = lists = BatchInventory(LiveInventory())
        try:
            with urgent(Urgency.BATCH):
                while not await self._round(services, row):
                    pass  # a resume has queued items again meanwhile, or an error of ours has stopped one
        finally:
            services.lists.pop(row.id, None)
            await lists.close()

    async def _round(self, services: Services, batch: Batch) -> bool:
        """Work on all that is unfinished; whether there is nothing more to do here."""
        for picked in (True, False):  # what one of them is to have is not given to another one
            await side_by_side(services.gate.places, self._jobs(services, batch, picked))
        if services.engine.closing:
            return True  # what has not begun is for the next process
        async with services.database.write() as session:
            over = await batches.end(session, batch.id, batch.epoch)
        if not over:
            await asyncio.sleep(PAUSE)
        return over

    async def _jobs(self, services: Services, batch: Batch, picked: bool) -> AsyncIterator[Job]:
        """A job for each unfinished item, read in pieces as places become free."""
        asked, after = asked_of_all(batch.request), -1
        while not services.engine.closing:
            async with services.database.read() as session:
                part = await batches.unfinished(session, batch.id, picked=picked, after=after)
            if not part:
                return
            after = part[-1].seq
            for item in part:
                yield partial(self._item, services, batch, item, asked)

    async def _item(self, services: Services, batch: Batch, item: BatchItem, asked: Wish) -> None:
        by_batch = replace(acting(), kind=ActorKind.BATCH, id=batch.id, name=None)
        async with services.gate.place(batch.id) as admitted:
            if admitted:
                with acting_as(by_batch):
                    await self._work_on(services, batch, item, asked)

    async def _work_on(self, services: Services, batch: Batch, item: BatchItem, asked: Wish) -> None:
        if item.status == ItemStatus.RUNNING and item.assignment_id is not None:
            again = partial(go_on, services, AssignNumber(), item.assignment_id)
            await services.engine.work(item.assignment_id, again)
            return
        try:
            run = await self._begin(services, batch, item, asked)
        except Cancelled:
            return  # cancelled since it was read; if it was queued again as well, the next round takes it
        except DBAPIError as error:
            log.warning("an item is begun later", restaurant=item.restaurant_id, error=type(error).__name__)
            return
        except TrunklineError as error:
            ends = {"reason": error.code, "message": error.detail}
            async with services.database.write() as session:
                await batches.set_item(
                    session, batch.id, ItemStatus.QUEUED, ItemStatus.FAILED, item.restaurant_id, **ends
                )
            return
        await services.engine.work(run.id, partial(self._work, services, batch, run))

    async def _work(self, services: Services, batch: Batch, run: AssignmentRun) -> None:
        outcome = await work_on(run)
        if outcome.account_wide:
            await pause_batch(services, batch.id, outcome)

    async def _begin(self, services: Services, batch: Batch, item: BatchItem, asked: Wish) -> AssignmentRun:
        """Write the assignment of a queued item and begin it. Cancelled where the item is not queued any more, the
        batch has been stopped, or another execution has taken it over."""
        restaurant_id = item.restaurant_id
        async with services.database.write() as session:
            restaurant = await restaurants.get(session, restaurant_id, lock=True)
            ignore = batch.request.get("ignore_wishes")
            own = {} if ignore else await own_wishes(session, [restaurant])
            wish = Wish(number=E164(item.picked)) if item.picked else wish_for(own.get(restaurant_id), asked)
            begun = {"batch_id": batch.id, "epoch": 1, "started_at": utcnow()}
            assignment = await add_held_assignment(session, restaurant_id, wish, **begun)
            await self._refuse_stopped(session, batch)
            if not await batches.set_item(
                session, batch.id, ItemStatus.QUEUED, ItemStatus.RUNNING, restaurant_id, assignment_id=assignment.id
            ):
                raise Cancelled("the batch does not wait for this restaurant any more")
        lists = services.lists[batch.id]
        run = await AssignmentRun.begun(services, assignment, lists)
        look_ahead(services, lists, run.candidates)
        return run

    @staticmethod
    async def _refuse_stopped(session: Any, batch: Batch) -> None:
        if await batches.running_epoch(session, batch.id) != batch.epoch:
            raise Cancelled("the batch was stopped, or is run by another process now")


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


async def own_wishes(session: Any, rows: Sequence[Wanting | Restaurant]) -> dict[str, Mapping[str, Any] | None]:
    """What each restaurant asked of its number; of those that are older than this was kept, the latest assignment
    says it."""
    unkept = [row.id for row in rows if row.wish is None]
    latest = await assignments.latest(session, unkept)
    return {row.id: row.wish if row.wish is not None else _criteria(latest.get(row.id)) for row in rows}


def _criteria(assignment: Any) -> Mapping[str, Any] | None:
    return Wish.stored(assignment.criteria).lasting() if assignment is not None else None
