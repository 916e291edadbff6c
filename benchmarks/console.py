"""How long the server takes for each page of the console among many numbers: `python -m benchmarks.console`."""

from __future__ import annotations

import argparse
import asyncio
import gzip
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
from sqlalchemy import text
from tests.support.postgres import PostgresServer

from benchmarks.batch import SECRET, environment, process
from benchmarks.lists import statements
from trunkline.db.migrate import upgrade
from trunkline.db.session import Database

LIMIT_MS, MOST_BYTES = 60.0, 60_000
BOUGHT = {  # within a thousand days, in a world whose rows are all of the last one
    True: "strftime('%Y-%m-%d %H:%M:%S.000000', created_at, '-' || (rowid % 1000) || ' days')",
    False: "created_at - (right(number, 3)::int) * interval '1 day'",
}


def pages(count: int) -> list[str]:
    number, restaurant = f"%2B1{2000000000 + count // 2}", f"rst_{1000000000000000 + count // 2}"
    return [
        "",
        "/restaurants",
        "/restaurants?search=roma",
        f"/restaurants/{restaurant}",
        "/numbers",
        "/numbers?sort=price",
        "/numbers?sort=idle_since",
        "/numbers?state=idle",
        "/numbers?carrier=twilio",
        "/numbers?country=US",
        "/numbers?number_type=local",
        "/numbers?currency=USD",
        "/numbers?protected=no",
        "/numbers?idle_days=1",
        "/numbers?min_price=1",
        f"/numbers/{number}",
        f"/numbers/{number}/release",
        "/batches",
        "/batches/new",
        "/calls",
        "/calls?unrouted=yes",
        "/reconcile",
        "/reconcile/new",
        "/costs",
        "/budgets",
        "/debts",
        "/events",
        "/endpoints",
        "/keys",
        "/settings",
    ]


async def fill(url: str, count: int) -> None:
    database = Database(url)
    begin = datetime.now(UTC) - timedelta(seconds=count)
    bought = f"UPDATE numbers SET bought_at = {BOUGHT[database.embedded]}"
    try:
        async with database.write() as session:
            for statement in [*statements(database.embedded, count, begin), bought]:
                await session.execute(text(statement))
        if not database.embedded:
            async with database.engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                await connection.execute(text("VACUUM ANALYZE"))  # as PostgreSQL does by itself within minutes
    finally:
        await database.close()


def measure(url: str, count: int, rounds: int) -> bool:
    """Print what each page takes; whether all are as fast and as small as they have to be."""
    visitor = httpx2.Client(base_url=url + "/console", timeout=60)
    visitor.post("/login", data={"credential": SECRET})
    budget = {"max_numbers": 2 * count, "max_purchases": 2 * count}
    httpx2.put(f"{url}/api/budgets/all", json=budget, headers={"X-Vapi-Secret": SECRET}).raise_for_status()
    took: dict[str, list[float]] = {}
    sizes: dict[str, int] = {}
    for round_ in range(rounds + 1):  # all in turn, so that what else the machine does meets all of them
        for path in pages(count):
            begun = time.perf_counter()
            answer = visitor.get(path)
            seconds = time.perf_counter() - begun
            if answer.status_code != 200:
                raise SystemExit(f"{path}: {answer.status_code} {answer.text[:500]}")
            if round_:  # the first one warms up
                took.setdefault(path, []).append(seconds * 1000)
            sizes[path] = len(gzip.compress(answer.content))
    return report(took, sizes)


def report(took: dict[str, list[float]], sizes: dict[str, int]) -> bool:
    right = True
    print(f"  {'page':36} {'p50':>8} {'p95':>8}  limit {LIMIT_MS:g} ms, {'bytes':>7} gzipped")
    for path, times in took.items():
        p95 = statistics.quantiles(times, n=20)[-1]
        good = p95 < LIMIT_MS
        right = right and good
        shown = f"{statistics.median(times):8.1f} {p95:8.1f} ms {sizes[path]:21,}"
        print(f"  {path or '/':36} {shown}{'' if good else '  TOO SLOW'}", flush=True)
    return right


def on(database_url: str, folder: Path, options: argparse.Namespace) -> bool:
    asyncio.run(fill(database_url, options.numbers))
    with ExitStack() as stack:
        sandbox = stack.enter_context(process(folder, "sandbox"))
        settings = environment(sandbox.url, database_url, 10)
        served = stack.enter_context(process(folder, "serve", **settings))
        return measure(served.url, options.numbers, options.rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--numbers", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--databases", nargs="+", default=["sqlite", "postgresql"], choices=["sqlite", "postgresql"])
    options, right = parser.parse_args(), True
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trunkline-console-")))
        if "sqlite" in options.databases:
            url = f"sqlite:///{folder}/console.sqlite"
            upgrade(url)
            print(f"SQLite, {options.numbers:,} numbers, restaurants and calls", flush=True)
            right = on(url, folder, options) and right
        if "postgresql" in options.databases:
            server = stack.enter_context(PostgresServer())
            print(f"PostgreSQL, {options.numbers:,} numbers, restaurants and calls", flush=True)
            right = on(server.fresh_database(), folder, options) and right
    sys.exit(not right)


if __name__ == "__main__":
    main()
