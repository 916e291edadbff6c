"""How long a call and another write wait while a batch of very many restaurants is started, cancelled and resumed:
`python -m benchmarks.large_batch`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text
from tests.support.postgres import PostgresServer

from benchmarks.batch import Served, process
from benchmarks.beside import beside
from benchmarks.fleet import EVERY, Calls
from benchmarks.lists import statements
from benchmarks.routing_world import SECRET
from trunkline.client import Trunkline
from trunkline.db.migrate import upgrade
from trunkline.db.session import Database
from trunkline.sandbox.server import environment

LONGEST_CALL_MS, LONGEST_WRITE_MS = 100.0, 500.0


class Writes:
    """Restaurants that are created all the time; how long the slowest took."""

    def __init__(self, url: str) -> None:
        self._url, self.longest = url, 0.0

    def create(self, over: threading.Event) -> None:
        with Trunkline(self._url, SECRET) as client:
            while not over.wait(EVERY):
                begun = time.perf_counter()
                client.create_restaurant("Roma", assign_phone=False)
                self.longest = max(self.longest, (time.perf_counter() - begun) * 1000)


async def fill(url: str, count: int) -> None:
    """So many restaurants without a number."""
    database = Database(url)
    try:
        async with database.write() as session:
            await session.execute(text(statements(database.embedded, count)[0]))
        async with database.write() as session:
            await session.execute(text("ANALYZE"))
    finally:
        await database.close()


def measure(served: Served, what: str, work: Callable[[], object]) -> bool:
    calls, writes = Calls(served.url), Writes(served.url)
    with beside(calls.ring), beside(writes.create):
        begun = time.perf_counter()
        work()
        seconds = time.perf_counter() - begun
    good = calls.longest <= LONGEST_CALL_MS and writes.longest <= LONGEST_WRITE_MS
    print(
        f"  {what:10}{seconds:7.2f} s; the longest that a call waited {calls.longest:8.1f} ms"
        f" (limit {LONGEST_CALL_MS:g}), a write {writes.longest:8.1f} ms (limit {LONGEST_WRITE_MS:g})"
        f"{'' if good else '  TOO MUCH'}",
        flush=True,
    )
    return good


def measure_all(folder: Path, url: str, restaurants: int) -> bool:
    asyncio.run(fill(url, restaurants))
    with process(folder, "sandbox") as sandbox:
        # So slow that nothing of the batch's own work is measured.
        settings = environment(sandbox.url) | {"VAPI_SECRET_KEY": SECRET, "PROVIDER_REQUESTS_PER_SECOND": "1"}
        with process(folder, "serve", **settings, DATABASE_URL=url) as served, Trunkline(served.url, SECRET) as client:
            started: list[str] = []
            right = measure(served, "start", lambda: started.append(client.start_batch(carrier="twilio").id))
            right = measure(served, "cancel", lambda: client.cancel_batch(started[0])) and right
            return measure(served, "resume", lambda: client.resume_batch(started[0])) and right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--restaurants", type=int, default=100_000)
    count, right = parser.parse_args().restaurants, True
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        upgrade(sqlite := f"sqlite:///{folder / 'trunkline.sqlite'}")
        urls = {"SQLite": sqlite, "PostgreSQL": stack.enter_context(PostgresServer()).fresh_database()}
        for name, url in urls.items():
            print(f"{name}, a batch of {count:,}", flush=True)
            right = measure_all(folder, url, count) and right
    sys.exit(not right)


if __name__ == "__main__":
    main()
