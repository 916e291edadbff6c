"""Connections to PostgreSQL, perhaps through a pooler, perhaps to a server that takes no writes any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

LOCK_SECONDS = 8
FROZEN_SECONDS = 5  # no transaction waits for anything but the database
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
