"""Opens the database: SQLite (WAL, foreign keys, full sync, one writer) or PostgreSQL, by its URL alone."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiosqlite
import structlog
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from trunkline.db import changes

log = structlog.get_logger()
BUSY_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05
LOCKED_BY_ANOTHER = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY}
FROZEN_SECONDS = 5  # no transaction waits for anything but the database


def driver_url(url: str, asynchronous: bool = True) -> str:
    """The SQLAlchemy URL with our drivers: psycopg serves both ways, SQLite needs aiosqlite for the asynchronous."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        driver = "sqlite+aiosqlite" if asynchronous else "sqlite"
    else:
        driver = "postgresql+psycopg"
    return parsed.set(drivername=driver).render_as_string(hide_password=False)


class Database:
    """The open database. `read()` gives a session for looking (each statement is consistent in itself), `write()` one
    that commits at the end of the block or rolls back on an error. No outside call is made inside either.

    `listeners` are awaited after each commit with the numbers that it changed, so that who keeps them in memory is up
    to date when `write()` is left; `sender` names this process in what the others are notified of."""

    def __init__(self, url: str, pool_size: int = 10) -> None:
        self.embedded = url.startswith("sqlite")
        file = make_url(url).database or ""
        options: dict[str, Any] = (
            {"async_creator": lambda: _connect_sqlite(file)} if self.embedded else {"pool_pre_ping": True}
        )
        self.engine: AsyncEngine = create_async_engine(
            driver_url(url), pool_size=pool_size, max_overflow=0, pool_timeout=60, **options
        )
        event.listen(self.engine.sync_engine, "connect", set_pragmas if self.embedded else prepare_postgresql)
        if self.embedded:
            event.listen(self.engine.sync_engine, "begin", begin_sqlite)
        self._sessions = async_sessionmaker(
            self.engine, expire_on_commit=False, sync_session_class=changes.NotingSession
        )
        self._one_writer = asyncio.Lock()
        self.listeners: list[Callable[[set[str]], Awaitable[None]]] = []
        self.sender = secrets.token_hex(8)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        async with self._sessions() as session:
            yield session

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncSession]:
        async with self._transaction() as session:
            yield session
            changed = await changes.publish(session, self.sender)
        if changed:
            await self._tell(changed)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        if not self.embedded:
            async with self._sessions.begin() as session:
                yield session
            return
        async with self._one_writer, self._sessions() as session:
            await session.connection(execution_options={"begin_immediate": True})
            yield session
            await session.commit()

    async def _tell(self, changed: set[str]) -> None:
        """What was committed stays so, whatever a listener makes of it."""
        for listener in self.listeners:
            try:
                await listener(changed)
            except Exception as error:
                log.warning("a change of numbers could not be followed", error=type(error).__name__)

    async def close(self) -> None:
        await self.engine.dispose()


class DirectConnection(aiosqlite.Connection):
    """Runs its statements at once, on the loop's thread. The driver hands each over to a thread of its own, four times
    a statement, which costs more than the statement: an assignment took 20 ms more of CPU. There is one process and
    one writer, so that nothing waits for a lock, unless another program has one (a backup, a shell): then the loop goes
    on meanwhile. Only a commit waits, for the disk, and is left to the thread."""

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if fn.__name__ != "execute":
            return fn(*args, **kwargs)
        await asyncio.sleep(0)  # a call that rings meanwhile waits for one statement, not for a row of them
        pause, patience = FIRST_PAUSE, BUSY_SECONDS
        while True:
            try:
                return fn(*args, **kwargs)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in LOCKED_BY_ANOTHER or patience <= 0:
                    raise
            await asyncio.sleep(pause)
            patience -= pause
            pause = min(pause * 2, LONGEST_PAUSE)

    async def commit(self) -> None:
        """Not given up halfway: a connection may not be used by two threads at once, and who is cancelled rolls back
        on the loop's thread."""
        commit = asyncio.ensure_future(super()._execute(self._conn.commit))  # type: ignore[no-untyped-call]
        cancelled: asyncio.CancelledError | None = None
        while not commit.done():
            try:
                await asyncio.wait([commit])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
        commit.result()


def _connect_sqlite(file: str) -> DirectConnection:
    connection = DirectConnection(
        lambda: sqlite3.connect(file, timeout=0, check_same_thread=False),  # it waits by itself
        iter_chunk_size=64,
    )
    connection._thread.daemon = True  # as SQLAlchemy does with connections that it makes itself
    return connection


def prepare_sqlite(connection: Any, record: Any) -> None:
    """A connection that waits for locks by itself, in a thread."""
    connection.execute(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000:.0f}")
    set_pragmas(connection, record)


def set_pragmas(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN below, not the driver's
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def prepare_postgresql(connection: Any, _: Any) -> None:
    """A process that is frozen within a transaction keeps what it locked from those who take its work over, until the
    server ends it."""
    cursor = connection.cursor()
    cursor.execute(f"SET idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s'")
    cursor.close()
    connection.commit()


def begin_sqlite(connection: Any) -> None:
    """A writer takes the lock at once: one that upgrades from reading later would fail instead of waiting."""
    immediate = connection.get_execution_options().get("begin_immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
