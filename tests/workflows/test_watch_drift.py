"""Unasked, what differs is seen, told and left as it is, by one process of several and after live work."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.support.desk import Desk
from trunkline.db.models import Assignment, Number, ReconcilePlan
from trunkline.metrics import DRIFT
from trunkline.workflows import watch_drift
from trunkline.workflows.diagnose import check_drift
from trunkline.workflows.watch_drift import look

pytestmark = pytest.mark.anyio
HOUR = timedelta(hours=1)


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
    monkeypatch.setattr(watch_drift, "POLITE_SECONDS", 0.01)
    desk.sandbox.fault(provider="twilio", operation="incoming_numbers.create", kind="latency", seconds=0.5)
    run = await desk.create()
    await look(desk.services, HOUR)
    (ended,) = await desk.rows(Assignment)
    (plan,) = await desk.rows(ReconcilePlan)
    assert (ended.id, ended.status) == (run, "assigned")
    assert plan.created_at > ended.ended_at
    assert [row.state for row in await desk.rows(Number)] == ["in_service"]
