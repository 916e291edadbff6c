"""What the memory of who answers costs: its size, its start, and one change of it: `python -m benchmarks.directory`."""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import text
from tests.support.postgres import PostgresServer

from benchmarks.routing_world import database, number_of, restaurant_of, voice_id_of
from trunkline.db.routes import Route, Served
from trunkline.db.session import Database
from trunkline.logs import configure_logs
from trunkline.routing.directory import Directory
from trunkline.routing.follow import Follower

MOST_MB, MOST_SECONDS, MOST_RATIO = 20.0, 8.0, 1.5
WEIGHED, CHANGES, SLICE = 100_000, 300, 1000
SERVED = """INSERT INTO restaurants (id, name, api_key_hash, created_at)
    SELECT 'rst_' || lpad(n::text, 16, '0'), 'Trattoria No. ' || n, lpad(n::text, 64, '0'), now()
    FROM generate_series(0, :last) n"""
NUMBERS = """INSERT INTO numbers (number, state, carrier, voice_id, put_aside_times, protected, created_at, updated_at)
    SELECT '+1' || (2000000000 + n), 'in_service', 'twilio', md5(n::text)::uuid::text, 0, false, now(), now()
    FROM generate_series(0, :last) n"""
MAPPINGS = """INSERT INTO mappings (id, number, restaurant_id, active, source, created_at)
    SELECT 'map_' || n, '+1' || (2000000000 + n), 'rst_' || lpad(n::text, 16, '0'), true, 'owned', now()
    FROM generate_series(0, :last) n"""


def weigh() -> float:
    """Megabytes of a directory of 100,000 mappings, beside what the routes themselves take."""
    gc.collect()
    tracemalloc.start()
    directory = Directory()
    for start in range(0, WEIGHED, SLICE):
        directory.update(
            Route(number_of(n), voice_id_of(n), Served(*restaurant_of(n))) for n in range(start, start + SLICE)
        )
    gc.collect()
    megabytes = tracemalloc.get_traced_memory()[0] / 1e6
    tracemalloc.stop()
    assert len(directory) == WEIGHED
    return megabytes


async def fill(url: str, count: int) -> None:
    opened = Database(url)
    async with opened.write() as session:
        for statement in (SERVED, NUMBERS, MAPPINGS):
            await session.execute(text(statement), {"last": count - 1})
    await opened.close()


async def load(url: str) -> tuple[float, float, float]:
    """(seconds, seconds of own CPU, the least milliseconds of a change), of all that the database has."""
    opened, directory = Database(url), Directory()
    follower = Follower(opened, directory)
    begun, own = time.perf_counter(), time.process_time()
    await follower.load()
    seconds, cpu = time.perf_counter() - begun, time.process_time() - own
    least, chance = float("inf"), random.Random(1)
    for _ in range(CHANGES):
        changed = [number_of(chance.randrange(len(directory)))]
        before = time.perf_counter()
        await follower.refresh(changed)
        least = min(least, (time.perf_counter() - before) * 1000)
    await opened.close()
    return seconds, cpu, least


def measure(urls: Sequence[tuple[int, str]]) -> bool:
    right, first = True, 0.0
    for count, url in urls:
        seconds, cpu, change = asyncio.run(load(url))
        first = first or change
        good = cpu <= MOST_SECONDS and change / first <= MOST_RATIO
        shown = "" if good else "  TOO SLOW"
        print(f"    {count:>9,} {seconds:7.1f} s, {cpu:.1f} s of CPU; a change {change:.2f} ms{shown}", flush=True)
        right = right and good
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mappings", type=int, nargs="*", default=[1_000, 1_000_000])
    parser.add_argument("--no-postgresql", action="store_true")
    given = parser.parse_args()
    configure_logs("error")
    print(f"  limits: {MOST_MB:g} MB for {WEIGHED:,}, {MOST_SECONDS:g} s of CPU to load, a change {MOST_RATIO:g} times")
    megabytes = weigh()
    right = megabytes <= MOST_MB
    print(f"  {megabytes:.1f} MB for {WEIGHED:,} mappings{'' if right else '  TOO MUCH'}", flush=True)
    with tempfile.TemporaryDirectory(prefix="trunkline-directory-") as folder:
        print("  SQLite")
        right = measure([(count, database(Path(folder), count)) for count in given.mappings]) and right
    if not given.no_postgresql:
        with PostgresServer() as server:
            print("  PostgreSQL")
            urls = [(count, server.fresh_database()) for count in given.mappings]
            for count, url in urls:
                asyncio.run(fill(url, count))
            right = measure(urls) and right
    sys.exit(not right)


if __name__ == "__main__":
    main()
