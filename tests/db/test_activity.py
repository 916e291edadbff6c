"""What happened of late, on each database."""

from __future__ import annotations

from datetime import timedelta

import pytest

from trunkline.db import activity, endpoints, runs
from trunkline.db.models import Assignment, Call, Endpoint, Restaurant, Step, utcnow
from trunkline.db.session import Database


@pytest.mark.anyio
async def test_a_day_is_counted_by_the_hour_with_what_went_wrong(database: Database) -> None:
    now = utcnow()
    async with database.write() as session:
        session.add(Restaurant(id="rst_1", name="Roma", api_key_hash="1"))
        await session.flush()
        session.add_all(
            Call(id=f"call-{n}", restaurant_id="rst_1" if n else None, first_seen_at=now - timedelta(hours=hours))
            for n, hours in enumerate((0, 0, 3, 30))
        )
        refused = {"status": "unassigned", "reason": "carrier_action_required"}
        session.add(Assignment(restaurant_id="rst_1", nth=1, **refused))
        session.add(Assignment(restaurant_id="rst_1", nth=2, **refused))
    async with database.read() as session:
        calls, assignments = await activity.calls(session), await activity.assignments(session)
        waiting = await activity.waiting_for_a_person(session, 5)
    assert (sum(calls.all), sum(calls.bad), calls.all[-1], calls.bad[-1], calls.all[-4]) == (3, 1, 2, 1, 1)
    assert (sum(assignments.all), assignments.bad[-1], len(assignments.all)) == (2, 2, 24)
    assert [(assignment.nth, name) for assignment, name in waiting] == [(2, "Roma")]  # what was tried last


@pytest.mark.anyio
async def test_an_endpoint_that_was_given_up_needs_a_person_and_one_that_a_person_disabled_does_not(
    database: Database,
) -> None:
    async with database.write() as session:
        rows = [Endpoint(url=f"https://{name}", format="json", secret="", position=0) for name in ("a", "b", "c")]
        session.add_all(rows)
        await session.flush()
        await endpoints.disable(session, rows[0], "it answered 410", owed=True)
        await endpoints.disable(session, rows[1], "a person has disabled it", owed=False)
    async with database.read() as session:
        assert [row.url for row in await endpoints.given_up(session, 5)] == ["https://a"]


@pytest.mark.anyio
async def test_a_runs_mark_changes_with_each_of_its_steps(database: Database) -> None:
    step, marks = Step(run_id="asg_1", seq=1, name="search", status="running"), []

    async def look() -> None:
        async with database.read() as session:
            marks.append(await runs.step_marks(session, ["asg_1", "asg_2"]))

    await look()
    for change in ({}, {"attempt": 2}, {"status": "done", "ended_at": utcnow()}):
        async with database.write() as session:
            for name, value in change.items():
                setattr(step, name, value)
            step = await session.merge(step)
        await look()
    assert marks[0] == {}
    assert len({mark["asg_1"] for mark in marks[1:]}) == 3
