"""Sessions keep what they promise: pragmas, one writer, roll-back, and values that come back as they went in."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError, InternalError, OperationalError

from trunkline.db.models import Debt, Number, Restaurant
from trunkline.db.session import Database
from trunkline.db.sqlite import ARGUMENTS, DirectConnection

pytestmark = pytest.mark.anyio

NUMBER = "+12025550101"
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


async def owe(database: Database) -> None:
    async with database.write() as session:
        session.add(Debt(id="counter", kind="release", subject=NUMBER))


async def tries(database: Database) -> int | None:
    async with database.read() as session:
        return await session.scalar(select(Debt.tries))


async def count_up(database: Database, times: int) -> None:
    for _ in range(times):
        async with database.write() as session:
            await session.execute(update(Debt).values(tries=Debt.tries + 1))


@only_sqlite
@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("foreign_keys", 1), ("synchronous", 2)],
)
async def test_sqlite_is_set_up_on_every_connection(database: Database, pragma: str, value: str | int) -> None:
    async with database.read() as first, database.read() as second, database.write() as writer:
        for session in (first, second, writer):
            assert await session.scalar(text(f"PRAGMA {pragma}")) == value


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 3, 29, 1, 30, 0, 123456, tzinfo=UTC),
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 1, 1, 0, 0, tzinfo=timezone(timedelta(hours=-8))),
    ],
    ids=["utc", "east", "west"],
)
async def test_a_time_comes_back_as_the_same_moment_in_utc(database: Database, moment: datetime) -> None:
    async with database.write() as session:
        session.add(Number(number=NUMBER, state="idle", bought_at=moment))
    async with database.read() as session:
        found = await session.scalar(select(Number.bought_at))
        assert found == moment
        assert found is not None
        assert found.tzinfo is UTC
        assert await session.scalar(select(Number.number).where(Number.bought_at == moment)) == NUMBER
        later = moment + timedelta(microseconds=1)
        assert await session.scalar(select(Number.number).where(Number.bought_at < later)) == NUMBER


@pytest.mark.parametrize("price", ["1.15", "0.0001", "0.1", "2.675", "99999999.9999", "-3.3333", "0"])
async def test_money_comes_back_exactly(database: Database, price: str) -> None:
    async with database.write() as session:
        session.add(Number(number=NUMBER, state="idle", monthly_price=Decimal(price), currency="USD"))
    async with database.read() as session:
        found = await session.scalar(select(Number.monthly_price))
    assert isinstance(found, Decimal)
    assert found == Decimal(price)


async def test_an_error_in_a_write_leaves_nothing_behind(database: Database) -> None:
    async def fail() -> None:
        async with database.write() as session:
            session.add(Number(number=NUMBER, state="idle"))
            await session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Number)) == 0


async def test_a_refused_row_takes_its_whole_write_with_it_and_the_next_write_works(database: Database) -> None:
    async def be_refused() -> None:
        async with database.write() as session:
            session.add(Number(number=NUMBER, state="idle"))
            await session.flush()
            session.add_all([Restaurant(name="a", api_key_hash="same"), Restaurant(name="b", api_key_hash="same")])

    with pytest.raises(IntegrityError):
        await be_refused()
    await owe(database)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Number)) == 0
        assert await session.scalar(select(func.count()).select_from(Debt)) == 1


async def test_a_cancelled_write_leaves_nothing_behind_and_does_not_block_the_next(database: Database) -> None:
    inside = asyncio.Event()

    async def never_ends() -> None:
        async with database.write() as session:
            session.add(Number(number=NUMBER, state="idle"))
            await session.flush()
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(never_ends())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        await owe(database)
    async with database.read() as session:
        assert await session.scalar(select(func.count()).select_from(Number)) == 0


class SlowDisk(DirectConnection):
    """`waits` is set while a commit waits for the disk, until it is `free`."""

    waits, free = threading.Event(), threading.Event()

    def commit(self) -> None:
        self.waits.set()
        self.free.wait(60)
        super().commit()


@only_sqlite
@pytest.mark.parametrize("cancels", [0, 1, 2])
async def test_a_commit_is_waited_for_without_the_loop_and_not_given_up_halfway(
    database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch, cancels: int
) -> None:
    monkeypatch.setitem(ARGUMENTS, "factory", SlowDisk)
    SlowDisk.waits.clear()
    SlowDisk.free.clear()
    slow = Database(database_url)
    task = asyncio.create_task(owe(slow))
    while not SlowDisk.waits.is_set():
        await asyncio.sleep(0.001)
    for _ in range(cancels):
        assert not task.done()
        task.cancel()
        await asyncio.sleep(0.01)
    assert not task.done()
    SlowDisk.free.set()
    ends = await asyncio.gather(task, return_exceptions=True)
    assert [type(end) for end in ends] == [asyncio.CancelledError if cancels else type(None)]
    assert await tries(database) == 0
    await count_up(slow, 1)
    assert await tries(database) == 1
    await slow.close()


@contextmanager
def locked_by_another_program(url: str, how: str = "BEGIN IMMEDIATE") -> Iterator[None]:
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute(how)
    try:
        yield
    finally:
        other.close()


@only_sqlite
@pytest.mark.parametrize("how", ["BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"])
async def test_a_write_waits_for_another_programs_lock_and_nothing_else_does(
    database: Database, database_url: str, how: str
) -> None:
    await owe(database)
    with locked_by_another_program(database_url, how):
        waiting = asyncio.create_task(count_up(database, 1))
        for _ in range(50):
            assert await tries(database) == 0
        assert not waiting.done()
    await asyncio.wait_for(waiting, 60)
    assert await tries(database) == 1


@only_sqlite
async def test_a_lock_that_stays_is_not_waited_for_for_ever(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owe(database)
    monkeypatch.setattr("trunkline.db.sqlite.BUSY_SECONDS", 0.1)
    with locked_by_another_program(database_url), pytest.raises(OperationalError, match="locked"):
        await count_up(database, 1)
    await count_up(database, 1)
    assert await tries(database) == 1


@only_sqlite
async def test_who_stops_waiting_for_a_lock_leaves_nothing_behind(database: Database, database_url: str) -> None:
    await owe(database)
    with locked_by_another_program(database_url):
        waiting = asyncio.create_task(count_up(database, 1))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    await count_up(database, 1)
    assert await tries(database) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_a_frozen_process_has_locked_is_free_after_a_while(
    database_url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await owe(database)
    monkeypatch.setattr("trunkline.db.postgresql.FROZEN_SECONDS", 1)
    frozen = Database(database_url)

    async def stop_halfway() -> None:
        async with frozen.write() as session:
            await session.execute(update(Debt).values(tries=100))
            async with asyncio.timeout(10):
                await count_up(database, 1)

    with pytest.raises(InternalError, match="idle-in-transaction"):
        await stop_halfway()
    assert await tries(database) == 1
    await frozen.close()


async def test_a_read_does_not_see_what_is_not_committed_and_does_not_wait_for_it(database: Database) -> None:
    async with database.write() as writer:
        writer.add(Number(number=NUMBER, state="idle"))
        await writer.flush()
        async with asyncio.timeout(5), database.read() as reader:
            assert await reader.scalar(select(func.count()).select_from(Number)) == 0
    async with database.read() as reader:
        assert await reader.scalar(select(func.count()).select_from(Number)) == 1


@only_sqlite
async def test_a_writer_of_sqlite_has_what_it_read_to_itself(database: Database) -> None:
    await owe(database)

    async def read_then_write() -> None:
        async with database.write() as session:
            seen = await session.scalar(select(Debt.tries)) or 0
            await asyncio.sleep(0.002)  # a chance for the others to come between
            await session.execute(update(Debt).values(tries=seen + 1))

    await asyncio.gather(*(read_then_write() for _ in range(20)))
    assert await tries(database) == 20


async def test_writers_in_many_tasks_do_not_fail(database: Database) -> None:
    await owe(database)
    await asyncio.gather(*(count_up(database, 3) for _ in range(20)))
    assert await tries(database) == 60


async def test_writers_in_threads_with_their_own_connections_do_not_fail(database: Database, database_url: str) -> None:
    await owe(database)
    errors: list[BaseException] = []

    async def work() -> None:
        own = Database(database_url)
        try:
            await asyncio.gather(count_up(own, 10), count_up(own, 10))
        finally:
            await own.close()

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    await count_up(database, 10)
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert not errors
    assert await tries(database) == 50
