"""Opens the database: SQLite (WAL, foreign keys, full sync, one writer) or PostgreSQL, by its URL alone."""

from __future__ import annotations

import asyncio
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import aiosqlite
import structlog
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext, make_url
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from trunkline.db import changes
from trunkline.db.addresses import driver_url as driver_url

log = structlog.get_logger()
T = TypeVar("T")
# What says that the database is away (gone, read-only, full, busy, no connection free) and not that we asked for
# something wrong: the work goes on when it is back.
DATABASE_AWAY = (OperationalError, InternalError, InterfaceError, NoConnection)
BUSY_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05
LOCKED_BY_ANOTHER = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY}
LOCK_SECONDS = 8
FROZEN_SECONDS = 5  # no transaction waits for anything but the database
MOST_GIVEN_UP = 5  # of the pool's connections
READ_ONLY = "25006"  # PostgreSQL's read_only_sql_transaction


class ReadOnly(OperationalError):
    """The session is at a server that takes no writes: a standby, or one that was told so. Its pool is made anew."""


class Database:
    """The open database. `read()` gives a session for looking (each statement is consistent in itself), `write()` one
    that commits at the end of the block or rolls back on an error. No outside call is made inside either.

    Behind a pooler (PgBouncer), known once a session was used, a session may be at another server process in every
    transaction: nothing is prepared, set or listened for beyond one.

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
        self.behind_pooler = False
        if self.embedded:
            event.listen(self.engine.sync_engine, "connect", set_pragmas)
            event.listen(self.engine.sync_engine, "begin", begin_sqlite)
        else:
            listen_to_postgresql(self.engine.sync_engine)
            event.listen(self.engine.sync_engine, "connect", self._note_pooler)
        self._sessions = async_sessionmaker(
            self.engine, expire_on_commit=False, sync_session_class=changes.NotingSession
        )
        self._one_writer = asyncio.Lock()
        self._given_up: set[asyncio.Task[Any]] = set()
        self.listeners: list[Callable[[set[str]], Awaitable[None]]] = []
        self.sender = secrets.token_hex(8)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        async with self._sessions() as session:
            yield session

    async def look(self, read: Callable[[AsyncSession], Awaitable[T]], seconds: float) -> T:
        """Read for somebody who cannot wait: TimeoutError after so long, also where the database hangs and lets go of
        nothing. What was given up ends by itself; while several have not ended, the next one is not even begun."""
        if len(self._given_up) >= MOST_GIVEN_UP:
            raise TimeoutError
        task = asyncio.create_task(self._look(read))
        try:
            await asyncio.wait([task], timeout=seconds)
        finally:
            if not task.done():
                task.cancel()
                self._given_up.add(task)
                task.add_done_callback(self._ended)
        if not task.done():
            raise TimeoutError
        return task.result()

    async def _look(self, read: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async with self.read() as session:
            return await read(session)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._given_up.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.info("a look that was given up has ended", error=type(error).__name__)

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

    def _note_pooler(self, _: Any, record: Any) -> None:
        self.behind_pooler = "pooled" in record.info

    def connection_parameters(self) -> dict[str, Any]:
        """What `psycopg.connect` takes for a connection beside the pool."""
        _, parameters = self.engine.dialect.create_connect_args(self.engine.url)
        return dict(parameters)

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


def listen_to_postgresql(engine: Engine) -> None:
    """What every engine on PostgreSQL of ours does with its connections, transactions and errors."""
    event.listen(engine, "connect", prepare_postgresql)
    event.listen(engine, "begin", begin_postgresql)
    event.listen(engine, "handle_error", discard_read_only)


def prepare_postgresql(connection: Any, record: Any) -> None:
    """A process that is frozen within a transaction keeps what it locked from those who take its work over, until the
    server ends it. Whoever waits for a lock longer than that gives up, and may try again."""
    driver = record.driver_connection
    cursor = connection.cursor()
    cursor.execute("SELECT pg_backend_pid()")
    (at_work,) = cursor.fetchone()
    if at_work != driver.info.backend_pid:  # who let us in is not who works for us
        record.info["pooled"] = True
        driver.prepare_threshold = None
    else:
        cursor.execute(end_frozen(""))
    cursor.close()
    connection.commit()


def end_frozen(scope: str) -> str:
    return (
        f"SET {scope} idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s'; "
        f"SET {scope} lock_timeout = '{LOCK_SECONDS}s'"
    )


def begin_postgresql(connection: Connection) -> None:
    if "pooled" in connection.info:
        connection.exec_driver_sql(end_frozen("LOCAL"))


def discard_read_only(context: ExceptionContext) -> None:
    """After a failover a session may be at the old primary, or one that was opened in between at a standby: with it go
    all that were opened before."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True
        raise ReadOnly(context.statement, None, context.original_exception) from None


def begin_sqlite(connection: Any) -> None:
    """A writer takes the lock at once: one that upgrades from reading later would fail instead of waiting."""
    immediate = connection.get_execution_options().get("begin_immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
