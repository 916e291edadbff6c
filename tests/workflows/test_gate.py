"""Who came first ends first: so many runs are worked on at once, and what one of them waits for holds up no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.desk import Desk, Opener
from trunkline.db.models import Assignment, Step
from trunkline.domain.wishes import Wish
from trunkline.providers.pace import Urgency, urgent
from trunkline.workflows import gate
from trunkline.workflows import run as runs
from trunkline.workflows.gate import RUNS_PER_PLACE, Gate, waiting
from trunkline.workflows.manage_restaurant import create_restaurant
from trunkline.workflows.run_batch import BatchRequest, start_batch

pytestmark = pytest.mark.anyio

LIST = {"provider": "vapi", "operation": "phone_numbers.list_v2"}
BUY = {"provider": "twilio", "operation": "incoming_numbers.create"}
PLACES = RUNS_PER_PLACE  # with one request at once to an account


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow the machine is, nobody gives up its place for it."""
    monkeypatch.setattr(gate, "LONG_SECONDS", 600)


async def assignments(desk: Desk, *where: Any) -> list[Assignment]:
    """In the order in which they came."""
    return sorted(await desk.rows(Assignment, *where), key=lambda row: row.id)


async def begun(desk: Desk, count: int) -> list[Assignment]:
    """Those that have been begun, once so many have."""
    while len(rows := await assignments(desk, Assignment.started_at.is_not(None))) < count:
        await asyncio.sleep(0.02)
    return rows


def in_order_of_start(rows: list[Assignment]) -> list[str]:
    return [row.id for row in sorted(rows, key=lambda row: str(row.started_at))]


@pytest.mark.usefixtures("patient")
async def test_who_came_first_is_served_first(open_desk: Opener) -> None:
    async with open_desk(provider_concurrency=1) as desk:
        desk.sandbox.fault(**LIST, kind="latency", seconds=0.2)
        came = [await desk.create(f"Restaurant {n}") for n in range(2 * PLACES)]
        ended = [await desk.end_of(run) for run in came]
        assert {row.status for row in ended} == {"assigned"}
        assert in_order_of_start(ended) == came
        for place, row in enumerate(ended[PLACES:], PLACES):
            assert sum(str(other.ended_at) <= str(row.started_at) for other in ended) > place - PLACES


@pytest.mark.usefixtures("patient")
async def test_who_waits_when_a_process_ends_is_served_by_the_next(open_desk: Opener) -> None:
    async with open_desk(provider_concurrency=1) as desk:
        desk.sandbox.fault(**LIST, kind="hold")
        came = [await desk.create(f"Restaurant {n}") for n in range(PLACES + 2)]
        assert [row.id for row in await begun(desk, PLACES)] == came[:PLACES]
    desk.sandbox.control.delete("/faults").raise_for_status()
    async with open_desk() as desk:
        ended = [await desk.end_of(run) for run in came]
        assert {(row.status, row.epoch) for row in ended[:PLACES]} == {("assigned", 2)}
        assert {(row.status, row.epoch) for row in ended[PLACES:]} == {("assigned", 1)}


@pytest.mark.usefixtures("patient")
async def test_a_restaurant_goes_before_the_items_of_a_batch_that_have_not_begun(open_desk: Opener) -> None:
    async with open_desk(provider_concurrency=1) as desk:
        for n in range(3 * PLACES):
            await create_restaurant(desk.services, f"Restaurant {n}", Wish(), assign=False)
        desk.sandbox.fault(**BUY, kind="latency", seconds=0.3)
        batch = await start_batch(desk.services, BatchRequest(Wish()))
        await begun(desk, PLACES)
        live = await desk.assign("Roma")
        assert live.status == "assigned"
        assert live.started_at is not None
        await desk.wait(batch)
        items = await assignments(desk, Assignment.status == "assigned", Assignment.batch_id == batch)
        assert len(items) == 3 * PLACES
        assert sum(live.created_at < item.created_at < live.started_at for item in items) <= PLACES


async def test_a_run_that_waits_for_its_next_attempt_holds_up_nobody(
    open_desk: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "backoff", lambda attempt, retry_after=None: 600.0)
    async with open_desk(provider_concurrency=1, retry_for_seconds=1000) as desk:
        desk.sandbox.fault(**LIST, status=503)
        for n in range(PLACES):
            await desk.create(f"Restaurant {n}")
        while len(await desk.rows(Step, Step.attempt > 1)) < PLACES:
            await asyncio.sleep(0.02)
        desk.sandbox.control.delete("/faults")
        assert (await desk.assign("Roma")).status == "assigned"
        assert len(await assignments(desk, Assignment.status == "running")) == PLACES


async def test_a_run_that_is_not_answered_for_long_holds_up_nobody(
    open_desk: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "LONG_SECONDS", 0.01)
    async with open_desk(provider_concurrency=1) as desk:
        hold = desk.sandbox.fault(**LIST, kind="hold")
        came = [await desk.create(f"Restaurant {n}") for n in range(PLACES + 1)]
        await begun(desk, PLACES + 1)
        desk.sandbox.control.delete(f"/faults/{hold}")
        assert {(await desk.end_of(run)).status for run in came} == {"assigned"}


async def test_the_gate_itself() -> None:
    door, order = Gate(1), []
    released = {name: asyncio.Event() for name in ("first", "away")}

    async def work(name: str, run_id: str, urgency: Urgency = Urgency.LIVE) -> None:
        with urgent(urgency):
            async with door.place(run_id) as admitted:
                order.append((name, admitted))
                if name == "away":
                    with waiting():
                        await released[name].wait()
                elif name in released:
                    await released[name].wait()

    first = asyncio.create_task(work("first", "asg_5"))
    await asyncio.sleep(0)
    tasks = [
        asyncio.create_task(work(name, run_id, urgency))
        for name, run_id, urgency in (
            ("item", "bat_1", Urgency.BATCH),
            ("later", "asg_3", Urgency.LIVE),
            ("gone", "asg_2", Urgency.LIVE),
            ("away", "rel_1", Urgency.LIVE),
        )
    ]
    await asyncio.sleep(0)
    tasks[2].cancel()
    released["first"].set()
    await asyncio.gather(first, *tasks[:2], tasks[2], return_exceptions=True)
    assert order == [("first", True), ("away", True), ("later", True), ("item", True)]
    released["away"].set()
    await tasks[3]
    held = asyncio.create_task(work("first", "asg_6"))
    released["first"].clear()
    await asyncio.sleep(0)
    left = asyncio.create_task(work("left", "asg_7"))
    await asyncio.sleep(0)
    door.close()
    await left
    await work("late", "asg_8")
    assert order[-2:] == [("left", False), ("late", False)]
    released["first"].set()
    await held
