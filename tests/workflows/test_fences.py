"""What is held in the queue of an account is not sent once its run was overtaken, or what it was for is gone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.support.desk import Desk, Opener
from tests.workflows.test_assign_number import import_number, own, vapi_client
from trunkline.db import numbers, restaurants
from trunkline.db.models import Assignment, Batch, Number, Release, Repoint, StockPurchase
from trunkline.db.runs import ASSIGNMENTS, RELEASES, REPOINTS, STOCK_PURCHASES, Runs
from trunkline.domain.numbers import E164, NumberState
from trunkline.domain.outcomes import Outcome, Status
from trunkline.domain.wishes import Wish
from trunkline.providers.account import Account
from trunkline.workflows import run
from trunkline.workflows.manage_restaurant import create_restaurant, delete_restaurant
from trunkline.workflows.release_number import request_release
from trunkline.workflows.repoint_numbers import start_repoint
from trunkline.workflows.run_batch import BatchRequest, cancel_batch, start_batch
from trunkline.workflows.share_batch import pause_batch
from trunkline.workflows.stock_number import buy_number

pytestmark = pytest.mark.anyio
SPARE = "+14155550199"
RUNS: tuple[tuple[type[Any], Runs[Any]], ...] = (
    (Assignment, ASSIGNMENTS),
    (Release, RELEASES),
    (Repoint, REPOINTS),
    (StockPurchase, STOCK_PURCHASES),
)


class Limiter:
    """Holds the requests of one operation in the queue: they have not got their turn until it is opened."""

    def __init__(self, operation: str) -> None:
        self.operation = operation
        self.reached, self.opened = asyncio.Event(), asyncio.Event()

    def hold(self, monkeypatch: pytest.MonkeyPatch) -> None:
        turn, limiter = Account.turn, self

        @asynccontextmanager
        async def held(account: Account, role: Any, operation: str) -> AsyncIterator[None]:
            if operation == limiter.operation:
                limiter.reached.set()
                await limiter.opened.wait()
            async with turn(account, role, operation):
                yield

        monkeypatch.setattr(Account, "turn", held)


async def overtake(desk: Desk) -> None:
    """Another process begins every run that is running."""
    async with desk.services.database.write() as session:
        for table, kind in RUNS:
            for row in await desk.rows(table, table.status == "running"):
                await kind.begin(session, row.id)


async def serve_again(desk: Desk) -> None:
    """Another process has settled the debt, and the number serves the next restaurant."""
    async with desk.services.database.write() as session:
        (row,) = await desk.rows(Number)
        row = (await numbers.lock(session, row.number))[row.number]
        numbers.move(row, NumberState.IDLE)
        numbers.put_in_service(row)


async def delete(desk: Desk) -> None:
    """The restaurants go, although their assignments have not ended."""
    async with desk.services.database.write() as session:
        for row in await desk.rows(Assignment, Assignment.status == "running"):
            restaurants.delete(await restaurants.get(session, row.restaurant_id))


async def cancel(desk: Desk) -> None:
    (batch,) = await desk.rows(Batch)
    await cancel_batch(desk.services, batch.id)


async def pause(desk: Desk) -> None:
    (batch,) = await desk.rows(Batch)
    await pause_batch(desk.services, batch.id, Outcome(Status.UNASSIGNED, message="the account refuses"))


def changes(desk: Desk) -> list[str]:
    return [f"{r['provider']} {r['operation']}" for r in desk.sandbox.requests() if r["method"] != "GET"]


async def one_in_service(desk: Desk) -> None:
    await desk.assign("served")


async def one_in_vapi(desk: Desk) -> None:
    own(desk.sandbox, SPARE)
    import_number(desk.sandbox, SPARE)


async def one_at_the_carrier(desk: Desk) -> None:
    own(desk.sandbox, SPARE)


async def one_led_away(desk: Desk) -> None:
    await desk.assign("served")
    with vapi_client(desk.sandbox) as client:
        (record,) = client.get("/phone-number").json()
        client.patch(f"/phone-number/{record['id']}", json={"assistantId": None}).raise_for_status()


async def nothing(desk: Desk) -> None:
    """As the sandbox is."""


async def assign(desk: Desk) -> None:
    await desk.create("next")


async def release(desk: Desk) -> None:
    (mapping,) = await desk.mappings()
    await request_release(desk.services, mapping.number, give_back=True, force=True)


async def keep(desk: Desk) -> None:
    (mapping,) = await desk.mappings()
    await request_release(desk.services, mapping.number, give_back=False, force=True)


async def detach(desk: Desk) -> None:
    (mapping,) = await desk.mappings()
    await delete_restaurant(desk.services, mapping.restaurant_id)
    await desk.settle()


async def repoint(desk: Desk) -> None:
    await start_repoint(desk.services)


async def buy_for_stock(desk: Desk) -> None:
    (offer, *_) = desk.sandbox.control.get("/numbers", params={"carrier": "twilio", "held": "false"}).json()
    await buy_number(desk.services, E164(offer["number"]), "twilio")


async def batch(desk: Desk) -> None:
    await create_restaurant(desk.services, "Roma", Wish(), assign=False)
    await start_batch(desk.services, BatchRequest(Wish()))


Act = Callable[[Desk], Coroutine[Any, Any, None]]
HELD: list[tuple[str, str, Act, Act, Act]] = [
    ("twilio", "buy", nothing, assign, overtake),
    ("telnyx", "number_orders.create", nothing, assign, overtake),
    ("vonage", "number.buy", nothing, assign, overtake),
    ("vapi", "phone_numbers.create", nothing, assign, overtake),
    ("twilio", "buy", nothing, buy_for_stock, overtake),
    ("twilio", "buy", nothing, assign, delete),
    ("twilio", "buy", nothing, batch, cancel),
    ("twilio", "buy", nothing, batch, pause),
    ("twilio", "import", nothing, assign, overtake),
    ("twilio", "connect", one_in_vapi, assign, overtake),
    ("twilio", "mark", one_at_the_carrier, assign, overtake),
    ("twilio", "connect", one_in_service, release, overtake),
    ("twilio", "remove", one_in_service, release, overtake),
    ("twilio", "release", one_in_service, release, overtake),
    ("twilio", "restore", one_in_service, keep, overtake),
    ("vonage", "number.cancel", one_in_service, release, overtake),
    ("twilio", "connect", one_led_away, repoint, overtake),
    ("twilio", "connect", one_in_service, detach, serve_again),
]


def named(case: object) -> str:
    return str(getattr(case, "__name__", case))


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True, ids=[""])
@pytest.mark.parametrize(("carrier", "operation", "before", "start", "meanwhile"), HELD, ids=named)
async def test_what_waits_for_its_turn_is_not_sent_once_it_is_not_wanted(
    open_desk: Opener,
    monkeypatch: pytest.MonkeyPatch,
    carrier: str,
    operation: str,
    before: Act,
    start: Act,
    meanwhile: Act,
) -> None:
    async with open_desk(carriers=[carrier]) as desk:
        await before(desk)
        monkeypatch.setattr(run, "CURRENT_FOR", 0)  # as if the process had been silent for as long as a take-over needs
        limiter = Limiter(operation)
        limiter.hold(monkeypatch)
        working = asyncio.create_task(start(desk))
        await asyncio.wait_for(limiter.reached.wait(), 10)
        await meanwhile(desk)
        seen = changes(desk)
        limiter.opened.set()
        while desk.services.engine.running:
            await asyncio.sleep(0.02)
        await asyncio.wait([working], timeout=1)  # longer than that waits who bought for stock, and is not told
        working.cancel()
        assert changes(desk) == seen
