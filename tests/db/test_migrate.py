"""Migrations make the schema of the models, all or nothing, one at a time, and the server starts on no other."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, inspect, text

from tests.support.postgres import PostgresServer
from trunkline.db.addresses import driver_url
from trunkline.db.migrate import (
    UPGRADE_LOCK,
    alembic_config,
    current,
    ensure_current,
    pending,
    revisions,
    transaction,
    upgrade,
)
from trunkline.db.models import Base
from trunkline.errors import SettingsError

REVISIONS = [script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()]
HEAD = REVISIONS[0]
EARLIER = [*REVISIONS[1:], "base"]


def test_the_files_of_migrations_are_named_by_their_revisions() -> None:
    assert [*reversed(revisions())] == REVISIONS


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables; the SQLite file does not even exist."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.sqlite'}"
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        url = server.empty_database()
        yield url
        server.drop(url)


only_postgresql = pytest.mark.parametrize("empty_url", ["postgresql"], indirect=True)
only_sqlite = pytest.mark.parametrize("empty_url", ["sqlite"], indirect=True)


WITH_TRIGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/lib/pg_trgm.so"))


def downgrade(url: str, revision: str) -> None:
    with transaction(url) as connection:
        command.downgrade(alembic_config(connection), revision)


def tables(url: str) -> set[str]:
    with transaction(url) as connection:
        return set(inspect(connection).get_table_names())


def index_definitions(connection: Connection) -> set[str]:
    """What the database itself says of every index, conditions included (comparing metadata overlooks those)."""
    if connection.dialect.name == "sqlite":
        query = (
            "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name <> 'alembic_version'"
        )
    else:
        query = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    return {re.sub(r"\s+", " ", sql) for sql in connection.scalars(text(query))}


def test_the_migrated_schema_is_the_one_of_the_models(empty_url: str) -> None:
    upgrade(empty_url)
    with transaction(empty_url) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []
        migrated = index_definitions(connection)
    downgrade(empty_url, "base")
    with transaction(empty_url) as connection:
        Base.metadata.create_all(connection)
        assert index_definitions(connection) == migrated


def test_every_migration_can_be_taken_back_and_made_again(empty_url: str) -> None:
    upgrade(empty_url)
    complete = tables(empty_url)
    assert complete == {*Base.metadata.tables, "alembic_version"}
    for revision in EARLIER:
        downgrade(empty_url, revision)
    assert tables(empty_url) == {"alembic_version"}
    upgrade(empty_url)
    assert tables(empty_url) == complete


@pytest.mark.skipif(not WITH_TRIGRAMS, reason="no PostgreSQL with pg_trgm is installed")
def test_parts_of_names_have_an_index_where_it_may_be_made() -> None:
    with PostgresServer(WITH_TRIGRAMS[0].parent.parent) as server:
        url = server.empty_database()
        upgrade(url)
        with transaction(url) as connection:
            assert any("gin_trgm_ops" in index for index in index_definitions(connection))
        downgrade(url, "base")
        upgrade(url)
        poor = server.empty_database()
        with transaction(poor) as connection:
            connection.execute(text("CREATE ROLE poor LOGIN"))
            connection.execute(text("GRANT CREATE ON SCHEMA public TO poor"))
        upgrade(poor.replace("//postgres@", "//poor@"))
        with transaction(poor) as connection:
            assert not any("gin_trgm_ops" in index for index in index_definitions(connection))


def test_a_second_upgrade_changes_nothing(database_url: str) -> None:
    engine = create_engine(driver_url(database_url, asynchronous=False))
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO processes (id, seen_at) VALUES ('one', '2026-01-01 00:00:00')"))
    upgrade(database_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM processes")) == 1
    engine.dispose()


def test_pending_until_upgraded(empty_url: str) -> None:
    assert current(empty_url) is None
    assert pending(empty_url)
    upgrade(empty_url)
    assert current(empty_url) == HEAD
    assert not pending(empty_url)


@only_postgresql
def test_a_postgresql_that_takes_no_writes_is_refused_in_one_line(empty_url: str, postgres: PostgresServer) -> None:
    with postgres.read_only(empty_url), pytest.raises(SettingsError, match="takes no writes"):
        upgrade(empty_url)
    upgrade(empty_url)
    with postgres.read_only(empty_url), pytest.raises(SettingsError, match="takes no writes"):
        ensure_current(empty_url)
    ensure_current(empty_url)


def test_asking_makes_no_sqlite_file(tmp_path: Path) -> None:
    assert pending(f"sqlite:///{tmp_path / 'absent.sqlite'}")
    assert list(tmp_path.iterdir()) == []


@only_sqlite
@pytest.mark.parametrize("revision", EARLIER)
def test_the_server_upgrades_an_sqlite_by_itself(empty_url: str, revision: str) -> None:
    ensure_current(empty_url)
    assert current(empty_url) == HEAD
    downgrade(empty_url, revision)
    ensure_current(empty_url)
    assert current(empty_url) == HEAD


@only_postgresql
@pytest.mark.parametrize("revision", EARLIER)
def test_the_server_refuses_a_postgresql_that_is_behind_and_names_the_command(empty_url: str, revision: str) -> None:
    with pytest.raises(SettingsError, match="without tables") as caught:
        ensure_current(empty_url)
    assert caught.value.hint == "run: trunkline db upgrade"
    upgrade(empty_url)
    ensure_current(empty_url)
    downgrade(empty_url, revision)
    with pytest.raises(SettingsError) as caught:
        ensure_current(empty_url)
    assert caught.value.hint == "run: trunkline db upgrade"
    assert pending(empty_url)


@pytest.mark.parametrize("action", [upgrade, ensure_current, pending])
def test_a_database_of_a_newer_version_is_left_alone(database_url: str, action: object) -> None:
    with transaction(database_url) as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert callable(action)
    with pytest.raises(SettingsError, match="9999, which is newer"):
        action(database_url)
    assert current(database_url) == "9999"


def test_an_upgrade_that_fails_leaves_nothing_behind(empty_url: str) -> None:
    with transaction(empty_url) as connection:
        connection.execute(text("CREATE TABLE releases (id INTEGER)"))
    with pytest.raises(SettingsError, match=r"at schema none, and its tables are others: .*already exists") as refused:
        upgrade(empty_url)
    assert "\n" not in refused.value.detail
    assert tables(empty_url) == {"releases"}
    assert pending(empty_url)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_table_that_others_refer_to_can_be_rebuilt(database_url: str) -> None:
    """SQLite drops and renames for this; neither the rows nor the conditions of the indexes may go with it."""
    with transaction(database_url) as connection:
        before = index_definitions(connection)
        connection.execute(
            text(
                "INSERT INTO restaurants (id, name, api_key_hash, created_at) VALUES ('rst_a', 'A', 'h', '2026-01-01')"
            )
        )
        connection.execute(text("INSERT INTO callers VALUES ('rst_a', '+12025550101')"))
    with transaction(database_url) as connection:
        operations = Operations(MigrationContext.configure(connection))
        for table in ("restaurants", "mappings"):
            with operations.batch_alter_table(table, recreate="always"):
                pass
    with transaction(database_url) as connection:
        assert connection.scalar(text("SELECT restaurant_id FROM callers")) == "rst_a"
        assert connection.scalar(text("SELECT id FROM restaurants")) == "rst_a"
        assert {re.sub('"', "", sql) for sql in index_definitions(connection)} == before


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_migration_that_breaks_a_reference_is_rolled_back(database_url: str) -> None:
    with (
        pytest.raises(RuntimeError, match="a row of callers that refers to no row of restaurants"),
        transaction(database_url) as connection,
    ):
        connection.execute(text("INSERT INTO callers VALUES ('rst_nobody', '+12025550101')"))
    with transaction(database_url) as connection:
        assert connection.scalar(text("SELECT count(*) FROM callers")) == 0


@only_postgresql
def test_processes_that_upgrade_at_once_all_succeed(empty_url: str) -> None:
    code = """if True:
        import sys
        from trunkline.db.migrate import upgrade
        print("ready", flush=True)
        input()
        upgrade(sys.argv[1])
    """
    started = [
        subprocess.Popen([sys.executable, "-c", code, empty_url], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True)
        for _ in range(2)
    ]
    for process in started:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in started:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    outcomes = [(process.communicate(timeout=60)[1], process.returncode) for process in started]
    assert outcomes == [("", 0)] * 2
    assert not pending(empty_url)


@only_postgresql
def test_an_upgrade_waits_for_the_one_that_is_running(empty_url: str) -> None:
    with psycopg.connect(empty_url, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [UPGRADE_LOCK])
        second = threading.Thread(target=upgrade, args=[empty_url])
        second.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        deadline = time.monotonic() + 60
        while not (other.execute(waiting).fetchone() or (0,))[0]:
            assert second.is_alive(), "it did not wait"
            assert time.monotonic() < deadline
            time.sleep(0.01)
        assert pending(empty_url)
        other.execute("SELECT pg_advisory_unlock(%s)", [UPGRADE_LOCK])
        second.join(30)
    assert not pending(empty_url)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("postgresql://user:hunter2@127.0.0.1:1/trunkline", "refused"),
        ("sqlite:////nonexistent/directory/trunkline.sqlite", "No such file or directory"),
    ],
)
def test_a_database_that_cannot_be_opened_is_said_so_without_the_password(url: str, reason: str) -> None:
    with pytest.raises(SettingsError, match=reason) as caught:
        ensure_current(url)
    assert "hunter2" not in f"{caught.value.detail} {caught.value.hint}"
    assert caught.value.hint
    assert "DATABASE_URL" in caught.value.hint
