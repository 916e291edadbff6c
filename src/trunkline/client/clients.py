"""The two clients: the same operations, sent at once or awaited."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx2

from trunkline.client import call_operations, operations, wire
from trunkline.client.models import Batch, BatchItem
from trunkline.client.wire import Call, EventReader, Pages

P = ParamSpec("P")
T = TypeVar("T")
RECONNECT_SECONDS = 0.5


def _method(method: Callable[..., Any], build: Callable[..., Any]) -> Any:
    """`method` under the name, text and parameters of the operation."""
    named = wraps(build)(method)
    del named.__wrapped__
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    shown = inspect.signature(build)
    named.__signature__ = shown.replace(parameters=[own, *shown.parameters.values()])  # type: ignore[attr-defined]
    return named


def _sent(build: Callable[P, Call[T]]) -> Callable[Concatenate[Trunkline, P], T]:
    def method(self: Trunkline, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(build(*args, **kwargs))

    return _method(method, build)  # type: ignore[no-any-return]


def _listed(build: Callable[P, Pages[T]]) -> Callable[Concatenate[Trunkline, P], Iterator[T]]:
    def method(self: Trunkline, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self.all(build(*args, **kwargs))

    return _method(method, build)  # type: ignore[no-any-return]


class Trunkline:
    """The API at `url`, asked with the operator's secret. Raises ApiError and ServerUnreachable.

    Methods that answer a list are iterators, which read one page after the other.
    """

    def __init__(self, url: str = wire.DEFAULT_URL, secret: str | None = None, *, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx2.Client(**wire.options(self.url, secret, timeout))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(self, call: Call[T]) -> T:
        try:
            response = self._http.request(**wire.request_of(call))
        except httpx2.HTTPError as error:
            raise wire.unreachable(self.url, error) from None
        return wire.answer_of(call, response)

    def all(self, pages: Pages[T]) -> Iterator[T]:
        cursor: str | None = None
        while True:
            items, cursor = pages.read(self.send(pages.page(cursor)))
            yield from items
            if cursor is None:
                return

    def watch_batch(self, batch_id: str) -> Iterator[Batch | BatchItem]:
        """Each restaurant that ended, and the batch whenever it changed, until it is over. Begins with what ended so
        far; goes on after a restart of the server, and may then repeat an item."""
        reader = EventReader(batch_id)
        while True:
            try:
                with self._http.stream(**reader.request()) as response:
                    if not response.is_success:
                        response.read()
                    reader.check(response)
                    for line in response.iter_lines():
                        yield from reader.feed(line)
            except httpx2.HTTPError as error:
                reader.lost(self.url, error)
            if reader.over:
                return
            time.sleep(RECONNECT_SECONDS)

    create_restaurant = _sent(operations.create_restaurant)
    restaurants = _listed(operations.restaurants)
    restaurant = _sent(operations.restaurant)
    change_restaurant = _sent(operations.change_restaurant)
    delete_restaurant = _sent(operations.delete_restaurant)
    assign_phone = _sent(operations.assign_phone)
    activate_phone = _sent(operations.activate_phone)
    rotate_key = _sent(operations.rotate_key)
    plan_import = _sent(operations.plan_import)
    import_restaurants = _sent(operations.import_restaurants)
    assignments = _listed(operations.assignments)
    assignment = _sent(operations.assignment)
    retry_assignment = _sent(operations.retry_assignment)
    numbers = _listed(operations.numbers)
    count_numbers = _sent(operations.count_numbers)
    calls = _listed(call_operations.calls)
    explain_call = _sent(call_operations.explain_call)
    callers = _sent(call_operations.callers)
    put_callers = _sent(call_operations.put_callers)
    erase_caller = _sent(call_operations.erase_caller)
    erase_restaurant = _sent(call_operations.erase_restaurant)
    number = _sent(operations.number)
    search_numbers = _sent(operations.search_numbers)
    price_of_number = _sent(operations.price_of_number)
    buy_number = _sent(operations.buy_number)
    unused_numbers = _sent(operations.unused_numbers)
    import_number = _sent(operations.import_number)
    change_number = _sent(operations.change_number)
    move_number = _sent(operations.move_number)
    swap_phone = _sent(operations.swap_phone)
    move = _sent(operations.move)
    unassign_number = _sent(operations.unassign_number)
    release_number = _sent(operations.release_number)
    release = _sent(operations.release)
    plan_repoint = _sent(operations.plan_repoint)
    start_repoint = _sent(operations.start_repoint)
    repoint = _sent(operations.repoint)
    plan_batch = _sent(operations.plan_batch)
    start_batch = _sent(operations.start_batch)
    batches = _listed(operations.batches)
    batch = _sent(operations.batch)
    batch_items = _listed(operations.batch_items)
    cancel_batch = _sent(operations.cancel_batch)
    resume_batch = _sent(operations.resume_batch)
    debts = _listed(operations.debts)
    costs = _sent(operations.costs)
    restaurant_costs = _listed(operations.restaurant_costs)
    accounts = _sent(operations.accounts)
    accept_account = _sent(operations.accept_account)
    take_over_installation = _sent(operations.take_over_installation)
    diagnose = _sent(operations.diagnose)
    health = _sent(operations.health)


def _awaited(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncTrunkline, P], Awaitable[T]]:
    async def method(self: AsyncTrunkline, *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.send(build(*args, **kwargs))

    return _method(method, build)  # type: ignore[no-any-return]


def _paged(build: Callable[P, Pages[T]]) -> Callable[Concatenate[AsyncTrunkline, P], AsyncIterator[T]]:
    def method(self: AsyncTrunkline, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[T]:
        return self.all(build(*args, **kwargs))

    return _method(method, build)  # type: ignore[no-any-return]


class AsyncTrunkline:
    """The same for asyncio."""

    def __init__(self, url: str = wire.DEFAULT_URL, secret: str | None = None, *, timeout: float = 60.0) -> None:
        self.url = url.rstrip("/")
        self._http = httpx2.AsyncClient(**wire.options(self.url, secret, timeout))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, call: Call[T]) -> T:
        try:
            response = await self._http.request(**wire.request_of(call))
        except httpx2.HTTPError as error:
            raise wire.unreachable(self.url, error) from None
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
        reader = EventReader(batch_id)
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

    create_restaurant = _awaited(operations.create_restaurant)
    restaurants = _paged(operations.restaurants)
    restaurant = _awaited(operations.restaurant)
    change_restaurant = _awaited(operations.change_restaurant)
    delete_restaurant = _awaited(operations.delete_restaurant)
    assign_phone = _awaited(operations.assign_phone)
    activate_phone = _awaited(operations.activate_phone)
    rotate_key = _awaited(operations.rotate_key)
    plan_import = _awaited(operations.plan_import)
    import_restaurants = _awaited(operations.import_restaurants)
    assignments = _paged(operations.assignments)
    assignment = _awaited(operations.assignment)
    retry_assignment = _awaited(operations.retry_assignment)
    numbers = _paged(operations.numbers)
    count_numbers = _awaited(operations.count_numbers)
    calls = _paged(call_operations.calls)
    explain_call = _awaited(call_operations.explain_call)
    callers = _awaited(call_operations.callers)
    put_callers = _awaited(call_operations.put_callers)
    erase_caller = _awaited(call_operations.erase_caller)
    erase_restaurant = _awaited(call_operations.erase_restaurant)
    number = _awaited(operations.number)
    search_numbers = _awaited(operations.search_numbers)
    price_of_number = _awaited(operations.price_of_number)
    buy_number = _awaited(operations.buy_number)
    unused_numbers = _awaited(operations.unused_numbers)
    import_number = _awaited(operations.import_number)
    change_number = _awaited(operations.change_number)
    move_number = _awaited(operations.move_number)
    swap_phone = _awaited(operations.swap_phone)
    move = _awaited(operations.move)
    unassign_number = _awaited(operations.unassign_number)
    release_number = _awaited(operations.release_number)
    release = _awaited(operations.release)
    plan_repoint = _awaited(operations.plan_repoint)
    start_repoint = _awaited(operations.start_repoint)
    repoint = _awaited(operations.repoint)
    plan_batch = _awaited(operations.plan_batch)
    start_batch = _awaited(operations.start_batch)
    batches = _paged(operations.batches)
    batch = _awaited(operations.batch)
    batch_items = _paged(operations.batch_items)
    cancel_batch = _awaited(operations.cancel_batch)
    resume_batch = _awaited(operations.resume_batch)
    debts = _paged(operations.debts)
    costs = _awaited(operations.costs)
    restaurant_costs = _paged(operations.restaurant_costs)
    accounts = _awaited(operations.accounts)
    accept_account = _awaited(operations.accept_account)
    take_over_installation = _awaited(operations.take_over_installation)
    diagnose = _awaited(operations.diagnose)
    health = _awaited(operations.health)
