"""The PostgreSQL of the tests is real, private to them, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, text

from tests.support.postgres import PostgresServer
from trunkline.db.addresses import driver_url
from trunkline.db.migrate import pending
from trunkline.settings import load_settings

STARTED_AND_KEPT = """
import sys
from tests.support.postgres import PostgresServer
with PostgresServer() as server:
    print(server.empty_database(), flush=True)
    sys.stdin.read()
    raise RuntimeError("a failure")
"""


def query(url: str, sql: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(sql.encode()).fetchone()
        assert row
        return row[0]


def test_one_url_serves_the_settings_psycopg_sqlalchemy_and_other_processes(postgres: PostgresServer) -> None:
    url = postgres.fresh_database()
    assert load_settings(_env_file=None, database_url=url).database_url == url
    assert not pending(url)
    assert query(url, "SELECT count(*) FROM restaurants") == 0
    engine = create_engine(driver_url(url, asynchronous=False))
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM restaurants")) == 0
    engine.dispose()
    code = "import psycopg, sys; print(psycopg.connect(sys.argv[1]).info.dbname)"
    seen = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert f"/{seen.stdout.strip()}?" in url
    postgres.drop(url)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_databases_do_not_share_rows(postgres: PostgresServer) -> None:
    one, other = postgres.fresh_database(), postgres.fresh_database()
    with psycopg.connect(one) as connection:
        connection.execute("INSERT INTO processes VALUES ('one', now())")
    assert query(one, "SELECT count(*) FROM processes") == 1
    assert query(other, "SELECT count(*) FROM processes") == 0
    assert query(postgres.fresh_database(), "SELECT count(*) FROM processes") == 0


def test_it_listens_on_no_network_address(postgres: PostgresServer) -> None:
    url = postgres.empty_database()
    assert query(url, "SHOW listen_addresses") == ""
    assert query(url, "SHOW fsync") == "on"


@pytest.mark.parametrize("end", ["failure", "kill"])
def test_it_ends_with_the_tests_however_they_end(end: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", STARTED_AND_KEPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as tests:
        assert tests.stdout
        assert tests.stdin
        directory = Path(tests.stdout.readline().strip().partition("?host=")[2])
        server = int((directory / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(server, 0)
        if end == "kill":
            tests.kill()
        tests.stdin.close()
        assert tests.wait(60) == (-signal.SIGKILL if end == "kill" else 1)
    deadline = time.monotonic() + 60
    while directory.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    with pytest.raises(ProcessLookupError):
        os.kill(server, 0)
