"""Connections to SQLite: WAL, foreign keys, full sync, and nothing that waits on the loop's thread."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import AsyncAdaptedQueuePool, Pool
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL
from sqlalchemy.util import await_

BUSY_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05
LOCKED_BY_ANOTHER = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY}
LONGEST_TURN = 0.0003  # seconds of statements before the loop looks whether a call rings


class _Cursor(sqlite3.Cursor):
    async def _async_soft_close(self) -> None:
        """SQLAlchemy's, before it gives back what it has read to the end."""


class DirectConnection(sqlite3.Connection):
    """One whose cursors SQLAlchemy's asynchronous sessions take."""

    def cursor(self, *_: Any) -> _Cursor:  # type: ignore[override]
        return super().cursor(_Cursor)


ARGUMENTS = {"timeout": 0, "factory": DirectConnection}  # of each connection: it waits by itself


class DirectDialect(SQLiteDialect_pysqlite):
    """Runs its statements at once, on the loop's thread. To hand each over to a thread, as drivers for asyncio do,
    costs more than the statement: an assignment took 20 ms more of CPU. There is one process and one writer, so that
    nothing waits for a lock, unless another program has one (a backup, a shell): then the loop goes on meanwhile. Only
    a commit waits, for the disk, and is left to a thread."""

    driver = "direct"
    is_async = True
    has_terminate = True
    supports_statement_cache = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._turn_began = 0.0
        self._committer = ThreadPoolExecutor(1, "commit")

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        return AsyncAdaptedQueuePool

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        self._run(cursor.execute, statement, parameters)

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        self._run(cursor.execute, statement)

    def do_executemany(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        self._run(cursor.executemany, statement, parameters)

    def do_commit(self, dbapi_connection: Any) -> None:
        await_(self._commit(dbapi_connection))

    def _run(self, run: Callable[..., Any], *arguments: Any) -> None:
        """Leave to the loop only what has to wait: each time costs as much as a small statement."""
        if time.perf_counter() - self._turn_began > LONGEST_TURN:
            await_(self._give_way())
        try:
            run(*arguments)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in LOCKED_BY_ANOTHER:
                raise
            await_(self._patiently(run, *arguments))

    async def _patiently(self, run: Callable[..., Any], *arguments: Any) -> None:
        pause, patience = FIRST_PAUSE, BUSY_SECONDS
        while True:
            await asyncio.sleep(pause)
            try:
                run(*arguments)
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode not in LOCKED_BY_ANOTHER or patience <= 0:
                    raise
            patience -= pause
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _give_way(self) -> None:
        """A call that rings meanwhile waits for a few statements, not for a row of them."""
        await asyncio.sleep(0)
        self._turn_began = time.perf_counter()

    async def _commit(self, connection: sqlite3.Connection) -> None:
        """Not given up halfway: a connection may not be used by two threads at once, and who is cancelled rolls back
        on the loop's thread."""
        commit = asyncio.get_running_loop().run_in_executor(self._committer, connection.commit)
        cancelled: asyncio.CancelledError | None = None
        while not commit.done():
            try:
                await asyncio.wait([commit])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            raise cancelled
        commit.result()


registry.register("sqlite.direct", __name__, DirectDialect.__name__)


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


def begin_sqlite(connection: Any) -> None:
    """A writer takes the lock at once: one that upgrades from reading later would fail instead of waiting."""
    if connection.get_execution_options().get("begin_immediate"):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.connection.driver_connection.execute("BEGIN")  # which locks nothing, so that it is never refused
