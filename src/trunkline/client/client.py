"""The client whose operations are sent at once."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
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


def _sent(build: Callable[P, Call[T]]) -> Callable[Concatenate[Trunkline, P], T]:
    def method(self: Trunkline, *args: P.args, **kwargs: P.kwargs) -> T:
        return self.send(build(*args, **kwargs))

    return method_of(method, build)  # type: ignore[no-any-return]


def _listed(build: Callable[P, Pages[T]]) -> Callable[Concatenate[Trunkline, P], Iterator[T]]:
    def method(self: Trunkline, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        return self.all(build(*args, **kwargs))

    return method_of(method, build)  # type: ignore[no-any-return]


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
        for attempt in itertools.count(1):
            try:
                response = self._http.request(**wire.request_of(call))
            except httpx2.HTTPError as error:
                raise wire.unreachable(self.url, error) from None
            pause = wire.pause_before_again(response, attempt)
            if pause is None:
                break
            time.sleep(pause)
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
        return self._read(on_batches.watching(batch_id))

    def follow_events(
        self,
        *,
        types: Sequence[str] = (),
        subject: str | None = None,
        since: datetime | None = None,
        last_id: str | None = None,
    ) -> Iterator[Event]:
        """What happens, as it happens, behind the event of `last_id`, or from `since` or now on; without an end. Goes
        on after a restart of the server."""
        return self._read(on_events.following(types, subject, since, last_id))

    def _read(self, reader: EventReader[T]) -> Iterator[T]:
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

    create_restaurant = _sent(on_restaurants.create_restaurant)
    restaurants = _listed(on_restaurants.restaurants)
    restaurant = _sent(on_restaurants.restaurant)
    change_restaurant = _sent(on_restaurants.change_restaurant)
    delete_restaurant = _sent(on_restaurants.delete_restaurant)
    assign_phone = _sent(on_restaurants.assign_phone)
    activate_phone = _sent(on_restaurants.activate_phone)
    rotate_key = _sent(on_restaurants.rotate_key)
    plan_import = _sent(on_restaurants.plan_import)
    import_restaurants = _sent(on_restaurants.import_restaurants)
    assignments = _listed(on_assignments.assignments)
    assignment = _sent(on_assignments.assignment)
    retry_assignment = _sent(on_assignments.retry_assignment)
    numbers = _listed(on_numbers.numbers)
    count_numbers = _sent(on_numbers.count_numbers)
    calls = _listed(on_calls.calls)
    explain_call = _sent(on_calls.explain_call)
    callers = _sent(on_calls.callers)
    put_callers = _sent(on_calls.put_callers)
    erase_caller = _sent(on_calls.erase_caller)
    erase_restaurant = _sent(on_calls.erase_restaurant)
    number = _sent(on_numbers.number)
    search_numbers = _sent(on_numbers.search_numbers)
    price_of_number = _sent(on_numbers.price_of_number)
    buy_number = _sent(on_numbers.buy_number)
    hold_number = _sent(on_holds.hold_number)
    hold = _sent(on_holds.hold)
    end_hold = _sent(on_holds.end_hold)
    adopt_numbers = _sent(on_adopting.adopt_numbers)
    unused_numbers = _sent(on_numbers.unused_numbers)
    import_number = _sent(on_numbers.import_number)
    change_number = _sent(on_numbers.change_number)
    move_number = _sent(on_numbers.move_number)
    swap_phone = _sent(on_numbers.swap_phone)
    move = _sent(on_numbers.move)
    unassign_number = _sent(on_numbers.unassign_number)
    release_number = _sent(on_numbers.release_number)
    release = _sent(on_numbers.release)
    plan_repoint = _sent(on_numbers.plan_repoint)
    start_repoint = _sent(on_numbers.start_repoint)
    repoint = _sent(on_numbers.repoint)
    make_plan = _sent(on_reconcile.make_plan)
    plans = _listed(on_reconcile.plans)
    plan = _sent(on_reconcile.plan)
    drifts = _listed(on_reconcile.drifts)
    apply_plan = _sent(on_applies.apply_plan)
    apply = _sent(on_applies.apply)
    apply_items = _listed(on_applies.apply_items)
    cancel_apply = _sent(on_applies.cancel_apply)
    resume_apply = _sent(on_applies.resume_apply)

    plan_batch = _sent(on_batches.plan_batch)
    start_batch = _sent(on_batches.start_batch)
    batches = _listed(on_batches.batches)
    batch = _sent(on_batches.batch)
    batch_items = _listed(on_batches.batch_items)
    cancel_batch = _sent(on_batches.cancel_batch)
    resume_batch = _sent(on_batches.resume_batch)
    debts = _listed(on_upkeep.debts)
    budgets = _listed(on_budgets.budgets)
    budget = _sent(on_budgets.budget)
    set_budget = _sent(on_budgets.set_budget)
    remove_budget = _sent(on_budgets.remove_budget)
    costs = _sent(on_upkeep.costs)
    restaurant_costs = _listed(on_upkeep.restaurant_costs)
    accounts = _sent(on_upkeep.accounts)
    accept_account = _sent(on_upkeep.accept_account)
    take_over_installation = _sent(on_upkeep.take_over_installation)
    diagnose = _sent(on_upkeep.diagnose)
    health = _sent(on_upkeep.health)
    events = _listed(on_events.events)
    history = _listed(on_events.history)
    create_endpoint = _sent(on_endpoints.create_endpoint)
    endpoints = _listed(on_endpoints.endpoints)
    endpoint = _sent(on_endpoints.endpoint)
    change_endpoint = _sent(on_endpoints.change_endpoint)
    delete_endpoint = _sent(on_endpoints.delete_endpoint)
    rotate_endpoint = _sent(on_endpoints.rotate_endpoint)
    send_example = _sent(on_endpoints.send_example)
    recover_endpoint = _sent(on_endpoints.recover_endpoint)
    deliveries = _listed(on_endpoints.deliveries)
    resend_event = _sent(on_endpoints.resend_event)
    create_key = _sent(on_keys.create_key)
    keys = _listed(on_keys.keys)
    key = _sent(on_keys.key)
    rotate_api_key = _sent(on_keys.rotate_api_key)
    revoke_key = _sent(on_keys.revoke_key)
    identity = _sent(on_keys.identity)
