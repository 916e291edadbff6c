"""The kinds of durable runs: each is registered, and looked after, by standing in this list."""

from __future__ import annotations

from functools import partial
from typing import Any

from trunkline.db import assignments, batches, runs
from trunkline.workflows.apply_plan import ApplyPlan
from trunkline.workflows.assign_number import AssignNumber
from trunkline.workflows.move_number import MoveNumber
from trunkline.workflows.release_number import ReleaseNumber
from trunkline.workflows.repoint_numbers import RepointNumbers
from trunkline.workflows.run import Work, execute
from trunkline.workflows.run_batch import RunBatch
from trunkline.workflows.services import Services
from trunkline.workflows.stock_number import BuyNumber

KINDS: tuple[Work[Any], ...] = (
    RunBatch(),
    AssignNumber(),
    ReleaseNumber(),
    RepointNumbers(),
    BuyNumber(),
    MoveNumber(),
    ApplyPlan(),
)


def register(services: Services) -> None:
    """What the engine is to resume, by kind."""
    for work in KINDS:
        services.engine.register(work.kind, partial(execute, services, work))


async def start_stray_runs(services: Services) -> None:
    """Runs that our tables call running and that nobody works on."""
    async with services.database.read() as session:
        at_work = await runs.at_work(session, [work.runs for work in KINDS])
    for work in (work for work in KINDS if work.runs in at_work):
        async with services.database.read() as session:
            unfinished = await work.runs.unfinished(session)
            batch_of = await assignments.all_running(session) if work.kind == AssignNumber.kind else {}
            living, held = services.engine.living, set[str]()
            if living is not None and any(batch_of.values()):
                held = await batches.held_elsewhere(session, services.engine.process_id, living)
        # The items of a batch are worked on by whoever has taken them; a cancelled one may have left some behind.
        worked_on = {b for b in set(batch_of.values()) if b is not None and await services.engine.under_way(b)}
        for run_id in unfinished:
            if run_id not in held and batch_of.get(run_id) not in worked_on:
                await services.engine.ensure(work.kind, run_id)
