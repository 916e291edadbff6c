"""Brings a database to the schema of this version; the migrations travel inside the package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DatabaseError
from sqlalchemy.pool import NullPool

from trunkline.db import connections, files
from trunkline.db.addresses import driver_url
from trunkline.db.lock import database_file
from trunkline.db.pools import is_full
from trunkline.db.postgresql import listen_to_postgresql
from trunkline.db.sqlite import begin_sqlite, prepare_sqlite
from trunkline.errors import SettingsError

if TYPE_CHECKING:
    from alembic.config import Config

VERSIONS = Path(__file__).parent / "migrations" / "versions"
THINKING_SECONDS = 60  # between two statements of an upgrade, on a machine that has much else to do
UPGRADE_LOCK = 0x7472756E6B  # "trunk": PostgreSQL's advisory lock of whoever changes the schema


def upgrade(url: str) -> None:
    """Bring the database to this version's schema, all or nothing; nothing happens where it is already there."""
    from alembic import command  # what is done seldom is loaded late

    if file := database_file(url):
        files.prepare(file)
    with transaction(url) as connection:
        found = _revision(connection)
        _is_behind(found)
        try:
            command.upgrade(alembic_config(connection), "head")
        except DatabaseError as error:
            raise SettingsError(
                f"the database says that it is at schema {found or 'none'}, and its tables are others: "
                f"{str(error.orig).splitlines()[0]}",
                hint="put back a backup, from before or after the upgrade that was broken off",
            ) from None


def current(url: str) -> str | None:
    """The revision of the database's schema; None where there is none, and then no file is made for SQLite."""
    file = database_file(url)
    if file and not file.exists():
        return None
    with opened(url) as connection:
        return _revision(connection)


def pending(url: str) -> bool:
    """Whether the database needs an upgrade. SettingsError where a newer version of this program has made it."""
    return _is_behind(current(url))


def ensure_current(url: str) -> None:
    """Let the server start only on the present schema: SQLite is upgraded here, PostgreSQL by its operator."""
    if file := database_file(url):
        files.prepare(file)
    found = current(url)
    if not _is_behind(found):
        _refuse_read_only(url)
        return
    if file:
        upgrade(url)
        return
    state = f"at schema {found}, this version needs {revisions()[-1]}" if found else "without tables"
    raise SettingsError(f"the PostgreSQL database is {state}", hint="run: trunkline db upgrade")


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """One transaction around a change of the schema. Who comes second waits for it to end: on PostgreSQL by an
    advisory lock, on SQLite by the write lock."""
    with opened(url, begin_immediate=True) as connection:
        if connection.dialect.name == "sqlite":
            yield connection
            _check_references(connection)
        else:
            if connection.scalar(text("SELECT current_schema()")) is None:
                raise SettingsError(
                    "the schema that DATABASE_URL names is not there", hint="create it, or leave ?schema= out"
                )
            _refuse_read_only(url)
            connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{THINKING_SECONDS}s'")
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": UPGRADE_LOCK})
            yield connection
        connection.commit()


def _refuse_read_only(url: str) -> None:
    """SettingsError where a PostgreSQL takes no writes: a standby, or one that was told so."""
    if database_file(url):
        return
    with opened(url) as connection:
        if connection.scalar(text("SHOW transaction_read_only")) == "on":
            raise SettingsError(
                "the database takes no writes now", hint="wait for the failover, or let DATABASE_URL name the primary"
            )


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for a command on this connection; whoever opened it commits."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "trunkline.db:migrations")
    return config


@cache
def revisions() -> tuple[str, ...]:
    """Those that this version knows, the newest last: each migration's file begins with its own."""
    return tuple(sorted(file.name.partition("_")[0] for file in VERSIONS.glob("[0-9]*_*.py")))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _is_behind(found: str | None) -> bool:
    newest = revisions()[-1]
    if found and found not in revisions():
        raise SettingsError(
            f"the database is at schema {found}, which is newer than this version's {newest}",
            hint="start the version that last used this database, or a later one",
        )
    return found != newest


@contextmanager
def opened(url: str, **options: bool) -> Iterator[Connection]:
    """A connection with a transaction begun, which whoever asked commits; SettingsError where the database cannot be
    opened."""
    engine = _engine(url)
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        try:
            connection = stack.enter_context(engine.connect()).execution_options(**options)
            connection.begin()
        except DatabaseError as error:
            mend = "check DATABASE_URL, and that the database is up and lets this user in"
            if is_full(error.orig):
                mend = connections.MEND
            raise SettingsError(
                f"the database cannot be opened: {' '.join(str(error.orig).split())}", hint=mend
            ) from None
        yield connection


def _engine(url: str) -> Engine:
    engine = create_engine(driver_url(url, asynchronous=False), poolclass=NullPool)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", prepare_sqlite)
        event.listen(engine, "connect", _suspend_references)
        event.listen(engine, "begin", begin_sqlite)
    else:
        listen_to_postgresql(engine)
    return engine


def _suspend_references(connection: object, _: object) -> None:
    """Rebuilding a table drops it, which would count as deleting every row that others refer to: no foreign keys
    while the schema changes (they cannot be switched inside the transaction), a check of them all at its end."""
    connection.execute("PRAGMA foreign_keys=OFF")  # type: ignore[attr-defined]


def _check_references(connection: Connection) -> None:
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise RuntimeError(f"the migration leaves a row of {broken[0]} that refers to no row of {broken[2]}")
