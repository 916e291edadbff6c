"""Every now and then, unasked: whether carriers, Vapi and the books still say the same. Changes nothing."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from trunkline.db import assignments, plans
from trunkline.db.models import ReconcilePlan, utcnow
from trunkline.domain.acting import Acting, ActorKind, acting_as
from trunkline.domain.drifts import DriftKind
from trunkline.metrics import DRIFT
from trunkline.providers.paging import GIVING_WAY
from trunkline.workflows.plan_reconcile import watch
from trunkline.workflows.services import Services

log = structlog.get_logger()
JITTER = 0.1  # of the pause, so that several installations do not look at once
POLITE_SECONDS = 5.0  # between two looks whether assignments are at work, which go first
MOST_POLITE = 120  # such looks that find some; then it goes on beside them


async def watch_drift(services: Services) -> None:
    """For ever, where RECONCILE_MINUTES says how often. What fails is tried the next time."""
    pause = services.settings.reconcile_minutes * 60
    while pause:
        await asyncio.sleep(pause * random.uniform(1 - JITTER, 1 + JITTER))  # noqa: S311 - no secret
        try:
            await look(services, timedelta(seconds=pause))
        except Exception as error:
            log.warning("not compared now", error=type(error).__name__)


async def look(services: Services, every: timedelta) -> None:
    """Compare, if this process is the one to do so and nobody has within half of `every`, or if nobody has for too
    long; tell what the newest comparison found."""
    async with services.database.read() as session:
        newest = await plans.newest(session)
    age = utcnow() - newest.created_at if newest is not None else None
    if age is None or age > every * (0.5 if services.engine.leads else 2):
        newest = await _compare(services)
    counts = newest.counts if newest is not None else {}
    for kind in DriftKind:
        DRIFT.labels(kind.value).set(counts.get(kind.value, 0))


async def _compare(services: Services) -> ReconcilePlan:
    """Assignments go first, before it begins and before each page that it asks for."""
    giving_way = GIVING_WAY.set(_others(services))
    try:
        with acting_as(Acting(ActorKind.RECONCILE, name="watch")):
            found = await watch(services)
    finally:
        GIVING_WAY.reset(giving_way)
    if found.differs or found.failed:
        log.warning("carriers, Vapi and books differ", plan=found.id, counts=found.counts, failed=found.failed)
    return found


def _others(services: Services) -> Callable[[], Awaitable[None]]:
    """Until no assignment is at work, or it has been polite for long enough, in all."""
    left = MOST_POLITE

    async def wait() -> None:
        nonlocal left
        while left and await _at_work(services):
            left -= 1
            await asyncio.sleep(POLITE_SECONDS)

    return wait


async def _at_work(services: Services) -> bool:
    async with services.database.read() as session:
        return bool(await assignments.all_running(session))
