"""One process's share of a batch: it takes items as it has room for them, whose lists it reads once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError

from trunkline.db import assignments, batches, restaurants
from trunkline.db.batch_restaurants import Wanting
from trunkline.db.models import Batch, BatchItem, Restaurant, utcnow
from trunkline.domain.acting import ActorKind, acting, acting_as
from trunkline.domain.choosing import Criteria
from trunkline.domain.numbers import E164
from trunkline.domain.outcomes import Outcome, tried_again_by
from trunkline.domain.states import ItemStatus, RunStatus
from trunkline.domain.wishes import Wish
from trunkline.errors import Cancelled, InvalidInput, TrunklineError
from trunkline.providers.pace import Urgency, urgent
from trunkline.workflows.assign_number import AssignNumber, work_on
from trunkline.workflows.assignment_run import AssignmentRun
from trunkline.workflows.inventory import BatchInventory, LiveInventory
from trunkline.workflows.look_ahead import look_ahead
from trunkline.workflows.manage_restaurant import add_held_assignment
from trunkline.workflows.run import Job, begun_by, go_on, side_by_side
from trunkline.workflows.services import Services

log = structlog.get_logger()
KIND = "run_batch"
LOOK_SECONDS = 3.0
TAKEN_AT_ONCE = 8  # as much of its places as a process takes items for in one go


async def join_batches(services: Services) -> None:
    """For ever: take a share of every batch that runs, also of those that another process has begun."""
    shares: dict[str, asyncio.Task[None]] = {}
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            async with services.database.read() as session:
                running = await batches.all_running(session)
        except Exception as error:
            log.warning("no batch is joined now", error=type(error).__name__)
            continue
        shares = {batch_id: task for batch_id, task in shares.items() if not task.done()}
        known = {batch.id for batch in running}
        for gone in services.lists.keys() - known - shares.keys():
            del services.lists[gone]
        for batch in running:
            if batch.id not in shares:
                shares[batch.id] = asyncio.create_task(_join(services, batch))


async def _join(services: Services, batch: Batch) -> None:
    with begun_by(KIND, batch):
        await work_on_share(services, batch)


async def work_on_share(services: Services, batch: Batch) -> None:
    """Take and work on items of the batch until there are none for this process; its one share is worked on once at a
    time. Errors of ours end it, and what was taken is taken again."""
    lists = services.lists.setdefault(batch.id, BatchInventory(LiveInventory(), services.engine.part))
    share = Share(services, batch, lists)
    await services.engine.work(f"{batch.id} at {services.engine.process_id}", share.work)


class Share:
    """An item is worked on by the process whose name stands in it, which takes it: nobody else may, unless that process
    beats no more."""

    def __init__(self, services: Services, batch: Batch, lists: BatchInventory) -> None:
        self._services = services
        self._batch = batch
        self._lists = lists
        self._asked = asked_of_all(batch.request)
        self._taken: deque[BatchItem] = deque()
        self._taking = asyncio.Lock()

    async def work(self) -> None:
        try:
            with urgent(Urgency.BATCH):
                for picked in (True, False):  # what one of them is to have is not given to another one
                    self._after, self._over = -1, False
                    await side_by_side(self._services.gate.places, self._jobs(picked))
                    if picked and await self._are_picked_left():
                        return  # another process works on them
        finally:
            await self._lists.close()

    async def _are_picked_left(self) -> bool:
        async with self._services.database.read() as session:
            return await batches.has_unfinished(session, self._batch.id, picked=True)

    async def _jobs(self, picked: bool) -> AsyncIterator[Job]:
        while not self._over and not self._services.engine.closing:
            yield partial(self._next, picked)

    async def _next(self, picked: bool) -> None:
        """Work on an item, once there is room for it."""
        async with self._services.gate.place(self._batch.id) as admitted:
            item = await self._take(picked) if admitted else None
            if item is not None:
                by_batch = replace(acting(), kind=ActorKind.BATCH, id=self._batch.id, name=None)
                with acting_as(by_batch):
                    await self._work_on(item)

    async def _take(self, picked: bool) -> BatchItem | None:
        async with self._taking:
            if not self._taken and not self._over:
                await self._take_more(picked)
            return self._taken.popleft() if self._taken else None

    async def _take_more(self, picked: bool) -> None:
        engine, most = self._services.engine, max(self._services.gate.places // TAKEN_AT_ONCE, 1)
        async with self._services.database.write() as session:
            self._taken += await batches.take(
                session,
                self._batch.id,
                engine.process_id,
                engine.living,
                picked=picked,
                after=self._after,
                most=most,
            )
        if self._taken:
            self._after = self._taken[-1].seq
        else:
            self._over = True

    async def _work_on(self, item: BatchItem) -> None:
        services, batch = self._services, self._batch
        if item.status == ItemStatus.RUNNING and item.assignment_id is not None:
            again = partial(go_on, services, AssignNumber(), item.assignment_id)
            await services.engine.work(item.assignment_id, again)
            return
        try:
            run = await self._begin(item)
        except Cancelled:
            return  # cancelled since it was taken, or taken by another process
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
        await services.engine.work(run.id, partial(self._work, run))

    async def _work(self, run: AssignmentRun) -> None:
        outcome = await work_on(run)
        if outcome.account_wide:
            await pause_batch(self._services, self._batch.id, outcome)

    async def _begin(self, item: BatchItem) -> AssignmentRun:
        """Write the assignment of a queued item and begin it. Cancelled where the item is not queued any more, the
        batch has been stopped, or another process has taken the item over."""
        batch, restaurant_id = self._batch, item.restaurant_id
        async with self._services.database.write() as session:
            restaurant = await restaurants.get(session, restaurant_id, lock=True)
            ignore = batch.request.get("ignore_wishes")
            own = {} if ignore else await own_wishes(session, [restaurant])
            wish = Wish.holding(E164(item.picked)) if item.picked else wish_for(own.get(restaurant_id), self._asked)
            begun = {"batch_id": batch.id, "epoch": 1, "started_at": utcnow()}
            assignment = await add_held_assignment(session, restaurant_id, wish, **begun)
            if await batches.status_of(session, batch.id) is not RunStatus.RUNNING:
                raise Cancelled("the batch was stopped")
            if not await batches.begin_item(session, item, assignment.id):
                raise Cancelled("the batch does not wait for this restaurant any more, or not here")
        run = await AssignmentRun.begun(self._services, assignment, self._lists)
        look_ahead(self._services, self._lists, run.candidates)
        return run


async def pause_batch(services: Services, batch_id: str, outcome: Outcome) -> None:
    """A whole account refuses, so that every other restaurant would be refused as well: what is queued waits until
    somebody has acted and resumes the batch."""
    async with services.database.write() as session:
        batch = await batches.hold(session, batch_id)
        if batch.status == RunStatus.RUNNING:
            log.warning("batch paused", batch=batch_id, reason=outcome.message)
            resume = f"resume the batch: POST /api/batches/{batch_id}/resume"
            batches.pause(batch, outcome.message, tried_again_by(outcome.hint, resume))


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


async def own_wishes(session: Any, rows: Sequence[Wanting | Restaurant]) -> dict[str, Mapping[str, Any] | None]:
    """What each restaurant asked of its number; of those that are older than this was kept, the latest assignment
    says it."""
    unkept = [row.id for row in rows if row.wish is None]
    latest = await assignments.latest(session, unkept)
    return {row.id: row.wish if row.wish is not None else _criteria(latest.get(row.id)) for row in rows}


def _criteria(assignment: Any) -> Mapping[str, Any] | None:
    return Wish.stored(assignment.criteria).lasting() if assignment is not None else None
