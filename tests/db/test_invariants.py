"""Books that are as they must be are not spoken of; each way in which they can be wrong is found, and that alone."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from prometheus_client import generate_latest

from tests.support.desk import Desk
from trunkline import __version__
from trunkline.db.invariants import EXAMPLES, find_broken
from trunkline.db.models import (
    Assignment,
    Batch,
    BatchItem,
    Debt,
    Delivery,
    Endpoint,
    Mapping,
    Number,
    PurchaseIntent,
    Restaurant,
    StockPurchase,
    utcnow,
)
from trunkline.db.session import Database
from trunkline.domain.invariants import WORDS, Invariant
from trunkline.metrics import DELIVERY_AGE, INVARIANTS_BROKEN
from trunkline.workflows import keep_house
from trunkline.workflows.check_books import check_books
from trunkline.workflows.measure_books import measure_books

pytestmark = pytest.mark.anyio
LONG_AGO = utcnow() - timedelta(hours=2)
ONE, RESTAURANT, RUN = "+14155550101", "rst_1", "asg_1"
OPEN: dict[str, Any] = {"carrier": "twilio", "mark": "trunkline-x-y", "created_at": LONG_AGO}


def number(state: str, **more: Any) -> Number:
    return Number(**{"number": ONE, "state": state, "updated_at": LONG_AGO, **more})


def mapping(**more: Any) -> Mapping:
    return Mapping(**{"number": ONE, "restaurant_id": RESTAURANT, "active": True, "source": "existing", **more})


def run(status: str, **more: Any) -> Assignment:
    return Assignment(**{"id": RUN, "restaurant_id": RESTAURANT, "status": status, **more})


def bought(**more: Any) -> PurchaseIntent:
    return PurchaseIntent(**OPEN | {"assignment_id": RUN, "status": "bought", **more})


WRONG: dict[Invariant, list[Any]] = {
    Invariant.MAPPED_ONCE: [number("in_service"), mapping(active=False)],
    Invariant.IN_SERVICE_IS_MAPPED: [number("in_service")],
    Invariant.MAPPED_IS_IN_SERVICE: [number("idle"), mapping()],
    Invariant.DELETED_HAS_NONE: [number("in_service"), mapping(restaurant_id="rst_gone")],
    Invariant.ENDED_IS_INACTIVE: [number("idle"), mapping(ended_at=LONG_AGO)],
    Invariant.CLAIM_HAS_RUN: [run("failed"), number("idle", claimed_by=RUN)],
    Invariant.INTENT_IS_OWED: [run("failed"), PurchaseIntent(**OPEN, assignment_id=RUN, number=ONE)],
    Invariant.PURCHASE_HAS_INTENT: [number("purchasing")],
    Invariant.BOUGHT_ONCE: [run("failed"), bought(number=ONE), bought(number="+14155550102")],
    Invariant.ASSIGNED_HAD_NUMBER: [run("assigned", number=ONE)],
}
RIGHT: dict[str, list[Any]] = {
    "a number that serves somebody": [number("in_service"), mapping()],
    "one that has just been given up": [number("idle", updated_at=utcnow()), mapping()],
    "a claim of a run": [run("running"), number("idle", claimed_by=RUN)],
    "a claim that is owed": [
        run("failed"),
        number("idle", claimed_by=RUN),
        Debt(kind="bought_not_imported", subject=ONE),
    ],
    "a purchase of a run": [
        run("running"),
        PurchaseIntent(**OPEN, assignment_id=RUN, number=ONE),
        number("purchasing"),
    ],
    "a purchase for stock": [
        PurchaseIntent(**OPEN, number=ONE),
        StockPurchase(id="buy_1", number=ONE, carrier="twilio"),
    ],
    "a purchase of which is asked": [
        PurchaseIntent(**OPEN, id="int_1", number=ONE),
        Debt(kind="intent_unknown", subject="int_1"),
    ],
    "one that has just begun": [PurchaseIntent(**OPEN | {"created_at": utcnow()}, number=ONE)],
    "one that got a number and lost it": [
        number("idle"),
        run("assigned", number=ONE),
        mapping(active=False, ended_at=LONG_AGO),
    ],
}


async def written(database: Database, rows: list[Any]) -> dict[Invariant, list[str]]:
    """What is broken once these rows are in the books."""
    async with database.write() as session:
        for id_, deleted_at in ((RESTAURANT, None), ("rst_gone", LONG_AGO)):
            session.add(Restaurant(id=id_, name=id_, api_key_hash=id_, deleted_at=deleted_at))
        await session.flush()
        for row in rows:
            session.add(sa.inspect(row).mapper.class_(**_values(row)))
            await session.flush()
    async with database.read() as session:
        return {one.invariant: list(one.examples) for one in await find_broken(session)}


def _values(row: Any) -> dict[str, Any]:
    """A row of its own for each test: one that was written belongs to its session."""
    return {name: value for name, value in vars(row).items() if not name.startswith("_")}


@pytest.mark.parametrize("invariant", Invariant)
async def test_what_is_wrong_is_found_and_nothing_else(database: Database, invariant: Invariant) -> None:
    found = await written(database, WRONG[invariant])
    assert list(found) == [invariant]
    assert len(found[invariant]) == 1


async def test_what_is_under_way_or_owed_is_not_wrong(database: Database) -> None:
    for n, (what, rows) in enumerate(RIGHT.items()):
        if n:
            async with database.write() as session:
                for table in (Debt, Mapping, PurchaseIntent, StockPurchase, Number, Assignment, Restaurant):
                    await session.execute(sa.delete(table))
        assert await written(database, rows) == {}, what


async def test_it_is_told_by_the_doctor_and_a_metric_with_some_of_them(desk: Desk) -> None:
    await desk.assign()
    (finding,) = await check_books(desk.services)
    assert (finding.level, finding.text) == ("ok", f"{len(Invariant)} rules hold")
    async with desk.services.database.write() as session:
        for n in range(EXAMPLES + 2):
            session.add(number("in_service", number=f"+1415555019{n}"))
    (finding,) = await check_books(desk.services)
    assert (finding.subject, finding.level) == ("books", "problem")
    assert WORDS[Invariant.IN_SERVICE_IS_MAPPED] in finding.text
    assert finding.text.endswith("(+14155550190, +14155550191, +14155550192 and 2 more)")
    assert INVARIANTS_BROKEN.labels("in_service_is_mapped")._value.get() == EXAMPLES + 2
    assert INVARIANTS_BROKEN.labels("mapped_once")._value.get() == 0


async def test_what_fails_in_the_house_keeps_nothing_else_from_being_done(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked, pruned = asyncio.Event(), asyncio.Event()

    async def fails(_: object) -> None:
        raise RuntimeError

    async def prune(_: object) -> None:
        pruned.set()

    async def check(_: object) -> None:
        looked.set()

    monkeypatch.setattr(keep_house, "FIRST", 0)
    for name, job in (
        ("measure_books", fails),
        ("ask_missing_prices", fails),
        ("prune", prune),
        ("check_books", check),
    ):
        monkeypatch.setattr(keep_house, name, job)
    house = asyncio.create_task(keep_house.keep_house(desk.services))
    await asyncio.wait_for(asyncio.gather(looked.wait(), pruned.wait()), 60)
    house.cancel()
    with suppress(asyncio.CancelledError):
        await house


async def test_our_tables_are_counted_for_whoever_watches(database: Database) -> None:
    await written(database, [number("in_service", carrier="twilio", monthly_price=Decimal("1.15"), currency="USD")])
    async with database.write() as session:
        endpoint = {"url": "http://127.0.0.1:9/", "format": "raw", "secret": "sealed", "position": 0}
        session.add(Endpoint(id="ep_1", **endpoint))
        session.add(Endpoint(id="ep_2", **endpoint, status="disabled"))
        session.add(Batch(id="bat_1", status="paused"))
        await session.flush()
        session.add(BatchItem(batch_id="bat_1", restaurant_id=RESTAURANT, seq=1))
        waits = {"event_id": "evt_1", "position": 1, "subjects": [], "created_at": LONG_AGO}
        session.add(Delivery(endpoint_id="ep_1", next_try_at=utcnow() + timedelta(days=1), **waits))
        session.add(Delivery(endpoint_id="ep_2", **waits))
        session.add(Number(number="+14155550102", state="idle", carrier="telnyx"))
    services: Any = SimpleNamespace(database=database)
    await measure_books(services)
    told = {
        'trunkline_numbers{state="in_service"}': 1,
        'trunkline_numbers{state="idle"}': 1,
        'trunkline_numbers{state="foreign"}': 0,
        'trunkline_monthly_cost{carrier="twilio",currency="USD"}': 1.15,
        "trunkline_numbers_unpriced": 1,
        'trunkline_runs_running{kind="assignments"}': 0,
        "trunkline_batches_paused": 1,
        'trunkline_batch_items{status="queued"}': 1,
        "trunkline_deliveries_waiting": 1,
        "trunkline_endpoints_disabled": 1,
        f'trunkline_build_info{{version="{__version__}"}}': 1,
    }
    text = generate_latest().decode()
    for series, value in told.items():
        assert f"\n{series} {float(value)}\n" in text, series
    assert DELIVERY_AGE._value.get() >= 7200
    assert "_created" not in text
