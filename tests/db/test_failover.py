"""PostgreSQL fails over, or hangs: sessions at the wrong server heal by themselves, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession

from tests.support.desk import Opener
from tests.support.postgres import PostgresServer
from trunkline.db.models import Restaurant
from trunkline.db.postgresql import ReadOnly
from trunkline.db.readiness import refuse_unready
from trunkline.db.session import MOST_GIVEN_UP, Database
from trunkline.errors import NotReady

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]


@pytest.fixture
async def pool(database: Database) -> Database:
    """With several connections open."""
    await several(database)
    return database


async def several(database: Database) -> None:
    async def hold() -> None:
        async with database.read() as session:
            await session.execute(text("SELECT pg_sleep(0.05)"))

    await asyncio.gather(*(hold() for _ in range(4)))


async def add(database: Database, name: str) -> None:
    async with database.write() as session:
        session.add(Restaurant(name=name, api_key_hash=name))


async def names(session: AsyncSession) -> list[str]:
    return list((await session.execute(select(Restaurant.name).order_by(Restaurant.name))).scalars())


# --- sessions that take no writes ------------------------------------------------------------------------------------


async def test_after_a_failover_one_refused_write_renews_every_session(
    pool: Database, database_url: str, postgres: PostgresServer
) -> None:
    with postgres.read_only(database_url):
        for _ in range(2):
            with pytest.raises(ReadOnly):
                await add(pool, "refused")
        await several(pool)  # what is opened now stays read-only
        assert await pool.look(names, 1) == []
    with pytest.raises(OperationalError):
        await add(pool, "refused, and the last one")
    for n in range(8):
        await add(pool, f"No. {n}")
    assert len(await pool.look(names, 1)) == 8


async def test_a_server_whose_database_takes_no_writes_is_not_ready_until_it_does(
    pool: Database, database_url: str, postgres: PostgresServer
) -> None:
    await pool.look(refuse_unready, 1)
    with postgres.read_only(database_url):
        await several(pool)
        for _ in range(6):
            with pytest.raises(NotReady, match="takes no writes"):
                await pool.look(refuse_unready, 1)
    seen = []
    for _ in range(10):  # each look gives up the session that it found wanting
        try:
            await pool.look(refuse_unready, 1)
            seen.append(True)
        except NotReady:
            seen.append(False)
    assert seen[-4:] == [True] * 4
    await add(pool, "Roma")


async def test_the_engines_work_goes_on_by_itself_after_a_failover(
    open_desk: Opener, database_url: str, postgres: PostgresServer
) -> None:
    async with open_desk() as desk:
        assert (await desk.assign("Before")).status == "assigned"
        with postgres.read_only(database_url):
            await several(desk.services.database)
            with pytest.raises(OperationalError):
                await desk.create("Meanwhile")
        deadline = time.monotonic() + 60
        while True:
            try:
                assert (await desk.assign("After")).status == "assigned"
                break
            except OperationalError:
                assert time.monotonic() < deadline
                await asyncio.sleep(0.1)
        assert [(await desk.assign(f"No. {n}")).status for n in range(4)] == ["assigned"] * 4


async def test_what_the_server_has_ended_a_moment_ago_is_not_used(
    pool: Database, database_url: str, postgres: PostgresServer
) -> None:
    postgres.end_sessions(database_url)
    await asyncio.gather(*(add(pool, f"No. {n}") for n in range(8)))


# --- a database that hangs -------------------------------------------------------------------------------------------


async def test_a_look_is_given_up_in_time_however_the_database_hangs(pool: Database, postgres: PostgresServer) -> None:
    await add(pool, "Roma")
    with postgres.hanging():
        async with asyncio.timeout(30):  # cancels what it cuts off, which is no TimeoutError there
            for _ in range(MOST_GIVEN_UP):
                with pytest.raises(TimeoutError):
                    await pool.look(names, 0.2)
            with pytest.raises(TimeoutError):
                await pool.look(names, 300)  # is not begun
    deadline = time.monotonic() + 60
    while True:
        try:
            assert await pool.look(names, 1) == ["Roma"]
            break
        except TimeoutError:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
    await asyncio.gather(*(add(pool, f"No. {n}") for n in range(20)))  # no connection was lost


async def test_what_fails_in_a_look_is_raised_as_it_is(pool: Database) -> None:
    async def fail(session: AsyncSession) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await pool.look(fail, 1)


async def test_who_stops_looking_leaves_no_session_behind(pool: Database) -> None:
    async def sleep(session: AsyncSession) -> None:
        await session.execute(text("SELECT pg_sleep(60)"))

    looks = [asyncio.create_task(pool.look(sleep, 60)) for _ in range(4)]
    await asyncio.sleep(0.1)
    for look in looks:
        look.cancel()
    await asyncio.gather(*looks, return_exceptions=True)
    await asyncio.wait_for(asyncio.gather(*(add(pool, f"No. {n}") for n in range(20))), 30)
