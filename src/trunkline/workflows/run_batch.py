"""One durable run over many restaurants: each list is read once, items run side by side under the providers' caps."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, IntegrityError

from trunkline.carriers.base import Carrier
from trunkline.db import batches, numbers
from trunkline.db.models import Batch, BatchItem, utcnow
from trunkline.domain.choosing import Criteria, affordable, in_order, is_ours_to_use
from trunkline.errors import AssignmentRunning, Cancelled, Conflict, InvalidInput, TrunklineError
from trunkline.workflows.assign_number import AssignNumber
from trunkline.workflows.assignment_run import AssignmentRun
from trunkline.workflows.inventory import BatchInventory, LiveInventory
from trunkline.workflows.manage_restaurant import JUST_STARTED, NumberWish, add_assignment, check_offered
from trunkline.workflows.services import Services

log = structlog.get_logger()
KIND = "run_batch"
T = TypeVar("T")
PAUSE = 1.0
ITEMS_PER_PLACE = 4  # an item waits for one provider while others wait for the other one


@dataclass(frozen=True)
class BatchRequest:
    """Which restaurants (those without a number whose name contains `search`, at most `limit`; `include_shared` adds
    those that share one), and what each of them wants."""

    wish: NumberWish
    search: str | None = None
    include_shared: bool = False
    limit: int | None = None

    def plain(self) -> dict[str, Any]:
        return {
            "search": self.search,
            "include_shared": self.include_shared,
            "limit": self.limit,
            "force_twilio": self.wish.force_twilio,
            **self.wish.criteria.plain(),
        }


def wish_of(request: dict[str, Any]) -> NumberWish:
    names = ("country", "area_code", "contains", "number_type", "carrier")
    criteria = Criteria.checked(**{name: request.get(name) for name in names})
    return NumberWish(force_twilio=bool(request.get("force_twilio")), criteria=criteria)


@dataclass(frozen=True)
class Plan:
    """What a batch would do: `reused` numbers cost nothing new, `bought` ones `monthly_price` in `currency` together.
    The price is None where no carrier states one; `short` restaurants would find nothing for sale."""

    restaurants: int
    reused: int
    bought: int
    short: int
    monthly_price: Decimal | None
    currency: str | None
    carrier: str | None


async def plan_batch(services: Services, request: BatchRequest) -> Plan:
    """Look and count, change nothing. InvalidInput where no restaurant matches; a ProviderError where a list cannot be
    read."""
    wanted = len(await _matching(services, request))
    live = LiveInventory(services.voice)
    reused = 0 if request.wish.force_twilio else min(wanted, await _idle_in_voice(services, live, request))
    carriers = _carriers(services, request)
    for carrier in carriers:
        reused = min(wanted, reused + await _idle_owned(services, live, carrier, request))
    missing = wanted - reused
    if not missing or not carriers:
        return Plan(wanted, reused, 0, missing, None, None, None)
    country = request.wish.criteria.country or services.settings.default_country
    offers = await carriers[0].search(request.wish.criteria, country, min(missing, 1000))
    offers = in_order(affordable(offers, services.settings.max_monthly_price))
    bought = offers[:missing]
    if len(bought) == 1000:  # a carrier shows no more at once; the rest is taken to cost what these cost
        bought += [bought[-1]] * (missing - len(bought))
    priced = [o.monthly_price for o in bought if o.monthly_price is not None]
    total = sum(priced, Decimal()) if len(priced) == len(bought) and bought else None
    currency = bought[0].currency if bought else None
    return Plan(wanted, reused, len(bought), missing - len(bought), total, currency, carriers[0].name)


async def start_batch(services: Services, request: BatchRequest) -> str:
    """Create the batch with one item for each restaurant, and start it; its id."""
    await check_offered(services, request.wish)
    restaurant_ids = await _matching(services, request)
    async with services.database.write() as session:
        batch = Batch(request=request.plain())
        session.add(batch)
        await session.flush()
        await batches.add_items(session, batch.id, restaurant_ids)
    await services.engine.start(KIND, batch.id)
    return batch.id


async def cancel_batch(services: Services, batch_id: str) -> None:
    """Nothing more is bought: queued items are cancelled, running ones stop before their purchase."""
    async with services.database.write() as session:
        batch = await batches.get(session, batch_id)
        if batch.status != "running":
            raise Conflict(f"the batch is {batch.status}", hint="only a running batch can be cancelled")
        batch.status = "cancelled"
        await batches.set_items(session, batch_id, "queued", "cancelled")


async def resume_batch(services: Services, batch_id: str) -> None:
    """A cancelled batch goes on with the items that were cancelled; one that is done with those that failed."""
    async with services.database.write() as session:
        batch = await batches.get(session, batch_id)
        if batch.status == "running":
            raise Conflict("the batch is running", hint=f"watch it at GET /api/batches/{batch_id}")
        for status in ("cancelled", "failed", "unassigned"):
            await batches.set_items(session, batch_id, status, "queued", reason=None, message=None)
        if not await batches.unfinished(session, batch_id):
            raise Conflict("every restaurant of the batch has its number", hint="start a new batch")
        batch.status, batch.ended_at = "running", None
    await services.engine.ensure(KIND, batch_id)


class RunBatch:
    """The durable work of one batch. Its items' assignments are worked on as part of it: after a restart it goes on
    with those that were running and with what is queued."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._inventories: dict[str, BatchInventory] = {}
        self.assign = AssignNumber(services, self.inventory)

    def inventory(self, batch_id: str) -> BatchInventory | None:
        """The lists that the items of a batch share while it runs in this process."""
        return self._inventories.get(batch_id)

    async def __call__(self, batch_id: str) -> None:
        services = self._services
        async with services.database.write() as session:
            batch = await batches.begin(session, batch_id)
        if batch is None:
            return
        self._inventories[batch_id] = BatchInventory(LiveInventory(services.voice))
        try:
            while not await self._round(batch):
                pass  # a resume has queued items again meanwhile, or an error of ours has stopped one
        finally:
            self._inventories.pop(batch_id, None)

    async def _round(self, batch: Batch) -> bool:
        """Work on all that is unfinished; whether there is nothing more to do here."""
        services = self._services
        async with services.database.read() as session:
            unfinished = await batches.unfinished(session, batch.id)
        wish = wish_of(batch.request)
        await _side_by_side(
            services.settings.provider_concurrency * ITEMS_PER_PLACE,
            [lambda item=item: self._item(batch, item, wish) for item in unfinished],  # type: ignore[misc]
        )
        if services.engine.closing:
            return True  # what has not begun is for the next process
        async with services.database.write() as session:
            over = await batches.end(session, batch.id, batch.epoch)
        if not over:
            await asyncio.sleep(PAUSE)
        return over

    async def _item(self, batch: Batch, item: BatchItem, wish: NumberWish) -> None:
        services = self._services
        if services.engine.closing:
            return
        if item.status == "running" and item.assignment_id is not None:
            await services.engine.work(item.assignment_id, partial(self.assign, item.assignment_id))
            return
        try:
            run = await self._begin(batch, item.restaurant_id, wish)
        except Cancelled:
            return  # cancelled since it was read; if it was queued again as well, the next round takes it
        except DBAPIError as error:
            log.warning("an item is begun later", restaurant=item.restaurant_id, error=type(error).__name__)
            return
        except TrunklineError as error:
            async with services.database.write() as session:
                await batches.set_items(
                    session, batch.id, "queued", "failed", item.restaurant_id, reason=error.code, message=error.detail
                )
            return
        await services.engine.work(run.id, partial(self.assign.work, run))

    async def _begin(self, batch: Batch, restaurant_id: str, wish: NumberWish) -> AssignmentRun:
        """Write the assignment of a queued item and begin it. Cancelled where the item is not queued any more, or
        another execution has taken the batch over."""
        services = self._services
        try:
            async with services.database.write() as session:
                begun = {"batch_id": batch.id, "epoch": 1, "started_at": utcnow()}
                assignment = await add_assignment(session, restaurant_id, wish, **begun)
                waits = await batches.is_current(session, batch.id, batch.epoch) and await batches.set_items(
                    session, batch.id, "queued", "running", restaurant_id, assignment_id=assignment.id
                )
                if not waits:
                    raise Cancelled("the batch does not wait for this restaurant any more")
                return await AssignmentRun.found(session, services, self._inventories[batch.id], assignment)
        except IntegrityError:
            raise AssignmentRunning(JUST_STARTED) from None


