"""Behind PgBouncer, where every transaction may be at another server process, the product works and tells of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from sqlalchemy import select, text
from structlog.testing import capture_logs

from tests.routing.conftest import OpenDoor
from tests.routing.test_losses import ASKED, until
from tests.support.desk import Desk, sandbox_settings
from tests.support.pgbouncer import PROGRAM, pooled
from tests.support.sandbox_server import SandboxServer
from tests.support.vapi_messages import NUMBER, VOICE_ID
from trunkline.bootstrap import running_services
from trunkline.db.migrate import ensure_current
from trunkline.db.models import Restaurant
from trunkline.db.session import Database

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed"),
    pytest.mark.parametrize("database_url", ["postgresql"], indirect=True),
]


@pytest.fixture
def pooler_url(database_url: str) -> Iterator[str]:
    with pooled(database_url) as url:
        yield url


@pytest.fixture
async def pool(pooler_url: str) -> AsyncIterator[Database]:
    database = Database(pooler_url)
    yield database
    await database.close()


async def test_a_pooler_is_noticed_and_a_server_that_is_reached_without_one_is_not(
    pool: Database, database: Database
) -> None:
    for opened, expected in ((pool, True), (database, False)):
        async with opened.read() as session:
            await session.execute(text("SELECT 1"))
        assert opened.behind_pooler is expected


async def test_the_same_statements_go_to_other_server_processes_without_harm(pool: Database) -> None:
    async def work(worker: int) -> set[int]:
        seen = set()
        for n in range(10):
            async with pool.write() as session:
                seen.add(await session.scalar(text("SELECT pg_backend_pid()")))
                session.add(Restaurant(name=f"No. {worker}.{n}", api_key_hash=f"{worker}.{n}"))
                await session.flush()
                wanted = select(Restaurant).where(Restaurant.api_key_hash == f"{worker}.{n}")
                assert (await session.execute(wanted)).scalar_one().name == f"No. {worker}.{n}"
        return seen

    seen = await asyncio.gather(*map(work, range(8)))
    assert max(map(len, seen)) > 1, "the pooler did not change the server process"


async def test_a_frozen_process_loses_its_locks_behind_a_pooler_too(
    pool: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trunkline.db.postgresql.FROZEN_SECONDS", 7)
    for _ in range(4):
        async with pool.write() as session:
            assert await session.scalar(text("SHOW idle_in_transaction_session_timeout")) == "7s"


async def test_restaurants_get_their_numbers(pooler_url: str, sandbox: SandboxServer) -> None:
    ensure_current(pooler_url)
    async with running_services(sandbox_settings(sandbox, pooler_url)) as services:
        desk = Desk(services, sandbox)
        runs = await asyncio.gather(*(desk.create(f"No. {n}") for n in range(12)))
        assert {(await desk.end_of(run)).status for run in runs} == {"assigned"}


async def test_what_another_process_changes_is_known_soon_and_the_start_says_how(
    open_door: OpenDoor, pooler_url: str, database: Database
) -> None:
    with capture_logs() as lines:
        async with open_door(database_url=pooler_url) as door:
            restaurant_id = await door.town.served(NUMBER, "Roma", VOICE_ID)
            async with database.write() as session:
                (await session.get_one(Restaurant, restaurant_id)).name = "Nuova Roma"

            async def known() -> bool:
                values = (await door.ask(ASKED))["assistantOverrides"]["variableValues"]
                return bool(values["restaurant_name"] == "Nuova Roma")

            await until(known)
    assert len([line for line in lines if "leads through a pooler" in line["event"]]) == 1
