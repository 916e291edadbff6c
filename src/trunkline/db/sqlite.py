"""Connections to SQLite: WAL, foreign keys, full sync, and nothing that waits on the loop's thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

import aiosqlite

BUSY_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.001, 0.05
LOCKED_BY_ANOTHER = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY}


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


def connect_directly(file: str) -> DirectConnection:
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


def begin_sqlite(connection: Any) -> None:
    """A writer takes the lock at once: one that upgrades from reading later would fail instead of waiting."""
    immediate = connection.get_execution_options().get("begin_immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
