"""Unasked, what differs is seen, told and left as it is, by one process of several and after live work."""

from __future__ import annotations

import asyncio
import contextvars
from datetime import timedelta

import pytest

from tests.support.desk import Desk
from trunkline.db import plans
from trunkline.db.models import Assignment, Number, Process, ReconcilePlan, utcnow
from trunkline.metrics import DRIFT
from trunkline.workflows import watch_drift
from trunkline.workflows.diagnose import check_drift
from trunkline.workflows.services import Services
from trunkline.workflows.watch_drift import look

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)


def polite(monkeypatch: pytest.MonkeyPatch) -> None:
    """It looks often whether others are at work, and however long they are."""
    monkeypatch.setattr(watch_drift, "POLITE_SECONDS", 0.01)
    monkeypatch.setattr(watch_drift, "MOST_POLITE", 100_000)


async def test_what_differs_is_told_and_left_as_it_is(desk: Desk) -> None:
    number = (await desk.assign()).number
    assert (await check_drift(desk.services)).text.endswith("were not compared yet")
    await look(desk.services, HOUR)
    assert (await check_drift(desk.services)).level == "ok"
    await desk.services.voice.remove((await desk.number(number)).voice_id or "")  # by hand
    before = desk.seen()
    await look(desk.services, HOUR)  # another process has looked just now
    assert desk.seen() == before
    await look(desk.services, timedelta(0))
    assert DRIFT.labels("missing_in_vapi")._value.get() == 1
    assert all(r["method"] == "GET" for r in desk.sandbox.requests(after=before))
    assert (await desk.number(number)).state == "in_service"
    found = await check_drift(desk.services)
    assert (found.level, "1 missing in vapi" in found.text, found.mend) == ("warning", True, "trunkline reconcile plan")
    assert [plan.watched for plan in await desk.rows(ReconcilePlan)] == [True, True]


async def test_an_assignment_that_is_at_work_goes_first(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    polite(monkeypatch)
    desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=0.5)
    run = await desk.create()
    await look(desk.services, HOUR)
    (ended,) = await desk.rows(Assignment)
    (plan,) = await desk.rows(ReconcilePlan)
    assert (ended.id, ended.status) == (run, "assigned")
    assert plan.created_at > ended.ended_at
    assert [row.state for row in await desk.rows(Number)] == ["in_service"]


async def test_an_assignment_that_begins_meanwhile_goes_before_the_next_page(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_work, begun, context = watch_drift._at_work, list[str](), contextvars.copy_context()

    async def begins_after_this(services: Services) -> bool:
        if begun:
            return await at_work(services)
        begun.append(await asyncio.create_task(desk.create(), context=context))  # by somebody else
        return False

    polite(monkeypatch)
    monkeypatch.setattr(watch_drift, "_at_work", begins_after_this)
    desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=0.5)
    await look(desk.services, HOUR)
    (ended,) = await desk.rows(Assignment)
    (plan,) = await desk.rows(ReconcilePlan)
    assert (ended.status, plan.differs, plan.failed) == ("assigned", False, False)
    assert plan.created_at > ended.ended_at


async def test_one_process_of_several_looks_and_another_where_it_has_not_for_long(desk: Desk) -> None:
    async with desk.services.database.write() as session:
        session.add(Process(id="!another", seen_at=utcnow() + timedelta(days=1)))
    alone = desk.services.database.embedded
    while desk.services.engine.leads is not alone:
        await asyncio.sleep(0.05)  # until it has beaten once more
    await look(desk.services, HOUR)
    for age, looked in ((1, alone), (3, True)):
        async with desk.services.database.write() as session:
            newest = await plans.newest(session)
            assert newest is not None
            newest.created_at = utcnow() - timedelta(hours=age)
        before = desk.seen()
        await look(desk.services, HOUR)
        assert (desk.seen() > before) is looked
