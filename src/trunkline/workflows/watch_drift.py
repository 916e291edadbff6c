"""Every now and then, unasked: whether carriers, Vapi and the books still say the same. Changes nothing."""

from __future__ import annotations

import asyncio
import random
from datetime import timedelta

import structlog

from trunkline.db import assignments, plans
from trunkline.db.models import utcnow
from trunkline.domain.acting import Acting, ActorKind, acting_as
from trunkline.domain.drifts import DriftKind
from trunkline.metrics import DRIFT
from trunkline.workflows.plan_reconcile import watch
from trunkline.workflows.services import Services

log = structlog.get_logger()
JITTER = 0.1  # of the pause, so that several processes do not look at once
POLITE_SECONDS = 5.0  # between two looks whether assignments are at work, which go first
MOST_POLITE = 120  # such looks; then it looks beside them


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
    """Compare, unless another process has done so within half of `every`; tell what the newest comparison found."""
    async with services.database.read() as session:
        newest = await plans.newest(session)
    if newest is None or utcnow() - newest.created_at > every / 2:
        await _let_others_go_first(services)
        with acting_as(Acting(ActorKind.RECONCILE, name="watch")):
            newest = await watch(services)
        if newest.differs or newest.failed:
            log.warning("carriers, Vapi and books differ", plan=newest.id, counts=newest.counts, failed=newest.failed)
    for kind in DriftKind:
        DRIFT.labels(kind.value).set(newest.counts.get(kind.value, 0))


async def _let_others_go_first(services: Services) -> None:
    for _ in range(MOST_POLITE):
        async with services.database.read() as session:
            if not await assignments.all_running(session):
                return
        await asyncio.sleep(POLITE_SECONDS)
