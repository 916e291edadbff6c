"""How long pages of lists take among many rows, first and deep, on both databases: `python -m benchmarks.lists`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from tests.support.postgres import PostgresServer

from trunkline.db import batches, calls, number_lists, restaurants
from trunkline.db.batch_restaurants import Unserved
from trunkline.db.calls import CallFilter
from trunkline.db.migrate import upgrade
from trunkline.db.number_lists import NumberFilter, NumberSort
from trunkline.db.session import Database

Ask = Callable[[AsyncSession], Awaitable[Any]]
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
BATCH, MOST_ITEMS = "bat_1", 100_000
FAST_MS, DEEP_RATIO = 50.0, 1.5
SHUFFLED = "(n * 7919) % 1000"  # 0 to 999, spread over all rows: what a rare kind is rare by


def statements(embedded: bool, count: int, begin: datetime = BEGIN) -> list[str]:
    """A number, its restaurant and a call for each n, a second after the one before; most are in service at one
    carrier, some kinds are rare."""
    numbers = f"generate_series(CAST(0 AS bigint), {count - 1}) AS s(n)"
    if embedded:
        numbers = (
            f"(WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < {count - 1}) SELECT n FROM s)"
        )
    at = f"timestamptz '{begin:%Y-%m-%d %H:%M:%S}+00' + n * interval '1 second'"
    if embedded:
        at = f"strftime('%Y-%m-%d %H:%M:%S', '{begin:%Y-%m-%d %H:%M:%S}', '+' || n || ' seconds') || '.000000'"
    true, false = ("1", "0") if embedded else ("true", "false")
    number, restaurant = "'+1' || (2000000000 + n)", "'rst_' || (1000000000000000 + n)"
    idle, price = f"{SHUFFLED} IN (1, 2)", f"CASE WHEN {SHUFFLED} < 900 THEN 1.15 ELSE ({SHUFFLED}) / 100.0 END"
    return [
        f"""INSERT INTO restaurants (id, name, folded_name, api_key_hash, created_at)
        SELECT {restaurant}, 'Roma ' || n, 'roma ' || n, 'hash' || n, {at} FROM {numbers}""",
        f"""INSERT INTO numbers (number, state, carrier, country, number_type, monthly_price, currency, idle_since,
            protected, put_aside_times, created_at, updated_at)
        SELECT {number}, CASE WHEN {idle} THEN 'idle' WHEN {SHUFFLED} = 3 THEN 'released' ELSE 'in_service' END,
            CASE WHEN {SHUFFLED} = 4 THEN 'vonage' ELSE 'twilio' END, CASE WHEN {SHUFFLED} = 5 THEN 'CA' ELSE 'US' END,
            CASE WHEN {SHUFFLED} = 6 THEN 'toll_free' ELSE 'local' END, {price},
            CASE WHEN {SHUFFLED} = 7 THEN 'EUR' ELSE 'USD' END, CASE WHEN {idle} THEN {at} END,
            CASE WHEN n = {count - 9} THEN {true} ELSE {false} END, 0, {at}, {at} FROM {numbers}""",
        f"""INSERT INTO mappings (id, number, restaurant_id, active, source, created_at)
        SELECT 'map_' || n, {number}, {restaurant}, {true}, 'owned', {at} FROM {numbers}
        WHERE NOT {SHUFFLED} IN (1, 2, 3)""",
        f"""INSERT INTO calls (id, restaurant_id, caller, called, former, reported, first_seen_at, updated_at)
        SELECT 'call' || n, CASE WHEN {SHUFFLED} <> 8 THEN {restaurant} END, '+1415' || (5550000 + n % 5000), {number},
            {false}, {true}, {at}, {at} FROM {numbers}""",
        *batch(numbers, number, restaurant, at, min(count, MOST_ITEMS)),
        "ANALYZE",
    ]


def batch(numbers: str, number: str, restaurant: str, at: str, items: int) -> list[str]:
    """One that has served the first of them, but for the last item."""
    last, false = items - 1, "(1 = 0)"
    return [
        f"""INSERT INTO batches (id, request, status, epoch, created_at)
        VALUES ('{BATCH}', '{{}}', 'running', 1, '2026-01-01 00:00:00')""",
        f"""INSERT INTO assignments (id, restaurant_id, status, source, number, criteria, force_twilio, batch_id, nth,
            epoch, created_at)
        SELECT 'asg_' || n, {restaurant}, 'assigned', 'purchased', {number}, '{{}}', {false}, '{BATCH}', 1, 1, {at}
        FROM {numbers} WHERE n < {last}""",
        f"""INSERT INTO batch_items (batch_id, restaurant_id, seq, status, assignment_id, updated_at)
        SELECT '{BATCH}', {restaurant}, n, CASE WHEN n < {last} THEN 'assigned' ELSE 'queued' END, 'asg_' || n, {at}
        FROM {numbers} WHERE n < {items}""",
    ]


def questions(count: int) -> dict[str, Ask]:
    """Every first page and filter; what begins with `deep` is compared with what it is named after."""
    late, number = BEGIN + timedelta(seconds=count * 0.98), f"+1{2000000000 + int(count * 0.98)}"
    restaurant = f"rst_{1000000000000000 + count - 7}"

    def listed(sort: NumberSort = NumberSort.NUMBER, after: Any = None, **wanted: Any) -> Ask:
        return lambda session: number_lists.page(session, NumberFilter(**wanted), sort, after, 51)

    def heard(before: Any = None, **wanted: Any) -> Ask:
        return lambda session: calls.page(session, before=before, limit=51, wanted=CallFilter(**wanted))

    def served(**wanted: Any) -> Ask:
        return lambda session: restaurants.page(session, limit=51, **wanted)

    def ended(since: datetime | None) -> Ask:
        return lambda session: anext(batches.ended_since(session, BATCH, since))

    early, items = BEGIN + timedelta(seconds=count * 0.02), min(count, MOST_ITEMS)
    some = [f"rst_{1000000000000000 + n}" for n in range(0, items, items // batches.CHUNK)][: batches.CHUNK]
    return {
        "numbers": listed(),
        "deep numbers": listed(after=(None, number)),
        "numbers by idle_since": listed(NumberSort.IDLE_SINCE),
        "deep numbers by idle_since": listed(NumberSort.IDLE_SINCE, (late, number)),
        "numbers by price": listed(NumberSort.PRICE),
        "deep numbers by price": listed(NumberSort.PRICE, (Decimal("1.15"), f"+1{2000000000 + int(count * 0.02)}")),
        "numbers idle": listed(states=["idle"]),
        "numbers idle or released": listed(states=["idle", "released"]),
        "numbers of a rare carrier": listed(carrier="vonage"),
        "numbers of a rare country": listed(country="CA"),
        "numbers of a rare type": listed(number_type="toll_free"),
        "numbers in a rare currency": listed(currency="EUR"),
        "numbers protected": listed(protected=True),
        "numbers of a restaurant": listed(restaurant_id=restaurant),
        "numbers idle for long": listed(idle_before=early),
        "numbers that are dear": listed(min_price=Decimal("9.98")),
        "restaurants": served(),
        "deep restaurants": served(after=f"rst_{1000000000000000 + int(count * 0.98)}"),
        "restaurants by name": served(by_name=True),
        "deep restaurants by name": served(by_name=True, after_name="roma 98", after="rst_0"),
        "restaurants without a number": served(has_number=False),
        "restaurants by a part of the name": served(search="ROMA 7"),
        "restaurants by a rare part of the name": served(search=f"ROMA {count - 3}"),
        "restaurants lately created": served(created_after=late),
        "restaurants deleted": served(deleted=True),
        "a batch's restaurants": lambda session: Unserved(None, False).part(session, "", 51),
        "a batch's items, taken": lambda session: batches.take(
            session, BATCH, "a-process", None, picked=False, after=items - 500, most=5
        ),
        "whether a batch has such": lambda session: batches.has_unfinished(session, BATCH),
        "a batch's ended items": ended(None),
        "those that ended of late": ended(BEGIN + timedelta(seconds=items - 100)),
        "a piece of them, shown": lambda session: batches.items_of(session, BATCH, some),
        "a batch's counts": lambda session: batches.counts(session, [BATCH]),
        "calls": heard(),
        "deep calls": heard((early, "call0")),
        "calls of a restaurant": heard(restaurant_id=restaurant),
        "calls of a caller": heard(caller="+14155550001"),
        "calls to a number": heard(called=number),
        "calls unrouted": heard(unrouted=True),
        "calls of long ago": heard(until=early),
    }


async def measure(url: str, count: int, rounds: int) -> bool:
    """Print the least that each takes; whether all is as fast as it has to be."""
    database = Database(url)
    try:
        async with database.write() as session:
            for statement in statements(database.embedded, count):
                await session.execute(text(statement))
        asked, took = questions(count), dict[str, list[float]]()
        for _ in range(rounds):  # all in turn, so that what else the machine does meets all of them
            for name, ask in asked.items():
                async with database.read() as session:
                    begun = time.perf_counter()
                    await ask(session)
                    took.setdefault(name, []).append((time.perf_counter() - begun) * 1000)
    finally:
        await database.close()
    return report({name: min(times) for name, times in took.items()})  # what else the machine does is in the others


def report(least: dict[str, float]) -> bool:
    right = True
    for name, took in least.items():
        first = least.get(name.removeprefix("deep "), took)
        ratio = took / first
        good = took < FAST_MS and ratio < DEEP_RATIO
        right = right and good
        compared = f"{ratio:5.2f} of the first" if name.startswith("deep ") else ""
        print(f"  {name:40} {took:8.2f} ms  {compared}{'' if good else '  TOO SLOW'}", flush=True)
    return right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", type=int, default=1_000_000, help="rows on PostgreSQL; 0 for none")
    parser.add_argument("--sqlite", type=int, default=100_000, help="rows on SQLite; 0 for none")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--installed", type=Path, help="another PostgreSQL than the tests': a folder that has bin/")
    given, right = parser.parse_args(), True
    if given.sqlite:
        with tempfile.TemporaryDirectory() as folder:
            url = f"sqlite:///{Path(folder) / 'lists.sqlite'}"
            upgrade(url)
            print(f"SQLite, {given.sqlite:,} rows of each", flush=True)
            right = asyncio.run(measure(url, given.sqlite, given.rounds)) and right
    if given.postgresql:
        with PostgresServer(given.installed) as server:
            print(f"PostgreSQL, {given.postgresql:,} rows of each", flush=True)
            right = asyncio.run(measure(server.fresh_database(), given.postgresql, given.rounds)) and right
    sys.exit(not right)


if __name__ == "__main__":
    main()
