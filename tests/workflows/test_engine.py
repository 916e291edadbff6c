"""The engine starts a run once, and knows until when it is worked on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.support.desk import Desk
from trunkline.workflows import engine
from trunkline.workflows.assign_number import AssignNumber
from trunkline.workflows.kinds import start_stray_runs

pytestmark = pytest.mark.anyio

SLOW = {"provider": "vapi", "operation": "phone_numbers.list_v2", "kind": "latency", "seconds": 0.3}


async def test_whoever_starts_a_run_again_does_not_end_the_wait_for_it(desk: Desk) -> None:
    desk.sandbox.fault(**SLOW)
    run = await desk.create()
    again = desk.services.engine.start(AssignNumber.kind, run)
    await asyncio.gather(again, start_stray_runs(desk.services))
    assignment = await desk.end_of(run)
    assert (assignment.status, assignment.epoch) == ("assigned", 1)


async def test_a_run_that_is_found_before_it_is_started_is_worked_on_once(desk: Desk) -> None:
    """The assignment is written before the engine is told."""
    desk.sandbox.fault(**SLOW)
    run, _ = await asyncio.gather(desk.create(), look_for_strays(desk))
    assignment = await desk.end_of(run)
    assert (assignment.status, assignment.epoch) == ("assigned", 1)


async def look_for_strays(desk: Desk) -> None:
    for _ in range(20):
        await start_stray_runs(desk.services)


async def test_every_start_of_a_run_is_known_however_many_there_were(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "ATTEMPTS", 2)
    run = (await desk.assign()).id
    for attempt in (1, 2, 3, 4):
        await desk.services.engine.start(AssignNumber.kind, run, attempt)
        await desk.wait(run)
    assert len(await engine._attempts(run)) == 5
    assert await engine._attempts(run[:-1]) == []


def test_an_old_sqlite_knows_the_time_in_the_way_the_engine_asks_for_it_on_a_new_python(tmp_path: Path) -> None:
    opened = engine._engine(f"sqlite:///{tmp_path / 'trunkline.sqlite'}")
    with opened.connect() as connection:
        connection.execute(sa.text("CREATE TABLE told (at INTEGER DEFAULT (unixepoch('subsec') * 1000), n INTEGER)"))
        connection.execute(sa.text("INSERT INTO told (n) VALUES (1)"))
        at = connection.execute(sa.text("SELECT at FROM told")).scalar_one()
    opened.dispose()
    assert abs(at / 1000 - time.time()) < 60
