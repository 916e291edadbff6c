"""What events cost an assignment, beside the same without, on both databases: `python -m benchmarks.events`."""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from tests.support.postgres import PostgresServer

from benchmarks.batch import Terms, World, environment, process
from trunkline.bootstrap import running_services
from trunkline.db import changes, events
from trunkline.db.migrate import upgrade
from trunkline.db.models import Event
from trunkline.db.runs import ASSIGNMENTS
from trunkline.domain.choosing import Criteria
from trunkline.domain.wishes import Wish
from trunkline.logs import configure_logs
from trunkline.settings import load_settings
from trunkline.workflows.manage_restaurant import create_restaurant
from trunkline.workflows.run import end_of
from trunkline.workflows.services import Services

WITH, WITHOUT = "with", "without"
WARM_UP = 5  # rounds


async def write_nothing(session: AsyncSession) -> bool:
    session.info.pop("events", None)
    session.info.pop("changes", None)
    return False


@contextmanager
def unhooked() -> Iterator[None]:
    """Inside, no change is noted, and none is written: what the same work costs without events."""
    with patch.object(changes, "note_events", lambda _: None), patch.object(events, "write", write_nothing):
        yield


async def assign(services: Services, name: str) -> None:
    """One restaurant, for which a number is bought."""
    created = await create_restaurant(services, name, Wish(Criteria.checked()))
    assert created.assignment_id is not None
    ended = await end_of(services, ASSIGNMENTS, created.assignment_id, 120)
    if ended.status != "assigned":
        raise SystemExit(f"{name}: {ended.status}, {ended.message}")


async def cost(services: Services, name: str, each: int) -> float:
    """Seconds of the processor's time that so many assignments took, of all threads here; the providers have another
    process."""
    before = time.process_time()
    for n in range(each):
        await assign(services, f"{name} {n}")
    return time.process_time() - before


async def count_events(services: Services) -> int:
    async with services.database.read() as session:
        return (await session.execute(select(func.count()).select_from(Event))).scalar_one()


async def compare(services: Services, options: argparse.Namespace) -> None:
    """Each round does both, one after the other, and the next one in the other order; the first ones warm up. The
    processor's time depends little on what else the machine does, and the median of many short ones even less."""
    used: dict[str, list[float]] = {WITH: [], WITHOUT: []}
    told, rounds, ends_at = await count_events(services), 0, time.monotonic() + options.seconds
    while rounds < 2 * WARM_UP or (rounds <= options.rounds and time.monotonic() < ends_at):
        for way in (WITH, WITHOUT) if rounds % 2 else (WITHOUT, WITH):
            with nullcontext() if way == WITH else unhooked():
                seconds = await cost(services, f"Restaurant {rounds} {way}", options.each)
            if rounds >= WARM_UP:
                used[way].append(seconds / options.each * 1000)
        rounds += 1
    told = await count_events(services) - told
    print(f"{services.database.engine.dialect.name}: {len(used[WITH])} rounds of {options.each} assignments", end="")
    print(f", {told / rounds / options.each:.1f} events each")
    medians = {way: statistics.median(found) for way, found in used.items()}
    for way, found in used.items():
        low, _, high = statistics.quantiles(found, n=4)
        print(f"  {way:8} {medians[way]:8.2f} CPU ms an assignment (middle half {low:.2f} to {high:.2f})")
    print(f"  ratio    {medians[WITH] / medians[WITHOUT]:8.3f}")


async def measure(world: World, url: str, options: argparse.Namespace) -> None:
    await asyncio.to_thread(upgrade, url)
    world.reset()
    values = {name.lower(): value for name, value in environment(world.url, url, world.terms.at_once).items()}
    async with running_services(load_settings(_env_file=None, **values)) as services:
        await compare(services, options)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=500, help="at most")
    parser.add_argument("--each", type=int, default=1, help="assignments of a round, with events and without")
    parser.add_argument("--seconds", type=float, default=55.0, help="of each database, after which no round begins")
    options = parser.parse_args()
    configure_logs("warning")
    terms = Terms(restaurants=options.each * (options.rounds + 1), guide=0, latency=0.0, at_once=10)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trunkline-events-")))
        world = World(stack.enter_context(process(folder, "sandbox")).url, terms)
        asyncio.run(measure(world, f"sqlite:///{folder}/events.sqlite", options))
        server = stack.enter_context(PostgresServer())
        asyncio.run(measure(world, server.fresh_database(), options))


if __name__ == "__main__":
    main()
