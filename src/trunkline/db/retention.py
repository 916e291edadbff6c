"""What is not kept for ever: each deletes one small piece of what is older than a moment, and says how much."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from trunkline.db.models import Base, Call, Event, IdempotencyKey, RunRow, Step
from trunkline.domain.ids import first_id
from trunkline.domain.states import StepStatus

PIECE = 500
Prune = Callable[[AsyncSession, datetime], Awaitable[int]]


async def prune_calls(session: AsyncSession, before: datetime) -> int:
    """Calls that were first heard of before."""
    return await _delete(session, Call, [Call.id], Call.first_seen_at < before)


async def prune_steps(session: AsyncSession, before: datetime) -> int:
    """Steps of runs that began before; what still runs keeps its own. A run's outcome stays with the run."""
    kinds = [kind.__table__.c.id.info["prefix"] for kind in RunRow.__subclasses__()]
    old = or_(*((Step.run_id >= f"{kind}_") & (Step.run_id < first_id(kind, before)) for kind in kinds))
    return await _delete(session, Step, [Step.run_id, Step.seq], old, Step.status != StepStatus.RUNNING)


async def prune_idempotency_keys(session: AsyncSession, before: datetime) -> int:
    """Keys whose request came before: the same key begins something new from then on."""
    return await _delete(session, IdempotencyKey, [IdempotencyKey.key], IdempotencyKey.created_at < before)


async def prune_events(session: AsyncSession, before: datetime) -> int:
    """Events that happened before, but for the newest: positions go on from there."""
    newest = select(func.max(Event.position)).scalar_subquery()
    return await _delete(session, Event, [Event.seq], Event.at < before, Event.position < newest)


async def _delete(session: AsyncSession, table: type[Base], key: list[Any], *old: Any) -> int:
    which = select(*key).where(*old).limit(PIECE)
    done = await session.execute(
        delete(table).where(tuple_(*key).in_(which)).execution_options(synchronize_session=False)
    )
    return int(done.rowcount)  # type: ignore[attr-defined]
