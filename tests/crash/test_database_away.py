"""The database hangs, refuses or is full: nobody's run fails for it, none is left lying, nothing is bought twice."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from sqlalchemy import event, text

from tests.crash.books import read_books
from tests.crash.conftest import Site, wait_until
from tests.support.desk import Opener
from tests.support.postgres import PostgresServer
from tests.support.sandbox_server import SandboxServer
from trunkline.db.models import Assignment
from trunkline.workflows.kinds import start_stray_runs

RUNS = 12
SILENT = 3.0  # seconds, longer than a process may be


def slow_purchases(sandbox: SandboxServer) -> None:
    """So that the database goes away before, in the middle of and after them."""
    for n, seconds in enumerate((0.2, 0.5, 1.0, 1.5)):
        rule = {"kind": "latency", "seconds": seconds, "skip": n, "times": 2}
        sandbox.fault(provider="twilio", operation="incoming_numbers.create", **rule)


def test_who_was_at_work_when_postgresql_hung_and_refused_ends_its_work(
    postgres_site: Site, postgres: PostgresServer
) -> None:
    site = postgres_site
    servers = site.start(), site.start()
    assert all(server.get("/healthz") for server in servers)
    slow_purchases(site.sandbox)
    for n in range(RUNS):
        servers[n % 2].post("/api/restaurants", name=f"Restaurant {n}")
    wait_until(lambda: site.sandbox.held("twilio"))
    with postgres.hanging():
        time.sleep(SILENT)
    with postgres.refusing(site.database_url):
        time.sleep(SILENT)
    books = site.books(45)
    assert books.settled()
    assert [a.status for a in books.assignments] == ["assigned"] * RUNS
    assert books.wrongs() == []
    assert len(books.held["twilio"]) == RUNS


def test_a_process_that_ends_while_postgresql_refuses_ends_in_good_order(
    postgres_site: Site, postgres: PostgresServer
) -> None:
    server = postgres_site.start()
    assert server.get("/healthz")
    with postgres.refusing(postgres_site.database_url):
        assert server.stop() == 0
    assert "the others are not told that this process ends" in server.log.read_text()


class Disk:
    """SQLite's, which may be full: no file of the database's connections grows then."""

    def __init__(self, engine: Any) -> None:
        self._full = False
        event.listen(engine.sync_engine, "checkout", self._apply)

    def _apply(self, connection: Any, *_: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA max_page_count = {1 if self._full else 1 << 30}")  # never less than there are
        cursor.close()

    def be(self, full: bool) -> None:
        self._full = full


@pytest.mark.anyio
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_who_was_at_work_when_the_disk_was_full_ends_its_work(open_desk: Opener, database_url: str) -> None:
    async with open_desk(provider_timeout_seconds=10, retry_for_seconds=20) as desk:
        disk = Disk(desk.services.database.engine)
        slow_purchases(desk.sandbox)
        runs = [await desk.create(f"Restaurant {n}") for n in range(RUNS)]
        disk.be(full=True)
        async with desk.services.database.read() as session:
            full = (await session.execute(text("PRAGMA max_page_count"))).scalar_one()
        assert full < 1000
        while desk.services.engine.running:
            await asyncio.sleep(0.05)
        assert await desk.rows(Assignment, Assignment.status == "running")
        disk.be(full=False)
        while await desk.rows(Assignment, Assignment.status == "running"):
            await start_stray_runs(desk.services)
            await asyncio.gather(*(desk.services.engine.wait(run, 5) for run in runs))
        books = read_books(desk.sandbox, database_url)
        assert [a.status for a in books.assignments] == ["assigned"] * RUNS
        assert books.wrongs() == []
        assert len(books.held["twilio"]) == RUNS