async def _side_by_side(places: int, jobs: list[Callable[[], Awaitable[T]]]) -> None:
    waiting = iter(jobs)

    async def worker() -> None:
        for job in waiting:
            await job()

    async with asyncio.TaskGroup() as group:
        for _ in range(min(places, len(jobs))):
            group.create_task(worker())


async def _matching(services: Services, request: BatchRequest) -> list[str]:
    async with services.database.read() as session:
        found = await batches.restaurants_without(
            session, include_shared=request.include_shared, search=request.search, limit=request.limit
        )
    if not found:
        raise InvalidInput("no restaurant matches", field="search", hint="restaurants without a number are served")
    return list(found)


def _carriers(services: Services, request: BatchRequest) -> list[Carrier]:
    pinned = "twilio" if request.wish.force_twilio else request.wish.criteria.carrier
    return [c for name, c in services.carriers.items() if pinned in (None, name)]


async def _once(call: Callable[[], Awaitable[Any]]) -> Any:
    return await call()


async def _idle_in_voice(services: Services, live: LiveInventory, request: BatchRequest) -> int:
    assistant = await services.voice.shared_assistant()
    free = [
        v.number
        for v in await live.voice_numbers(_once)
        if v.ready and v.number and v.free_for(assistant, services.server_url)
    ]
    return await _idle(services, request, [n for n in free if n])


async def _idle_owned(services: Services, live: LiveInventory, carrier: Carrier, request: BatchRequest) -> int:
    owned = await live.owned(_once, carrier)
    in_voice = {v.number for v in await live.voice_numbers(_once)}
    usable = [
        o.number for o in owned if o.voice and o.number not in in_voice and is_ours_to_use(o, services.installation)
    ]
    return await _idle(services, request, list(usable))


async def _idle(services: Services, request: BatchRequest, found: list[Any]) -> int:
    fitting = [n for n in found if request.wish.criteria.matches(n)]
    async with services.database.read() as session:
        return len(set(fitting) - await numbers.busy_among(session, fitting))
