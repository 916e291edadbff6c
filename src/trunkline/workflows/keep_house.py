"""What is done every minute, hour and day: our tables are counted and looked at, and what is not kept goes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import structlog

from trunkline.db import endpoints, retention
from trunkline.db.models import utcnow
from trunkline.db.retention import PIECE, Prune
from trunkline.providers.pace import Urgency, urgent
from trunkline.workflows.ask_prices import ask_missing_prices
from trunkline.workflows.check_books import check_books
from trunkline.workflows.measure_books import measure_books
from trunkline.workflows.services import Services

log = structlog.get_logger()
FIRST, MINUTE, HOUR, DAY = 60.0, 60.0, 3600.0, 86_400.0  # seconds; a start has other things to do
Delete = Callable[[datetime], Awaitable[int]]
BETWEEN = 0.05  # so that others get the database's one write lock


async def keep_house(services: Services) -> None:
    """For ever. What fails is done the next time."""
    with urgent(Urgency.UNASKED):
        await asyncio.gather(
            _every(MINUTE, services, measure_books),
            _every(HOUR, services, check_books),
            _every(DAY, services, ask_missing_prices, prune),
        )


async def _every(seconds: float, services: Services, *jobs: Callable[[Services], Awaitable[object]]) -> None:
    pause = FIRST
    while True:
        await asyncio.sleep(pause)
        pause = seconds
        for job in jobs:
            try:
                await job(services)
            except Exception as error:
                log.warning("not done now", job=job.__name__, error=type(error).__name__)


async def prune(services: Services) -> None:
    """Delete what is older than the settings say, piece by piece."""
    settings = services.settings
    rows: list[tuple[str, Delete, float]] = [
        ("calls", partial(_in_books, services, retention.prune_calls), settings.keep_calls_days),
        ("events", partial(_in_books, services, retention.prune_events), settings.keep_events_days),
        ("deliveries", partial(_in_books, services, endpoints.prune), settings.keep_events_days),
        ("steps", partial(_in_books, services, retention.prune_steps), settings.keep_steps_days),
        (
            "idempotency keys",
            partial(_in_books, services, retention.prune_idempotency_keys),
            settings.keep_idempotency_keys_days,
        ),
        ("the engine's records", partial(services.engine.forget_ended, piece=PIECE), settings.keep_engine_days),
    ]
    for what, delete, days in rows:
        before, deleted, piece = utcnow() - timedelta(days=days), 0, PIECE
        while piece >= PIECE:
            piece = await delete(before)
            deleted += piece
            await asyncio.sleep(BETWEEN)
        if deleted:
            log.info("pruned", what=what, rows=deleted)


async def _in_books(services: Services, delete: Prune, before: datetime) -> int:
    async with services.database.write() as session:
        return await delete(session, before)
