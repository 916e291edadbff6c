"""What is older than it is kept goes, in pieces; the rest stays."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from tests.support.desk import Desk
from trunkline.db import retention
from trunkline.db.models import Base, Call, IdempotencyKey, Restaurant, Step, utcnow
from trunkline.db.session import Database
from trunkline.domain.ids import first_id
from trunkline.workflows.keep_house import prune

pytestmark = pytest.mark.anyio
OLD, NEW = utcnow() - timedelta(days=500), utcnow() - timedelta(minutes=5)


def step(prefix: str, at: datetime, status: str = "done", seq: int = 1) -> Step:
    return Step(run_id=first_id(prefix, at), seq=seq, name="search", status=status, started_at=at, ended_at=at)


async def count(database: Database, table: type[Base]) -> int:
    async with database.read() as session:
        return int((await session.execute(select(func.count()).select_from(table))).scalar_one())


async def put(database: Database) -> None:
    async with database.write() as session:
        session.add(Restaurant(id="rst_1", name="Roma", api_key_hash="a"))
        await session.flush()
        for at in (OLD, NEW):
            session.add(Call(id=f"call {at}", first_seen_at=at, reported=True))
            session.add(IdempotencyKey(key=f"key {at}", fingerprint="f", restaurant_id="rst_1", created_at=at))
            session.add_all([step(prefix, at) for prefix in ("asg", "rel", "bat", "rpt", "buy")])
        session.add(step("asg", OLD, "running", seq=2))


async def test_only_what_is_old_goes(desk: Desk) -> None:
    database = desk.services.database
    await put(database)
    await prune(desk.services)
    assert await count(database, Call) == 1
    assert await count(database, IdempotencyKey) == 1
    assert await count(database, Step) == 5 + 1  # what still runs keeps its steps
    await prune(desk.services)
    assert await count(database, Step) == 6


async def test_a_piece_is_small(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "PIECE", 3)
    await put(database)
    async with database.write() as session:
        assert await retention.prune_steps(session, utcnow() - timedelta(days=90)) == 3
        assert await retention.prune_steps(session, utcnow() - timedelta(days=90)) == 2


async def test_the_engine_forgets_runs_that_ended_and_knows_the_others(desk: Desk) -> None:
    assignment = await desk.assign()
    assert await desk.services.engine.forget_ended(OLD, 10) == 0
    async with asyncio.timeout(10):  # the engine notes the end a moment after it
        while not await desk.services.engine.forget_ended(utcnow() + timedelta(minutes=1), 10):
            await asyncio.sleep(0.05)
    assert not await desk.services.engine.under_way(assignment.id)
    assert (await desk.assign("Napoli")).status == "assigned"
