"""Opens the database, SQLite (with one writer) or PostgreSQL, by its URL alone."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog
from sqlalchemy import event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

from trunkline.db import changes
from trunkline.db.addresses import driver_url
from trunkline.db.bells import Bell
from trunkline.db.connections import POOL, WAIT_SECONDS
from trunkline.db.files import HeldFile
from trunkline.db.pools import PatientAsyncPool
from trunkline.db.postgresql import ask_before_use, listen_to_postgresql
from trunkline.db.sqlite import ARGUMENTS, begin_sqlite, set_pragmas

log = structlog.get_logger()
T = TypeVar("T")
# What says that the database is away (gone, read-only, full, busy, no connection free) and not that we asked for
# something wrong: the work goes on when it is back.
DATABASE_AWAY = (OperationalError, InternalError, InterfaceError, NoConnection)
MOST_GIVEN_UP = 2  # of the pool's connections


class Database:
    """The open database. `read()` gives a session for looking (each statement is consistent in itself), `write()` one
    that commits at the end of the block or rolls back on an error. No outside call is made inside either.

    Behind a pooler (PgBouncer), known once a session was used, a session may be at another server process in every
    transaction: nothing is prepared, set or listened for beyond one.

    `listeners` are awaited after each commit with the numbers that it changed, so that who keeps them in memory is up
    to date when `write()` is left; `sender` names this process in what the others are notified of."""

    def __init__(self, url: str, pool_size: int = POOL) -> None:
        self.embedded = url.startswith("sqlite")
        file = make_url(url).database or ""
        self._file = HeldFile(file)
        options: dict[str, Any] = {"connect_args": ARGUMENTS} if self.embedded else {"poolclass": PatientAsyncPool}
        self.engine: AsyncEngine = create_async_engine(
            driver_url(url), pool_size=pool_size, max_overflow=0, pool_timeout=WAIT_SECONDS, **options
        )
        self.behind_pooler = False
        if self.embedded:
            event.listen(self.engine.sync_engine, "connect", set_pragmas)
            event.listen(self.engine.sync_engine, "connect", lambda *_: self._file.opened())
            event.listen(self.engine.sync_engine, "begin", begin_sqlite)
        else:
            listen_to_postgresql(self.engine.sync_engine)
            ask_before_use(self.engine.sync_engine)
            event.listen(self.engine.sync_engine, "connect", self._note_pooler)
        self._sessions = async_sessionmaker(
            self.engine, expire_on_commit=False, sync_session_class=changes.NotingSession
        )
        self._one_writer = asyncio.Lock()
        self._given_up: set[asyncio.Task[Any]] = set()
        self.listeners: list[Callable[[set[str]], Awaitable[None]]] = []
        self._bells: list[Bell] = []
        self.sender = secrets.token_hex(8)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncSession]:
        async with self._session() as session:
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
        if session.info.get("told"):
            self.ring()
        if changed:
            await self._tell(changed)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        if not self.embedded:
            async with self._sessions.begin() as session:
                yield session
            return
        async with self._one_writer, self._session() as session:
            await session.connection(execution_options={"begin_immediate": True})
            yield session
            await session.commit()
            self.refuse_gone()  # what was committed to a file that is gone is no more

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[AsyncSession]:
        if not self.embedded:
            async with self._sessions() as session:  # closed in a task of its own, which nobody cancels halfway
                yield session
            return
        session = self._sessions()
        try:
            yield session
        finally:
            await session.close()  # at once: a file needs no answer

    def bell(self) -> Bell:
        """A new one, which rings when this process has committed something that is told as an event."""
        self._bells.append(bell := Bell())
        return bell

    def ring(self) -> None:
        """There may be something to do for whoever waits for a bell."""
        for bell in self._bells:
            bell.ring()

    def refuse_gone(self) -> None:
        """FileGone where an SQLite file is not in its place any more."""
        if self.embedded:
            self._file.refuse_gone()

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
