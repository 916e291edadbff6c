"""Assignments a second, beside the engine alone and the driver alone: `python -m benchmarks.floor`."""

from __future__ import annotations

import argparse
import asyncio
import re
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import uvloop
from dbos import DBOS
from sqlalchemy import Engine, event
from tests.support.postgres import PostgresServer

from benchmarks.batch import Terms, World, environment, process
from trunkline.bootstrap import running_services
from trunkline.db.addresses import driver_url
from trunkline.db.runs import ASSIGNMENTS
from trunkline.db.sqlite import set_pragmas
from trunkline.domain.wishes import Wish
from trunkline.logs import configure_logs
from trunkline.settings import load_settings
from trunkline.workflows.manage_restaurant import create_restaurant
from trunkline.workflows.run import end_of
from trunkline.workflows.services import Services

STEPS = 8  # of the engine's own workflow, about as many as an assignment has
PATIENCE = 600.0
OURS = re.compile(
    r"\b[a-z]{3}_[0-9A-Za-z]{10,}\b|\+1415\d{7}|\b[0-9a-f]{64}\b"
)  # what is another one in each assignment
Statement = tuple[str, Any]


class Measured(NamedTuple):
    """So many of a kind, all at once: seconds, and seconds of this process's own CPU."""

    count: int
    seconds: float
    cpu: float

    def line(self, kind: str, ours: Measured) -> str:
        rate, cpu = self.count / self.seconds, self.cpu / self.count * 1000
        ratio = rate / (ours.count / ours.seconds)
        return f"  {kind:<42}{rate:>9.1f} a second{cpu:>8.2f} ms of CPU each{ratio:>8.1f} : 1"


async def measured(count: int, work: Callable[[int], Awaitable[Any]]) -> Measured:
    seconds, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(work(nth) for nth in range(count)))
    return Measured(count, time.perf_counter() - seconds, time.process_time() - cpu)


async def assign(services: Services, nth: int) -> None:
    created = await create_restaurant(services, f"Restaurant {nth}", Wish())
    assert created.assignment_id is not None
    run = await end_of(services, ASSIGNMENTS, created.assignment_id, PATIENCE)
    if run.source != "purchased":
        raise SystemExit(f"no number was bought: {run.status}, {run.message}")


def empty_workflow() -> Callable[[int], Awaitable[None]]:
    """What runs one of so many empty steps; made before the engine is launched, which it is for."""

    @DBOS.step()
    async def empty_step(nth: int) -> int:
        return nth

    @DBOS.workflow(name="empty_steps")
    async def empty_steps(nth: int) -> None:
        for step in range(STEPS):
            await empty_step(step)

    async def run(nth: int) -> None:
        await (await DBOS.start_workflow_async(empty_steps, nth)).get_result()

    return run


@contextmanager
def recorded(engine: Engine) -> Iterator[list[Statement]]:
    """The statements of everybody, one transaction after the other, as they end."""
    ended: list[Statement] = []
    begun: dict[int, list[Statement]] = {}

    def note(connection: Any, _: Any, statement: str, parameters: Any, __: Any, ___: bool) -> None:
        if id(connection) in begun and not statement.startswith("BEGIN"):
            begun[id(connection)].extend(
                (statement, one) for one in (parameters if isinstance(parameters, list) else [parameters])
            )

    def begin(connection: Any) -> None:
        begun[id(connection)] = [("BEGIN", ())]

    def end(connection: Any) -> None:
        if (statements := begun.pop(id(connection), None)) is not None:
            ended.extend([*statements, ("COMMIT", ())])

    heard = {"before_cursor_execute": note, "begin": begin, "commit": end, "rollback": end}
    for name, listener in heard.items():
        event.listen(engine, name, listener, insert=name == "begin")
    try:
        yield ended
    finally:
        for name, listener in heard.items():
            event.remove(engine, name, listener)


def as_another(statements: list[Statement], nth: int) -> list[Statement]:
    """The same of another restaurant, with another number."""

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return OURS.sub(lambda found: f"{found[0][:-5]}{nth:05}", value)
        return value

    def parameters(given: Any) -> Any:
        if isinstance(given, dict):
            return {name: renamed(value) for name, value in given.items()}
        return tuple(map(renamed, given))

    return [(statement, parameters(given)) for statement, given in statements]


def replay(url: str, statements: list[Statement], count: int) -> Measured:
    """What assignments read and write, by the driver alone and one after the other."""
    if url.startswith("sqlite"):
        connection: Any = sqlite3.connect(url.removeprefix("sqlite:///"))
        set_pragmas(connection, None)
    else:
        connection = psycopg.connect(driver_url(url, False).replace("+psycopg", ""), autocommit=True)
    each = [as_another(statements, nth) for nth in range(count)]
    seconds, cpu = time.perf_counter(), time.process_time()
    for one in each:
        cursor = connection.cursor()
        for statement, parameters in one:
            cursor.execute(statement, parameters)
            if cursor.description:
                cursor.fetchall()
    connection.close()
    return Measured(count, time.perf_counter() - seconds, time.process_time() - cpu)


async def measure(url: str, sandbox_url: str, count: int) -> list[tuple[str, Measured]]:
    given = environment(sandbox_url, url, 10)
    settings = load_settings(_env_file=None, **{name.lower(): value for name, value in given.items()})
    run_empty = empty_workflow()
    async with running_services(settings) as services:
        await assign(services, 0)  # reads the lists
        with recorded(services.database.engine.sync_engine) as statements:
            await assign(services, 0)
        ours = await measured(count, lambda nth: assign(services, nth))
        floor = await measured(count, run_empty)
    return [
        ("assignments by purchase, no latency", ours),
        (f"workflows of {STEPS} empty steps, the engine alone", floor),
        (f"the {len(statements)} statements of each, the driver alone", replay(url, statements, count)),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assignments", type=int, default=300)
    given = parser.parse_args()
    configure_logs("error")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trunkline-floor-")))
        world = World(stack.enter_context(process(folder, "sandbox")).url, Terms(given.assignments, 0, 0.0, 10))
        postgresql = stack.enter_context(PostgresServer()).fresh_database()
        for name, url in (("SQLite", f"sqlite:///{folder}/floor.sqlite"), ("PostgreSQL", postgresql)):
            world.reset()
            found = uvloop.run(measure(url, world.url, given.assignments))
            print(name)
            for kind, one in found:
                print(one.line(kind, found[0][1]))


if __name__ == "__main__":
    main()
