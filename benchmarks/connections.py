"""How many connections to PostgreSQL a process takes under load, and what it asks for and costs while it has nothing to
do: `python -m benchmarks.connections`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import psycopg
from tests.support.postgres import PostgresServer

from benchmarks.batch import SECRET, Served, process
from benchmarks.beside import beside
from trunkline.db.migrate import upgrade
from trunkline.sandbox.server import environment

MOST, STATEMENTS, CPU_PERCENT = 10, 3.0, 0.5
CALLERS, RESTAURANTS = 50, 200
SETTLING = 70.0  # seconds until what is done once after a start is done


class Connections:
    """Counts those to one database; `most` there were at once."""

    def __init__(self, url: str) -> None:
        self._url, self.most = url, 0

    def count(self, over: threading.Event) -> None:
        query = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not over.wait(0.01):
                row = connection.execute(query, [connection.info.dbname]).fetchone()
                self.most = max(self.most, row[0] if row else 0)


def load(served: Served) -> int:
    """Restaurants that all want a number at once; how many got none."""
    headers = {"X-Vapi-Secret": SECRET}
    with httpx2.Client(base_url=served.url, headers=headers, timeout=120) as client:

        def create(nth: int) -> bool:
            body = {"name": f"Restaurant {nth}", "assign_phone": True}
            return client.post("/api/restaurants", json=body).status_code in (201, 202)

        with ThreadPoolExecutor(CALLERS) as callers:
            return RESTAURANTS - sum(callers.map(create, range(RESTAURANTS)))


def share_of_a_core(served: Served, seconds: float) -> float:
    before = served.cpu()
    time.sleep(seconds)
    return (served.cpu() - before) / 10 / seconds


def line(what: str, found: float, limit: float, unit: str) -> bool:
    print(f"{what:44}{found:8.2f} {unit} (limit {limit:g}){'' if found <= limit else '  TOO MUCH'}")
    return found <= limit


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="how long an idle process is watched")
    seconds = parser.parse_args().seconds
    kept = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(PostgresServer())
        sandbox = stack.enter_context(process(folder, "sandbox"))
        settings = environment(sandbox.url) | {"VAPI_SECRET_KEY": SECRET, "PROVIDER_REQUESTS_PER_SECOND": "1000"}
        url = server.fresh_database()
        with process(folder, "serve", **settings, DATABASE_URL=url) as served:
            connections = Connections(url)
            with beside(connections.count):
                failed = load(served)
        kept.append(line("connections under load", connections.most, MOST, ""))
        kept.append(line("requests that failed meanwhile", failed, 0, ""))
        url = server.fresh_database()
        with server.statements(url) as sent, process(folder, "serve", **settings, DATABASE_URL=url) as served:
            time.sleep(SETTLING)
            before = sent()
            share = share_of_a_core(served, seconds)
            kept.append(line("statements a second, idle on PostgreSQL", (sent() - before) / seconds, STATEMENTS, ""))
        kept.append(line("of a core, idle on PostgreSQL", share, CPU_PERCENT, "%"))
        upgrade(url := f"sqlite:///{folder / 'trunkline.sqlite'}")
        with process(folder, "serve", **settings, DATABASE_URL=url) as served:
            time.sleep(SETTLING)
            kept.append(line("of a core, idle on SQLite", share_of_a_core(served, seconds), CPU_PERCENT, "%"))
    sys.exit(0 if all(kept) else 1)


if __name__ == "__main__":
    main()
