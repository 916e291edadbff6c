"""What a process that is frozen within a transaction has locked is free again soon: PostgreSQL ends the transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import bindparam, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Restaurant
from trunkline.db.session import Database

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]

Last = Callable[[AsyncSession, int], Awaitable[None]]
ENDED = "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = :pid"


async def insert(session: AsyncSession, rows: int) -> None:
    session.add_all([Restaurant(name=f"No. {n}", api_key_hash=f"{n}") for n in range(rows)])
    await session.flush()


async def change(session: AsyncSession, rows: int) -> None:
    await insert(session, rows)
    connection = await session.connection()
    table = Restaurant.__table__
    renamed = update(table).where(table.c.api_key_hash == bindparam("key")).values(name="Roma")  # type: ignore[arg-type]
    await connection.execute(renamed, [{"key": f"{n}"} for n in range(rows)])


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("last", [insert, change])
async def test_its_transaction_ends_whatever_it_did_last(database: Database, last: Last, rows: int) -> None:
    with pytest.raises(DBAPIError):
        await freeze_after(database, last, rows)


async def freeze_after(database: Database, last: Last, rows: int) -> None:
    async with database.write() as session:
        await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '100ms'"))
        pid = await session.scalar(text("SELECT pg_backend_pid()"))
        await last(session, rows)
        await until_ended(database, pid)


async def until_ended(database: Database, pid: int) -> None:
    """A transaction sees one and the same activity all along, so each look has its own."""
    for _ in range(600):
        async with database.read() as other:
            if await other.scalar(text(ENDED), {"pid": pid}):
                return
        await asyncio.sleep(0.05)
    pytest.fail("the transaction of who does nothing lasts")
