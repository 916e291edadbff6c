"""A process takes few connections to PostgreSQL, waits where there is none, and asks seldom while it is idle."""

from __future__ import annotations

import asyncio
import threading
from contextlib import AsyncExitStack
from datetime import datetime

import psycopg
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from tests.support.desk import Desk, sandbox_settings
from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from trunkline.bootstrap import idle_services, running_services
from trunkline.db import processes
from trunkline.db.connections import MOST, POOL
from trunkline.db.migrate import ensure_current
from trunkline.db.session import Database
from trunkline.errors import SettingsError
from trunkline.routing.service import running_router
from trunkline.workflows import engine
from trunkline.workflows.count_connections import count_connections, refuse_too_few
from trunkline.workflows.diagnose import diagnose

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]

IDLE_SECONDS, IDLE_STATEMENTS = 6.0, 30  # a round of what is looked at each ten seconds may fall into them


def connected(url: str) -> list[str]:
    """The names of who is connected."""
    with psycopg.connect(url) as connection:
        query = "SELECT application_name FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        return [name for (name,) in connection.execute(query, [connection.info.dbname]).fetchall()]


async def slow(database: Database) -> int:
    async with database.read() as session:
        return int(await session.scalar(text("SELECT 1 FROM pg_sleep(0.05)")) or 0)


async def test_a_process_under_load_takes_no_more_than_its_connections(
    sandbox: SandboxServer, database_url: str
) -> None:
    """Pools keep what they opened, so that they are counted in the end."""
    settings = sandbox_settings(sandbox, database_url)
    with capture_logs() as lines:
        async with running_services(settings) as services, running_router(services):
            async with asyncio.timeout(60):
                while not (told := [line for line in lines if line["event"].startswith("listens for changes")]):
                    await asyncio.sleep(0.02)
            desk = Desk(services, sandbox)
            looks = [asyncio.create_task(slow(services.database)) for _ in range(4 * POOL)]
            runs = await asyncio.gather(*(desk.create(f"No. {n}") for n in range(10)))
            await asyncio.gather(*(desk.end_of(run) for run in runs), *looks)
            assert "connections" in [finding.subject async for finding in diagnose(services, by_server=True)]
            names = connected(database_url)
    assert POOL < len(names) <= MOST <= 10
    assert set(names) == {"trunkline"}
    assert "/trunkline-pg-" in told[0]["address"]


async def test_a_process_whose_work_has_every_connection_still_says_that_it_lives(
    database_url: str, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while it looks for what others have left, however long that takes."""
    looking, found = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def owners() -> set[str]:
        loop.call_soon_threadsafe(looking.set)
        found.wait()
        return set()

    monkeypatch.setattr(engine, "_owners", owners)
    monkeypatch.setattr(engine, "LOOK_SECONDS", 0)
    try:
        async with AsyncExitStack() as held:
            for _ in range(POOL):
                session = await held.enter_async_context(desk.services.database.read())
                await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            async with asyncio.timeout(60):
                await looking.wait()
                before = said(database_url)
                while said(database_url) == before:
                    await asyncio.sleep(0.05)
    finally:
        found.set()


async def test_who_begins_while_the_work_of_the_dead_is_looked_for_is_not_dead(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, taken = asyncio.get_running_loop(), asyncio.Queue[set[str]]()

    async def begin() -> None:
        async with desk.services.database.write() as session:
            await processes.beat(session, "newborn", 30)

    def owners() -> set[str]:
        asyncio.run_coroutine_threadsafe(begin(), loop).result()
        return {"newborn", "dead"}

    monkeypatch.setattr(engine, "_owners", owners)
    monkeypatch.setattr(engine, "_recover", lambda dead: loop.call_soon_threadsafe(taken.put_nowait, dead))
    monkeypatch.setattr(engine, "LOOK_SECONDS", 0)
    async with asyncio.timeout(60):
        assert await taken.get() == {"dead"}


def said(url: str) -> list[datetime]:
    """When the processes said so last."""
    with psycopg.connect(url) as connection:
        return [at for (at,) in connection.execute("SELECT seen_at FROM processes").fetchall()]


async def test_who_finds_no_connection_waits_for_one(
    postgres: PostgresServer, database_url: str, database: Database
) -> None:
    """Others of this process, and then another one, have all that there are."""
    with postgres.role(database_url, 2) as url:
        few = Database(url)
        assert sum(await asyncio.gather(*(slow(few) for _ in range(3 * POOL)))) == 3 * POOL
        await few.close()
        with psycopg.connect(url), psycopg.connect(url):
            with pytest.raises(SettingsError, match="too many connections") as told:
                ensure_current(url)
            assert "max_connections" in (told.value.hint or "")
            waiting = asyncio.create_task(slow(few))
            assert not (await asyncio.wait([waiting], timeout=0.3))[0]
        assert await waiting == 1
        await few.close()


async def test_fewer_connections_than_one_process_takes_are_refused_at_the_start(
    postgres: PostgresServer, sandbox: SandboxServer, database_url: str
) -> None:
    with postgres.role(database_url, MOST - 1) as url, pytest.raises(SettingsError) as told:
        async with running_services(sandbox_settings(sandbox, url)):
            pass
    assert f"up to {MOST} connections, and PostgreSQL lets this user have {MOST - 1}" in told.value.detail


async def test_fewer_than_all_processes_take_are_told_in_one_line(
    postgres: PostgresServer, sandbox: SandboxServer, database_url: str, database: Database
) -> None:
    with postgres.role(database_url, 2 * MOST - 1) as url:
        async with idle_services(sandbox_settings(sandbox, url)) as services:
            with capture_logs() as lines:
                await refuse_too_few(services)
            assert lines == []
            async with database.write() as session:
                await processes.beat(session, "another", 30)
            with capture_logs() as lines:
                await refuse_too_few(services)
            assert (await count_connections(services)).level == "ok"
    (line,) = lines
    assert f"2 processes take up to {2 * MOST} connections" in line["event"]
    assert "PgBouncer" in line["mend"]


async def test_an_idle_process_asks_seldom(postgres: PostgresServer, sandbox: SandboxServer, database_url: str) -> None:
    with postgres.statements(database_url) as sent:
        settings = sandbox_settings(sandbox, database_url, takeover_seconds=30)
        async with running_services(settings) as services, running_router(services):
            await asyncio.sleep(IDLE_SECONDS / 2)  # what is done once, at the start
            before = sent()
            await asyncio.sleep(IDLE_SECONDS)
            assert 0 < sent() - before < IDLE_STATEMENTS
