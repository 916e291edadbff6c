"""Connections to PostgreSQL, perhaps through a pooler, perhaps to a server that takes no writes any more."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection, Dialect, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import InvalidatePoolError, OperationalError

LOCK_SECONDS = 8
FROZEN_SECONDS = 5  # no transaction waits for anything but the database
FRESH_SECONDS = 1.0  # a connection that was at work so short a time ago is still there, unless the server has said more
READ_ONLY = "25006"  # PostgreSQL's read_only_sql_transaction


class ReadOnly(OperationalError):
    """The session is at a server that takes no writes: a standby, or one that was told so. Its pool is made anew."""


def listen_to_postgresql(engine: Engine) -> None:
    """What every engine on PostgreSQL of ours does with its connections, transactions and errors."""
    event.listen(engine, "connect", prepare_postgresql)
    event.listen(engine, "begin", begin_postgresql)
    event.listen(engine, "handle_error", discard_read_only)
    event.listen(engine, "do_executemany", execute_each)
    engine.dialect.use_insertmanyvalues_wo_returning = True
    engine.dialect.supports_sane_multi_rowcount = False


def ask_before_use(engine: Engine) -> None:
    """Whoever gets a connection from the engine's pool gets one that is still there."""
    event.listen(engine, "checkin", note_given_back)
    event.listen(engine, "checkout", partial(refuse_lost, engine.dialect))


def note_given_back(connection: Any, record: Any) -> None:
    record.info["given_back"] = time.monotonic()


def refuse_lost(dialect: Dialect, connection: Any, record: Any, _: Any) -> None:
    """Ask the server by a statement, as SQLAlchemy's own ping does before each use; not where it was at work a moment
    ago and has sent nothing since, which it does when it ends a connection."""
    given_back = record.info.get("given_back")
    if given_back is None or (time.monotonic() - given_back < FRESH_SECONDS and is_silent(record.driver_connection)):
        return
    try:
        dialect.do_ping(connection)
    except dialect.loaded_dbapi.Error as error:
        if dialect.is_disconnect(error, connection, None):
            raise InvalidatePoolError from None  # the pool opens another one, and forgets all that are as old
        raise


def is_silent(driver: Any) -> bool:
    """Whether it is open, and nothing waits to be read from it."""
    if driver.closed:
        return False
    waiting = select.poll()
    waiting.register(driver.fileno(), select.POLLIN)
    return not waiting.poll(0)


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


def execute_each(cursor: Any, statement: str, rows: Sequence[Any], context: object) -> bool:
    """Several rows by one statement each, instead of the driver's pipeline: it ends with a Flush after the Sync, on
    which PostgreSQL forgets to end what is idle in its transaction. Rows that are inserted go as one statement."""
    for row in rows:
        cursor.execute(statement, row)
    return True


def discard_read_only(context: ExceptionContext) -> None:
    """After a failover a session may be at the old primary, or one that was opened in between at a standby: with it go
    all that were opened before."""
    if getattr(context.original_exception, "sqlstate", None) == READ_ONLY:
        context.is_disconnect = True
        raise ReadOnly(context.statement, None, context.original_exception) from None
