"""The client whose operations are awaited."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Concatenate, ParamSpec, Self, TypeVar

import httpx2

from trunkline.client import wire
from trunkline.client.methods import RECONNECT_SECONDS, method_of
from trunkline.client.models import Batch, BatchItem, Event
from trunkline.client.operations import adopting as on_adopting
from trunkline.client.operations import applies as on_applies
from trunkline.client.operations import assignments as on_assignments
from trunkline.client.operations import batches as on_batches
from trunkline.client.operations import budgets as on_budgets
from trunkline.client.operations import calls as on_calls
from trunkline.client.operations import endpoints as on_endpoints
from trunkline.client.operations import events as on_events
from trunkline.client.operations import holds as on_holds
from trunkline.client.operations import keys as on_keys
from trunkline.client.operations import numbers as on_numbers
from trunkline.client.operations import reconcile as on_reconcile
from trunkline.client.operations import restaurants as on_restaurants
from trunkline.client.operations import upkeep as on_upkeep
from trunkline.client.wire import Call, EventReader, Pages

P = ParamSpec("P")
T = TypeVar("T")


def _awaited(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncTrunkline, P], Awaitable[T]]:
    async def method(self: AsyncTrunkline, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(build(*args, **kwargs))

    return method_of(method, build)  # type: ignore[no-any-return]


def _paged(build: Callable[P, Pages[T]]) -> Callable[Concatenate[AsyncTrunkline, P], AsyncIterator[T]]:
    def method(self: AsyncTrunkline, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self.all(build(*args, **kwargs))

    return method_of(method, build)  # type: ignore[no-any-return]


class AsyncTrunkline:
    """The same for asyncio."""

    def __init__(
        self,
        url: str = wire.DEFAULT_URL,
        secret: str | None = None,
        *,
        timeout: float = 60.0,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        """`transport` is another way to the server than a connection: an application in this process."""
        self.url = url.rstrip("/")
        self._http = httpx2.AsyncClient(**wire.options(self.url, secret, timeout), transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        for attempt in itertools.count(1):
            try:
                response = await self._http.request(**wire.request_of(call))
            except httpx2.HTTPError as error:
                raise wire.unreachable(self.url, error) from None
            pause = wire.pause_before_again(response, attempt)
            if pause is None:
                break
            await asyncio.sleep(pause)
        return wire.answer_of(call, response)

    async def all(self, pages: Pages[T]) -> AsyncIterator[T]:
        cursor: str | None = None
        while True:
            items, cursor = pages.read(await self.send(pages.page(cursor)))
            for item in items:
                yield item
            if cursor is None:
                return

    async def watch_batch(self, batch_id: str) -> AsyncIterator[Batch | BatchItem]:
        """As Trunkline.watch_batch."""
        async for told in self._read(on_batches.watching(batch_id)):
            yield told

    async def follow_events(
        self,
        *,
        types: Sequence[str] = (),
        subject: str | None = None,
        since: datetime | None = None,
        last_id: str | None = None,
    ) -> AsyncIterator[Event]:
        """As Trunkline.follow_events."""
        async for told in self._read(on_events.following(types, subject, since, last_id)):
            yield told

    async def _read(self, reader: EventReader[T]) -> AsyncIterator[T]:
        while True:
            try:
                async with self._http.stream(**reader.request()) as response:
                    if not response.is_success:
                        await response.aread()
                    reader.check(response)
                    async for line in response.aiter_lines():
                        for told in reader.feed(line):
                            yield told
            except httpx2.HTTPError as error:
                reader.lost(self.url, error)
            if reader.over:
                return
            await asyncio.sleep(RECONNECT_SECONDS)

    create_restaurant = _awaited(on_restaurants.create_restaurant)
    restaurants = _paged(on_restaurants.restaurants)
    restaurant = _awaited(on_restaurants.restaurant)
    change_restaurant = _awaited(on_restaurants.change_restaurant)
    delete_restaurant = _awaited(on_restaurants.delete_restaurant)
    assign_phone = _awaited(on_restaurants.assign_phone)
    activate_phone = _awaited(on_restaurants.activate_phone)
    rotate_key = _awaited(on_restaurants.rotate_key)
    plan_import = _awaited(on_restaurants.plan_import)
    import_restaurants = _awaited(on_restaurants.import_restaurants)
    assignments = _paged(on_assignments.assignments)
    assignment = _awaited(on_assignments.assignment)
    retry_assignment = _awaited(on_assignments.retry_assignment)
    numbers = _paged(on_numbers.numbers)
    count_numbers = _awaited(on_numbers.count_numbers)
    calls = _paged(on_calls.calls)
    explain_call = _awaited(on_calls.explain_call)
    callers = _awaited(on_calls.callers)
    put_callers = _awaited(on_calls.put_callers)
    erase_caller = _awaited(on_calls.erase_caller)
    erase_restaurant = _awaited(on_calls.erase_restaurant)
    number = _awaited(on_numbers.number)
    search_numbers = _awaited(on_numbers.search_numbers)
    price_of_number = _awaited(on_numbers.price_of_number)
    buy_number = _awaited(on_numbers.buy_number)
    hold_number = _awaited(on_holds.hold_number)
    hold = _awaited(on_holds.hold)
    end_hold = _awaited(on_holds.end_hold)
    adopt_numbers = _awaited(on_adopting.adopt_numbers)
    unused_numbers = _awaited(on_numbers.unused_numbers)
    import_number = _awaited(on_numbers.import_number)
    change_number = _awaited(on_numbers.change_number)
    move_number = _awaited(on_numbers.move_number)
    swap_phone = _awaited(on_numbers.swap_phone)
    move = _awaited(on_numbers.move)
    unassign_number = _awaited(on_numbers.unassign_number)
    release_number = _awaited(on_numbers.release_number)
    release = _awaited(on_numbers.release)
    plan_repoint = _awaited(on_numbers.plan_repoint)
    start_repoint = _awaited(on_numbers.start_repoint)
    repoint = _awaited(on_numbers.repoint)
    make_plan = _awaited(on_reconcile.make_plan)
    plans = _paged(on_reconcile.plans)
    plan = _awaited(on_reconcile.plan)
    drifts = _paged(on_reconcile.drifts)
    apply_plan = _awaited(on_applies.apply_plan)
    apply = _awaited(on_applies.apply)
    apply_items = _paged(on_applies.apply_items)
    cancel_apply = _awaited(on_applies.cancel_apply)
    resume_apply = _awaited(on_applies.resume_apply)

    plan_batch = _awaited(on_batches.plan_batch)
    start_batch = _awaited(on_batches.start_batch)
    batches = _paged(on_batches.batches)
    batch = _awaited(on_batches.batch)
    batch_items = _paged(on_batches.batch_items)
    cancel_batch = _awaited(on_batches.cancel_batch)
    resume_batch = _awaited(on_batches.resume_batch)
    debts = _paged(on_upkeep.debts)
    budgets = _paged(on_budgets.budgets)
    budget = _awaited(on_budgets.budget)
    set_budget = _awaited(on_budgets.set_budget)
    remove_budget = _awaited(on_budgets.remove_budget)
    costs = _awaited(on_upkeep.costs)
    restaurant_costs = _paged(on_upkeep.restaurant_costs)
    accounts = _awaited(on_upkeep.accounts)
    accept_account = _awaited(on_upkeep.accept_account)
    take_over_installation = _awaited(on_upkeep.take_over_installation)
    diagnose = _awaited(on_upkeep.diagnose)
    health = _awaited(on_upkeep.health)
    events = _paged(on_events.events)
    history = _paged(on_events.history)
    create_endpoint = _awaited(on_endpoints.create_endpoint)
    endpoints = _paged(on_endpoints.endpoints)
    endpoint = _awaited(on_endpoints.endpoint)
    change_endpoint = _awaited(on_endpoints.change_endpoint)
    delete_endpoint = _awaited(on_endpoints.delete_endpoint)
    rotate_endpoint = _awaited(on_endpoints.rotate_endpoint)
    send_example = _awaited(on_endpoints.send_example)
    recover_endpoint = _awaited(on_endpoints.recover_endpoint)
    deliveries = _paged(on_endpoints.deliveries)
    resend_event = _awaited(on_endpoints.resend_event)
    create_key = _awaited(on_keys.create_key)
    keys = _paged(on_keys.keys)
    key = _awaited(on_keys.key)
    rotate_api_key = _awaited(on_keys.rotate_api_key)
    revoke_key = _awaited(on_keys.revoke_key)
    identity = _awaited(on_keys.identity)
